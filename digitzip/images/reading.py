"""Inputs of any kind as one stream of equal batches."""

import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import BinaryIO, Protocol

import numpy as np

from digitzip.errors import InputError
from digitzip.images import folders
from digitzip.images.arrays import ArrayFile, find_array
from digitzip.images.fit_arrays import fit_run
from digitzip.images.frame import Fit, Frame, Pixels
from digitzip.images.locations import Readable, name_of
from digitzip.images.sizing import find_size
from digitzip.images.taken_names import TakenNames, number_name

Batch = tuple[Pixels, list[str] | None]
Run = tuple[Pixels, Sequence[str]]
Given = str | os.PathLike[str] | BinaryIO

RUN_BYTES = 1 << 24
"""Pixels of large images that are held at a time before they are fitted."""


@dataclass(frozen=True, slots=True)
class ImageSource:
    """All images of some inputs in order, as a stream; every iteration reads them anew.

    Yields (uint8 [n, height, width], names), where n is `batch` except for the last one; names
    are a list of str if `named`, else None. `count` is the number of images found when the inputs
    were opened. Iterating raises `InputError` for an image that is damaged or does not fit.
    """

    inputs: tuple["Input", ...]
    frame: Frame
    batch: int
    count: int
    named: bool

    @property
    def height(self) -> int:
        """The height of every image in pixels."""
        return self.frame.height

    @property
    def width(self) -> int:
        """The width of every image in pixels."""
        return self.frame.width

    def __iter__(self) -> Iterator[Batch]:
        for images, names in _gather(self._runs(), self.batch):
            yield images, names if self.named else None

    def _runs(self) -> Iterator[Run]:
        """Yield the runs of all inputs, and check their names."""
        taken = TakenNames()
        for each in self.inputs:
            taken.enter(each.locate)
            for images, names in each.runs(self.frame, self.batch):
                if self.named:
                    for name in names:
                        taken.take(name)
                yield images, names


def read_images(
    inputs: Given | Sequence[Given],
    *,
    height: int | None = None,
    width: int | None = None,
    fit: Fit = "none",
    batch: int = 4096,
    named: bool = False,
) -> ImageSource:
    """Open inputs and return the stream of their images, uint8 [n, height, width].

    An input is an IDX or NPY file (gzipped or not), an NPZ file of one array or FILE.npz:NAME, an
    image file, a folder of image files, or a seekable binary file object. All but folders are
    recognised by content. Without `height` and `width` every image must have the size of the
    first; `fit` brings images of another kind to it: "none" refuses them, "resize" scales, and
    "mnist" extracts the ink and centres it as MNIST does. Images have names where any input is an
    image file or a folder, or if `named`.

    Raises `InputError` for an input that is none of these, and at once where the size of all its
    images is known and is another one.
    """
    if batch < 1:
        raise InputError(f"batch={batch}; expected at least 1 image")
    if (height is None) != (width is None):
        raise InputError("height= and width= go together; give both or none")
    given = inputs if isinstance(inputs, Sequence) and not isinstance(inputs, str) else [inputs]
    sources = [locate(each) for each in given]
    if height is None or width is None:
        height, width, like = find_size(sources)
    else:
        like = ""
    frame = Frame(height, width, fit, like)
    found = tuple(_find(source, member, frame) for source, member in sources)
    named = named or not all(isinstance(each, Array) for each in found)
    return ImageSource(found, frame, batch, sum(each.count for each in found), named)


class Input(Protocol):
    """One input: the number of its images, and a stream of the images with their names."""

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
        return self.file.location.label

    def runs(self, frame: Frame, most: int) -> Iterator[Run]:
        file, start = self.file, 0
        most = max(1, min(most, RUN_BYTES // (file.height * file.width)))
        for images in file.runs(most):
            numbers = range(start, start + len(images))
            names = [f"{file.stem}/{number_name(number, file.count)}" for number in numbers]
            if frame.fit != "none":
                images = fit_run(images, file.location.label, start, frame)
            yield images, names
            start += len(images)


@dataclass(frozen=True, slots=True)
class Picture:
    """An image file, named after itself."""

    source: Readable
    count: int = 1

    def locate(self, name: str) -> str:
        return name_of(self.source)

    def runs(self, frame: Frame, most: int) -> Iterator[Run]:
        from digitzip.images.pictures import read_picture

        name = PurePath(name_of(self.source)).name
        yield read_picture(self.source, frame)[np.newaxis], [name]


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


def locate(given: Given) -> tuple[Readable, str | None]:
    """Return the file or folder that an input names, and the array of FILE.npz:NAME."""
    if not isinstance(given, str | os.PathLike):
        return given, None
    text = os.fspath(given)
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


def _find(source: Readable, member: str | None, frame: Frame) -> Input:
    if isinstance(source, Path) and source.is_dir():
        return Folder(source, folders.count(source))
    file = find_array(source, member, (frame.height, frame.width))
    if file is None:
        return Picture(source)
    frame.check_size(file.location.label, file.height, file.width)
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
