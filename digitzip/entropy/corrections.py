"""Corrections of some images of a chunk <-> the body of a layer (FORMAT.md section 4.2).

The decoder and the residual model reach this room as a callable and a coder; it knows no codec, no
model files and no chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.entropy.packed import Packed, smallest
from digitzip.entropy.residuals import (
    MAX_BOUND,
    ResidualModel,
    apply_residual,
    quantise_residual,
)
from digitzip.errors import DamagedError
from digitzip.format.wire import Cursor, varint

Images = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.integer[Any]]
Rows = npt.NDArray[np.intp]
Decode = Callable[[Rows], Images]
"""Rows of a chunk intp [k] -> their reconstructions uint8 [k, h, w]."""

MAX_PIXELS: Final = 1 << 24  # of all images of a coded layer

_CODED: Final = 1
_MAX_LANES_LOG: Final = 8
_MAX_IMAGES_PER_LANE: Final = 1024
_IMAGES_PER_LANE: Final = 16  # fewer images a lane cost bytes, more cost time,
_IMAGES_PER_FIRST_LANES: Final = 4  # but NumPy decodes up to 32 lanes as fast as one
_FIRST_LANES: Final = 32


@dataclass(frozen=True, slots=True, eq=False)
class Corrections:
    """Final pixels of some images of a chunk.

    `rows` intp [k] are ascending positions in the chunk, `bounds` uint8 [k] the largest pixel error
    of each image (0 … 127, 0 is lossless), `images` uint8 [k, h, w] the final pixels.
    """

    rows: npt.NDArray[np.intp]
    bounds: npt.NDArray[np.uint8]
    images: Images

    def __len__(self) -> int:
        return len(self.rows)

    @classmethod
    def join(cls, parts: Sequence[Corrections]) -> Corrections:
        """Return one or more, of ascending rows, as one."""
        return cls(
            np.concatenate([part.rows for part in parts]),
            np.concatenate([part.bounds for part in parts]),
            np.concatenate([part.images for part in parts]),
        )

    def at(self, rows: Rows, positions: Rows) -> Corrections:
        """Return the corrections of `rows` [n], all of which have one, as those of `positions`."""
        mine = np.searchsorted(self.rows, rows)
        return Corrections(positions, self.bounds[mine], self.images[mine])

    def apply(self, recon: Images) -> Images:
        """Return the final pixels of reconstructions uint8 [n, h, w] that `rows` count from 0."""
        if not len(self):
            return recon
        final = recon.copy()
        final[self.rows] = self.images
        return final

    def pack(self, recon: Images, residual_model: ResidualModel | None) -> Packed:
        """Return the smallest body of the layer.

        `recon` uint8 [k, h, w] are the reconstructions of these images.
        """
        order = np.argsort(self.bounds, kind="stable")
        rows, bounds, images = self.rows[order], self.bounds[order], self.images[order]
        listed, recon = _pack_rows(rows, bounds), recon[order]
        plain = bytes([0]), listed, _pack_plain(images, recon, bounds)
        if residual_model is None or images.size > MAX_PIXELS:
            return smallest([plain])
        log = _lanes_log(len(rows))
        data = residual_model.encode(images, recon, bounds, 1 << log)
        return smallest([(bytes([_CODED | log << 1]), listed, data), plain])


def unpack_corrections(
    body: bytes, images: int, decode: Decode, residual_model: ResidualModel | None
) -> Corrections:
    """Return the corrections in the layer of a chunk of `images` images.

    Raises `DamagedError`.
    """
    cursor = Cursor(body, "corrections")
    kind = cursor.fixed(1)
    coded, log = kind & _CODED, kind >> 1
    if log > (_MAX_LANES_LOG if coded else 0):
        raise DamagedError(f"corrections: unknown representation {kind:#04x}")
    rows, bounds = _unpack_rows(cursor, images)
    if coded and residual_model is None:
        raise DamagedError("corrections: they are coded, but the model has no residual model")
    if coded and len(rows) > _MAX_IMAGES_PER_LANE << log:
        raise DamagedError(
            f"corrections: {len(rows)} images in {1 << log} lanes, "
            f"expected at most {_MAX_IMAGES_PER_LANE} each"
        )
    recon = decode(rows)
    data = cursor.take(cursor.remaining)
    if not coded or residual_model is None:
        final = _unpack_plain(data, recon, bounds)
    elif recon.size > MAX_PIXELS:
        raise DamagedError(f"corrections: {recon.size} pixels coded, expected up to {MAX_PIXELS}")
    else:
        final = residual_model.decode(data, recon, bounds, 1 << log)
    order = np.argsort(rows)
    return Corrections(rows[order], bounds[order], final[order])


def corrected_rows(body: bytes, images: int) -> npt.NDArray[np.intp]:
    """Return the ascending rows that a layer's body lists; reads no pixels.

    Raises `DamagedError` as `unpack_corrections` does for the list.
    """
    cursor = Cursor(body, "corrections")
    cursor.take(1)
    return np.sort(_unpack_rows(cursor, images)[0])


def _lanes_log(images: int) -> int:
    """Return the logarithm of the number of lanes that so many images are coded in."""
    first = min(images // _IMAGES_PER_FIRST_LANES, _FIRST_LANES)
    return min(max(first, images // _IMAGES_PER_LANE, 1).bit_length() - 1, _MAX_LANES_LOG)


def _pack_rows(rows: Integers, bounds: Integers) -> bytes:
    """Return the groups of rows [k] by bounds [k], both in the order of the layer."""
    distinct, starts = np.unique(bounds, return_index=True)
    out = bytearray(varint(len(distinct)))
    for bound, group in zip(distinct.tolist(), np.split(rows, starts[1:]), strict=True):
        out += bytes([bound]) + varint(len(group))
        out += b"".join(map(varint, (np.diff(group, prepend=-1) - 1).tolist()))
    return bytes(out)


def _unpack_rows(cursor: Cursor, images: int) -> tuple[npt.NDArray[np.intp], npt.NDArray[np.uint8]]:
    """Return rows [k] and bounds [k] in the order of the layer; mirrors `_pack_rows`."""
    rows: list[int] = []
    bounds: list[int] = []
    last = -1
    for _ in range(cursor.bounded(1, MAX_BOUND + 1, "number of bounds")):
        bound = cursor.fixed(1)
        if not last < bound <= MAX_BOUND:
            raise DamagedError(f"corrections: bound {bound}, expected {last + 1} to {MAX_BOUND}")
        last, row = bound, -1
        count = cursor.bounded(1, images - len(rows), "number of images")
        for _ in range(count):
            row += 1 + cursor.bounded(0, images - 1, "distance of two images")
            rows.append(row)
        if row >= images:
            raise DamagedError(f"corrections: image {row} of a chunk of {images}")
        bounds += [bound] * count
    if len(set(rows)) < len(rows):
        raise DamagedError("corrections: an image has two bounds")
    return np.array(rows, np.intp), np.array(bounds, np.uint8)


def _pack_plain(images: Images, recon: Images, bounds: Integers) -> bytes:
    """Return one byte for each residual, position by position: even is positive, odd negative."""
    steps = quantise_residual(images, recon, bounds).reshape(len(recon), -1)
    signed = steps.astype(np.int8).astype(np.int16)  # modulo 256, which matters for bound 0
    return np.where(signed < 0, ~(signed << 1), signed << 1).astype(np.uint8).T.tobytes()


def _unpack_plain(data: bytes, recon: Images, bounds: Integers) -> Images:
    """Return the final pixels of plain residuals; mirrors `_pack_plain`."""
    if len(data) != recon.size:
        raise DamagedError(f"corrections: {len(data)} bytes of residuals, expected {recon.size}")
    found = np.frombuffer(data, np.uint8).reshape(-1, len(recon)).T
    steps = ((found >> 1).astype(np.int16) ^ -(found & 1).astype(np.int16)).reshape(recon.shape)
    final = apply_residual(recon, steps, bounds)
    lossless = bounds == 0
    final[lossless] = (recon[lossless] + steps[lossless]).astype(np.uint8)  # modulo 256
    return final
