"""The size that every image must have, and the fit that brings other images to it."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from digitzip.errors import InputError

Fit = Literal["none", "resize", "mnist"]
Pixels = NDArray[np.uint8]

LARGEST = 1 << 26
"""Maximum pixels of one image before it is fitted: 8192 x 8192."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The height and width of every image, and the fit that gives them to other images.

    `like` is the image that the size was taken from, if it was.
    """

    height: int
    width: int
    fit: Fit
    like: str = ""

    def __post_init__(self) -> None:
        if self.fit not in get_args(Fit):
            expected = ", ".join(get_args(Fit))
            raise InputError(f"unknown fit {self.fit!r}; expected one of {expected}")

    def check_size(self, label: str, height: int, width: int) -> None:
        """Raise `InputError` for a size that this frame cannot take, before it is allocated."""
        if self.fit == "none" and (height, width) != (self.height, self.width):
            raise self.refusal(label, f"{height}x{width} pixels")
        if height < 1 or width < 1 or height * width > LARGEST:
            raise InputError(
                f"{label!r} has {height}x{width} pixels; expected 1 to {LARGEST:,} per image"
            )

    def refusal(self, label: str, found: str) -> InputError:
        """Return the error for an image of another kind; it names the fits that help."""
        size = f"{self.height}x{self.width}"
        if self.like:
            like = f" like the first, {self.like!r}" if label != self.like else ""
            return InputError(
                f"{label!r} is {found}; expected {size} 8-bit grayscale{like}"
                f" (height={self.height}, width={self.width}, fit='resize' scales every image)"
            )
        return InputError(
            f"{label!r} is {found}; expected {size} 8-bit grayscale"
            " (fit='resize' scales it, fit='mnist' turns it into an MNIST-like digit)"
        )
