"""Inputs of one kind each: an array or table, an image file, a folder or a container of them."""

from __future__ import annotations

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from digitzip.errors import InputError
from digitzip.images import folders
from digitzip.images.arrays import ArrayFile
from digitzip.images.containers import Container
from digitzip.images.fit_arrays import fit_run
from digitzip.images.frame import Frame, Pixels
from digitzip.images.locations import Readable, name_of, unicode_name
from digitzip.images.problems import Problems
from digitzip.images.tables import Table
from digitzip.images.taken_names import number_name

RUN_BYTES = 1 << 24
"""Pixels of large images that are held at a time before they are fitted."""


class Run(NamedTuple):
    """Some images, uint8 [n, h, w], their names, and their numbers in their input, int [n]."""

    images: Pixels
    names: Sequence[str]
    rows: NDArray[np.intp]


class Input(Protocol):
    """One input: the number of its images, and a stream of the images with their names."""

    @property
    def count(self) -> int: ...

    @property
    def prefix(self) -> str:
        """What its names begin with."""
        ...

    def locate(self, name: str) -> str:
        """Return the path of the file that holds the image of that name."""
        ...

    def check(self, frame: Frame, problems: Problems) -> Iterator[str]:
        """Note what cannot be read as far as headers say; yield the names of all other images."""
        ...

    def runs(self, frame: Frame, most: int, problems: Problems) -> Iterator[Run]:
        """Yield the images that can be read; note the others."""
        ...


@dataclass(frozen=True, slots=True)
class Array:
    """An array file or a table, whose images are numbered."""

    file: ArrayFile | Table
    prefix: str = ""

    @property
    def count(self) -> int:
        return self.file.count

    def locate(self, name: str) -> str:
        return self.file.location.label

    def check(self, frame: Frame, problems: Problems) -> Iterator[str]:
        return map(self._name, range(self.count))

    def runs(self, frame: Frame, most: int, problems: Problems) -> Iterator[Run]:
        file, start = self.file, 0
        most = max(1, min(most, RUN_BYTES // (file.height * file.width)))
        with problems.noting(file.location.label):
            for images in file.runs(most):
                given = len(images)
                rows = np.arange(start, start + given)
                if frame.fit != "none":
                    images, rows = self._fitted(images, rows, frame, problems)
                if len(rows):
                    yield Run(images, [self._name(row) for row in rows.tolist()], rows)
                start += given

    def labels(self) -> NDArray[np.uint8] | None:
        """Return the labels of all images of a table, uint8 [n]; None where it has none."""
        return self.file.labels() if isinstance(self.file, Table) else None

    def _name(self, row: int) -> str:
        return f"{self.prefix}{self.file.stem}/{number_name(row, self.count)}"

    def _fitted(
        self, images: Pixels, rows: NDArray[np.intp], frame: Frame, problems: Problems
    ) -> tuple[Pixels, NDArray[np.intp]]:
        """Return the images that can be fitted, with their numbers."""
        label, kept, fitted = self.file.location.label, list[int](), list[Pixels]()
        for image, row in zip(images, rows.tolist(), strict=True):
            with problems.noting(f"{label}[{row}]"):
                fitted.append(fit_run(image[None], label, row, frame))
                kept.append(row)
        empty = np.empty((0, frame.height, frame.width), np.uint8)
        return np.concatenate([empty, *fitted]), np.array(kept, np.intp)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file, named after itself."""

    source: Readable
    prefix: str = ""
    count: int = 1

    @property
    def name(self) -> str:
        return self.prefix + unicode_name(PurePath(name_of(self.source)).name)

    def locate(self, name: str) -> str:
        return name_of(self.source)

    def check(self, frame: Frame, problems: Problems) -> Iterator[str]:
        from digitzip.images.pictures import check_picture

        with problems.noting(self.locate("")):
            check_picture(self.source, frame)
            yield self.name

    def runs(self, frame: Frame, most: int, problems: Problems) -> Iterator[Run]:
        from digitzip.images.pictures import read_picture

        with problems.noting(self.locate("")):
            image = read_picture(self.source, frame)
            yield Run(image[np.newaxis], [self.name], np.zeros(1, np.intp))


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of image files, named by their paths in it."""

    root: Path
    sort: folders.Sort
    prefix: str = ""
    count: int = 0

    def locate(self, name: str) -> str:
        return str(self._path(name.removeprefix(self.prefix)))

    def check(self, frame: Frame, problems: Problems) -> Iterator[str]:
        from digitzip.images.pictures import check_picture

        for name in folders.walk(self.root, self.sort, problems.add):
            path = self._path(name)
            with problems.noting(str(path)):
                check_picture(path, frame)
                yield self.prefix + name

    def runs(self, frame: Frame, most: int, problems: Problems) -> Iterator[Run]:
        from digitzip.images.pictures import read_picture

        for row, name in enumerate(folders.walk(self.root, self.sort, problems.add)):
            path = self._path(name)
            with problems.noting(str(path)):
                image = read_picture(path, frame)
                yield Run(image[np.newaxis], [self.prefix + name], np.array([row]))

    def _path(self, name: str) -> Path:
        return self.root / folders.native(name)


@dataclass(frozen=True, slots=True)
class Pack:
    """A zip or tar file of image files, named and sorted as a folder of them."""

    container: Container
    sort: folders.Sort
    prefix: str = ""

    @property
    def count(self) -> int:
        return len(self.container.members)

    def locate(self, name: str) -> str:
        return f"{self.container.location.label}:{name.removeprefix(self.prefix)}"

    def check(self, frame: Frame, problems: Problems) -> Iterator[str]:
        from digitzip.images.pictures import check

        for _, name, data in self._read(problems):
            place = self.locate(name)
            with problems.noting(place):
                check(io.BytesIO(data), place, frame)
                yield name

    def runs(self, frame: Frame, most: int, problems: Problems) -> Iterator[Run]:
        from digitzip.images.pictures import decode

        for row, name, data in self._read(problems):
            place = self.locate(name)
            with problems.noting(place):
                image = decode(io.BytesIO(data), place, frame)
                yield Run(image[np.newaxis], [name], np.array([row]))

    def _read(self, problems: Problems) -> Iterator[tuple[int, str, bytes]]:
        """Yield the number, the name and the content of each file that can be unpacked."""
        with problems.noting(self.container.location.label), self.container.open() as reader:
            for row, member in enumerate(self.container.in_order(self.sort)):
                name = self.prefix + member.member
                place = self.locate(name)
                data = None
                with problems.noting(place):
                    data = reader.read(member, place)
                if data is not None:
                    yield row, name, data


def folder_of(root: Path, sort: folders.Sort, prefix: str, problems: Problems) -> Folder:
    """Return a folder with the number of its files; raises `InputError` where it has none."""
    count = sum(1 for _ in folders.walk(root, sort, problems.add))
    if not count:
        raise InputError(
            f"found no images in {str(root)!r}; files whose names begin with a dot are left out"
        )
    return Folder(root, sort, prefix, count)


def prefix_of(source: Readable, *, folder: bool) -> str:
    """Return what names of an input begin with, so that inputs of equal names differ.

    It is the path of a folder, or of the folder of a file, without what leads out of a folder.
    """
    path = PurePath(name_of(source))
    parts = (path if folder else path.parent).parts
    kept = [part for part in parts if part not in ("..", path.anchor)]
    return unicode_name("".join(f"{part}/" for part in kept))
