"""Write tables in Markdown, and the numbers in them."""

from __future__ import annotations

from collections.abc import Iterable
from textwrap import fill

from benchmarks.record import Result


def table(*rows: Iterable[str]) -> str:
    """Return rows of cells, the head first, as a table."""
    head, *body = map(list, rows)
    lines = [f"| {' | '.join(row)} |" for row in (head, ["---"] * len(head), *body)]
    lines[1] = lines[1].replace(" ", "")
    return "\n".join(lines)


def cells(row: Result, *columns: str) -> list[str]:
    """Return cells of a row by `key` or `key:format`; None is a dash."""
    parts = (column.partition(":") for column in columns)
    return ["–" if row[key] is None else number(row[key], form) for key, _, form in parts]


def number(value: object, form: str) -> str:
    """Return a value in a format, with a space before a percent sign."""
    return format(value, form).replace("%", " %")


def wrapped(text: str, indent: str = "") -> str:
    """Return a paragraph in lines that fit the pages."""
    return fill(text, 118, subsequent_indent=indent, break_on_hyphens=False)


def short(value: float) -> str:
    """Return a value to three digits."""
    return f"{value:,.0f}" if value >= 100 else f"{value:#.3g}"


def ratio(found: Result) -> str:
    """Return the median of a ratio with its least and most, to three digits each."""
    median, least, most = (short(found[key]) for key in ("median", "least", "most"))
    return f"{median} ({least} … {most})"


def between(found: Result, form: str = ",.0f") -> str:
    """Return a median with its least and most."""
    return f"{found['median']:{form}} ({found['least']:{form}} … {found['most']:{form}})"
