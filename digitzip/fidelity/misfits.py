"""Images that do not fit the model, and what a user can do about the most common kinds of them."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np

from digitzip.codec import Codec, Images
from digitzip.fidelity.checks import FAINT, Errors
from digitzip.fidelity.policy import Policy

_PAPER: Final = 0.8  # of the border, at least, is lighter than the middle of all pixels


class Misfits(NamedTuple):
    """Counts of images whose reconstructions exceed the bound of the model.

    `faint` of them have little contrast, `light` have a light border, as ink on paper has.
    `brightest` is the greatest pixel of all of them.
    """

    images: int = 0
    faint: int = 0
    light: int = 0
    brightest: int = 0

    @classmethod
    def of(cls, codec: Codec, images: Images, errors: Errors) -> Misfits:
        """Count among images uint8 [n, h, w] with the errors of their reconstructions."""
        if codec.max_rmse is None or not len(images):
            return cls()
        policy, pixels = Policy(max_rmse=codec.max_rmse), codec.model.shape.pixels
        blank = (errors.contrast == 0) & errors.within_absolutely(policy, pixels)
        fits = blank | errors.within(policy, pixels)
        unlike = images[~fits]
        if not len(unlike):
            return cls()
        contrast = errors.contrast[~fits]
        faint = (contrast > 0) & (contrast < FAINT)
        border = np.ones(unlike.shape[1:], np.bool_)
        border[1:-1, 1:-1] = False
        middle = (unlike.max(axis=(1, 2)) // 2 + unlike.min(axis=(1, 2)) // 2)[:, None]
        light = (unlike[:, border] > middle).mean(axis=1) > _PAPER
        return cls(len(unlike), int(faint.sum()), int((light & ~faint).sum()), int(unlike.max()))

    def plus(self, other: Misfits) -> Misfits:
        """Return the counts of both."""
        return Misfits(
            self.images + other.images,
            self.faint + other.faint,
            self.light + other.light,
            max(self.brightest, other.brightest),
        )

    @property
    def remedy(self) -> str:
        """What to do about most of these images."""
        if 2 * self.faint > self.images:
            if self.brightest < FAINT:
                factor = 255 // max(self.brightest, 1)
                return f"no pixel is above {self.brightest}: multiply images by {factor}"
            return "they have little contrast: stretch it to 0 ... 255, or use fit='mnist'"
        if 2 * self.light > self.images:
            return "they are dark on light: give 255 - images, or use fit='mnist'"
        return "train a model for them"
