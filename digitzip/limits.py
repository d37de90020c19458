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

MAX_IMAGES: Final = 10_000_000
"""Images that one call decodes unless the caller allows more."""

MAX_CHUNK_IMAGES: Final = 16_384
"""Images of a chunk."""

DEFAULT_CHUNK_IMAGES: Final = 4096
"""Images of a chunk unless the caller asks for more or fewer."""

MAX_MODEL_BYTES: Final = 32 << 20
"""Bytes of a model or classifier file."""

MAX_LAYER_WIDTH: Final = 8192
"""Inputs or outputs of a layer of a network."""
