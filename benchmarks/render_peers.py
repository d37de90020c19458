"""The table of everything side by side, from `rate.json` and `peers.json`."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.bars import percent
from benchmarks.render_rate import defaults

Result = dict[str, Any]

PICTURE: Final = "![RMSE against bytes a digit, ours and every peer](figures/peers.svg)"
HEAD: Final = (
    "| | setting | files | bytes a digit | RMSE | PSNR, dB | SSIM | D32 | read differently "
    "| model, bytes |",
    "|---|---|---|---|---|---|---|---|---|---|",
)
KINDS: Final = (
    "digitzip", "learned", "with loss, solid", "with loss, one a digit", "lossless, solid",
    "lossless, one a digit",
)  # fmt: skip


def table(rate: Result, peers: Result) -> str:
    """Return the picture and the table: ours at default levels and effort, then others by kind."""
    rows = [*ours(rate), *peers["peers"]]
    lines = [PICTURE, "", *HEAD]
    for kind in KINDS:
        chosen = [row for row in rows if kind_of(row) == kind]
        lines += [f"| **{kind}** |" + " |" * 9] if chosen else []
        lines += [line(row) for row in sorted(chosen, key=lambda row: row["bytes_per_digit"])]
    return "\n".join(lines)


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


def line(row: Result) -> str:
    psnr = "∞" if row["psnr"] is None else f"{row['psnr']:.2f}"
    read = "–" if row["read_differently"] is None else percent(row["read_differently"])
    model = f"{row['model_bytes']:,}" if row["model_bytes"] else ""
    cells = (
        row["name"], row["setting"], files_of(row),
        f"{row['bytes_per_digit']:.3f}", f"{row['rmse']:.4f}", psnr, f"{row['ssim']:.3f}",
        f"{row['d32']:.2f}", read, model,
    )  # fmt: skip
    return f"| {' | '.join(cells)} |"
