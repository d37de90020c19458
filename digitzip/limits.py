"""Limits that several rooms or pages of docs/ use."""

from typing import Final

SIDES: Final = range(8, 65)
"""Height and width of an image in pixels."""

DIMS: Final = range(1, 11)
"""Number of latents of a code."""

LEVELS: Final = range(2, 256)
"""Number of values of a latent."""

EFFORTS: Final = range(10)
"""Efforts of the search for better codes."""

JOBS: Final = range(257)
"""Chunks processed at once; 0 stands for all cores."""

MAX_IMAGES: Final = 10_000_000
"""Images that one call decodes at most, unless the caller allows more."""

MAX_CHUNK_IMAGES: Final = 16_384
"""Images of a chunk at most."""

DEFAULT_CHUNK_IMAGES: Final = 4096
"""Images of a chunk by default."""

MAX_MODEL_BYTES: Final = 32 << 20
"""Bytes of a model or classifier file."""

MAX_LAYER_WIDTH: Final = 8192
"""Inputs or outputs of a layer of a network."""
