"""Squared errors and Gauss-Newton products of the search, in NumPy: the reference.

All results are exact integers below 2^53, held in float64.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint8]
Steps = npt.NDArray[np.int16]
Slopes = npt.NDArray[Any]
"""Half of the change of each pixel with each latent, [n, d, p], in a dtype of the backend."""
Exact = npt.NDArray[np.float64]
"""Integers below 2^53, held in float64."""


def squared_errors(images: Pixels, recon: Pixels) -> Exact:
    """Return the squared error of each reconstruction, [n]; both are uint8 [n, p]."""
    residual = images.astype(np.float64)
    residual -= recon
    errors: Exact = np.einsum("np,np->n", residual, residual)
    return errors


def slopes_and_curvature(recon: Pixels, here: Pixels, steps: Steps) -> tuple[Slopes, Exact]:
    """Return the slopes [n, d, p] and 4 times their products, [d, d, n].

    `recon` uint8 [n, d, p] are a step away from `here` uint8 [n, p], in each latent by one of
    `steps` int16 [n, d], 1 or -1.
    """
    halves = (recon >> 1).view(np.int8)
    change = halves - (here >> 1).view(np.int8)[:, None]
    slopes: Slopes = change.astype(_float_type(here.shape[1]))
    slopes *= steps.astype(slopes.dtype)[:, :, None]
    products = _products(slopes, slopes.transpose(0, 2, 1))
    return slopes, np.ascontiguousarray(products.transpose(1, 2, 0))


def gradient(slopes: Slopes, images: Pixels, recon: Pixels) -> Exact:
    """Return -1/2 of the derivative of the squared error by each latent, [n, d].

    `slopes` come from `slopes_and_curvature`; images and reconstructions are uint8 [n, p].
    """
    halves = (images.astype(slopes.dtype) - recon) / 2
    return _products(slopes, np.trunc(halves, out=halves)[:, :, None])[:, :, 0]


def _products(a: Slopes, b: Slopes) -> Exact:
    """Return the matrix products of factors that are given in halves."""
    product: Exact = 4 * np.matmul(a, b).astype(np.float64)
    return product


def _float_type(pixels: int) -> type[np.floating[Any]]:
    """Return the float type in which products of halves are exact: 127^2 a pixel, summed."""
    return np.float32 if pixels * 127 * 127 < 1 << 24 else np.float64
