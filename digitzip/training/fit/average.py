"""A running average of the weights: smoother than any one step, and what is exported.

Averaged weights see other activations than those whose statistics BatchNorm gathered, so the
statistics of the average are measured anew (`recalibrate`) before it is used.
"""

import copy
from collections.abc import Iterable
from typing import cast

import torch
from torch import Tensor, nn

from digitzip.training.nets.autoencoder import Autoencoder
from digitzip.training.nets.family import Model
from digitzip.training.nets.quantise import centres_of, codes_of


def norms_of(model: nn.Module) -> list[nn.BatchNorm1d | nn.BatchNorm2d]:
    """Return every BatchNorm of a model."""
    kinds = nn.BatchNorm1d, nn.BatchNorm2d
    return [module for module in model.modules() if isinstance(module, kinds)]


class Average:
    """The exponential running average of a model's parameters; without decay, the model itself."""

    def __init__(self, model: Model, decay: float) -> None:
        self.model = copy.deepcopy(model).eval().requires_grad_(False) if decay else model
        self.decay = decay

    @torch.no_grad()
    def update(self, model: Model, step: int) -> None:
        """Mix in the weights after `step` (from 0); early steps count more."""
        if model is self.model:
            return
        decay = min(self.decay, (1 + step) / (10 + step))
        mine = cast(list[Tensor], list(self.model.parameters()))
        theirs = cast(list[Tensor], list(model.parameters()))
        torch._foreach_lerp_(mine, theirs, 1 - decay)


@torch.no_grad()
def recalibrate(model: Autoencoder, batches: Iterable[Tensor], levels: int) -> None:
    """Measure the BatchNorm statistics of a model on batches of pixels [n, h*w], rounded codes."""
    for norm in norms_of(model):
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    model.train()
    for x in batches:
        model.decoder(centres_of(codes_of(model.encode(x), levels), levels))
    model.eval()
