"""Optimisers and learning rates, as a `Learning` of a recipe names them."""

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

import torch
from torch import Tensor, nn

from digitzip.training.recipe import Learning

MOMENTUM: Final = 0.9
RMSPROP_DECAY: Final = 0.9
RMSPROP_EPSILON: Final = 1e-10
ADAGRAD_START: Final = 0.1  # of the sums of squares, as in TensorFlow of 2016


def optimiser_of(model: nn.Module, learning: Learning) -> torch.optim.Optimizer:
    """Return the optimiser that a recipe names, over all parameters of a model."""
    rate, weights = learning.rate, list(model.parameters())
    match learning.optimiser:
        case "adam":
            return torch.optim.Adam(weights, lr=rate, fused=True)
        case "rmsprop":
            return RMSProp(weights, lr=rate)
        case "momentum":
            return torch.optim.SGD(weights, lr=rate, momentum=MOMENTUM)
        case "adagrad":
            return torch.optim.Adagrad(weights, lr=rate, initial_accumulator_value=ADAGRAD_START)
    groups: list[dict[str, Any]] = [
        {"params": [weight for weight in weights if weight.ndim > 1]},
        {"params": [weight for weight in weights if weight.ndim <= 1], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=rate, weight_decay=learning.weight_decay, fused=True)


def rate_at(learning: Learning, step: int, steps: int) -> float:
    """Return the learning rate of one of `steps` steps: linear warm-up, then half a cosine."""
    ramp = min(1.0, (step + 1) / learning.warm_up) if learning.warm_up else 1.0
    constant = learning.schedule == "constant"
    fall = 1.0 if constant else 0.5 * (1 + math.cos(math.pi * step / max(1, steps)))
    return learning.rate * ramp * fall


class RMSProp(torch.optim.Optimizer):
    """RMSProp as TensorFlow had it in 2016.

    Its average of squared gradients starts at one, not at zero, so that the first steps are short;
    its epsilon stands inside the root.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step along the stored gradients; `closure` is not called."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            gradients = [weight.grad for weight in weights]
            squares = [self._square(weight) for weight in weights]
            torch._foreach_mul_(squares, RMSPROP_DECAY)
            torch._foreach_addcmul_(squares, gradients, gradients, 1 - RMSPROP_DECAY)
            roots = torch._foreach_add(squares, RMSPROP_EPSILON)
            torch._foreach_sqrt_(roots)
            torch._foreach_addcdiv_(weights, gradients, roots, -group["lr"])

    def _square(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if not state:
            state["square"] = torch.ones_like(weight)
        square: Tensor = state["square"]
        return square
