"""The limits that more than one room, or one page of docs/, must know."""

from typing import Final

SIDES: Final = range(8, 65)
"""Pixels an image may be high or wide."""

DIMS: Final = range(1, 11)
"""Numbers a code may have."""

LEVELS: Final = range(2, 256)
"""Values a number may take."""

EFFORTS: Final = range(10)
"""How long the search for better codes may be."""

THREADS: Final = range(1, 257)
"""Batches that may be worked on at once."""

MAX_DIGITS: Final = 10_000_000
"""Digits that are decoded at once unless the caller asks for more."""
