"""Lighter networks in place of those that were trained: structured pruning, then learning on.

Wide blocks learn better than narrow ones, but every file and every decoding pays for them. So the
hidden units of a block that say least are dropped, and what is left learns on for a while.
"""

import copy
import math
from collections.abc import Callable, Iterator
from itertools import islice

import torch
import torch.nn.functional as F
from torch import Tensor

from digitzip.training import quantise
from digitzip.training.average import recalibrate
from digitzip.training.data import Data
from digitzip.training.device import bfloat16_helps
from digitzip.training.networks import Autoencoder, Trunk
from digitzip.training.optimisers import cosine, optimiser_of
from digitzip.training.polish import searched_loss
from digitzip.training.recipe import Recipe
from digitzip.training.watch import Watcher

SLOWER = 0.25  # than the training from nothing: the factor of its learning rate
SEEN = 4096  # images, on which is measured what a hidden unit says
MEASURED = 16
"""Batches on which the statistics of BatchNorm are measured in the end."""


def lightened(model: Autoencoder, recipe: Recipe, data: Data, watcher: Watcher) -> Autoencoder:
    """Return the model with `light_encoder_hidden` and `light_decoder_hidden` units in its blocks.

    They learn on for `light_epochs` with noise on the codes as before, and are then polished again.
    """
    tuning = Tuning(pruned(model, recipe, data.train[:SEEN].float() / 255), recipe, data, watcher)
    tuning.run("lighter networks", recipe.light_epochs, recipe.learning_rate * SLOWER, tuning.noisy)
    tuning.measure()
    tuning.frozen = True
    tuning.run("polished again", recipe.light_polish_epochs, recipe.polish_rate, tuning.searched)
    return tuning.model.eval().requires_grad_(False)


class Tuning:
    """A model that learns on: stages of epochs, each with a loss and half a cosine of its own."""

    def __init__(self, model: Autoencoder, recipe: Recipe, data: Data, watcher: Watcher) -> None:
        self.model, self.recipe, self.data, self.watcher = model, recipe, data, watcher
        self.random = torch.Generator().manual_seed(recipe.seed + 2)
        self.device = data.train.device
        self.autocast = recipe.autocast and bfloat16_helps(self.device)
        self.frozen = False  # the statistics of BatchNorm

    def batches(self) -> Iterator[Tensor]:
        return self.data.batches(self.recipe, self.recipe.epochs, self.random)

    def run(self, what: str, epochs: int, rate: float, loss: Callable[[Tensor], Tensor]) -> None:
        """Learn for some epochs, at most at this learning rate."""
        optimiser = optimiser_of(self.model, self.recipe)
        steps = len(self.data.train) // min(self.recipe.batch, len(self.data.train))
        for epoch in range(epochs):
            self.model.train(not self.frozen)
            total = torch.zeros((), device=self.device)
            for index, x in enumerate(self.batches()):
                step = epoch * steps + index
                ramp = min(1.0, (step + 1) / max(1, self.recipe.warm_up))
                for group in optimiser.param_groups:
                    group["lr"] = rate * ramp * cosine(step / (epochs * steps))
                found = loss(x)
                optimiser.zero_grad(set_to_none=True)
                found.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
                total += found.detach()
            rmse = math.sqrt(total.item() / steps)
            self.watcher.say(f"{what}, epoch {epoch + 1}/{epochs}: train {rmse:.4f}")

    def encode(self, x: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            return self.model.encode(x)

    def decode(self, z: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            return self.model.decode(z)

    def noisy(self, x: Tensor) -> Tensor:
        """Return the mean squared error of pixels x [n, h*w] after noise on the codes."""
        z = quantise.add_noise(self.encode(x), self.recipe.noise, self.random)
        return F.mse_loss(self.decode(z), x)

    def searched(self, x: Tensor) -> Tensor:
        """Return the mean squared error after noise, and after a search, in equal shares."""
        levels = self.recipe.levels
        pick = int(torch.randint(len(levels), (), generator=self.random))
        cells = self.recipe.cells(levels[pick])
        return (self.noisy(x) + searched_loss(x, cells, self.encode, self.decode)) / 2

    def measure(self) -> None:
        """Measure the statistics of BatchNorm anew."""
        cells = self.recipe.cells(self.recipe.levels[0])
        recalibrate(self.model, islice(self.batches(), MEASURED), cells)


@torch.no_grad()
def pruned(model: Autoencoder, recipe: Recipe, x: Tensor) -> Autoencoder:
    """Return the model with fewer hidden units in each block, chosen on pixels x [n, h*w]."""
    with torch.random.fork_rng(devices=[]):  # leave the caller's generator alone
        light = Autoencoder(x.shape[1], recipe.light).to(x.device)
    model = copy.deepcopy(model).eval()
    shapes = {name: value.shape for name, value in light.state_dict().items()}
    stored = model.state_dict()
    common = {name: value for name, value in stored.items() if value.shape == shapes[name]}
    light.load_state_dict({**light.state_dict(), **common})
    for old, new, inputs in (
        (model.encoder.trunk, light.encoder.trunk, x),
        (model.decoder.trunk, light.decoder.trunk, model.encode(x)),
    ):
        _prune(old, new, inputs)
    return light


def _prune(old: Trunk, new: Trunk, x: Tensor) -> None:
    """Copy what the blocks of `new` can hold: the units that say most for inputs x [n, in].

    What a unit says is its deviation times the norm of its column in the next matrix.
    """
    stream = old.stem(x)
    for block, narrow in zip(old.residuals(), new.residuals(), strict=True):
        inner = F.gelu(block.norm1(block.linear1(stream)))
        columns = (block.linear2.weight * block.norm2.weight[:, None]).norm(dim=0)
        kept = (inner.std(0) * columns).topk(narrow.linear1.out_features).indices.sort().values
        narrow.linear1.weight.copy_(block.linear1.weight[kept])
        narrow.linear2.weight.copy_(block.linear2.weight[:, kept])
        for name, value in block.norm1.state_dict().items():
            if value.ndim:
                narrow.norm1.state_dict()[name].copy_(value[kept])
        stream = block(stream)
