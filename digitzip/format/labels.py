"""Labels of images <-> the body of a labels layer (FORMAT.md section 5.2)."""

from __future__ import annotations

from typing import Final

from digitzip.errors import DamagedError

PLAIN: Final = b"\0"


def pack(labels: bytes) -> bytes:
    """Return the body of a labels layer, from one byte for each image."""
    return PLAIN + labels


def unpack(body: bytes, images: int) -> bytes:
    """Return the labels of a chunk, one byte for each image; raise `DamagedError`."""
    if body[:1] != PLAIN:
        raise DamagedError(f"labels: unknown representation {body[:1].hex() or 'of no bytes'}")
    if len(body) - 1 != images:
        raise DamagedError(f"labels: {len(body) - 1} labels, expected {images}")
    return body[1:]
