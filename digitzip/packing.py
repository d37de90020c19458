"""Codes <-> the bytes of a codes layer: values or ranks in planes (FORMAT.md section 4.1).

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

_BATCH: Final = 2048


class Packer:
    """Packs codes of `levels` values a number, ranked by the scores that `predict` gives."""

    def __init__(self, levels: int, predict: Predictor) -> None:
        self.levels = levels
        self._predict = predict

    def representations(self, codes: Codes) -> Iterator[tuple[bytes, ...]]:
        """Yield every representation of `codes`, uint8 [n, d]: the pieces of a layer's body."""
        for kind, numbers in ((0, codes), (RANKS, self.rank(codes))):
            group = 1
            while self.levels**group <= 256:
                yield bytes([kind | group << 1]), *_join(numbers, self.levels, group)
                group += 1

    def unpack(self, body: bytes, digits: int, dims: int) -> Codes:
        """Return the codes, uint8 [digits, dims], of a layer's body; raises `DamagedError`."""
        group = body[0] >> 1 if body else 0
        if not 1 <= group <= 8 or self.levels**group > 256:
            raise DamagedError(f"codes: unknown representation {body[:1].hex() or 'of no bytes'}")
        planes: Codes = np.frombuffer(body, np.uint8, offset=1)
        if planes.size != digits * -(-dims // group):
            raise DamagedError(
                f"codes: {planes.size} bytes, expected {digits} x {-(-dims // group)}"
            )
        numbers = _split(planes.reshape(-1, digits), self.levels, group, dims)
        return self.unrank(numbers) if body[0] & RANKS else numbers

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


def _join(numbers: Codes, levels: int, group: int) -> Iterator[bytes]:
    """Yield the planes of numbers uint8 [n, d], `group` numbers to a byte."""
    for start in range(0, numbers.shape[1], group):
        members = numbers[:, start : start + group]
        weights = levels ** np.arange(members.shape[1])
        yield (members @ weights).astype(np.uint8).tobytes()


def _split(planes: Codes, levels: int, group: int, dims: int) -> Codes:
    """Return the numbers uint8 [n, dims] of planes uint8 [planes, n]; raises `DamagedError`."""
    numbers = np.empty((planes.shape[1], dims), np.uint8)
    for k, plane in enumerate(planes):
        members = range(k * group, min((k + 1) * group, dims))
        if plane.size and int(plane.max()) >= levels ** len(members):
            raise DamagedError(
                f"codes: a byte is {plane.max()}, expected below {levels ** len(members)}"
            )
        for j in members:
            plane, numbers[:, j] = np.divmod(plane, np.uint8(levels))
    return numbers
