"""Inputs of any kind as one stream of equal batches."""

import os
import re
import stat
import warnings
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from digitzip.errors import DigitzipWarning, InputError
from digitzip.images.containers import Container
from digitzip.images.finding import find
from digitzip.images.folders import Sort
from digitzip.images.frame import Fit, Frame, Pixels
from digitzip.images.inputs import Array, Input, Pack, Picture, Run, folder_of, prefix_of
from digitzip.images.locations import Readable
from digitzip.images.problems import Problems
from digitzip.images.sizing import find_size
from digitzip.images.taken_names import TakenNames

Batch = tuple[Pixels, list[str] | None]
Given = str | os.PathLike[str] | BinaryIO


_MEMBER = re.compile(
    r"(.+\.(?:npz|zip|tar|tgz|txz|tbz2?|tar\.(?:gz|xz|bz2))):([^\\]+)", re.IGNORECASE | re.DOTALL
)
_HINT = ", or prefix=True keeps the names of their folders"


class Numbered(NamedTuple):
    """A batch of images with their numbers among all images of the inputs, int [n]."""

    images: Pixels
    names: list[str] | None
    rows: NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class ImageSource:
    """All images of some inputs in order, as a stream; every iteration reads them anew.

    Yields (uint8 [n, height, width], names), where n is `batch` except for the last one; names
    are a list of str if `named`, else None. `count` is the number of images found when the inputs
    were opened. What cannot be read is an `InputError` at the end of the iteration, which names
    everything; or it is left out and named by `bad`, if `skip_bad` was set.
    """

    inputs: tuple[Input, ...]
    frame: Frame
    batch: int
    count: int
    named: bool
    invert: bool = False
    problems: Problems = field(default_factory=Problems)

    @property
    def height(self) -> int:
        """The height of every image in pixels."""
        return self.frame.height

    @property
    def width(self) -> int:
        """The width of every image in pixels."""
        return self.frame.width

    @property
    def bad(self) -> tuple[str, ...]:
        """One line for each file or image that was left out so far."""
        return self.problems.lines

    def check(self) -> None:
        """Look at all files before the work begins; raises one `InputError` for all bad ones.

        Without a fit, image files are decoded; with one, their headers and ends are read. If
        `skip_bad` was set, nothing is raised unless no image is left.
        """
        taken, good = self._taken_names(), 0
        self.problems.forget()
        for each in self.inputs:
            taken.enter(each.locate)
            if isinstance(each, Array) and not self.named:
                good += each.count
                continue
            for name in each.check(self.frame, self.problems):
                good += not self.named or self._take(taken, each, name)
        self._check(good)

    def labels(self) -> NDArray[np.uint8] | None:
        """Return the labels of all images, uint8 [n], if each input is a table with labels.

        Warns (`DigitzipWarning`) where only some inputs are.
        """
        parts = [each.labels() if isinstance(each, Array) else None for each in self.inputs]
        found = [part for part in parts if part is not None]
        if found and len(found) < len(parts):
            warnings.warn(
                "some inputs have labels and others none, so labels are left out",
                DigitzipWarning,
                stacklevel=2,
            )
            return None
        return np.concatenate(found) if found else None

    def batches(self) -> Iterator[Numbered]:
        """Yield all images that can be read, with their names and numbers."""
        good = 0
        self.problems.forget()
        for each in _gather(self._runs(), self.batch):
            good += len(each.rows)
            yield each if self.named else each._replace(names=None)
        self._check(good)

    def __iter__(self) -> Iterator[Batch]:
        for images, names, _ in self.batches():
            yield images, names

    def _runs(self) -> Iterator[Run]:
        """Yield the runs of all inputs; after a problem that counts, only look for others."""
        taken, first = self._taken_names(), 0
        for each in self.inputs:
            taken.enter(each.locate)
            for run in each.runs(self.frame, self.batch, self.problems):
                kept = list(range(len(run.rows)))
                if self.named:
                    kept = [row for row in kept if self._take(taken, each, run.names[row])]
                if not kept or (self.problems and not self.problems.skip):
                    continue
                images = run.images if len(kept) == len(run.rows) else run.images[kept]
                if self.invert and self.frame.fit != "mnist":  # which finds the ink by itself
                    images = ~images
                yield Run(images, [run.names[row] for row in kept], first + run.rows[kept])
            first += each.count

    def _taken_names(self) -> TakenNames:
        return TakenNames("" if any(each.prefix for each in self.inputs) else _HINT)

    def _take(self, taken: TakenNames, each: Input, name: str) -> bool:
        try:
            taken.take(name)
        except InputError as error:
            self.problems.add(each.locate(name), error)
            return False
        return True

    def _check(self, good: int) -> None:
        self.problems.check(self.count)
        if self.problems and not good:
            raise InputError(f"no image can be read: {self.problems.lines[0]}")


