"""Fidelity checks: pixels within bounds, and the same label for image and original."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from digitzip.fidelity.policy import RMSE_UNIT, Policy
from digitzip.model.classifier import Labels

Images = npt.NDArray[np.uint8]
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


def within_bounds(policy: Policy, images: Images, recon: Images) -> Flags:
    """Return which images uint8 [n, h, w] are within the bounds of RMSE and pixels, bool [n]."""
    residual = images.astype(np.int64) - recon
    passed = np.ones(len(images), np.bool_)
    if policy.max_error is not None:
        passed &= (np.abs(residual) <= policy.max_error).all(axis=(1, 2))
    if policy.max_rmse is not None:
        error = np.einsum("nhw,nhw->n", residual, residual) * RMSE_UNIT**2  # below 2^61
        passed &= error <= images[0].size * (policy.max_rmse * 255) ** 2
    return passed


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
