"""The quantiser in training: L equal cells of (-1, 1), or noise in place of rounding."""

import math

import torch
from torch import Tensor


def codes_of(z: Tensor, levels: int) -> Tensor:
    """Return the cell, 0 ... L-1 (as floats), in which each coordinate of z [n, d] lies."""
    return torch.floor((z + 1) * (levels / 2)).clamp(0, levels - 1)


def centres_of(codes: Tensor, levels: int) -> Tensor:
    """Return the centre of each cell."""
    return (2 * codes + 1) / levels - 1


def add_noise(z: Tensor, deviation: float, random: torch.Generator) -> Tensor:
    """Add uniform noise of this standard deviation: as much error as rounding, without steps."""
    uniform = torch.rand(z.shape, generator=random).to(z.device) * 2 - 1
    return z + uniform * (math.sqrt(3) * deviation)
