"""Activations of 8 bits in training: what integer networks hold, simulated with floats.

A real number r stands for the integer `zero + r / scale`, rounded and clipped to 0 ... 255. In
training mode nothing is rounded; ranges are measured together with the statistics of BatchNorm.
In evaluation mode, and so where statistics are frozen, values are rounded; gradients pass
unchanged.
"""

from dataclasses import dataclass
from typing import Any, Final

import torch
from torch import Tensor, nn

from digitzip.training.nets.activations import Activation

HIGHEST: Final = 255
MIDDLE: Final = 128  # zero of activations of both signs
LEAST: Final = {Activation.GELU: -0.17, Activation.RELU: 0.0}
"""The smallest value of activation functions that are bounded below alone."""
SHARES: Final = (1.0, 0.92, 0.84, 0.76, 0.68, 0.6, 0.52, 0.44)  # of the greatest value: tried ends
ROWS: Final = 32  # of a batch that the steps of all channels follow
ROOM: Final = 1.15  # of the range of a channel, over that of a batch
TINY: Final = 1e-6  # least range


@dataclass(frozen=True, slots=True)
class Steps:
    """The real number r is the integer `zero + r / scale`, 0 ... 255."""

    scale: float
    zero: int

    @classmethod
    def to(cls, end: float, least: float | None) -> "Steps":
        """Return steps from `least` to `end`; from -end without a least value."""
        end = max(end, TINY)
        if least is None:
            return cls(end / (HIGHEST - MIDDLE), MIDDLE)
        scale = (end - least) / HIGHEST
        return cls(scale, round(-least / scale))


def best_end(x: Tensor, least: float | None) -> Tensor:
    """Return the end of the range that has the least squared error for values x of any shape.

    A lower end clips more values, but the steps are smaller.
    """
    size = x.abs() if least is None else x
    ends = size.max() * torch.tensor(SHARES, device=x.device)
    steps = (ends - (least or 0)) / (HIGHEST if least is not None else HIGHEST - MIDDLE)
    clipped = torch.stack([(size - end).clamp(min=0).square().mean() for end in ends])
    return ends[(clipped + steps.square() / 12).argmin()]


class _Rounded(torch.autograd.Function):
    """Gradients pass as if nothing had been rounded or clipped."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, scale: float | Tensor, low: int, high: int) -> Tensor:
        return (x / scale).round_().clamp_(low, high).mul_(scale)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        return grads[0], None, None, None


def rounded(x: Tensor, scale: float | Tensor, low: int, high: int) -> Tensor:
    """Return x [n, c] in steps of `scale` (or [c]), no less than `low` and no more than `high`."""
    result: Tensor = _Rounded.apply(x, scale, low, high)  # type: ignore[no-untyped-call]
    return result


class Following(nn.Module):
    """What measures ranges of activations, with the switches of a BatchNorm.

    It does so in training mode when `momentum` is None, as a plain mean over batches.
    """

    seen: Tensor

    def __init__(self, calls: int) -> None:
        super().__init__()
        self.momentum: float | None = 0.0
        self.register_buffer("seen", torch.zeros(calls, dtype=torch.long))

    @property
    def measuring(self) -> bool:
        return self.training and self.momentum is None

    def weight(self, call: int) -> float:
        """Return how much the ranges of this batch count, and count it."""
        self.seen[call] += 1
        return 1 / int(self.seen[call])

    def reset_running_stats(self) -> None:
        """Forget everything; the next batch sets the statistics anew."""
        for buffer in self.buffers():
            buffer.zero_()


class Rounding(Following):
    """Rounds activations [n, c] that are nowhere below `least` to 256 steps, alike for all.

    Several calls may share the steps: those with the greatest range.
    """

    ends: Tensor

    def __init__(self, least: float, calls: int = 1) -> None:
        super().__init__(calls)
        self.least = least
        self.register_buffer("ends", torch.zeros(calls))

    @property
    def steps(self) -> Steps:
        return Steps.to(float(self.ends.max()), self.least)

    def forward(self, x: Tensor, call: int = 0) -> Tensor:
        if self.measuring:
            some = x.detach().float()[:: max(1, len(x) // ROWS)]
            self.ends[call].lerp_(best_end(some, self.least), self.weight(call))
        if self.training:
            return x
        steps = self.steps
        return rounded(x.float(), steps.scale, -steps.zero, HIGHEST - steps.zero)

    def sums(self, x: Tensor) -> Tensor:
        """Round sums that an activation function is still to be applied to, in the same steps.

        So does a layer that adds the integers of an earlier one.
        """
        if self.training:
            return x
        steps = self.steps
        return rounded(x.float(), steps.scale, -(2**15), HIGHEST - steps.zero)


class ChannelRounding(Following):
    """Rounds activations [n, c] of both signs to 256 steps, each channel in its own range."""

    middles: Tensor
    ends: Tensor

    def __init__(self, channels: int) -> None:
        super().__init__(1)
        self.register_buffer("middles", torch.zeros(channels))
        self.register_buffer("ends", torch.zeros(channels))

    @property
    def halves(self) -> Tensor:
        """Half the range of each channel, [c]."""
        return self.ends.clamp(min=TINY)

    def forward(self, x: Tensor) -> Tensor:
        if self.measuring:
            low, high = x.detach().float().aminmax(dim=0)
            weight = self.weight(0)
            self.middles.lerp_((high + low) / 2, weight)
            self.ends.lerp_((high - low) * (ROOM / 2), weight)
        if self.training:
            return x
        span = HIGHEST - MIDDLE
        return rounded(x.float() - self.middles, self.halves / span, -span, span) + self.middles
