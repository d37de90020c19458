"""The optimisers a recipe can name. Learning rates are set by the loop, step by step."""

import math
from collections.abc import Callable, Iterable
from typing import Any, Final

import torch
from torch import Tensor, nn

from digitzip.training.recipe import Recipe

DECAY: Final = 0.9
EPSILON: Final = 1e-10
MOMENTUM: Final = 0.9
ACCUMULATED: Final = 0.1  # squares that Adagrad of 2016 began with


class RMSProp(torch.optim.Optimizer):
    """RMSProp as TensorFlow had it in 2016.

    Its average of squared gradients starts at one, not at zero, so that the first steps are short;
    its epsilon stands inside the root.
    """

    def __init__(self, params: Iterable[nn.Parameter], lr: float) -> None:
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Take one step down the stored gradients; `closure` is PyTorch's, and not called."""
        for group in self.param_groups:
            weights = [weight for weight in group["params"] if weight.grad is not None]
            gradients = [weight.grad for weight in weights]
            squares = [self._square(weight) for weight in weights]
            torch._foreach_mul_(squares, DECAY)
            torch._foreach_addcmul_(squares, gradients, gradients, 1 - DECAY)
            roots = torch._foreach_add(squares, EPSILON)
            torch._foreach_sqrt_(roots)
            torch._foreach_addcdiv_(weights, gradients, roots, -group["lr"])

    def _square(self, weight: Tensor) -> Tensor:
        state = self.state[weight]
        if not state:
            state["square"] = torch.ones_like(weight)
        square: Tensor = state["square"]
        return square


def cosine(part: float) -> float:
    """Return half a cosine from 1 at `part` 0 down to 0 at 1, by which a learning rate falls."""
    return 0.5 * (1 + math.cos(math.pi * part))


def optimiser_of(model: nn.Module, recipe: Recipe) -> torch.optim.Optimizer:
    """Return the optimiser that a recipe names, over all parameters of a model."""
    rate = recipe.learning_rate
    match recipe.optimizer:
        case "adam":
            return torch.optim.Adam(model.parameters(), lr=rate, fused=True)
        case "rmsprop":
            return RMSProp(model.parameters(), lr=rate)
        case "momentum":
            return torch.optim.SGD(model.parameters(), lr=rate, momentum=MOMENTUM)
        case "adagrad":
            return torch.optim.Adagrad(
                model.parameters(), lr=rate, initial_accumulator_value=ACCUMULATED
            )
        case _:
            return _adamw(model, recipe)


def _adamw(model: nn.Module, recipe: Recipe) -> torch.optim.AdamW:
    """AdamW whose weight decay leaves biases and the factors of norms alone."""
    matrices = [weight for weight in model.parameters() if weight.ndim > 1]
    vectors = [weight for weight in model.parameters() if weight.ndim <= 1]
    groups = [
        {"params": matrices, "weight_decay": recipe.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, fused=True)
