"""The training loop: seeded, resumable, the same on every run of one machine.

First noise on the codes, as strong as rounding, then straight-through rounding to the level counts
that the model shall serve.
"""

import math
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from digitzip.errors import InputError
from digitzip.training import quantise
from digitzip.training.average import Average, recalibrate
from digitzip.training.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from digitzip.training.data import Data, prepare
from digitzip.training.device import bfloat16_helps
from digitzip.training.evaluate import evaluate
from digitzip.training.family import Model, build
from digitzip.training.noise import disturb
from digitzip.training.optimisers import optimiser_of
from digitzip.training.plain import Plain
from digitzip.training.recipe import Recipe
from digitzip.training.watch import Figures, View, Watcher

CALIBRATION = 8192
"""Training images on which the statistics of the averaged model are measured."""


class Run:
    """One training run in progress."""

    def __init__(self, recipe: Recipe, data: Data, device: torch.device) -> None:
        self.recipe, self.data, self.device = recipe, data, device
        with torch.random.fork_rng(devices=[]):  # leave the caller's generator alone
            torch.manual_seed(recipe.seed)
            model = build(data.height * data.width, recipe)
        self.model = model.to(device)
        self.average = Average(self.model, recipe.average_decay)
        self.optimiser = optimiser_of(self.model, recipe)
        self.random = torch.Generator().manual_seed(recipe.seed)
        self.autocast = recipe.autocast and bfloat16_helps(device)
        self.epoch = 0
        size = min(recipe.batch, len(data.train))
        self.steps = len(data.train) // size  # an epoch
        self.total = self.steps * recipe.epochs

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, then half a cosine down to zero, or level ground."""
        ramp = min(1.0, (step + 1) / self.recipe.warm_up) if self.recipe.warm_up else 1.0
        if self.recipe.schedule == "constant":
            return self.recipe.learning_rate * ramp
        return self.recipe.learning_rate * ramp * 0.5 * (1 + math.cos(math.pi * step / self.total))

    def loss(self, x: Tensor, step: int) -> Tensor:
        """Return the mean squared error of pixels x [n, h*w] after they or codes were disturbed."""
        recipe = self.recipe
        if isinstance(self.model, Plain):
            noisy = disturb(x, recipe.noise_level, recipe.noise_kind, self.random)
            return F.mse_loss(self.model.pixels(self.model.code(noisy)), x)
        z = self.model.encode(x)  # [n, d]
        if step < self.total * (1 - recipe.rounding_share):
            z = quantise.add_noise(z, recipe.levels[0], recipe.noise, self.random)
            return F.mse_loss(self.model.decode(z), x)
        levels = quantise.draw_levels(len(x), recipe.levels, recipe.default_share, self.random)
        return F.mse_loss(self.model.decode(quantise.round_through(z, levels.to(x.device))), x)

    def train_epoch(self, watcher: Watcher) -> float:
        """Run one epoch; return the RMSE over its batches."""
        self.model.train()
        total = torch.zeros((), device=self.device)
        for index, x in enumerate(self.data.batches(self.recipe, self.random)):
            step = self.epoch * self.steps + index
            for group in self.optimiser.param_groups:
                group["lr"] = self.learning_rate(step)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
                loss = self.loss(x, step)
            goal = loss.sqrt() if self.recipe.loss == "rmse" else loss
            self.optimiser.zero_grad(set_to_none=True)
            goal.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.average.update(self.model, step)
            total += loss.detach()
            if index % 20 == 0:
                watcher.step(step, self.total, loss.item())
        self.epoch += 1
        return math.sqrt(total.item() / self.steps)

    def finished_model(self, *, exact: bool = True) -> Model:
        """Return the averaged model with its own statistics, measured in float32 if `exact`."""
        if isinstance(self.average.model, Plain):
            self.average.model.fit_cells(self.data.train[:CALIBRATION].float() / 255)
            return self.average.model
        rows = torch.split(self.data.train[:CALIBRATION], 1024)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast and not exact):
            pixels = (x.float() / 255 for x in rows if len(x) > 1)
            recalibrate(self.average.model, pixels, self.recipe.levels[0])
        return self.average.model

    def figures(self, train_rmse: float) -> Figures:
        """Measure the averaged model on the held-out images."""
        model = self.finished_model(exact=False)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            quality = evaluate(model, self.data.held_out, self.recipe.levels[0])
        rate = self.learning_rate(self.epoch * self.steps)
        return Figures(self.epoch, self.recipe.epochs, train_rmse, quality, rate, self.view)

    @torch.no_grad()
    def view(self) -> View:
        """Return what there is to look at: held-out images, what comes back, and their codes."""
        model, (height, width) = self.average.model, (self.data.height, self.data.width)
        x = self.data.held_out.float() / 255
        z = model.encode(x)
        few = x[: View.SHOWN]
        back = model.decode(z[: View.SHOWN])
        if isinstance(model, Plain):
            z = model.cells.gather(z)
        images = [y.reshape(-1, height, width).cpu().numpy() for y in (few, back)]
        return View(images[0], images[1], z.cpu().numpy())

    def checkpoint(self) -> Checkpoint:
        return Checkpoint(
            recipe=self.recipe,
            height=self.data.height,
            width=self.data.width,
            fingerprint=self.data.fingerprint,
            epoch=self.epoch,
            model=self.model.state_dict(),
            average=self.average.model.state_dict(),
            optimiser=self.optimiser.state_dict(),
            random=self.random.get_state(),
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint; raise InputError when it belongs to another run."""
        if changes := self.recipe.differences(checkpoint.recipe):
            raise InputError(f"the checkpoint was made with another recipe: it has {changes}")
        if checkpoint.fingerprint != self.data.fingerprint:
            raise InputError(
                "the checkpoint was made from other images; use the same or start anew"
            )
        self.model.load_state_dict(checkpoint.model)
        self.average.model.load_state_dict(checkpoint.average)
        self.optimiser.load_state_dict(checkpoint.optimiser)
        self.random.set_state(checkpoint.random)
        self.epoch = checkpoint.epoch


def fit(
    recipe: Recipe,
    images: NDArray[np.uint8],
    *,
    checkpoint: Path,
    watcher: Watcher,
    device: torch.device,
    resume: bool = False,
    until: int | None = None,
) -> Run:
    """Train on images [n, h, w] with a checkpoint after each epoch; `until` stops earlier."""
    run = Run(recipe, prepare(images, recipe, device), device)
    if resume:
        run.restore(load_checkpoint(checkpoint))
    while run.epoch < min(recipe.epochs, until or recipe.epochs):
        train_rmse = run.train_epoch(watcher)
        watcher.step(run.epoch * run.steps, run.total, train_rmse**2)
        save_checkpoint(checkpoint, run.checkpoint())
        watcher.epoch(run.figures(train_rmse))
    return run
