"""Tables as Markdown; what stands in them is not known here."""

from __future__ import annotations

from typing import Final

NOT_YET: Final = "Not measured yet."


def table(*rows: tuple[str, ...]) -> str:
    """Return rows of cells, the head first, as a table."""
    head, *body = (f"| {' | '.join(row)} |" for row in rows)
    return "\n".join([head, f"{'|---' * len(rows[0])}|", *body])
