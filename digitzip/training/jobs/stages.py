"""The stages of a run: noise on the code, then the polish; and again for lighter networks.

Noise as strong as rounding comes first. In the polish the decoder learns from the codes that the
search finds, at every number of levels, with the statistics of BatchNorm frozen.
"""

import copy
import math
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from digitzip.training.fit.data import Data
from digitzip.training.fit.device import bfloat16_helps
from digitzip.training.fit.evaluate import evaluate
from digitzip.training.fit.loop import Learner, measure_statistics, seeded
from digitzip.training.fit.optimisers import rate_at
from digitzip.training.fit.search import searched_loss
from digitzip.training.fit.watch import Figures, View
from digitzip.training.nets import FloatModel, build
from digitzip.training.nets.autoencoder import Autoencoder
from digitzip.training.nets.plain import PlainAutoencoder, disturb
from digitzip.training.nets.pruning import SEEN, pruned
from digitzip.training.nets.quantise import add_noise, centres_of, codes_of
from digitzip.training.recipe import Learning, Recipe

CALIBRATION = 8192
"""Training images on which the statistics of the averaged model are measured."""


def stages_of(recipe: Recipe, data: Data) -> list["Stage"]:
    """Return the stages of a run in order."""
    recipes = [recipe, *([recipe.pruned] if recipe.pruned else [])]
    stages = [Stage(each, data, polish) for each in recipes for polish in (False, True)]
    return [stage for stage in stages if stage.epochs]


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """One call of `fit`: which networks learn, from which loss, for how long."""

    recipe: Recipe  # of these networks
    data: Data
    polish: bool

    @property
    def epochs(self) -> int:
        return self.recipe.polish.epochs if self.polish else self.recipe.epochs

    @property
    def steps_of_an_epoch(self) -> int:
        return len(self.data.train) // self.data.batch_size(self.recipe)

    @property
    def steps(self) -> int:
        return self.steps_of_an_epoch * self.epochs

    @property
    def learning(self) -> Learning:
        learning, polish = self.recipe.learning, self.recipe.polish
        if not self.polish:
            return learning
        return replace(learning, rate=polish.rate, warm_up=0, schedule="cosine")

    @property
    def cells(self) -> int:
        """Cells of a coordinate at the default number of levels."""
        return self.recipe.code.cells(self.recipe.code.levels[0])

    def begin(self, before: FloatModel | None, random: torch.Generator) -> Learner[FloatModel]:
        """Return the learner of this stage: of new networks, or of those of the stage `before`."""
        data, recipe = self.data, self.recipe
        if before is None:
            with seeded(recipe.seed):
                model = build(data.height * data.width, recipe)
        elif self.polish:
            model = copy.deepcopy(before).requires_grad_(True)
        else:
            assert isinstance(before, Autoencoder)  # others have no lighter networks
            model = pruned(before, recipe, data.train[:SEEN].float() / 255)
        steps_before = self.steps_of_an_epoch * (recipe.epochs if self.polish else 0)
        return Learner(model.to(data.train.device), self.learning, random, steps_before)

    def batches(self, random: torch.Generator) -> Callable[[int], Iterator[Tensor]]:
        """Return what gives the batches [batch, h*w] of an epoch of this stage."""
        first = self.recipe.epochs if self.polish else 0
        return lambda epoch: self.data.batches(self.recipe, first + epoch, random)

    def precision(self) -> AbstractContextManager[Any]:
        """Return the context of forward passes: bfloat16 where it is wanted and faster."""
        device = self.data.train.device
        wanted = self.recipe.autocast and bfloat16_helps(device)
        return torch.autocast(device.type, torch.bfloat16) if wanted else nullcontext()

    def loss(self, model: FloatModel, random: torch.Generator, x: Tensor) -> Tensor:
        """Return the (root of the) mean squared error of pixels x [n, h*w] in this stage."""
        loss = self._polish_loss if self.polish else self._noise_loss
        error = loss(model, random, x)
        return error.sqrt() if self.recipe.loss == "rmse" else error

    def _noise_loss(self, model: FloatModel, random: torch.Generator, x: Tensor) -> Tensor:
        """Return the error after noise on the code, or on the inputs of plain networks."""
        if isinstance(model, PlainAutoencoder):
            plain = self.recipe.plain
            assert plain is not None
            noisy = disturb(x, plain.noise_level, plain.noise_kind, random)
            return F.mse_loss(model.pixels(model.code(noisy)), x)
        z = model.encode(x)  # [n, m]
        return F.mse_loss(model.decode(add_noise(z, self.recipe.noise, random)), x)

    def _polish_loss(self, model: FloatModel, random: torch.Generator, x: Tensor) -> Tensor:
        """Return the error of searched codes, and a share of that after noise.

        The encoder learns from the share alone.
        """
        code, share = self.recipe.code, self.recipe.polish.noise
        pick = int(torch.randint(len(code.levels), (), generator=random))

        def encode(x: Tensor) -> Tensor:
            with self.precision():
                return model.encode(x)

        def decode(z: Tensor) -> Tensor:
            with self.precision():
                return model.decode(z)

        with torch.autocast(x.device.type, enabled=False):  # except in the networks
            found = searched_loss(x, code.cells(code.levels[pick]), encode, decode)
        return (found + share * self._noise_loss(model, random, x)) / (1 + share)

    def finish(self, learner: Learner[FloatModel], *, exact: bool = True) -> FloatModel:
        """Return the averaged model, with its own statistics of BatchNorm.

        They are measured in float32 if `exact`; a polish keeps its first ones.
        """
        model = learner.average.model
        if isinstance(model, PlainAutoencoder):
            with torch.no_grad():
                model.fit_cells(model.code(self.data.train[:CALIBRATION].float() / 255))
            return model
        if self.polish:
            return model.eval()
        batches = self.batches(torch.Generator().manual_seed(self.recipe.seed))(learner.epoch)
        some = islice(batches, -(-CALIBRATION // self.data.batch_size(self.recipe)))

        def rounded(x: Tensor) -> Tensor:
            codes = codes_of(model.encode(x), self.cells)
            decoded: Tensor = model.decoder(centres_of(codes, self.cells))
            return decoded

        with nullcontext() if exact else self.precision():
            measure_statistics(model, rounded, some)
        return model

    def rmse_of(self, loss: float) -> float:
        return loss if self.recipe.loss == "rmse" else math.sqrt(loss)

    def figures(
        self, learner: Learner[FloatModel], loss: float, epoch: int, epochs: int
    ) -> Figures:
        """Measure the averaged model on the held-out images after `epoch` of the run's `epochs`."""
        model = self.finish(learner, exact=False)
        with self.precision():
            quality = evaluate(model, self.data.held_out, self.cells)
        rate = rate_at(self.learning, learner.step - 1, self.steps)
        return Figures(
            epoch, epochs, self.rmse_of(loss), quality, rate, lambda: look(model, self.data)
        )


@torch.no_grad()
def look(model: FloatModel, data: Data) -> View:
    """Return held-out images, their reconstructions and their codes."""
    x = data.held_out.float() / 255
    z = model.encode(x)
    few = x[: View.SHOWN]
    recon = model.decode(z[: View.SHOWN])
    if isinstance(model, PlainAutoencoder):
        z = model.code(x)
    images = [y.reshape(-1, data.height, data.width).cpu().numpy() for y in (few, recon)]
    return View(images[0], images[1], z.cpu().numpy())
