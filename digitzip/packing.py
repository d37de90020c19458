"""Codes <-> the bytes of a codes layer: ranks in planes, or packed (FORMAT.md section 4.1).

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
    """Packs codes of `levels` values a number, as ordered by `predict`.

    `margin` is the model's: how far below the best score a value counts into the spread.
    """

    def __init__(self, levels: int, margin: int, predict: Predictor) -> None:
        self.levels = levels
        self.margin = margin
        self._predict = predict

    def representations(self, codes: Codes) -> Iterator[tuple[bytes, ...]]:
        """Yield every representation of `codes`, uint8 [n, d]: the pieces of a layer's body."""
        ranks, order = self.rank(codes)
        planes = (codes.T, (np.take_along_axis(ranks, order, axis=0)).T)
        for kind, table, columns in ((0, codes, planes[0]), (RANKS, ranks, planes[1])):
            yield bytes([kind]), *(column.tobytes() for column in columns)
            yield (bytes([kind | PACKED]) + _pack_bits(table, self.levels),)

    def unpack(self, body: bytes, digits: int, dims: int) -> Codes:
        """Return the codes, uint8 [digits, dims], of a layer's body; raises `DamagedError`."""
        if not body or body[0] > RANKS | PACKED:
            raise DamagedError("codes: unknown representation")
        table: Codes = np.frombuffer(body, np.uint8, offset=1)
        if body[0] & PACKED:
            table = _unpack_bits(table, digits, dims, self.levels)
        elif table.size != digits * dims:
            raise DamagedError(f"codes: {table.size} numbers, expected {digits} x {dims}")
        else:
            table = table.reshape(dims, digits).T
        if table.size and int(table.max()) >= self.levels:
            raise DamagedError(f"codes: a number is {table.max()}, expected below {self.levels}")
        if body[0] & RANKS:
            return self.unrank(table, in_order=not body[0] & PACKED)
        return np.ascontiguousarray(table)

    def rank(self, codes: Codes) -> tuple[Codes, npt.NDArray[np.intp]]:
        """Return the ranks of `codes`, uint8 [n, d], and the order of each plane, [n, d]."""
        ranks, spreads = np.empty_like(codes), np.empty_like(codes)
        for rows in _slices(len(codes)):
            for j in range(codes.shape[1]):
                keys, spread = self._keys(codes[rows, :j])
                true = np.take_along_axis(keys, codes[rows, j : j + 1].astype(np.intp), axis=1)
                ranks[rows, j] = np.count_nonzero(keys < true, axis=1)
                spreads[rows, j] = spread
        return ranks, np.argsort(spreads, axis=0, kind="stable")

    def unrank(self, table: Codes, *, in_order: bool) -> Codes:
        """Return the codes of ranks uint8 [n, d]; `in_order` says that planes go by spread."""
        codes = np.empty(table.shape, np.uint8)
        keys = np.empty((len(table), self.levels), np.int32)
        spread = np.empty(len(table), np.uint8)
        for j in range(table.shape[1]):
            for rows in _slices(len(table)):
                keys[rows], spread[rows] = self._keys(codes[rows, :j])
            ranks = table[:, j]
            if in_order:
                ranks = np.empty_like(ranks)
                ranks[np.argsort(spread, kind="stable")] = table[:, j]
            keys.sort(axis=1)
            chosen = np.take_along_axis(keys, ranks[:, None].astype(np.intp), axis=1)
            codes[:, j] = chosen[:, 0] % self.levels
        return codes

    def _keys(self, previous: Codes) -> tuple[Integers, Integers]:
        """Return keys int32 [n, levels] that sort as values are expected, and spreads [n].

        A key is `-score * levels + value`: no two are equal, and the value is `key % levels`.
        """
        scores = self._predict(previous)
        least = scores.max(axis=1, keepdims=True) - self.margin
        spread = np.count_nonzero(scores >= least, axis=1)
        keys: Integers = np.arange(self.levels, dtype=np.int32) - scores * self.levels
        return keys, spread


def _slices(n: int) -> Iterator[slice]:
    return (slice(start, min(start + _BATCH, n)) for start in range(0, n, _BATCH))


def _pack_bits(table: Codes, levels: int) -> bytes:
    width = (levels - 1).bit_length()
    bits = table.reshape(-1, 1) >> np.arange(width, dtype=np.uint8) & 1
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
    table: Codes = places.sum(axis=1, dtype=np.uint8)
    return table.reshape(digits, dims)
