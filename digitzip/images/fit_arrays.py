"""Arrays of images of any size -> arrays of one size.

This module knows arrays only; `fit_picture` fits each image.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitzip.errors import InputError
from digitzip.images.frame import Fit, Frame, Pixels


def fit_images(images: NDArray[Any], fit: Fit, height: int, width: int) -> Pixels:
    """Bring images uint8 [n, any height, any width] to uint8 [n, height, width].

    `fit` is "none" (refuse other sizes), "resize" (scale) or "mnist" (extract the ink and centre
    it, as MNIST does). Raises `InputError` for other arrays, and for images that do not fit.
    """
    frame = Frame(height, width, fit)
    images = np.asarray(images)
    if images.dtype != np.uint8 or images.ndim != 3:
        raise InputError(
            f"images are {images.dtype} {list(images.shape)}; expected uint8 [n, height, width]"
        )
    frame.check_size("images", *images.shape[1:])
    return images if fit == "none" else fit_run(images, "images", 0, frame)


def fit_run(images: Pixels, label: str, first: int, frame: Frame) -> Pixels:
    """Fit images whose first has index `first` in the array called `label`."""
    from digitzip.images.pictures import fit_array

    fitted = np.empty((len(images), frame.height, frame.width), np.uint8)
    for row, image in enumerate(images):
        fitted[row] = fit_array(image, f"{label}[{first + row}]", frame)
    return fitted
