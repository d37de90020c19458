"""How far two sets of images are apart."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
import numpy.typing as npt

from digitzip.blas import one_thread

Images = npt.NDArray[np.uint8]
Reals = npt.NDArray[np.float64]

_SIDE: Final = 32  # of the images that D32 compares
_REACH: Final = 11  # pixels of the window of SSIM
_C1: Final = (0.01 * 255) ** 2
_C2: Final = (0.03 * 255) ** 2
_BATCH: Final = 1024


def rmse(x: Images, y: Images) -> float:
    """Return the root-mean-square error over all pixels of all images, pixels in 0 … 1.

    `x` and `y` are uint8 of one shape; the sum is exact. Without pixels it is 0.
    Raises `ValueError` for images of two shapes.
    """
    _check(x, y)
    difference = x.astype(np.int64) - y
    return rmse_of(int(np.square(difference).sum()), x.size)


def psnr(x: Images, y: Images) -> float:
    """Return the peak signal-to-noise ratio in decibels over all pixels of all images.

    `x` and `y` are uint8 of one shape; it is `-20 log10(rmse(x, y))`, infinite for equal images.
    Raises `ValueError` for images of two shapes.
    """
    return psnr_of(rmse(x, y))


def rmse_of(error: int, pixels: int) -> float:
    """Return the RMSE, in 0 … 1, of a sum of squared errors over so many pixels, 0 … 255."""
    return math.sqrt(error / max(1, pixels)) / 255


def psnr_of(rmse: float) -> float:
    """Return the peak signal-to-noise ratio in decibels of an RMSE in 0 … 1."""
    return -20 * math.log10(rmse) if rmse else math.inf


@one_thread
def d32(x: Images, y: Images) -> float:
    """Return the mean over the images of the squared error, summed over a size of 32x32 pixels.

    `x` and `y` are uint8 [n, height, width], pixels in 0 … 1. Both are resized to 32x32 first:
    bilinear, half-pixel centres, antialiased when they shrink, and not rounded. This is the
    distortion of the published points of NERD (Lei, Hassani, Saeedi Bidokhti). Without images it
    is 0. Raises `ValueError` for images of two shapes.
    """
    _check(x, y)
    down, across = _resizer(x.shape[1]), _resizer(x.shape[2])
    total = 0.0
    for start in range(0, len(x), _BATCH):  # resizing is linear: the difference is resized
        rows = slice(start, start + _BATCH)
        difference = (x[rows].astype(np.float64) - y[rows]) / 255
        total += float(np.square(down @ difference @ across.T).sum())
    return total / max(1, len(x))


@one_thread
def ssim(x: Images, y: Images) -> float:
    """Return the mean structural similarity of images: 1 for equal ones.

    `x` and `y` are uint8 [n, height, width]. As Wang, Bovik, Sheikh and Simoncelli defined it (IEEE
    Transactions on Image Processing 13, 2004): a Gaussian window of 11 pixels a side, deviation
    1.5, wherever it fits; one as large as the image where that is smaller. Without images it is 1.
    Raises `ValueError` for images of two shapes.
    """
    _check(x, y)
    down, across = _window(x.shape[1]), _window(x.shape[2]).T
    total = 0.0
    for start in range(0, len(x), _BATCH):
        a, b = (images[start : start + _BATCH].astype(np.float64) for images in (x, y))
        mean_a, mean_b = down @ a @ across, down @ b @ across
        cross = down @ (a * b) @ across - mean_a * mean_b
        squares = down @ (a * a + b * b) @ across - mean_a**2 - mean_b**2
        luminance = (2 * mean_a * mean_b + _C1) / (mean_a**2 + mean_b**2 + _C1)
        total += float((luminance * (2 * cross + _C2) / (squares + _C2)).mean(axis=(1, 2)).sum())
    return total / len(x) if len(x) else 1.0


def _window(size: int) -> Reals:
    """Return the matrix [offsets, size] that averages a line of `size` pixels by the window."""
    reach = min(_REACH, size)
    weights = np.exp(-0.5 * np.square((np.arange(reach) - (reach - 1) / 2) / 1.5))
    weights /= weights.sum()
    offsets = size - reach + 1
    windows: Reals = np.zeros((offsets, size))
    for offset in range(offsets):
        windows[offset, offset : offset + reach] = weights
    return windows


def _resizer(size: int) -> Reals:
    """Return the matrix [32, size] that resizes a line of `size` pixels: a triangle a pixel."""
    scale = size / _SIDE
    centres = (np.arange(_SIDE) + 0.5) * scale
    away = np.abs(np.arange(size) + 0.5 - centres[:, None]) / max(scale, 1.0)
    weights: Reals = np.maximum(1 - away, 0)
    weights /= weights.sum(axis=1, keepdims=True)
    return weights


def _check(x: Images, y: Images) -> None:
    if x.shape != y.shape:
        raise ValueError(f"images of shape {x.shape} against {y.shape}")
