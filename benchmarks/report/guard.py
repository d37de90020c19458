"""What `guard.json` says, as tables: the curve of the guard, its price at each setting, bounds."""

from __future__ import annotations

from typing import Any, Final

from benchmarks.report.bars import Bar
from benchmarks.report.tables import table

Result = dict[str, Any]
Rows = list[dict[str, Any]]

PICTURE: Final = "![Digits read differently against bytes the guard adds](figures/guard.svg)"
RUNGS: Final = ("by code", "another code", "refined", "exact")


def curve(guard: Result) -> str:
    """Return the picture and the table of margins, held out and on the test digits."""
    head = (
        "guard", "held out: adds", "read differently", "test: bytes a digit", "adds",
        "read differently", *RUNGS,
    )  # fmt: skip
    off_held, off = guard["held_out"][0], guard["curve"][0]
    rows = [head]
    for held, test in zip(guard["held_out"], guard["curve"], strict=True):
        name = test["what"] + (", default" if is_default(guard, test) else "")
        rows.append(
            (
                name,
                added(held, off_held),
                str(held["read_differently"]),
                f"{test['bytes_per_digit']:.3f}",
                added(test, off),
                str(test["read_differently"]),
                *rungs(test),
            )
        )
    return f"{PICTURE}\n\n{table(*rows)}"


def settings(guard: Result) -> str:
    """Return what each setting of the default model costs and loses with and without a guard."""
    head = (
        "levels", "effort", "off: bytes a digit", "RMSE", "read differently",
        "on: bytes a digit", "RMSE", "read differently", *RUNGS,
    )  # fmt: skip
    rows: Rows = guard["settings"]
    return table(
        head,
        *(
            (str(off["levels"]), str(off["effort"]), *figures(off), *figures(on), *rungs(on))
            for off, on in zip(rows[::2], rows[1::2], strict=True)
        ),
    )


def bounds(guard: Result) -> str:
    """Return what bounds on each pixel cost, down to none lost."""
    head = (
        "bound", "levels", "bytes a digit", "RMSE", "greatest error", "compress, digits/s",
        "decompress, digits/s",
    )  # fmt: skip
    return table(
        head,
        *(
            (
                f"`{option(row['what'])}`",
                str(row["levels"]),
                f"{row['bytes_per_digit']:.2f}",
                f"{row['rmse']:.4f}",
                str(row["greatest_error"]),
                f"{row['compress_per_second']:,.0f}",
                f"{row['decompress_per_second']:,.0f}",
            )
            for row in guard["bounds"]
        ),
    )


def odd(guard: Result) -> str:
    """Return which rungs images take that are no digits."""
    head = ("images", "bytes each", "RMSE", *RUNGS)
    return table(
        head,
        *(
            (row["what"], f"{row['bytes_per_digit']:.1f}", f"{row['rmse']:.4f}", *rungs(row))
            for row in guard["odd"]
        ),
    )


def headline(guard: Result) -> str:
    """Return what the default guard does to the test digits, as a sentence."""
    off, on = guard["curve"][0], default(guard)
    return (
        f"With the guard, on by default, the file has {on['bytes_per_digit']:.2f} bytes a digit "
        f"and RMSE {on['rmse']:.4f}, and another network reads {on['read_differently']} of "
        f"{guard['digits']:,} digits differently than before; without it, "
        f"{off['bytes_per_digit']:.2f} bytes, RMSE {off['rmse']:.4f} and "
        f"{off['read_differently']} digits."
    )


def bars(guard: Result) -> list[Bar]:
    """Return the bars that the guard and lossless files have to clear."""
    lossless = [row for row in guard["bounds"] if row["what"] == "lossless"]
    usual = next(row for row in lossless if row["levels"] == default(guard)["levels"])
    slowest = min(usual["compress_per_second"], usual["decompress_per_second"])
    size = usual["bytes_per_digit"]
    return [
        _few(guard, 20, 1.0),
        _few(guard, 5, 2.0),
        Bar("lossless, default levels: bytes a digit", "< 112", "98", f"{size:.1f}", size < 112,
            size < 98),
        Bar("lossless: digits a second each way, one core", "≥ 300", "", f"{slowest:,.0f}",
            slowest >= 300),
    ]  # fmt: skip


def _few(guard: Result, digits: int, most: float) -> Bar:
    """Return the bar of what few digits of 10,000 that a stranger reads differently may cost.

    By the default margin where that clears it, else by the cheapest of the curve.
    """
    off, *rows = guard["curve"]
    named = f"bytes a guard adds for ≤ {digits} of 10,000 digits that a stranger reads differently"
    close = [row for row in rows if row["read_differently"] <= digits]
    if not close:
        return Bar(named, f"≤ {most:.1f}", "", "–", False)

    def adds(row: dict[str, Any]) -> float:
        return float(row["bytes_per_digit"] - off["bytes_per_digit"])

    usual = default(guard)
    cheapest = min(close, key=adds)
    shown = usual if usual in close and adds(usual) <= most else cheapest
    name = "default" if shown is usual else f"{shown['what']}, not the default"
    measured = f"{adds(shown):.2f} B: {shown['read_differently']} ({name})"
    return Bar(named, f"≤ {most:.1f}", "", measured, adds(shown) <= most)


def default(guard: Result) -> dict[str, Any]:
    """Return the row of the margin that the model has."""
    return next(row for row in guard["curve"] if is_default(guard, row))


def is_default(guard: Result, row: dict[str, Any]) -> bool:
    return bool(row["what"] == f"margin {guard['margin']}")


def added(row: dict[str, Any], off: dict[str, Any]) -> str:
    return "–" if row is off else f"+{row['bytes_per_digit'] - off['bytes_per_digit']:.3f}"


def figures(row: dict[str, Any]) -> tuple[str, str, str]:
    return f"{row['bytes_per_digit']:.3f}", f"{row['rmse']:.4f}", str(row["read_differently"])


def rungs(row: dict[str, Any]) -> tuple[str, ...]:
    return tuple(f"{count:,}" for count in row["rungs"].values()) or ("–",) * len(RUNGS)


def option(what: str) -> str:
    """Return a bound as the command line has it."""
    name, _, value = what.partition(" ")
    return f"--{name.replace('_', '-')}" + (f" {value}" if value else "")
