"""Fidelity checks: pixels within bounds, and the same label for image and original."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.codec import Images
from digitzip.fidelity.policy import RMSE_UNIT, Policy
from digitzip.model.classifier import Labels

FAINT: Final = 128
"""Contrast, from the darkest to the brightest pixel, under which an image is faint."""

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.integer[Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Labels uint8 [n, networks] and margins int32 [n] of images, by a classifier."""

    labels: Labels
    margins: Integers

    def at(self, rows: Integers | slice) -> Labelled:
        """Return labels and margins of some images."""
        return Labelled(self.labels[rows], self.margins[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Errors:
    """Of each image, its squared error over all pixels, int64 [n], and its largest, int [n].

    `contrast`, uint8 [n], is the difference of its brightest and its darkest pixel. `deviation`,
    int64 [n], of faint images is the sum of squared differences from the mean, times the pixels.
    """

    squared: Integers
    largest: Integers
    contrast: Integers
    deviation: Integers

    @classmethod
    def of(cls, images: Images, recon: Images) -> Errors:
        """Return the errors of reconstructions of images, both uint8 [n, h, w]."""
        n, pixels = len(images), images[0].size if len(images) else 0
        residual = (images.astype(np.int32) - recon).reshape(n, pixels)
        squared = np.einsum("np,np->n", residual, residual)  # below 2^31 for 64 x 64 pixels
        flat = images.reshape(n, pixels)
        contrast = flat.max(axis=1, initial=0) - flat.min(axis=1, initial=255) if pixels else flat
        contrast, deviation = contrast.reshape(n), np.zeros(n, np.int64)
        if (faint := np.flatnonzero(contrast < FAINT)).size:
            some = flat[faint].astype(np.int64)
            deviation[faint] = pixels * (some * some).sum(axis=1) - some.sum(axis=1) ** 2
        largest = np.abs(residual).max(axis=1, initial=0)
        return cls(squared.astype(np.int64), largest, contrast, deviation)

    def at(self, rows: Integers) -> Errors:
        """Return the errors of some images."""
        return Errors(
            self.squared[rows], self.largest[rows], self.contrast[rows], self.deviation[rows]
        )

    def within(self, policy: Policy, pixels: int) -> Flags:
        """Return which images of so many pixels are within the bounds of a policy, bool [n].

        A bound means nothing where it exceeds what the image shows. Faint images therefore have
        closer ones: of half their standard deviation, and of an eighth of their contrast.
        """
        passed, clear = self.within_absolutely(policy, pixels), self.contrast >= FAINT
        if policy.max_error is not None:
            passed &= clear | (8 * self.largest <= self.contrast)
        if policy.max_rmse is not None:
            passed &= clear | (4 * pixels * self.squared <= self.deviation)
        return passed

    def within_absolutely(self, policy: Policy, pixels: int) -> Flags:
        """Return which images are within the bounds as they stand in the promise, bool [n]."""
        passed = np.ones(len(self.squared), np.bool_)
        if policy.max_error is not None:
            passed &= self.largest <= policy.max_error
        if policy.max_rmse is not None:
            limit = pixels * (policy.max_rmse * 255) ** 2  # both sides are below 2^61
            passed &= self.squared * RMSE_UNIT**2 <= limit
        return passed


def within_bounds(policy: Policy, images: Images, recon: Images) -> Flags:
    """Return which images uint8 [n, h, w] are within the bounds of RMSE and pixels, bool [n]."""
    return Errors.of(images, recon).within(policy, images[0].size if len(images) else 0)


def label(policy: Policy, images: Images) -> Labelled | None:
    """Return labels and margins of images uint8 [n, h, w]; None without a classifier."""
    if policy.classifier is None:
        return None
    return Labelled(*policy.classifier.read_with_margins(images))


def same_label(
    policy: Policy, originals: Labelled | None, recon: Images, margins: Integers | int
) -> Flags:
    """Return which images have the labels of their originals by at least `margins`, bool [n].

    Reconstructions are uint8 [n, h, w]; margins are one for all, or [n].

    A margin of 0 is a tie, so at least 1 is required. Without a classifier all pass.
    """
    if policy.classifier is None or originals is None:
        return np.ones(len(recon), np.bool_)
    found = policy.classifier.margins(recon, originals.labels)
    passed: Flags = found >= np.maximum(margins, 1)
    return passed
