"""Small tables on stdout: columns of text, a line for each row."""

from __future__ import annotations

from collections.abc import Sequence

from digitzip.cli.console import printable


def show(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print `rows` under `header`; columns of numbers go to the right.

    Cells may hold any text: none of it is obeyed. No line is wrapped, however narrow a terminal.
    """
    safe = [tuple(printable(cell) for cell in row) for row in rows]
    columns = list(zip(header, *safe, strict=True))
    right = [all(cell[:1].isdecimal() for cell in column[1:]) for column in columns]
    widths = [max(map(len, column)) for column in columns]
    for row in (header, *safe):
        cells = zip(row, widths, right, strict=True)
        line = "  ".join(c.rjust(width) if number else c.ljust(width) for c, width, number in cells)
        print(line.rstrip())
