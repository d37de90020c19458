"""Noise on the inputs of a denoising autoencoder, which learns to undo it."""

import torch
from torch import Tensor


def disturb(x: Tensor, level: float, kind: str, random: torch.Generator) -> Tensor:
    """Return pixels x [n, h*w] with noise of this level; at level 0, x itself.

    `mask` puts each pixel to zero with probability `level` and leaves the others as they are;
    `gaussian` adds normal noise whose standard deviation is `level`.
    """
    if not level:
        return x
    if kind == "mask":
        kept = torch.rand(x.shape, generator=random) >= level
        return x * kept.to(x.device)
    return x + level * torch.randn(x.shape, generator=random).to(x.device)
