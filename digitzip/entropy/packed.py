"""Representations of a layer, and the smallest of them as a chunk will compress it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import zstandard

_ZSTD_LEVEL: Final = 1


@dataclass(frozen=True, slots=True)
class Packed:
    """The body of a layer in pieces of different statistics, and its size compressed alone."""

    pieces: tuple[bytes, ...]
    size: int


def smallest(representations: Iterable[tuple[bytes, ...]]) -> Packed:
    """Return the representation of one layer that is smallest when it is compressed."""
    return min(
        (Packed(pieces, packed_size(pieces)) for pieces in representations),
        key=lambda packed: packed.size,
    )


def packed_size(pieces: tuple[bytes, ...]) -> int:
    """Return the size of the body of a layer, compressed alone."""
    return len(zstandard.compress(b"".join(pieces), _ZSTD_LEVEL))
