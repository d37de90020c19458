"""The table of everything side by side: `rate.json`, `peers.json`, and what is published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.peers.published import AUTOENCODERS_2016, NERD, rmse_of_d32
from benchmarks.record import Result
from benchmarks.report import tables
from benchmarks.report.rate import defaults

FIGURE: Final = "![RMSE against bytes per image, ours and every peer](figures/peers.svg)"
HEAD: Final = (
    "", "setting", "files", "bytes per image", "RMSE", "PSNR, dB", "SSIM", "D32", "label changes",
    "model, bytes",
)  # fmt: skip
KINDS: Final = (
    "digitzip", "learned", "lossy, solid", "lossy, single", "lossless, solid", "lossless, single",
)  # fmt: skip


def table(rate: Result, peers: Result) -> str:
    """Return the figure and the table: ours at default levels and effort, others by kind."""
    ours = [
        {
            **point,
            "name": "digitzip",
            "setting": f"{point['model']}, {point['levels']} levels",
            "solid": True,
            "lossless": False,
            "model_bytes": rate["bytes_of_models"][point["model"]],
        }
        for point in defaults(rate)
    ]
    rows = sorted([*ours, *peers["peers"]], key=lambda row: row["bytes_per_image"])
    lines: list[list[str]] = []
    for kind in KINDS:
        chosen = [cells(row) for row in rows if kind_of(row) == kind]
        lines += [heading(kind), *chosen] if chosen else []
    return f"{FIGURE}\n\n{tables.table(HEAD, *lines, heading('published'), *published())}"


def heading(kind: str) -> list[str]:
    return [f"**{kind}**", *[""] * (len(HEAD) - 1)]


def published() -> Iterator[list[str]]:
    """Yield the rows of published results: no file of theirs was made here."""
    for point in sorted(AUTOENCODERS_2016, key=lambda point: (point.bytes_per_image, point.rmse)):
        size, loss = f"{point.bytes_per_image:.3f}", f"{point.rmse:.4f}"
        yield ["autoencoder of 2016", f"{point.name}, float32", "", size, loss, *[""] * 5]
    for bits, d32 in NERD:
        loss = f"≈ {rmse_of_d32(d32):.4f}"
        size = f"{bits / 8:.3f}"
        yield ["NERD", f"{bits:.2f} bits", "", size, loss, "", "", f"{d32:.2f}", "", ""]


def kind_of(row: Result) -> str:
    """Return under which of the `KINDS` a row stands."""
    if row["model_bytes"] and row["solid"]:
        return "digitzip" if row["name"] == "digitzip" else "learned"
    return f"{'lossless' if row['lossless'] else 'lossy'}, {files_of(row)}"


def files_of(row: Result) -> str:
    return "solid" if row["solid"] else "single"


def cells(row: Result) -> list[str]:
    return [
        row["name"], row["setting"], files_of(row),
        *tables.cells(row, "bytes_per_image:.3f", "rmse:.4f"),
        "∞" if row["psnr"] is None else f"{row['psnr']:.2f}",
        *tables.cells(row, "ssim:.3f", "d32:.2f", "label_change_rate:.2%"),
        f"{row['model_bytes']:,}" if row["model_bytes"] else "",
    ]  # fmt: skip
