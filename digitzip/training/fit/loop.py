"""The loop of everything that learns here: seeded, averaged, and resumable to the same bits.

It knows batches only by what `loss` makes of them. Jobs say what is learned from what.
"""

import copy
import math
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any, Generic, TypeVar, cast

import torch
from torch import Tensor, nn

from digitzip.errors import InputError
from digitzip.training.fit.optimisers import optimiser_of, rate_at
from digitzip.training.nets.rounding import Following
from digitzip.training.recipe import Learning

Network = TypeVar("Network", bound=nn.Module)
Batch = TypeVar("Batch")

EVERY = 20  # steps between two reports of progress


class Average(Generic[Network]):
    """The exponential moving average of a model's parameters; without decay, the model itself.

    It is smoother than the weights after any one step, and it is exported.
    """

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


class Learner(Generic[Network]):
    """A model in training, with everything that a checkpoint holds of it.

    `random` is the one generator of every draw. `steps_before` counts the steps of an earlier
    training of the same weights, for the ramp of their moving average.
    """

    def __init__(
        self, model: Network, learning: Learning, random: torch.Generator, steps_before: int = 0
    ) -> None:
        self.model, self.learning, self.random = model, learning, random
        self.average = Average(model, learning)
        self.optimiser = optimiser_of(model, learning)
        self.steps_before = steps_before
        self.epoch = self.step = 0

    def state(self) -> dict[str, Any]:
        return {
            "epoch": self.epoch,
            "step": self.step,
            "model": self.model.state_dict(),
            "average": self.average.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": self.random.get_state(),
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.epoch, self.step = state["epoch"], state["step"]
        self.model.load_state_dict(state["model"])
        self.average.model.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.random.set_state(state["random"])


def fit(
    learner: Learner[Any],
    batches: Callable[[int], Iterable[Batch]],
    loss: Callable[[Batch], Tensor],
    *,
    epochs: int,
    steps: int,
    after: Callable[[float], None],
    progress: Callable[[int, float], None] | None = None,
    precision: Callable[[], AbstractContextManager[Any]] = nullcontext,
    freeze_norms: bool = False,
) -> None:
    """Train until `learner` has done `epochs` epochs; its `average.model` is the result.

    `batches` gives the batches of an epoch, counted from 0; `steps` is how many there are in all
    epochs. `after` is called at the end of an epoch with its mean loss, and `progress` now and then
    with the step and its loss. `precision` gives the context in which the loss is computed. Raises
    `InputError` when the loss is no longer finite.
    """
    model, optimiser = learner.model, learner.optimiser
    while learner.epoch < epochs:
        model.train()
        if freeze_norms:
            for norm in norms_of(model):
                norm.eval()
        losses: list[Tensor] = []
        for batch in batches(learner.epoch):
            for group in optimiser.param_groups:
                group["lr"] = rate_at(learner.learning, learner.step, steps)
            with precision():
                cost = loss(batch)
            optimiser.zero_grad(set_to_none=True)
            cost.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            learner.average.update(model, learner.steps_before + learner.step)
            losses.append(cost.detach())
            if progress and len(losses) % EVERY == 1:
                progress(learner.step, cost.item())
            learner.step += 1
        if not losses:
            raise InputError("there are fewer images than a batch has; a smaller batch may help")
        learner.epoch += 1
        mean = torch.stack(losses).mean().item()
        if not math.isfinite(mean):
            raise InputError(
                f"training diverged in epoch {learner.epoch}: its loss is {mean}; "
                "a lower learning rate may help"
            )
        after(mean)


def norms_of(model: nn.Module) -> list[nn.BatchNorm1d | nn.BatchNorm2d | Following]:
    """Return all parts of a model that follow statistics: every BatchNorm and every rounding."""
    kinds = nn.BatchNorm1d, nn.BatchNorm2d, Following
    return [module for module in model.modules() if isinstance(module, kinds)]


@torch.no_grad()
def measure_statistics(
    model: nn.Module, forward: Callable[[Tensor], Any], batches: Iterable[Tensor]
) -> None:
    """Measure the statistics of a model: their mean over `forward` of the batches.

    Averaged weights give other activations than those whose statistics BatchNorm gathered.
    """
    for norm in norms_of(model):
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    model.train()
    for batch in batches:
        forward(batch)
    model.eval()


@contextmanager
def seeded(seed: int) -> Iterator[None]:
    """Draw from PyTorch's own generator with this seed; afterwards it is as it was before."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def chunks(steps: int, every: int) -> Callable[[int], range]:
    """Return a function that gives the steps of an epoch: `every` steps, in the last the rest."""
    return lambda epoch: range(epoch * every, min((epoch + 1) * every, steps))
