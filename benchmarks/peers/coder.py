"""Define a peer: a coder of images whose round trip is checked, or an image format.

A format makes a file of each image, or one mosaic of all, because headers dominate a small file.
`formats.py` lists the coders.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.record import Images
from digitzip.metrics import rmse

SIDE: Final = 28

_COUNT: Final = struct.Struct("<I")  # images of a mosaic, before it

Pixels = npt.NDArray[np.uint8]
Encode = Callable[[Images], list[bytes]]
Decode = Callable[[list[bytes]], Images]


@dataclass(frozen=True, slots=True)
class Coder:
    """An encoder of images, uint8 [n, 28, 28], at one setting, and its decoder."""

    name: str
    setting: str
    solid: bool
    lossless: bool  # what it promises
    encode: Encode
    decode: Decode
    model_bytes: int = 0

    @property
    def title(self) -> str:
        return f"{self.name}, {self.setting}"

    @property
    def family(self) -> str:
        """The name of the format, singly or as a mosaic."""
        return self.name.removesuffix(" mosaic")

    def round_trip(self, images: Images) -> tuple[list[bytes], Images]:
        """Return the files of images, uint8 [n, 28, 28], and what decodes from them alone.

        Raises `ValueError` for another shape, a changed pixel of a lossless coder, or, with loss,
        images that are no nearer than blank ones.
        """
        files = self.encode(images)
        recon = self.decode(files)
        if (recon.shape, recon.dtype) != (images.shape, images.dtype):
            raise ValueError(
                f"{self.title}: {recon.dtype} {recon.shape} came back, "
                f"expected {images.dtype} {images.shape}"
            )
        if not np.array_equal(recon, images):
            if self.lossless:
                raise ValueError(f"{self.title}: lossless, but other pixels came back")
            if rmse(images, recon) >= rmse(images, np.zeros_like(images)):
                raise ValueError(f"{self.title}: what came back is no nearer than blank images")
        return files, recon


@dataclass(frozen=True, slots=True)
class Format:
    """An image format at one setting: uint8 [height, width] to bytes and back."""

    name: str
    setting: str
    lossless: bool
    write: Callable[[Pixels], bytes]
    read: Callable[[bytes], Pixels]

    def singly(self) -> Coder:
        """Return the coder that makes a file of each image."""

        def encode(images: Images) -> list[bytes]:
            return [self.write(image) for image in images]

        def decode(files: list[bytes]) -> Images:
            return np.stack([self.read(file) for file in files])

        return Coder(self.name, self.setting, False, self.lossless, encode, decode)

    def mosaic(self, sheet: int | None = None) -> Coder:
        """Return the coder of one mosaic of all images, or one of each `sheet` images.

        Four bytes before a mosaic say how many images it holds.
        """

        def pack(images: Images) -> bytes:
            return _COUNT.pack(len(images)) + self.write(tiled(images))

        def unpack(file: bytes) -> Images:
            (n,) = _COUNT.unpack_from(file)
            return untiled(self.read(file[_COUNT.size :]), n)

        def encode(images: Images) -> list[bytes]:
            size = sheet or len(images)
            return [pack(images[start : start + size]) for start in range(0, len(images), size)]

        def decode(files: list[bytes]) -> Images:
            return np.concatenate([unpack(file) for file in files])

        setting = f"{self.setting}, {sheet:,} a file" if sheet else self.setting
        return Coder(f"{self.name} mosaic", setting, True, self.lossless, encode, decode)


def tiled(images: Images) -> Pixels:
    """Return images [n, 28, 28] as one mosaic, square or a row less, blank after the last."""
    columns = math.isqrt(len(images) - 1) + 1
    rows = -(-len(images) // columns)
    blank = np.zeros((rows * columns - len(images), SIDE, SIDE), np.uint8)
    grid = np.concatenate([images, blank]).reshape(rows, columns, SIDE, SIDE).swapaxes(1, 2)
    return np.ascontiguousarray(grid).reshape(rows * SIDE, columns * SIDE)


def untiled(mosaic: Pixels, n: int) -> Images:
    """Return the n images [n, 28, 28] of a mosaic that `tiled` made."""
    height, width = mosaic.shape
    grid = mosaic.reshape(height // SIDE, SIDE, width // SIDE, SIDE).swapaxes(1, 2)
    return grid.reshape(-1, SIDE, SIDE)[:n]


def raw(
    name: str, setting: str, pack: Callable[[bytes], bytes], unpack: Callable[[bytes], bytes], *,
    solid: bool = True,
) -> Coder:  # fmt: skip
    """Return the coder that packs plain pixels: of all images, or of each image."""

    def encode(images: Images) -> list[bytes]:
        return [pack(images.tobytes())] if solid else [pack(image.tobytes()) for image in images]

    def decode(files: list[bytes]) -> Images:
        return np.frombuffer(b"".join(map(unpack, files)), np.uint8).reshape(-1, SIDE, SIDE)

    return Coder(name, setting, solid, True, encode, decode)
