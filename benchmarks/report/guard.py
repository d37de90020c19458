"""Tables of `guard.json`: the curve of the guard, its cost at each setting, bounds, odd images."""

from __future__ import annotations

from typing import Final

from benchmarks.record import Result
from benchmarks.report.tables import cells, table

FIGURE: Final = "![Label changes against bytes the guard adds](figures/guard.svg)"
FALLBACKS: Final = ("code kept", "other code", "near-lossless", "lossless")
KEYS: Final = ("bytes_per_image:.3f", "rmse:.4f", "label_changes")


def curve(guard: Result) -> str:
    """Return the figure and the table of margins, held-out and test images."""
    head = (
        "guard", "held out: adds", "label changes", "test: bytes per image", "adds",
        "label changes", *FALLBACKS,
    )  # fmt: skip
    chosen = default(guard)
    rows = []
    for held, test in zip(guard["held_out"], guard["curve"], strict=True):
        adds = [
            "–" if row is off else f"+{row['bytes_per_image'] - off['bytes_per_image']:.3f}"
            for row, off in ((held, guard["held_out"][0]), (test, guard["curve"][0]))
        ]
        size, changes = cells(test, "bytes_per_image:.3f", "label_changes")
        name = test["what"] + (", default" if test is chosen else "")
        rows.append(
            (name, adds[0], str(held["label_changes"]), size, adds[1], changes, *fallbacks(test))
        )
    return f"{FIGURE}\n\n{table(head, *rows)}"


def settings(guard: Result) -> str:
    """Return what each setting of the default model costs and loses, guard off and on."""
    own = ("bytes per image", "RMSE", "label changes")
    head = ("levels", "effort", f"off: {own[0]}", *own[1:], f"on: {own[0]}", *own[1:], *FALLBACKS)
    pairs = zip(guard["settings"][::2], guard["settings"][1::2], strict=True)
    return table(
        head,
        *(
            [*cells(off, "levels", "effort", *KEYS), *cells(on, *KEYS), *fallbacks(on)]
            for off, on in pairs
        ),
    )


def bounds(guard: Result) -> str:
    """Return what bounds on each pixel cost, down to lossless."""
    head = (
        "bound", "levels", "bytes per image", "RMSE", "greatest error", "compress, images/s",
        "decompress, images/s",
    )  # fmt: skip
    keys = (
        "levels", "bytes_per_image:.2f", "rmse:.4f", "greatest_error", "compress_per_second:,.0f",
        "decompress_per_second:,.0f",
    )  # fmt: skip
    options = (f"`--{row['what'].replace('_', '-')}`" for row in guard["bounds"])
    rows = zip(options, guard["bounds"], strict=True)
    return table(head, *([option, *cells(row, *keys)] for option, row in rows))


def odd(guard: Result) -> str:
    """Return which fallbacks images take that are no digits."""
    keys = ("what", "bytes_per_image:.1f", "rmse:.4f")
    rows = ([*cells(row, *keys), *fallbacks(row)] for row in guard["odd"])
    return table(("images", "bytes per image", "RMSE", *FALLBACKS), *rows)


def default(guard: Result) -> Result:
    """Return the row of the margin that the model has."""
    name = f"margin {guard['margin']}"
    row: Result = next(row for row in guard["curve"] if row["what"] == name)
    return row


def lossless(guard: Result) -> Result:
    """Return the row of lossless files at the default levels."""
    wanted = "lossless", default(guard)["levels"]
    row: Result = next(row for row in guard["bounds"] if (row["what"], row["levels"]) == wanted)
    return row


def fallbacks(row: Result) -> list[str]:
    return [f"{count:,}" for count in row["fallbacks"].values()] or ["–"] * len(FALLBACKS)
