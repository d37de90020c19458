"""`.dz` bytes <-> header, chunks, trailer: the structures of docs/FORMAT.md, validated.

This room knows bytes only: no NumPy, no networks, no pixels, no paths.
"""

from digitzip.format.chunk import Chunk, Layer, LayerType
from digitzip.format.header import Header, StoredPromise
from digitzip.format.trailer import Entry, Trailer, trailer_size

__all__ = [
    "Chunk",
    "Entry",
    "Header",
    "Layer",
    "LayerType",
    "StoredPromise",
    "Trailer",
    "trailer_size",
]
