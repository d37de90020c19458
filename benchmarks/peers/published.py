"""Published results on the MNIST test set."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Published:
    """A published point: a code in bytes of float32, RMSE over pixels."""

    name: str
    dims: int
    bytes_per_image: float
    rmse: float


AUTOENCODERS_2016: Final = (
    Published("784-10", 10, 40, 0.206152),
    Published("784-128-10", 10, 40, 0.136408),
    Published("784-128-128-10", 10, 40, 0.130346),
    Published("784-512-128-10", 10, 40, 0.127140),
    Published("784-512-128-1", 1, 4, 0.213122),
)
"""The experiment that digitzip grew from: sigmoid autoencoders, codes kept as float32."""

NERD: Final = (
    (10.34, 23.73),
    (14.34, 17.30),
    (17.92, 13.80),
    (21.51, 11.14),
    (25.09, 9.067),
    (28.68, 7.509),
    (32.26, 6.289),
    (35.85, 5.456),
)
"""Bits an image and D32 of the "DNN compressor" of Lei, Hassani, Saeedi Bidokhti (NERD-RCC)."""

RMSE_PER_ROOT_D32: Final = 1.235
"""RMSE at 28x28 over sqrt(D32 / 1024), measured on our own reconstructions: 1.23 to 1.24."""


def rmse_of_d32(d32: float) -> float:
    """Return the RMSE over 28x28 pixels to which a D32 roughly corresponds."""
    return RMSE_PER_ROOT_D32 * math.sqrt(d32 / 1024)
