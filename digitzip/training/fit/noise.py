"""Noise in training: on codes, in place of rounding, and on the inputs of denoising networks."""

import math

import torch
from torch import Tensor


def add_noise(z: Tensor, deviation: float, random: torch.Generator) -> Tensor:
    """Add uniform noise of this standard deviation: as much error as rounding, without steps."""
    uniform = torch.rand(z.shape, generator=random).to(z.device) * 2 - 1
    return z + uniform * (math.sqrt(3) * deviation)


def disturb(x: Tensor, level: float, kind: str, random: torch.Generator) -> Tensor:
    """Return pixels x [n, h*w] with noise of this level; at level 0, x itself.

    `mask` sets each pixel to zero with probability `level`; `gaussian` adds normal noise whose
    standard deviation is `level`.
    """
    if not level:
        return x
    if kind == "mask":
        kept = torch.rand(x.shape, generator=random) >= level
        return x * kept.to(x.device)
    return x + level * torch.randn(x.shape, generator=random).to(x.device)
