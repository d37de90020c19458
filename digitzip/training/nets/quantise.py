"""The quantiser in training: L equal cells of (-1, 1)."""

from dataclasses import dataclass

import torch
from torch import Tensor

TAIL = 0.001
"""Share of the codes beyond either end of fitted cells; they fall into the outermost ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The ends, `low` and `high` [d], between which the cells of each latent lie.

    `spread` maps any latents to z in (-1, 1), which is what all other code expects.
    """

    low: Tensor
    high: Tensor

    @classmethod
    def fitted(cls, z: Tensor) -> "Cells":
        """Return the cells for codes like z [n, d]; their width is never zero."""
        ends = torch.tensor([TAIL, 1 - TAIL], dtype=z.dtype, device=z.device)
        low, high = torch.quantile(z, ends, dim=0)
        return cls(low, torch.maximum(high, low + 1e-3))

    def spread(self, z: Tensor) -> Tensor:
        """Map z [n, d] so that the cells fill (-1, 1)."""
        return 2 * (z - self.low) / (self.high - self.low) - 1

    def gather(self, z: Tensor) -> Tensor:
        """Undo `spread`."""
        return (z + 1) / 2 * (self.high - self.low) + self.low


def codes_of(z: Tensor, levels: int) -> Tensor:
    """Return the cell, 0 ... L-1 (as floats), in which each coordinate of z [n, d] lies."""
    return torch.floor((z + 1) * (levels / 2)).clamp(0, levels - 1)


def centres_of(codes: Tensor, levels: int) -> Tensor:
    """Return the centre of each cell."""
    return (2 * codes + 1) / levels - 1