def read_images(
    inputs: Given | Sequence[Given],
    *,
    height: int | None = None,
    width: int | None = None,
    fit: Fit = "none",
    batch: int = 4096,
    named: bool = False,
    sort: Sort = "name",
    prefix: bool = False,
    invert: bool = False,
    skip_bad: bool = False,
) -> ImageSource:
    """Open inputs and return the stream of their images, uint8 [n, height, width].

    An input is an IDX or NPY file, a table (a CSV file with a header as Kaggle writes it, or ARFF),
    an image file, a folder of image files, or a seekable binary file object. Files may be packed
    with gzip, xz or bzip2. An NPZ, zip or tar file holds image files, or one array or table; its
    members are named as FILE.npz:NAME. All but folders are recognised by content.

    Without `height` and `width` every image must have the size of the first; `fit` brings images of
    another kind to it: "none" refuses them, "resize" scales, and "mnist" extracts the ink and
    centres it as MNIST does. Images have names where any input is an image file, a folder or a
    container of image files, or if `named`.

    A folder is read in the order of the bytes of its names (10.png before 2.png), or with
    `sort="natural"` by the numbers in them. `prefix` begins names with the folder that an input is
    or lies in, so that equal names of two inputs differ. `invert` turns dark on light into light on
    dark. `skip_bad` leaves out what cannot be read; `ImageSource.bad` then names it.

    Raises `InputError` for an input that is none of these or has no images, and at once where the
    size of all its images is known and is another one.
    """
    if batch < 1:
        raise InputError(f"batch={batch}; expected at least 1 image")
    if (height is None) != (width is None):
        raise InputError("height= and width= go together; give both or none")
    if sort not in get_args(Sort):
        raise InputError(f"unknown sort {sort!r}; expected one of {', '.join(get_args(Sort))}")
    given = inputs if isinstance(inputs, Sequence) and not isinstance(inputs, str) else [inputs]
    problems, sources = Problems(skip_bad), list[tuple[Readable, str | None]]()
    for each in given:
        with problems.noting(str(each)):
            sources.append(locate(each))
    problems.check(len(given))
    if height is None or width is None:
        height, width, like = find_size(sources, sort, problems)
    else:
        like = ""
    frame, found = Frame(height, width, fit, like), list[Input]()
    for source, member in sources:
        with problems.noting(str(source)):
            found.append(_find(source, member, frame, sort, prefix, problems))
    problems.check(max(len(given), sum(each.count for each in found)))
    if given and not found:
        raise InputError(f"no input can be read: {problems.lines[0]}")
    named = named or not all(isinstance(each, Array) for each in found)
    count = sum(each.count for each in found)
    return ImageSource(tuple(found), frame, batch, count, named, invert, problems)


def locate(given: Given) -> tuple[Readable, str | None]:
    """Return the file or folder that an input names, and the member of FILE.npz:NAME."""
    if not isinstance(given, str | os.PathLike):
        return given, None
    text = os.fspath(given)
    path, member = Path(text), None
    named = _MEMBER.fullmatch(text)
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


def _find(
    source: Readable,
    member: str | None,
    frame: Frame,
    sort: Sort,
    prefix: bool,
    problems: Problems,
) -> Input:
    if isinstance(source, Path) and source.is_dir():
        begin = prefix_of(source, folder=True) if prefix else ""
        return folder_of(source, sort, begin, problems)
    begin = prefix_of(source, folder=False) if prefix else ""
    file = find(source, member, (frame.height, frame.width))
    if file is None:
        return Picture(source, begin)
    if isinstance(file, Container):
        return Pack(file, sort, begin)
    frame.check_size(file.location.label, file.height, file.width)
    return Array(file, begin)


def _gather(runs: Iterable[Run], batch: int) -> Iterator[Numbered]:
    """Join runs of any length into arrays of `batch` images, the last one shorter."""
    held: list[Pixels] = []
    rows: list[NDArray[np.intp]] = []
    names: list[str] = []
    for run in runs:
        held.append(run.images)
        rows.append(run.rows)
        names.extend(run.names)
        while len(names) >= batch:
            joined, numbers = np.concatenate(held), np.concatenate(rows)
            yield Numbered(joined[:batch], names[:batch], numbers[:batch])
            held, rows, names = [joined[batch:]], [numbers[batch:]], names[batch:]
    if names:
        yield Numbered(np.concatenate(held), names, np.concatenate(rows))
