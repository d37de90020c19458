"""The table of everything side by side: `rate.json`, `peers.json`, and what is published."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from benchmarks.peers.published import AUTOENCODERS_2016, NERD, rmse_of_d32
from benchmarks.report import tables
from benchmarks.report.bars import percent
from benchmarks.report.rate import defaults

Result = dict[str, Any]

PICTURE: Final = "![RMSE against bytes a digit, ours and every peer](figures/peers.svg)"
HEAD: Final = (
    "", "setting", "files", "bytes a digit", "RMSE", "PSNR, dB", "SSIM", "D32",
    "read differently", "model, bytes",
)  # fmt: skip
KINDS: Final = (
    "digitzip", "learned", "with loss, solid", "with loss, one a digit", "lossless, solid",
    "lossless, one a digit",
)  # fmt: skip


def table(rate: Result, peers: Result) -> str:
    """Return the picture and the table: ours at default levels and effort, others by kind."""
    rows = [*ours(rate), *peers["peers"]]
    lines = []
    for kind in KINDS:
        chosen = [row for row in rows if kind_of(row) == kind]
        lines += [heading(kind)] if chosen else []
        lines += [cells(row) for row in sorted(chosen, key=lambda row: row["bytes_per_digit"])]
    return f"{PICTURE}\n\n{tables.table(HEAD, *lines, heading('published'), *published())}"


def heading(kind: str) -> tuple[str, ...]:
    return f"**{kind}**", *[""] * (len(HEAD) - 1)


def published() -> Iterator[tuple[str, ...]]:
    """Yield the rows of what others say of themselves: no file of theirs was made here."""
    for point in sorted(AUTOENCODERS_2016, key=lambda point: (point.bytes_per_digit, point.rmse)):
        size, loss = f"{point.bytes_per_digit:.3f}", f"{point.rmse:.4f}"
        yield "autoencoder of 2016", f"{point.name}, float32", "", size, loss, *[""] * 5
    for bits, d32 in NERD:
        loss = f"≈ {rmse_of_d32(d32):.4f}"
        yield "NERD", f"{bits:.2f} bits", "", f"{bits / 8:.3f}", loss, "", "", f"{d32:.2f}", "", ""


def ours(rate: Result) -> list[Result]:
    """Return our points, at the default levels and effort of each model, as peers."""
    return [
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


def kind_of(row: Result) -> str:
    """Return under which of the `KINDS` a row stands."""
    if row["model_bytes"] and row["solid"]:
        return KINDS[0] if row["name"] == "digitzip" else KINDS[1]
    return f"{'lossless' if row['lossless'] else 'with loss'}, {files_of(row)}"


def files_of(row: Result) -> str:
    return "solid" if row["solid"] else "one a digit"


def cells(row: Result) -> tuple[str, ...]:
    """Return a row of the table."""
    psnr = "∞" if row["psnr"] is None else f"{row['psnr']:.2f}"
    read = "–" if row["read_differently"] is None else percent(row["read_differently"])
    model = f"{row['model_bytes']:,}" if row["model_bytes"] else ""
    return (
        row["name"], row["setting"], files_of(row),
        f"{row['bytes_per_digit']:.3f}", f"{row['rmse']:.4f}", psnr, f"{row['ssim']:.3f}",
        f"{row['d32']:.2f}", read, model,
    )  # fmt: skip
