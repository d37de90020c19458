"""The moving average of the weights: smoother than any one step, and what is exported.

Averaged weights give other activations than those whose statistics BatchNorm gathered, so
`measure_statistics` measures the statistics of the average anew before it is used.
"""

import copy
from collections.abc import Callable, Iterable
from typing import Any, Generic, TypeVar, cast

import torch
from torch import Tensor, nn

from digitzip.training.recipe import Learning

Network = TypeVar("Network", bound=nn.Module)


class Average(Generic[Network]):
    """The exponential moving average of a model's parameters; without decay, the model itself."""

    def __init__(self, model: Network, learning: Learning) -> None:
        self.decay = learning.average
        copied = copy.deepcopy(model).eval().requires_grad_(False) if self.decay else model
        self.model = copied

    @torch.no_grad()
    def update(self, model: Network, step: int) -> None:
        """Mix in the weights after `step` (from 0); the first steps count more."""
        if model is self.model:
            return
        mine = cast(list[Tensor], list(self.model.parameters()))
        theirs = cast(list[Tensor], list(model.parameters()))
        torch._foreach_lerp_(mine, theirs, 1 - min(self.decay, (1 + step) / (10 + step)))


def norms_of(model: nn.Module) -> list[nn.BatchNorm1d | nn.BatchNorm2d]:
    """Return every BatchNorm of a model."""
    kinds = nn.BatchNorm1d, nn.BatchNorm2d
    return [module for module in model.modules() if isinstance(module, kinds)]


@torch.no_grad()
def measure_statistics(
    model: nn.Module, forward: Callable[[Tensor], Any], batches: Iterable[Tensor]
) -> None:
    """Measure the BatchNorm statistics of a model: their mean over `forward` of the batches."""
    for norm in norms_of(model):
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    model.train()
    for batch in batches:
        forward(batch)
    model.eval()
