"""The limits that docs/FORMAT.md and docs/MODELS.md have in common."""

from typing import Final

SIDES: Final = range(8, 65)
"""Pixels an image may be high or wide."""

DIMS: Final = range(1, 11)
"""Numbers a code may have."""

LEVELS: Final = range(2, 65)
"""Values a number may take."""
