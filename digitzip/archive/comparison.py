"""Measurements of images beside their originals: their sums, and the worst few images."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from digitzip.archive.store import ChunkStore
from digitzip.codec import Images
from digitzip.errors import DigitzipWarning, ModelError
from digitzip.fidelity import Errors, Policy
from digitzip.fidelity.checks import Flags
from digitzip.metrics import psnr_of, rmse_of, ssim
from digitzip.model import find_classifier
from digitzip.model.classifier import Classifier, Labels


@dataclass(frozen=True, slots=True, eq=False)
class ComparedImage:
    """An image of an archive and its original.

    `index` is the number of the image in the archive, from 0. `rmse` is in 0 … 1, over the pixels
    of the image; `max_error`, 0 … 255, is the largest difference of a pixel. `labels` are the
    labels of the original and of the reconstruction, by the first network of the classifier that
    gives them different ones; None without a classifier. `original` and `recon` are uint8
    [height, width].
    """

    index: int
    name: str | None
    rmse: float
    max_error: int
    labels: tuple[int, int] | None
    original: Images = field(repr=False)
    recon: Images = field(repr=False)


@dataclass(frozen=True, slots=True, eq=False)
class ImageGroup:
    """The number of images of one kind, and the worst few of them, worst first."""

    images: int
    worst: tuple[ComparedImage, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The result of `compare`.

    `images` is the number of images. `rmse` (0 … 1), `psnr` (decibels, infinite without an error)
    and `ssim` are those of `digitzip.metrics` over all images; `max_error`, 0 … 255, is the
    largest difference of a pixel. `worst` are the images with the largest RMSE. `classifier` is
    the name of the classifier, and `label_changes` are the images to which it gives another label
    than to their originals; None without a classifier. `broken` are the images that break the
    promise of the file; None where it promises nothing.
    """

    images: int
    rmse: float
    psnr: float
    ssim: float
    max_error: int
    classifier: str | None
    worst: tuple[ComparedImage, ...]
    label_changes: ImageGroup | None
    broken: ImageGroup | None


@dataclass(frozen=True, slots=True)
class Rules:
    """What images are compared by: the classifier, if it is found, and the promise of the file."""

    classifier: Classifier | None
    bounds: Policy
    labels_promised: bool

    @classmethod
    def of(cls, store: ChunkStore) -> Rules:
        promise = store.header.promise
        bounds = Policy(promise.max_rmse, promise.max_error)
        return cls(_classifier_of(store), bounds, promise.classifier is not None)

    def measure(self, originals: Images, recon: Images) -> Measured:
        """Measure some images uint8 [n, height, width] beside their originals."""
        errors = Errors.of(originals, recon)
        broken = ~errors.within_absolutely(self.bounds, recon[0].size)
        labels = None
        if self.classifier is not None:
            labels = self.classifier.read(originals), self.classifier.read(recon)
            if self.labels_promised:
                broken |= _differ(labels)
        return Measured(errors, ssim(originals, recon), labels, broken)


@dataclass(frozen=True, slots=True, eq=False)
class Measured:
    """Errors of n images, their mean SSIM, the labels of both sides, and who breaks the promise."""

    errors: Errors
    ssim: float
    labels: tuple[Labels, Labels] | None
    broken: Flags

    @property
    def label_changes(self) -> Flags:
        """Which images have another label than their originals, bool [n]."""
        return np.zeros(len(self.broken), np.bool_) if self.labels is None else _differ(self.labels)


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """Some images and their originals."""

    indices: npt.NDArray[np.intp]
    names: Sequence[str] | None
    originals: Images
    recon: Images

    @classmethod
    def of(cls, store: ChunkStore, indices: npt.NDArray[np.intp], originals: Images) -> Pairs:
        names = store.names_of(indices) if store.named else None
        return cls(indices, names, originals, store.batch_of(indices).pixels)

    def compared(self, row: int, measured: Measured) -> ComparedImage:
        """Return one of the images, with a copy of its pixels."""
        labels, errors = measured.labels, measured.errors
        return ComparedImage(
            index=int(self.indices[row]),
            name=None if self.names is None else self.names[row],
            rmse=rmse_of(int(errors.squared[row]), self.recon[row].size),
            max_error=int(errors.largest[row]),
            labels=None if labels is None else _shown(labels[0][row], labels[1][row]),
            original=self.originals[row].copy(),
            recon=self.recon[row].copy(),
        )


class Sums:
    """The sums over the images so far, and the worst of them."""

    def __init__(self, store: ChunkStore, rules: Rules, worst: int) -> None:
        self._store, self._rules = store, rules
        self._images = self._error = self._max_error = 0
        self._ssim = 0.0
        self._worst, self._label_changes, self._broken = (_Worst(worst) for _ in range(3))

    def take(self, pairs: Pairs, measured: Measured) -> None:
        """Add some images."""
        errors, count = measured.errors, len(pairs.indices)
        self._images += count
        self._error += int(errors.squared.sum())
        self._max_error = max(self._max_error, int(errors.largest.max()))
        self._ssim += measured.ssim * count
        for kind, flags in (
            (self._worst, errors.squared > 0),
            (self._label_changes, measured.label_changes),
            (self._broken, measured.broken),
        ):
            kind.take(pairs, measured, flags)

    def comparison(self) -> Comparison:
        header, classifier = self._store.header, self._rules.classifier
        rmse = rmse_of(self._error, self._images * header.height * header.width)
        if header.promise.classifier is not None and classifier is None:
            warnings.warn(
                "labels were not compared: the classifier of the file is not found here "
                f"({header.promise.classifier.hex()})",
                DigitzipWarning,
                stacklevel=4,
            )
        return Comparison(
            images=self._images,
            rmse=rmse,
            psnr=psnr_of(rmse),
            ssim=self._ssim / self._images if self._images else 1.0,
            max_error=self._max_error,
            classifier=None if classifier is None else classifier.name,
            worst=self._worst.listed().worst,
            label_changes=None if classifier is None else self._label_changes.listed(),
            broken=self._broken.listed() if header.promise.on else None,
        )


class _Worst:
    """Counts images, and holds the worst few."""

    def __init__(self, most: int) -> None:
        self._most, self._images = most, 0
        self._held: list[ComparedImage] = []

    def take(self, pairs: Pairs, measured: Measured, flags: Flags) -> None:
        """Add those of the pairs that are flagged, bool [n]."""
        (rows,) = np.nonzero(flags)
        self._images += rows.size
        order = np.lexsort((pairs.indices[rows], -measured.errors.squared[rows]))[: self._most]
        both = [*self._held, *(pairs.compared(row, measured) for row in rows[order].tolist())]
        self._held = sorted(both, key=lambda each: (-each.rmse, each.index))[: self._most]

    def listed(self) -> ImageGroup:
        return ImageGroup(self._images, tuple(self._held))


def _differ(labels: tuple[Labels, Labels]) -> Flags:
    """Return whether any network gives both sides different labels, bool [n]."""
    flags: Flags = (labels[0] != labels[1]).any(axis=1)
    return flags


def _shown(original: Labels, recon: Labels) -> tuple[int, int]:
    """Return the labels of both sides by the first network that gives different ones."""
    first = int((original != recon).argmax())
    return int(original[first]), int(recon[first])


def _classifier_of(store: ChunkStore) -> Classifier | None:
    """Return the classifier that the file, or else its model, names; None where it is not found."""
    id_ = store.header.promise.classifier or store.codec.model.classifier_id
    if id_ is not None:
        with suppress(ModelError):
            return find_classifier(id_)
    return None
