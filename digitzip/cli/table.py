"""Small tables on stdout: drawn on a terminal, plain columns in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from digitzip.cli.console import printable


def show(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` under `header`; columns of numbers go to the right.

    Cells may hold any text: none of it is obeyed.
    """
    safe = [tuple(printable(cell) for cell in row) for row in rows]
    columns = list(zip(header, *safe, strict=True))
    right = [all(cell[:1].isdecimal() for cell in column[1:]) for column in columns]
    if sys.stdout.isatty():
        _draw(header, safe, right)
        return
    widths = [max(map(len, column)) for column in columns]
    for row in (header, *safe):
        cells = zip(row, widths, right, strict=True)
        line = "  ".join(c.rjust(width) if number else c.ljust(width) for c, width, number in cells)
        print(line.rstrip())


def _draw(header: Sequence[str], rows: Sequence[Sequence[str]], right: Sequence[bool]) -> None:
    from rich.box import SIMPLE
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    table = Table(box=SIMPLE)
    for title, number in zip(header, right, strict=True):
        table.add_column(title, overflow="fold", justify="right" if number else "left")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)
