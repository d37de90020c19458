"""What every image must become: its size, and how it may be brought there."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from digitzip.errors import InputError

Fit = Literal["none", "resize", "mnist"]
Pixels = NDArray[np.uint8]

LARGEST = 1 << 26
"""Pixels of one image, before it is fitted: 8192 x 8192."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The height and width of every image, and the fit that gives them to other images."""

    height: int
    width: int
    fit: Fit
    like: str = ""  # the image that it was taken from

    def __post_init__(self) -> None:
        if self.fit not in get_args(Fit):
            expected = ", ".join(get_args(Fit))
            raise InputError(f"unknown fit {self.fit!r}; expected one of {expected}")

    def check_size(self, label: str, height: int, width: int) -> None:
        """Raise InputError for a size that this frame cannot take, before it is allocated."""
        if self.fit == "none" and (height, width) != (self.height, self.width):
            raise self.refusal(label, f"{height}x{width} pixels")
        if height < 1 or width < 1 or height * width > LARGEST:
            raise InputError(
                f"{label!r} has {height}x{width} pixels; expected 1 to {LARGEST:,} pixels an image"
            )

    def check_single(self, label: str, height: int, width: int) -> None:
        """Raise InputError for a single image that looks like one image of this frame a row."""
        if width == self.height * self.width and (height, width) != (self.height, self.width):
            raise InputError(
                f"{label!r} is an array [{height}, {width}], rows of pixels by its width;"
                f" reshape to [n, {self.height}, {self.width}]"
                f" (or, if it is one image, to [1, {height}, {width}])"
            )

    def refusal(self, label: str, found: str) -> InputError:
        """Say what was found instead of this frame's images, and which fit would do."""
        size = f"{self.height}x{self.width}"
        if self.like:
            like = f" like {self.like!r}, the first" if label != self.like else ""
            return InputError(
                f"{label!r} is {found}; expected {size} 8-bit grayscale{like}"
                f" (--size {size} --fit resize makes all images so)"
            )
        return InputError(
            f"{label!r} is {found}; expected {size} 8-bit grayscale"
            " (--fit resize scales it, --fit mnist makes an MNIST-like digit of it)"
        )
