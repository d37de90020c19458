"""Array files: IDX and NPY, also packed or in a container, read a run of images at a time.

Sizes are checked against the size of the file, where it is
known, before anything is allocated; a gzip stream is checked at its end.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any, BinaryIO, Final

import numpy as np

from digitzip.errors import InputError
from digitzip.images import idx, npy
from digitzip.images.frame import Pixels
from digitzip.images.locations import Location
from digitzip.images.shapes import Range, Shape, Size, images_shape

_SAMPLE: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """Images in a file, uint8 [count, height, width], from byte `offset` on.

    `shape` is that of the array in the file; reshaping it in C order gives the images.
    """

    location: Location
    count: int
    height: int
    width: int
    offset: int
    fortran: bool
    shape: Shape

    @property
    def stem(self) -> str:
        """The prefix of the names of its images, when they need names."""
        name = PurePath(self.location.name).name
        for suffix in (".gz", ".xz", ".bz2", ".npy", ".npz", ".zip", ".tar"):
            name = name.removesuffix(suffix)
        return f"{name}/{self.location.array}" if self.location.array else name

    def runs(self, most: int) -> Iterator[Pixels]:
        """Yield all images in order, uint8 [<= most, height, width] at a time."""
        if self.fortran:
            yield from self._mapped_runs(most)
            return
        label, size = self.location.label, self.height * self.width
        with self.location.open() as file:
            file.read(self.offset)
            for start in range(0, self.count, most):
                length = min(most, self.count - start)
                data = file.read(length * size)
                if len(data) != length * size:
                    found = start + len(data) // max(size, 1)
                    raise InputError(f"{label!r} ends after {found:,} of {self.count:,} images")
                pixels = np.frombuffer(data, np.uint8)
                yield pixels.reshape(length, self.height, self.width)
            if file.read(1):
                raise InputError(f"{label!r} has bytes after its {self.count:,} images")

    def _mapped_runs(self, most: int) -> Iterator[Pixels]:
        for start in range(0, self.count, most):
            # Mapped anew for each run, so that pages already read do not count as used memory.
            with self.location.open() as file:
                mapped = np.memmap(file, np.uint8, "r", self.offset, self.shape, "F")
                images = mapped[None] if self.shape == (self.height, self.width) else mapped
                run = np.array(images[start : start + most], order="C")
                yield run.reshape(-1, self.height, self.width)


def measure_array(location: Location, size: Size | None) -> ArrayFile:
    """Return the IDX or NPY array at a location; `size` is that of an image, if it is known.

    Raises `InputError` for arrays of another shape or type, and for a file of another length.
    """
    label = location.label
    with location.open() as file:
        start = file.read(idx.HEADER.size)
        if idx.looks_like_idx(start):
            array = npy.Header(idx.parse_header(start, label), False, np.dtype(np.uint8))
        else:
            file.seek(0)
            array = npy.parse_header(file, label)
        offset = file.tell()
        values = None if array.dtype == np.uint8 else _first_values(file, array.dtype)
        found = location.size
    shape, fortran = array.shape, array.fortran
    subject = f"{label!r} is an array"
    count, height, width = images_shape(subject, array.dtype, shape, size, values)
    expected = offset + count * height * width
    if found is not None and found != expected:
        raise InputError(
            f"{label!r} has {found:,} bytes; expected {expected:,} for a header and"
            f" {count:,} images of {height}x{width}"
        )
    if fortran and location.steps:
        raise InputError(
            f"{label!r} is a compressed array in Fortran order, which cannot be streamed;"
            " save it in C order, or as a plain .npy file"
        )
    return ArrayFile(location, count, height, width, offset, fortran, shape)


def _first_values(file: BinaryIO, dtype: np.dtype[Any]) -> Range | None:
    """Return the range of the first million bytes of an array of numbers; None of others."""
    if dtype.kind not in "uif":
        return None
    data = file.read(_SAMPLE // dtype.itemsize * dtype.itemsize)
    some = np.frombuffer(data[: len(data) // dtype.itemsize * dtype.itemsize], dtype)
    some = some[np.isfinite(some)]
    return (float(some.min()), float(some.max())) if some.any() else None
