"""What a peer is: a coder of digits, whose round trip can be checked, or a format of pictures.

A format makes a file of each digit, or one mosaic of all digits, because headers dominate a small
file. Which coders there are, `benchmarks/peers/formats.py` says.
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

_COUNT: Final = struct.Struct("<I")  # before a mosaic: how many digits it holds

Picture = npt.NDArray[np.uint8]
Encode = Callable[[Images], list[bytes]]
Decode = Callable[[list[bytes]], Images]


@dataclass(frozen=True, slots=True)
class Coder:
    """An encoder of digits, uint8 [n, 28, 28], at one setting, and its decoder."""

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
        """Return the files of digits, uint8 [n, 28, 28], and what came back from them alone.

        Raises `ValueError` if other than these digits came back: another shape, a changed pixel
        where the coder promises none, or, with loss, nothing nearer than a blank page.
        """
        files = self.encode(images)
        decoded = self.decode(files)
        if (decoded.shape, decoded.dtype) != (images.shape, images.dtype):
            raise ValueError(
                f"{self.title}: {decoded.dtype} {decoded.shape} came back, "
                f"expected {images.dtype} {images.shape}"
            )
        if not np.array_equal(decoded, images):
            if self.lossless:
                raise ValueError(f"{self.title}: lossless, and other pixels came back")
            if rmse(images, decoded) >= rmse(images, np.zeros_like(images)):
                raise ValueError(f"{self.title}: what came back is no nearer than a blank page")
        return files, decoded


@dataclass(frozen=True, slots=True)
class Format:
    """An image format at one setting: a grey picture, uint8 [height, width], to bytes and back."""

    name: str
    setting: str
    lossless: bool
    write: Callable[[Picture], bytes]
    read: Callable[[bytes], Picture]

    def singly(self) -> Coder:
        """Return the coder that makes a file of each digit."""

        def encode(images: Images) -> list[bytes]:
            return [self.write(image) for image in images]

        def decode(files: list[bytes]) -> Images:
            return np.stack([self.read(file) for file in files])

        return Coder(self.name, self.setting, False, self.lossless, encode, decode)

    def mosaic(self, sheet: int | None = None) -> Coder:
        """Return the coder that makes one picture of all digits, or one of each `sheet` digits.

        Four bytes before the picture say how many digits it holds.
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


def tiled(images: Images) -> Picture:
    """Return digits [n, 28, 28] as one picture, square or a row less, blank after the last."""
    columns = math.isqrt(len(images) - 1) + 1
    rows = -(-len(images) // columns)
    blank = np.zeros((rows * columns - len(images), SIDE, SIDE), np.uint8)
    grid = np.concatenate([images, blank]).reshape(rows, columns, SIDE, SIDE).swapaxes(1, 2)
    return np.ascontiguousarray(grid).reshape(rows * SIDE, columns * SIDE)


def untiled(picture: Picture, n: int) -> Images:
    """Return the n digits [n, 28, 28] of a picture that `tiled` made."""
    height, width = picture.shape
    grid = picture.reshape(height // SIDE, SIDE, width // SIDE, SIDE).swapaxes(1, 2)
    return grid.reshape(-1, SIDE, SIDE)[:n]


def raw(
    name: str, setting: str, pack: Callable[[bytes], bytes], unpack: Callable[[bytes], bytes], *,
    solid: bool = True,
) -> Coder:  # fmt: skip
    """Return the coder that packs plain pixels: of all digits, or of each digit on its own."""

    def encode(images: Images) -> list[bytes]:
        return [pack(images.tobytes())] if solid else [pack(image.tobytes()) for image in images]

    def decode(files: list[bytes]) -> Images:
        return np.frombuffer(b"".join(map(unpack, files)), np.uint8).reshape(-1, SIDE, SIDE)

    return Coder(name, setting, solid, True, encode, decode)
