"""Codes <-> the bytes of a codes layer: values in planes, or coded (FORMAT.md section 4.1).

A predictor reaches this room as a callable; models and files do not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.entropy.probability import bounds
from digitzip.errors import DamagedError
from digitzip.kernels import rans

Codes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.integer[Any]]
Predictor = Callable[[Codes], Integers]
"""Previous numbers uint8 [n, j] -> int32 scores [n, levels] of number j; higher is likelier."""

CODED: Final = 1

_BATCH: Final = 2048  # a multiple of any number of lanes
_DIGITS_OF_A_LANE: Final = 256  # fewer cost bytes, more cost time
_MOST_OF_A_LANE: Final = 1024
_MOST_LANES: Final = 64


class Packer:
    """Packs codes of `levels` values a number, as likely as the scores of `predict` say."""

    def __init__(self, levels: int, predict: Predictor) -> None:
        self.levels = levels
        self._predict = predict

    def representations(self, codes: Codes) -> Iterator[tuple[bytes, ...]]:
        """Yield every representation of `codes`, uint8 [n, d]: the pieces of a layer's body."""
        group = 1
        while self.levels**group <= 256:
            yield bytes([group << 1]), *_join(codes, self.levels, group)
            group += 1
        yield self.coded(codes, min(len(codes) // _DIGITS_OF_A_LANE, _MOST_LANES))

    def coded(self, codes: Codes, lanes: int) -> tuple[bytes, bytes]:
        """Return the coded representation, in as many lanes or the next lower power of two."""
        log = max(lanes, 1).bit_length() - 1
        rounds = [self.intervals(codes, j) for j in range(codes.shape[1])]
        return bytes([CODED | log << 1]), rans.encode(rounds, 1 << log)

    def intervals(self, codes: Codes, j: int) -> tuple[Integers, Integers]:
        """Return the places that number j of each code, uint8 [n, d], owns: from [n], to [n]."""
        begins, ends = (np.empty(len(codes), np.int64) for _ in range(2))
        for rows in _slices(len(codes)):
            found = self._bounds(codes[rows, :j])
            value, all_rows = codes[rows, j].astype(np.intp), np.arange(len(found))
            begins[rows] = found[all_rows, value]
            ends[rows] = found[all_rows, value + 1]
        return begins, ends

    def unpack(self, body: bytes, digits: int, dims: int) -> Codes:
        """Return the codes, uint8 [digits, dims], of a layer's body; raises `DamagedError`."""
        kind, parameter = (body[0] & CODED, body[0] >> 1) if body else (0, 0)
        if kind == CODED and 1 << parameter <= rans.MAX_LANES:
            return self._decode(body[1:], 1 << parameter, digits, dims)
        group = parameter
        if kind == CODED or not 1 <= group <= 8 or self.levels**group > 256:
            raise DamagedError(f"codes: unknown representation {body[:1].hex() or 'of no bytes'}")
        planes: Codes = np.frombuffer(body, np.uint8, offset=1)
        if planes.size != digits * -(-dims // group):
            raise DamagedError(
                f"codes: {planes.size} bytes, expected {digits} x {-(-dims // group)}"
            )
        return _split(planes.reshape(-1, digits), self.levels, group, dims)

    def _decode(self, data: bytes, lanes: int, digits: int, dims: int) -> Codes:
        if digits > _MOST_OF_A_LANE * lanes:
            raise DamagedError(
                f"codes: {digits} digits in lanes: {lanes}, expected at most {_MOST_OF_A_LANE} each"
            )
        decoder = rans.Decoder(data, lanes, digits * dims)
        codes = np.empty((digits, dims), np.uint8)
        for j in range(dims):
            for rows in _slices(digits):
                found = self._bounds(codes[rows, :j])
                codes[rows, j] = decoder.take(len(found), rans.within(found))
        decoder.finish()
        return codes

    def _bounds(self, previous: Codes) -> Integers:
        """Numbers uint8 [n, j] -> where the values of number j begin and end, [n, levels + 1]."""
        return bounds(self._predict(previous), rans.TOTAL)


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
