"""Residuals: original minus reconstruction, in steps of `2 bound + 1`, plain and coded.

An image with bound `N` comes back with every pixel at most `N` from its original; `N = 0` is
lossless. This room knows no model files and no layers.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.kernels import KERNELS, Network
from digitzip.kernels.context import VALUES

Images = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.integer[Any]]

MAX_BOUND: Final = 127
"""Largest pixel error that a correction may leave."""


def quantise_residual(images: Images, recon: Images, bounds: Integers | int) -> Integers:
    """Return the nearest number of steps from reconstruction to image, int16 [n, h, w].

    Images and reconstructions are uint8 [n, h, w]; `bounds` is one for all, or [n].
    """
    bounds = _each(bounds)
    steps: Integers = (images.astype(np.int16) - recon + bounds) // (2 * bounds + 1)
    return steps


def apply_residual(recon: Images, steps: Integers, bounds: Integers | int) -> Images:
    """Return the pixels so many steps from the reconstruction, clipped, uint8 [n, h, w]."""
    pixels = recon + steps.astype(np.int32) * (2 * _each(bounds) + 1)
    return np.asarray(np.clip(pixels, 0, VALUES - 1), np.uint8)


def round_to_bounds(images: Images, recon: Images, bounds: Integers | int) -> Images:
    """Return the final pixels of images corrected within these bounds, uint8 [n, h, w]."""
    return apply_residual(recon, quantise_residual(images, recon, bounds), bounds)


class ResidualModel:
    """Codes final pixels; `network` gives the weight of each value of a pixel in its context."""

    def __init__(self, network: Network) -> None:
        self.network = network

    def encode(self, images: Images, recon: Images, bounds: Integers | int, lanes: int) -> bytes:
        """Return the bytes from which `decode` recovers images uint8 [n, h, w] within bounds."""
        final = round_to_bounds(images, recon, bounds)
        each = _vector(bounds, len(recon))
        return KERNELS.encode_residuals(self.network, final, recon, each, lanes)

    def decode(self, data: bytes, recon: Images, bounds: Integers | int, lanes: int) -> Images:
        """Return the final pixels, uint8 [n, h, w]; raises `DamagedError`."""
        each = _vector(bounds, len(recon))
        return KERNELS.decode_residuals(self.network, data, recon, each, lanes)


def _each(bounds: Integers | int) -> Integers:
    """Return bounds that broadcast over images [n, h, w]."""
    return np.asarray(bounds, np.int16).reshape(-1, 1, 1)


def _vector(bounds: Integers | int, n: int) -> Integers:
    return np.broadcast_to(np.asarray(bounds, np.int16), (n,))
