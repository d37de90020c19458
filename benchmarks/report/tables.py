"""Write tables in Markdown, and the numbers in them."""

from __future__ import annotations

from textwrap import fill
from typing import Final

from benchmarks.record import Result

NOT_YET: Final = "Not measured yet."


def table(*rows: tuple[str, ...]) -> str:
    """Return rows of cells, the head first, as a table."""
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, f"{'|---' * len(rows[0])}|", *body])


def wrapped(text: str, indent: str = "") -> str:
    """Return a paragraph in lines that fit the pages."""
    return fill(text, 118, subsequent_indent=indent, break_on_hyphens=False)


def percent(share: float, digits: int = 2) -> str:
    return f"{100 * share:.{digits}f} %"


def short(value: float) -> str:
    """Return a value to three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def ratio(found: Result) -> str:
    """Return the median of a ratio with its least and most, to three digits each."""
    median, least, most = (short(found[key]) for key in ("median", "least", "most"))
    return f"{median} ({least} … {most})"


def between(found: Result, form: str = ".2f") -> str:
    """Return a median with its least and most."""
    return f"{found['median']:{form}} ({found['least']:{form}} … {found['most']:{form}})"
