"""How far the digits of an archive are from their originals, in one pass over both.

Of all images only sums are kept, and the worst few.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.archive.archive import Archive, opened_archive
from digitzip.archive.matching import Matching
from digitzip.archive.storage import Readable
from digitzip.archive.store import ChunkStore
from digitzip.arguments import integer
from digitzip.codec import Images
from digitzip.errors import InputError, ModelError
from digitzip.fidelity import Policy, within_bounds
from digitzip.limits import MAX_IMAGES
from digitzip.metrics import ssim
from digitzip.model import Model, find_classifier
from digitzip.model.classifier import Classifier, Labels

Flags = npt.NDArray[np.bool_]
Originals = npt.NDArray[Any] | Iterable[tuple[npt.NDArray[Any], Sequence[str] | None]]

_STEP: Final = 1024  # images that are compared at a time
_PIXELS: Final = 1 << 25  # of originals that are held, to compare them in the order of the file


@dataclass(frozen=True, slots=True, eq=False)
class ComparedImage:
    """A digit beside its original, both uint8 [height, width].

    `rmse` is over its own pixels, in 0 … 1, `max_error` what its worst pixel is off, 0 … 255.
    `labels` are what the original reads as, and the digit, by the first network of the reader that
    tells them apart; None where nobody reads.
    """

    digit: int
    name: str | None
    rmse: float
    max_error: int
    labels: tuple[int, int] | None
    original: Images = field(repr=False)
    back: Images = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class ImageGroup:
    """How many digits of an archive are of one kind, and the worst few, worst first."""

    digits: int
    worst: tuple[ComparedImage, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """What `compare` found.

    `rmse`, `psnr` in decibels and `ssim` are those of `digitzip.metrics` over all digits,
    `max_error` is what the worst pixel of all is off, 0 … 255. `reader` is the name of who read
    both sides, and `misread` what it read differently; None where nobody reads. `broken` are
    the digits that disprove what the file promises; None where it promises nothing.
    """

    digits: int
    rmse: float
    psnr: float
    ssim: float
    max_error: int
    reader: str | None
    worst: tuple[ComparedImage, ...]
    misread: ImageGroup | None
    broken: ImageGroup | None


def compare(
    originals: Originals,
    file: Readable | Archive,
    *,
    model: str | Path | Model | None = None,
    worst: int = 10,
) -> Comparison:
    """Compare the images of an archive with their originals.

    `originals` are an array uint8 [n, height, width], or batches of such with a name each or None,
    as `read_images` gives them; `file` is an open archive, or a path, bytes or a binary file, and
    `model` is as for `open`. Originals are matched by name where both sides have names, else in
    order. The `worst` images of a kind are listed, by RMSE, those that have any error.

    Raises `InputError` for originals that are not one for each image, or of another shape;
    otherwise what reading the archive raises.
    """
    most = integer("worst", worst, range(MAX_IMAGES + 1))
    with opened_archive(file, model) as dz:
        return _compare(originals, dz._store, most)


def _compare(originals: Originals, store: ChunkStore, worst: int) -> Comparison:
    matching, sums = Matching(store), _Sums(store, worst)
    for images, names in _windows(originals, store):
        rows = matching.find(len(images), names)
        order = np.argsort(rows, kind="stable")
        for start in range(0, len(order), _STEP):
            part = order[start : start + _STEP]
            sums.take(rows[part], images[part], store.batch_of(rows[part]).pixels)
    matching.end()
    return sums.comparison()


def _windows(
    originals: Originals, store: ChunkStore
) -> Iterator[tuple[Images, Sequence[str] | None]]:
    """Yield originals with their names; where they are matched by name, many at a time."""
    most = max(1, _PIXELS // store.codec.model.shape.pixels) if store.named else 1
    held: list[Images] = []
    held_names: list[str] | None = None
    for images, names in _batches(originals):
        images = store.codec.check(images)
        if names is not None and len(names) != len(images):
            raise InputError(f"{len(names)} names for {len(images)} originals")
        if held and (names is None) != (held_names is None):
            yield np.concatenate(held), held_names
            held = []
        held_names = None if names is None else [*(held_names or () if held else ()), *names]
        held.append(images)
        if sum(map(len, held)) >= most:
            yield held[0] if len(held) == 1 else np.concatenate(held), held_names
            held = []
    if held:
        yield np.concatenate(held), held_names


def _batches(originals: Originals) -> Iterator[tuple[npt.NDArray[Any], Sequence[str] | None]]:
    """Yield the batches of originals; raises `TypeError` for anything else."""
    expected = "originals are an array of images, or batches of (images, names)"
    if hasattr(originals, "__array__"):
        yield np.asarray(originals), None
        return
    if not isinstance(originals, Iterable) or isinstance(originals, str | bytes):
        raise TypeError(f"{expected}, not {type(originals).__name__}")
    for batch in originals:
        if not isinstance(batch, tuple) or len(batch) != 2:
            raise TypeError(f"{expected}; a batch is {type(batch).__name__}")
        yield batch


class _Sums:
    """What is kept of the digits so far."""

    def __init__(self, store: ChunkStore, worst: int) -> None:
        self._store, self._promise = store, store.header.promise
        self._reader = _reader_of(store)
        self._bounds = Policy(self._promise.max_rmse, self._promise.max_error)
        self._digits = self._error = self._max_error = 0
        self._ssim = 0.0
        self._worst, self._misread, self._broken = (_Worst(worst) for _ in range(3))

    def take(self, digits: npt.NDArray[np.intp], originals: Images, back: Images) -> None:
        """Add the digits with these numbers [n], beside their originals."""
        pairs = _Pairs.of(self._store, digits, originals, back, self._reader)
        self._digits += len(digits)
        self._error += int(pairs.errors.sum())
        self._max_error = max(self._max_error, int(pairs.max_errors.max()))
        self._ssim += ssim(originals, back) * len(digits)
        misread = pairs.misread
        broken = ~within_bounds(self._bounds, originals, back)
        if self._promise.classifier is not None:
            broken |= misread
        for kind, flags in (
            (self._worst, pairs.errors > 0),
            (self._misread, misread),
            (self._broken, broken),
        ):
            kind.take(pairs, flags)

    def comparison(self) -> Comparison:
        pixels = self._store.header.height * self._store.header.width
        rmse = math.sqrt(self._error / max(1, self._digits * pixels)) / 255
        return Comparison(
            digits=self._digits,
            rmse=rmse,
            psnr=-20 * math.log10(rmse) if rmse else math.inf,
            ssim=self._ssim / self._digits if self._digits else 1.0,
            max_error=self._max_error,
            reader=None if self._reader is None else self._reader.name,
            worst=self._worst.listed().worst,
            misread=None if self._reader is None else self._misread.listed(),
            broken=self._broken.listed() if self._promise.on else None,
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Pairs:
    """Some digits beside their originals: squared errors and worst pixels, int [n] each."""

    digits: npt.NDArray[np.intp]
    names: Sequence[str] | None
    originals: Images
    back: Images
    errors: npt.NDArray[np.int64]
    max_errors: npt.NDArray[np.int64]
    labels: tuple[Labels, Labels] | None

    @classmethod
    def of(
        cls,
        store: ChunkStore,
        digits: npt.NDArray[np.intp],
        originals: Images,
        back: Images,
        reader: Classifier | None,
    ) -> _Pairs:
        difference = np.abs(originals.astype(np.int64) - back).reshape(len(digits), -1)
        errors = np.einsum("np,np->n", difference, difference)
        names = store.names_of(digits) if store.named else None
        labels = None if reader is None else (reader.read(originals), reader.read(back))
        return cls(digits, names, originals, back, errors, difference.max(axis=1), labels)

    @property
    def misread(self) -> Flags:
        """Which digits read otherwise than their originals, bool [n]."""
        if self.labels is None:
            return np.zeros(len(self.digits), np.bool_)
        flags: Flags = (self.labels[0] != self.labels[1]).any(axis=1)
        return flags

    def compared(self, row: int) -> ComparedImage:
        """Return one of the digits, with pixels of its own."""
        return ComparedImage(
            digit=int(self.digits[row]),
            name=None if self.names is None else self.names[row],
            rmse=math.sqrt(int(self.errors[row]) / self.back[row].size) / 255,
            max_error=int(self.max_errors[row]),
            labels=None if self.labels is None else _shown(*(side[row] for side in self.labels)),
            original=self.originals[row].copy(),
            back=self.back[row].copy(),
        )


class _Worst:
    """Counts digits, and holds the worst few."""

    def __init__(self, most: int) -> None:
        self._most, self._digits = most, 0
        self._held: list[ComparedImage] = []

    def take(self, pairs: _Pairs, flags: Flags) -> None:
        """Add those of the pairs that are flagged, bool [n]."""
        (rows,) = np.nonzero(flags)
        self._digits += rows.size
        order = np.lexsort((pairs.digits[rows], -pairs.errors[rows]))[: self._most]
        both = [*self._held, *(pairs.compared(row) for row in rows[order].tolist())]
        self._held = sorted(both, key=lambda each: (-each.rmse, each.digit))[: self._most]

    def listed(self) -> ImageGroup:
        return ImageGroup(self._digits, tuple(self._held))


def _shown(original: Labels, back: Labels) -> tuple[int, int]:
    """Return what a digit reads as on both sides by the first network that tells them apart."""
    first = int((original != back).argmax())
    return int(original[first]), int(back[first])


def _reader_of(store: ChunkStore) -> Classifier | None:
    """Return the reader that the file, or else its model, names; None where it cannot be had."""
    id_ = store.header.promise.classifier or store.codec.model.classifier_id
    if id_ is not None:
        with suppress(ModelError):
            return find_classifier(id_)
    return None
