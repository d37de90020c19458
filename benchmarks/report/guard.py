"""Tables of `guard.json`: the curve of the guard, its cost at each setting, bounds, odd images."""

from __future__ import annotations

from typing import Final

from benchmarks.record import Result
from benchmarks.report.tables import table

FIGURE: Final = "![Label changes against bytes the guard adds](figures/guard.svg)"
FALLBACKS: Final = ("code kept", "other code", "near-lossless", "lossless")


def curve(guard: Result) -> str:
    """Return the figure and the table of margins, held-out and test images."""
    head = (
        "guard", "held out: adds", "label changes", "test: bytes per image", "adds",
        "label changes", *FALLBACKS,
    )  # fmt: skip
    off_held, off = guard["held_out"][0], guard["curve"][0]
    rows = [
        (
            test["what"] + (", default" if is_default(guard, test) else ""),
            added(held, off_held),
            str(held["label_changes"]),
            f"{test['bytes_per_image']:.3f}",
            added(test, off),
            str(test["label_changes"]),
            *fallbacks(test),
        )
        for held, test in zip(guard["held_out"], guard["curve"], strict=True)
    ]
    return f"{FIGURE}\n\n{table(head, *rows)}"


def settings(guard: Result) -> str:
    """Return what each setting of the default model costs and loses, guard off and on."""
    own = ("bytes per image", "RMSE", "label changes")
    head = ("levels", "effort", f"off: {own[0]}", *own[1:], f"on: {own[0]}", *own[1:], *FALLBACKS)
    rows = guard["settings"]
    return table(
        head,
        *(
            (str(off["levels"]), str(off["effort"]), *figures(off), *figures(on), *fallbacks(on))
            for off, on in zip(rows[::2], rows[1::2], strict=True)
        ),
    )


def bounds(guard: Result) -> str:
    """Return what bounds on each pixel cost, down to lossless."""
    head = (
        "bound", "levels", "bytes per image", "RMSE", "greatest error", "compress, images/s",
        "decompress, images/s",
    )  # fmt: skip
    return table(
        head,
        *(
            (
                f"`{option(row['what'])}`",
                str(row["levels"]),
                f"{row['bytes_per_image']:.2f}",
                f"{row['rmse']:.4f}",
                str(row["greatest_error"]),
                f"{row['compress_per_second']:,.0f}",
                f"{row['decompress_per_second']:,.0f}",
            )
            for row in guard["bounds"]
        ),
    )


def odd(guard: Result) -> str:
    """Return which fallbacks images take that are no digits."""
    return table(
        ("images", "bytes per image", "RMSE", *FALLBACKS),
        *(
            (row["what"], f"{row['bytes_per_image']:.1f}", f"{row['rmse']:.4f}", *fallbacks(row))
            for row in guard["odd"]
        ),
    )


def default(guard: Result) -> Result:
    """Return the row of the margin that the model has."""
    row: Result = next(row for row in guard["curve"] if is_default(guard, row))
    return row


def lossless(guard: Result) -> Result:
    """Return the row of lossless files at the default levels."""
    levels = default(guard)["levels"]
    rows = (row for row in guard["bounds"] if (row["what"], row["levels"]) == ("lossless", levels))
    row: Result = next(rows)
    return row


def is_default(guard: Result, row: Result) -> bool:
    return bool(row["what"] == f"margin {guard['margin']}")


def added(row: Result, off: Result) -> str:
    return "–" if row is off else f"+{row['bytes_per_image'] - off['bytes_per_image']:.3f}"


def figures(row: Result) -> tuple[str, str, str]:
    return f"{row['bytes_per_image']:.3f}", f"{row['rmse']:.4f}", str(row["label_changes"])


def fallbacks(row: Result) -> tuple[str, ...]:
    counts = (f"{count:,}" for count in row["fallbacks"].values())
    return tuple(counts) or ("–",) * len(FALLBACKS)


def option(what: str) -> str:
    """Return a bound as the command line has it."""
    name, _, value = what.partition(" ")
    return f"--{name.replace('_', '-')}" + (f" {value}" if value else "")
