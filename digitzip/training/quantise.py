"""The quantiser in training: L equal cells of (-1, 1), and ways to learn through them.

`levels` is a whole number, or a tensor [n, 1] that gives each row its own count.
"""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

TAIL = 0.001
"""Share of the codes beyond either end of fitted cells; they fall into the outermost ones."""


@dataclass(frozen=True, slots=True, eq=False)
class Cells:
    """The ends, `low` and `high` [d], between which the cells of each number lie.

    What is said of z in (-1, 1) everywhere else is true of any numbers once they are `spread`.
    """

    low: Tensor
    high: Tensor

    @classmethod
    def fitted(cls, z: Tensor) -> "Cells":
        """Return the cells for codes like z [n, d]; never of no width, whatever the codes are."""
        ends = torch.tensor([TAIL, 1 - TAIL], dtype=z.dtype, device=z.device)
        low, high = torch.quantile(z, ends, dim=0)
        return cls(low, torch.maximum(high, low + 1e-3))

    def spread(self, z: Tensor) -> Tensor:
        """Map z [n, d] so that the cells fill (-1, 1)."""
        return 2 * (z - self.low) / (self.high - self.low) - 1

    def gather(self, z: Tensor) -> Tensor:
        """Undo `spread`."""
        return (z + 1) / 2 * (self.high - self.low) + self.low


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
