"""The quantiser in training: L equal cells of (-1, 1)."""

import torch
from torch import Tensor


def codes_of(z: Tensor, levels: int) -> Tensor:
    """Return the cell, 0 ... L-1 (as floats), in which each coordinate of z [n, d] lies."""
    return torch.floor((z + 1) * (levels / 2)).clamp(0, levels - 1)


def centres_of(codes: Tensor, levels: int) -> Tensor:
    """Return the centre of each cell."""
    return (2 * codes + 1) / levels - 1
