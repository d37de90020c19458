"""Codes <-> the body of a codes layer: values in planes, or coded (FORMAT.md section 4.1).

The entropy model reaches this room as a callable; it knows no models and no files.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.entropy.probability import cdf
from digitzip.errors import DamagedError
from digitzip.kernels import KERNELS, RansDecoder, rans

Codes = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.integer[Any]]
EntropyModel = Callable[[Codes], Integers]
"""Previous latents uint8 [n, j] -> scores int32 [n, levels] of latent j; higher is likelier."""

CODED: Final = 1

_BATCH: Final = 2048  # a multiple of any number of lanes
_MAX_IMAGES_PER_LANE: Final = 1024


class CodeCoder:
    """Codes latents of `levels` values, as likely as `scores` says."""

    def __init__(self, levels: int, scores: EntropyModel) -> None:
        self.levels = levels
        self._scores = scores

    def cdf(self, previous: Codes) -> Integers:
        """Return the CDFs of latent j after latents uint8 [n, j]: int [n, levels + 1]."""
        if not previous.shape[1]:  # the first latent has the same CDF in all codes
            first = cdf(self._scores(previous[:1]), rans.TOTAL)
            return np.broadcast_to(first, (len(previous), self.levels + 1))
        return cdf(self._scores(previous), rans.TOTAL)

    def representations(self, codes: Codes) -> Iterator[tuple[bytes, ...]]:
        """Yield every representation of `codes`, uint8 [n, d]: the pieces of a layer's body."""
        group = 1
        while self.levels**group <= 256:
            yield bytes([group << 1]), *_join(codes, self.levels, group)
            group += 1
        yield self.pack_coded(codes)

    def pack_coded(self, codes: Codes, lanes_log: int | None = None) -> tuple[bytes, bytes]:
        """Return the coded representation, by default in the fewest lanes that are allowed."""
        if lanes_log is None:
            lanes_log = (max(len(codes) - 1, 0) // _MAX_IMAGES_PER_LANE).bit_length()
        rounds = [self.cdf_intervals(codes, j) for j in range(codes.shape[1])]
        return bytes([CODED | lanes_log << 1]), KERNELS.rans_encode(rounds, 1 << lanes_log)

    def cdf_intervals(self, codes: Codes, j: int) -> tuple[Integers, Integers]:
        """Return the CDF intervals of latent j of codes uint8 [n, d]: first slots, ends, [n]."""
        starts, ends = (np.empty(len(codes), np.int64) for _ in range(2))
        for rows in _slices(len(codes)):
            found = self.cdf(codes[rows, :j])
            value, all_rows = codes[rows, j].astype(np.intp), np.arange(len(found))
            starts[rows] = found[all_rows, value]
            ends[rows] = found[all_rows, value + 1]
        return starts, ends

    def take(self, decoder: RansDecoder, previous: Codes) -> Codes:
        """Return the next latent, uint8 [n], after latents uint8 [n, j]; raises `DamagedError`."""
        values = np.empty(len(previous), np.uint8)
        for rows in _slices(len(previous)):
            values[rows] = decoder.take(self.cdf(previous[rows]))
        return values

    def unpack(self, body: bytes, images: int, dims: int) -> Codes:
        """Return the codes, uint8 [images, dims], of a layer's body; raises `DamagedError`."""
        kind, parameter = (body[0] & CODED, body[0] >> 1) if body else (0, 0)
        if kind == CODED and 1 << parameter <= rans.MAX_LANES:
            return self._unpack_coded(body[1:], 1 << parameter, images, dims)
        group = parameter
        if kind == CODED or not 1 <= group <= 8 or self.levels**group > 256:
            raise DamagedError(f"codes: unknown representation {body[:1].hex() or 'of no bytes'}")
        planes: Codes = np.frombuffer(body, np.uint8, offset=1)
        if planes.size != images * -(-dims // group):
            raise DamagedError(
                f"codes: {planes.size} bytes, expected {images} x {-(-dims // group)}"
            )
        return _split(planes.reshape(-1, images), self.levels, group, dims)

    def _unpack_coded(self, data: bytes, lanes: int, images: int, dims: int) -> Codes:
        if images > _MAX_IMAGES_PER_LANE * lanes:
            raise DamagedError(
                f"codes: {images} images in {lanes} lanes, "
                f"expected at most {_MAX_IMAGES_PER_LANE} each"
            )
        decoder = KERNELS.rans_decoder(data, lanes, images * dims)
        codes = np.empty((images, dims), np.uint8)
        for j in range(dims):
            codes[:, j] = self.take(decoder, codes[:, :j])
        decoder.finish()
        return codes


def _slices(n: int) -> Iterator[slice]:
    return (slice(start, min(start + _BATCH, n)) for start in range(0, n, _BATCH))


def _join(codes: Codes, levels: int, group: int) -> Iterator[bytes]:
    """Yield the planes of codes uint8 [n, d], `group` latents to a byte."""
    for start in range(0, codes.shape[1], group):
        members = codes[:, start : start + group]
        weights = levels ** np.arange(members.shape[1])
        yield (members @ weights).astype(np.uint8).tobytes()


def _split(planes: Codes, levels: int, group: int, dims: int) -> Codes:
    """Return the codes uint8 [n, dims] of planes uint8 [planes, n]; mirrors `_join`."""
    codes = np.empty((planes.shape[1], dims), np.uint8)
    for k, plane in enumerate(planes):
        members = range(k * group, min((k + 1) * group, dims))
        if plane.size and int(plane.max()) >= levels ** len(members):
            raise DamagedError(
                f"codes: a byte is {plane.max()}, expected below {levels ** len(members)}"
            )
        for j in members:
            plane, codes[:, j] = np.divmod(plane, np.uint8(levels))
    return codes
