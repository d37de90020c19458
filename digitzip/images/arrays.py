"""Array files: IDX and NPY, plain or gzip-compressed, and NPZ, read a run of images at a time.

Files are recognised by their content. Sizes are checked against the size of the file, where it is
known, before anything is allocated; a gzip stream is checked at its end.
"""

import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath

import numpy as np

from digitzip.errors import InputError
from digitzip.images import idx, npy
from digitzip.images.frame import Pixels
from digitzip.images.locations import Location, Readable

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGICS = (b"PK\x03\x04", b"PK\x05\x06")


@dataclass(frozen=True, slots=True)
class ArrayFile:
    """An array of images in a file: uint8 [count, height, width] from byte `offset` on.

    `single` says that the array in the file is [height, width], one image.
    """

    location: Location
    count: int
    height: int
    width: int
    offset: int
    fortran: bool
    single: bool

    @property
    def stem(self) -> str:
        """The prefix of the names of its images, when they need names."""
        name = PurePath(self.location.name).name
        for suffix in (".gz", ".npy", ".npz"):
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
        shape = (self.count, self.height, self.width)
        for start in range(0, self.count, most):
            # Mapped anew for each run, so that pages already read do not count as used memory.
            with self.location.open() as file:
                mapped = np.memmap(file, np.uint8, "r", self.offset, shape, "F")
                yield np.array(mapped[start : start + most], order="C")


def find_array(source: Readable, member: str | None) -> ArrayFile | None:
    """Recognise an array file by its content; None for any other file.

    `member` names one array of an NPZ file; it is needed unless the file holds exactly one.
    """
    location = Location(source)
    with location.open() as file:
        start = file.read(idx.HEADER.size)
    if start.startswith(ZIP_MAGICS):
        return _measure(Location(source, member=_choose_member(location, member)))
    if member is not None:
        raise InputError(f"{location.label!r} is not an NPZ file; it has no member {member!r}")
    if start.startswith(GZIP_MAGIC):
        location = Location(source, gzipped=True)
        with location.open() as file:
            start = file.read(idx.HEADER.size)
    if start.startswith(npy.MAGIC) or idx.looks_like_idx(start):
        return _measure(location)
    if location.gzipped:
        raise InputError(f"{location.label!r} is gzip-compressed, but neither IDX nor NPY")
    return None


def _choose_member(file: Location, wanted: str | None) -> str:
    with file.open() as opened, zipfile.ZipFile(opened) as zipped:
        infos = {info.filename: info for info in zipped.infolist()}
    names = [name.removesuffix(".npy") for name in infos if name.endswith(".npy")]
    chosen = names[0] if wanted is None and len(names) == 1 else wanted
    if chosen in names:
        member = f"{chosen}.npy"
        if infos[member].compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise InputError(f"{file.label!r} is compressed in a way that NumPy never writes")
        return member
    some = ", ".join(repr(name) for name in names[:6]) + (", ..." if len(names) > 6 else "")
    held = f"{len(names)} arrays ({some})" if names else "no arrays"
    raise InputError(
        f"{file.label!r} holds {held}; expected one, or one of them as FILE.npz:NAME"
        if wanted is None
        else f"{file.label!r} holds {held}; expected one named {wanted!r}"
    )


def _measure(location: Location) -> ArrayFile:
    label = location.label
    with location.open() as file:
        start = file.read(idx.HEADER.size)
        if idx.looks_like_idx(start) and location.member is None:
            (count, height, width), fortran, single = idx.parse_header(start, label), False, False
        else:
            file.seek(0)
            shape, fortran = npy.parse_header(file, label)
            single = len(shape) == 2
            count, height, width = (1, *shape) if single else shape
        offset = file.tell()
        size = location.size
    expected = offset + count * height * width
    if size is not None and size != expected:
        raise InputError(
            f"{label!r} has {size:,} bytes; expected {expected:,} for a header and"
            f" {count:,} images of {height}x{width}"
        )
    if fortran and (location.gzipped or location.member is not None):
        raise InputError(
            f"{label!r} is a compressed array in Fortran order, which cannot be streamed;"
            " save it in C order, or as a plain .npy file"
        )
    return ArrayFile(location, count, height, width, offset, fortran, single)
