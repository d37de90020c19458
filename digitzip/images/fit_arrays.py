"""Arrays of images of any size -> arrays of one size.

This module knows arrays only; `fit_picture` fits each image.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from digitzip.images.frame import Fit, Frame, Pixels
from digitzip.images.shapes import images_shape


def fit_images(images: NDArray[Any], fit: Fit, height: int, width: int) -> Pixels:
    """Bring images uint8 [n, any height, any width] to uint8 [n, height, width].

    `fit` is "none" (refuse other sizes), "resize" (scale) or "mnist" (extract the ink and centre
    it, as MNIST does). An axis of length 1 for channels, flat rows of height * width pixels and a
    single image [height, width] are taken, too. Raises `InputError` for other arrays, and for
    images that do not fit.
    """
    frame = Frame(height, width, fit)
    images = as_images(images, height, width)
    frame.check_size("images", *images.shape[1:])
    return images if fit == "none" else fit_run(images, "images", 0, frame)


def as_images(images: NDArray[Any], height: int, width: int) -> Pixels:
    """Return an array as uint8 [n, any height, any width] without changing a pixel.

    `height` and `width` are those that images should have. Raises `InputError` for an array whose
    axes or type can be read in another way, with the line of NumPy that mends it.
    """
    images = np.asarray(images)
    values = None
    if images.dtype != np.uint8 and images.dtype.kind in "uif" and images.size:
        finite = images[np.isfinite(images)]
        values = (float(finite.min()), float(finite.max())) if finite.size else None
    size = height, width
    shape = images_shape("images are", images.dtype, images.shape, size, values)
    return images if shape == images.shape else images.reshape(shape)


def fit_run(images: Pixels, label: str, first: int, frame: Frame) -> Pixels:
    """Fit images whose first has index `first` in the array called `label`."""
    from digitzip.images.pictures import fit_array

    fitted = np.empty((len(images), frame.height, frame.width), np.uint8)
    for row, image in enumerate(images):
        fitted[row] = fit_array(image, f"{label}[{first + row}]", frame)
    return fitted
