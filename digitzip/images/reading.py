"""Inputs of any kind as one stream of equal batches."""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from digitzip.errors import InputError
from digitzip.images import folders
from digitzip.images.arrays import ArrayFile, find_array
from digitzip.images.frame import Fit, Frame, Pixels
from digitzip.images.names import Names, number_name

Batch = tuple[Pixels, list[str] | None]
Run = tuple[Pixels, Sequence[str]]

RUN_BYTES = 1 << 24
"""Pixels of large images that are held at a time before they are fitted."""


@dataclass(frozen=True, slots=True)
class Source:
    """A stream of all images of all inputs in order; every iteration reads them anew.

    Yields (uint8 [n, height, width], names), where n is `batch` but for the last one; names are
    None unless `named`. `count` is the number of images found when the inputs were looked at.
    Iterating raises InputError for an image that is damaged or does not fit.
    """

    inputs: tuple["Input", ...]
    frame: Frame
    batch: int
    count: int
    named: bool

    def __iter__(self) -> Iterator[Batch]:
        for images, names in _gather(self._runs(), self.batch):
            yield images, names if self.named else None

    def _runs(self) -> Iterator[Run]:
        """Yield the runs of all inputs, after a check of their names."""
        taken = Names()
        for each in self.inputs:
            taken.enter(each.locate)
            for images, names in each.runs(self.frame, self.batch):
                if self.named:
                    for name in names:
                        taken.take(name)
                yield images, names


def read(
    inputs: Sequence[str | os.PathLike[str]],
    *,
    height: int = 28,
    width: int = 28,
    fit: Fit = "none",
    batch: int = 4096,
    like: str = "",
) -> Source:
    """Look at inputs and return the stream of their images, uint8 [n, height, width].

    An input is an IDX or NPY file (.gz or not), an NPZ file of one array or FILE.npz:NAME, an
    image file, or a folder of image files, all but folders recognised by content. `like` names
    the image whose size all others must have, for errors to tell. Raises InputError for an input
    that is none of these, and at once where the size of all its images is known and is not the
    one asked for.
    """
    if batch < 1:
        raise InputError(f"a batch of {batch} images; expected at least 1")
    frame = Frame(height, width, fit, like)
    found = tuple(_find(os.fspath(each), frame) for each in inputs)
    named = not all(isinstance(each, Array) for each in found)
    return Source(found, frame, batch, sum(each.count for each in found), named)


class Input(Protocol):
    """One input: how many images it has, and they with their names, some at a time."""

    @property
    def count(self) -> int: ...

    def locate(self, name: str) -> str:
        """Return the path of the file that holds the image of that name."""
        ...

    def runs(self, frame: Frame, most: int) -> Iterator[Run]: ...


@dataclass(frozen=True, slots=True)
class Array:
    """An array file, whose images are numbered."""

    file: ArrayFile

    @property
    def count(self) -> int:
        return self.file.count

    def locate(self, name: str) -> str:
        return self.file.place.label

    def runs(self, frame: Frame, most: int) -> Iterator[Run]:
        file, start = self.file, 0
        most = max(1, min(most, RUN_BYTES // (file.height * file.width)))
        for images in file.runs(most):
            numbers = range(start, start + len(images))
            names = [f"{file.stem}/{number_name(number, file.count)}" for number in numbers]
            if frame.fit != "none":
                from digitzip.images.pictures import fit_array

                labels = (f"{file.place.label}[{number}]" for number in numbers)
                fitted = [fit_array(*each, frame) for each in zip(images, labels, strict=True)]
                images = np.stack(fitted)
            yield images, names
            start += len(images)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file, named after itself."""

    path: Path
    count: int = 1

    def locate(self, name: str) -> str:
        return str(self.path)

    def runs(self, frame: Frame, most: int) -> Iterator[Run]:
        from digitzip.images.pictures import read_picture

        yield read_picture(self.path, frame)[np.newaxis], [self.path.name]


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of image files, named by their paths in it."""

    root: Path
    count: int

    def locate(self, name: str) -> str:
        return str(self.root / name)

    def runs(self, frame: Frame, most: int) -> Iterator[Run]:
        from digitzip.images.pictures import read_picture

        for name in folders.walk(self.root):
            yield read_picture(self.root / name, frame)[np.newaxis], [name]


def locate(text: str) -> tuple[Path, str | None]:
    """Return the file or folder that an input names, and the array of FILE.npz:NAME."""
    path, member = Path(text), None
    named = re.fullmatch(r"(.+\.npz):([^/\\]+)", text, re.IGNORECASE | re.DOTALL)
    try:
        if named and not path.exists():
            path, member = Path(named[1]), named[2]
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:  # ValueError: a NUL in the name
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {str(path)!r}: {reason}") from error
    if not (stat.S_ISDIR(mode) or stat.S_ISREG(mode)):
        raise InputError(f"{str(path)!r} is neither a file nor a folder")
    return path, member


def _find(text: str, frame: Frame) -> Input:
    path, member = locate(text)
    if path.is_dir():
        return Folder(path, folders.count(path))
    file = find_array(path, member)
    if file is None:
        return Picture(path)
    if file.single:
        frame.check_single(file.place.label, file.height, file.width)
    frame.check_size(file.place.label, file.height, file.width)
    return Array(file)


def _gather(runs: Iterable[Run], batch: int) -> Iterator[tuple[Pixels, list[str]]]:
    """Join runs of any length into arrays of `batch` images, the last one shorter."""
    held: list[Pixels] = []
    names: list[str] = []
    for images, run_names in runs:
        held.append(images)
        names.extend(run_names)
        while len(names) >= batch:
            joined = np.concatenate(held)
            yield joined[:batch], names[:batch]
            held, names = [joined[batch:]], names[batch:]
    if names:
        yield np.concatenate(held), names
