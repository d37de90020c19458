"""The quantiser in training: L equal cells of (-1, 1), and ways to learn through them.

`levels` is a whole number, or a tensor [n, 1] that gives each row its own count.
"""

import math

import torch
from torch import Tensor


def codes_of(z: Tensor, levels: int | Tensor) -> Tensor:
    """Return the cell, 0 ... L-1 (as floats), in which each number of z [n, d] lies."""
    cell = torch.floor((z + 1) * (levels / 2))
    return torch.minimum(cell.clamp(min=0), torch.as_tensor(levels - 1, device=z.device).to(cell))


def centres_of(codes: Tensor, levels: int | Tensor) -> Tensor:
    """Return the centre of each cell."""
    return (2 * codes + 1) / levels - 1


def round_through(z: Tensor, levels: int | Tensor) -> Tensor:
    """Round z to the centres of its cells; gradients pass straight through."""
    return z + (centres_of(codes_of(z, levels), levels) - z).detach()


def add_noise(z: Tensor, levels: int, deviation: float, random: torch.Generator) -> Tensor:
    """Add uniform noise whose standard deviation is `deviation` cells."""
    uniform = torch.rand(z.shape, generator=random).to(z.device) * 2 - 1
    return z + uniform * (math.sqrt(3) * deviation * 2 / levels)


def draw_levels(
    n: int, levels: tuple[int, ...], default_share: float, random: torch.Generator
) -> Tensor:
    """Draw a level count for each of n rows -> float [n, 1]; the first count is the default."""
    others = len(levels) - 1
    shares = [default_share, *[(1 - default_share) / others] * others] if others else [1.0]
    picks = torch.multinomial(torch.tensor(shares), n, replacement=True, generator=random)
    return torch.tensor(levels, dtype=torch.float32)[picks].unsqueeze(1)
