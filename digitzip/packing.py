"""Codes <-> the bytes of a codes layer: values or ranks, in planes or packed (FORMAT.md 4.1).

A predictor reaches this room as a callable; models and files do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.errors import DamagedError

Codes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.integer[Any]]
Predictor = Callable[[Codes], Integers]
"""Previous numbers uint8 [n, j] -> int32 scores [n, levels] of number j; higher is likelier."""

RANKS: Final = 1
PACKED: Final = 2

_BATCH: Final = 2048


class Packer:
    """Packs codes of `levels` values a number, ranked by the scores that `predict` gives."""

    def __init__(self, levels: int, predict: Predictor) -> None:
        self.levels = levels
        self._predict = predict

    def representations(self, codes: Codes) -> Iterator[tuple[bytes, ...]]:
        """Yield every representation of `codes`, uint8 [n, d]: the pieces of a layer's body."""
        for kind, numbers in ((0, codes), (RANKS, self.rank(codes))):
            yield bytes([kind]), *(plane.tobytes() for plane in numbers.T)
            yield (bytes([kind | PACKED]) + _pack_bits(numbers, self.levels),)

    def unpack(self, body: bytes, digits: int, dims: int) -> Codes:
        """Return the codes, uint8 [digits, dims], of a layer's body; raises `DamagedError`."""
        if not body or body[0] > RANKS | PACKED:
            raise DamagedError("codes: unknown representation")
        stored: Codes = np.frombuffer(body, np.uint8, offset=1)
        if body[0] & PACKED:
            numbers = _unpack_bits(stored, digits, dims, self.levels)
        elif stored.size == digits * dims:
            numbers = stored.reshape(dims, digits).T
        else:
            raise DamagedError(f"codes: {stored.size} numbers, expected {digits} x {dims}")
        if numbers.size and int(numbers.max()) >= self.levels:
            raise DamagedError(f"codes: a number is {numbers.max()}, expected below {self.levels}")
        return self.unrank(numbers) if body[0] & RANKS else np.ascontiguousarray(numbers)

    def rank(self, codes: Codes) -> Codes:
        """Codes uint8 [n, d] -> ranks uint8 [n, d]."""
        ranks = np.empty(codes.shape, np.uint8)
        for rows in _slices(len(codes)):
            for j in range(codes.shape[1]):
                keys = self._keys(codes[rows, :j])
                true = np.take_along_axis(keys, codes[rows, j : j + 1].astype(np.intp), axis=1)
                ranks[rows, j] = np.count_nonzero(keys < true, axis=1)
        return ranks

    def unrank(self, ranks: Codes) -> Codes:
        """Ranks uint8 [n, d] -> codes uint8 [n, d]."""
        codes = np.empty(ranks.shape, np.uint8)
        for rows in _slices(len(ranks)):
            for j in range(ranks.shape[1]):
                keys = np.sort(self._keys(codes[rows, :j]), axis=1)
                chosen = np.take_along_axis(keys, ranks[rows, j : j + 1].astype(np.intp), axis=1)
                codes[rows, j] = chosen[:, 0] % self.levels
        return codes

    def _keys(self, previous: Codes) -> Integers:
        """Return keys int32 [n, levels] that sort as the values are expected.

        A key is `value - score * levels`: no two are equal, and the value is `key % levels`.
        """
        scores = self._predict(previous)
        keys: Integers = np.arange(self.levels, dtype=np.int32) - scores * self.levels
        return keys


def _slices(n: int) -> Iterator[slice]:
    return (slice(start, min(start + _BATCH, n)) for start in range(0, n, _BATCH))


def _pack_bits(numbers: Codes, levels: int) -> bytes:
    width = (levels - 1).bit_length()
    bits = numbers.reshape(-1, 1) >> np.arange(width, dtype=np.uint8) & 1
    return np.packbits(bits, bitorder="little").tobytes()


def _unpack_bits(data: Codes, digits: int, dims: int, levels: int) -> Codes:
    width = (levels - 1).bit_length()
    count = digits * dims * width
    if data.size != (count + 7) // 8:
        raise DamagedError(f"codes: {data.size} packed bytes, expected {(count + 7) // 8}")
    bits = np.unpackbits(data, bitorder="little")
    if bits[count:].any():
        raise DamagedError("codes: the unused bits of the last byte are not zero")
    places = bits[:count].reshape(-1, width) << np.arange(width, dtype=np.uint8)
    numbers: Codes = places.sum(axis=1, dtype=np.uint8)
    return numbers.reshape(digits, dims)
