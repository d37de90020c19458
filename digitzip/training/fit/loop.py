"""The training loop: seeded, resumable, the same on every run of one machine.

First noise on the codes, as strong as rounding. Then the polish: the decoder learns from the codes
that the search picks, at every level count that the model shall serve.
"""

import math
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from digitzip.errors import InputError
from digitzip.training.fit.average import Average, norms_of, recalibrate
from digitzip.training.fit.checkpoint import (
    Checkpoint,
    discard_checkpoint,
    has_checkpoint,
    lighter_folder,
    load_checkpoint,
    save_checkpoint,
)
from digitzip.training.fit.data import Data, prepare
from digitzip.training.fit.device import bfloat16_helps
from digitzip.training.fit.evaluate import evaluate
from digitzip.training.fit.noise import disturb
from digitzip.training.fit.optimisers import cosine, optimiser_of
from digitzip.training.fit.search import searched_loss
from digitzip.training.fit.watch import Figures, View, Watcher
from digitzip.training.nets import quantise
from digitzip.training.nets.autoencoder import Autoencoder
from digitzip.training.nets.family import Model, build
from digitzip.training.nets.plain import Plain
from digitzip.training.nets.pruning import SEEN, pruned
from digitzip.training.recipe import Recipe

CALIBRATION = 8192
"""Training images on which the statistics of the averaged model are measured."""


class Run:
    """One training run in progress; one of lighter networks follows an `earlier` one."""

    def __init__(
        self, recipe: Recipe, data: Data, device: torch.device, earlier: "Run | None" = None
    ) -> None:
        self.recipe, self.data, self.device = recipe, data, device
        self.epoch = 0
        self.epochs_before: int = earlier.epoch if earlier else 0
        if earlier:
            heavy = earlier.finished_model()
            assert isinstance(heavy, Autoencoder)  # others have no lighter recipe
            model: Model = pruned(heavy, recipe, data.train[:SEEN].float() / 255)
        else:
            with torch.random.fork_rng(devices=[]):  # leave the caller's generator alone
                torch.manual_seed(recipe.seed)
                model = build(data.height * data.width, recipe)
        self.model = model.to(device)
        self.average = Average(self.model, recipe.average_decay)
        self.optimiser = optimiser_of(self.model, recipe)
        self.random = torch.Generator().manual_seed(recipe.seed)
        self.autocast = recipe.autocast and bfloat16_helps(device)
        size = min(recipe.batch, len(data.train))
        self.steps = len(data.train) // size  # an epoch
        self.last_epoch = recipe.epochs + recipe.polish_epochs
        self.total = self.steps * self.last_epoch

    @property
    def polishing(self) -> bool:
        """Whether the next epoch is one of the polish."""
        return self.epoch >= self.recipe.epochs

    def learning_rate(self, step: int) -> float:
        """Linear warm-up, then level ground or half a cosine to zero; for the polish another."""
        recipe = self.recipe
        turn = self.steps * recipe.epochs
        if step >= turn:
            return recipe.polish_rate * cosine((step - turn) / max(1, self.total - turn))
        ramp = min(1.0, (step + 1) / recipe.warm_up) if recipe.warm_up else 1.0
        fall = 1.0 if recipe.schedule == "constant" else cosine(step / turn)
        return recipe.learning_rate * ramp * fall

    def loss(self, x: Tensor) -> Tensor:
        """Return the mean squared error of pixels x [n, h*w] after they or codes were disturbed."""
        if isinstance(self.model, Plain):
            disturbed = disturb(x, self.recipe.noise_level, self.recipe.noise_kind, self.random)
            return F.mse_loss(self.model.pixels(self.model.code(disturbed)), x)
        z = self.model.encode(x)  # [n, d]
        noisy = quantise.add_noise(z, self.recipe.noise, self.random)
        return F.mse_loss(self.model.decode(noisy), x)

    def polish_loss(self, x: Tensor) -> Tensor:
        """Return the mean squared error of pixels x [n, h*w] from the codes that a search picks.

        A share of the loss after noise stays, from which the encoder learns.
        """
        share = self.recipe.polish_noise
        pick = int(torch.randint(len(self.recipe.levels), (), generator=self.random))
        levels = self.recipe.cells(self.recipe.levels[pick])
        with torch.autocast(self.device.type, enabled=False):  # but where it says otherwise
            found = searched_loss(x, levels, self._encode_quickly, self._decode_quickly)
        return (found + share * self.loss(x)) / (1 + share)

    def _encode_quickly(self, x: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            return self.model.encode(x)

    def _decode_quickly(self, z: Tensor) -> Tensor:
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            return self.model.decode(z)

    def _begin_polish(self) -> None:
        """Go on from the averaged weights, with the statistics of BatchNorm frozen."""
        self.model.load_state_dict(self.finished_model().state_dict())
        self.average = Average(self.model, self.recipe.average_decay)
        self.optimiser = optimiser_of(self.model, self.recipe)

    def train_epoch(self, watcher: Watcher) -> float:
        """Run one epoch; return the RMSE over its batches."""
        if self.epoch == self.recipe.epochs:
            self._begin_polish()
        self.model.train()
        if self.polishing:
            for norm in norms_of(self.model):
                norm.eval()
        total = torch.zeros((), device=self.device)
        for index, x in enumerate(self.data.batches(self.recipe, self.epoch, self.random)):
            step = self.epoch * self.steps + index
            for group in self.optimiser.param_groups:
                group["lr"] = self.learning_rate(step)
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
                loss = self.polish_loss(x) if self.polishing else self.loss(x)
            goal = loss.sqrt() if self.recipe.loss == "rmse" else loss
            self.optimiser.zero_grad(set_to_none=True)
            goal.backward()  # type: ignore[no-untyped-call]
            self.optimiser.step()
            self.average.update(self.model, step)
            total += loss.detach()
            if index % 20 == 0:
                self.tell(watcher, index, loss.item())
        self.epoch += 1
        if not math.isfinite(total.item()):
            raise InputError(
                f"training diverged in epoch {self.epoch}: its loss is {total.item()}; "
                "a lower learning rate may help"
            )
        return math.sqrt(total.item() / self.steps)

    def tell(self, watcher: Watcher, index: int, loss: float) -> None:
        """Say how far the run is, those before and after it counted too, and a step's loss."""
        done = (self.epochs_before + self.epoch) * self.steps + index
        watcher.step(done, (self.epochs_before + self.recipe.all_epochs) * self.steps, loss)

    def finished_model(self, *, exact: bool = True) -> Model:
        """Return the averaged model with its own statistics, measured in float32 if `exact`.

        The polish trains with the statistics that it began with, and so keeps them.
        """
        if isinstance(self.average.model, Plain):
            self.average.model.fit_cells(self.data.train[:CALIBRATION].float() / 255)
            return self.average.model
        if self.epoch > self.recipe.epochs:
            return self.average.model.eval()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast and not exact):
            cells = self.recipe.cells(self.recipe.levels[0])
            recalibrate(self.average.model, self._calibration(), cells)
        return self.average.model

    def _calibration(self) -> Iterator[Tensor]:
        """Yield batches such as training sees, always the same ones."""
        random = torch.Generator().manual_seed(self.recipe.seed)
        size = min(self.recipe.batch, len(self.data.train))
        return islice(self.data.batches(self.recipe, self.epoch, random), -(-CALIBRATION // size))

    def figures(self, train_rmse: float) -> Figures:
        """Measure the averaged model on the held-out images."""
        model = self.finished_model(exact=False)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.autocast):
            cells = self.recipe.cells(self.recipe.levels[0])
            quality = evaluate(model, self.data.held_out, cells)
        rate = self.learning_rate(self.epoch * self.steps - 1)
        done, epochs = (self.epochs_before + n for n in (self.epoch, self.recipe.all_epochs))
        return Figures(done, epochs, train_rmse, quality, rate, self.view)

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
        mine = (self.data.fingerprint, self.data.height, self.data.width)
        if (checkpoint.fingerprint, checkpoint.height, checkpoint.width) != mine:
            raise InputError(
                "the checkpoint was made from other images; use the same or start anew"
            )
        if changes := self.recipe.differences(checkpoint.recipe):
            raise InputError(f"the checkpoint was made with another recipe: it has {changes}")
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
    """Train on images [n, h, w] with a checkpoint after each epoch.

    `until` stops earlier, and before any lighter networks; those, if the recipe asks for them, have
    a checkpoint of their own in a folder below.
    """
    if not resume:
        discard_checkpoint(checkpoint)
    run = Run(recipe, prepare(images, recipe, device), device)
    if resume:
        run.restore(load_checkpoint(checkpoint))
    _finish(run, checkpoint, watcher, until)
    lighter = recipe.lighter
    if lighter is None or until is not None:
        return run
    watcher.say("pruning the networks, which then learn on")
    return _finish(lighter_run(run, lighter, checkpoint), lighter_folder(checkpoint), watcher, None)


def lighter_run(run: Run, recipe: Recipe, checkpoint: Path) -> Run:
    """Return the run of lighter networks that follows `run`, where its own checkpoint stands."""
    follower = Run(recipe, run.data, run.device, run)
    if has_checkpoint(lighter_folder(checkpoint)):
        follower.restore(load_checkpoint(lighter_folder(checkpoint)))
    return follower


def _finish(run: Run, checkpoint: Path, watcher: Watcher, until: int | None) -> Run:
    while run.epoch < min(run.last_epoch, run.last_epoch if until is None else until):
        train_rmse = run.train_epoch(watcher)
        run.tell(watcher, 0, train_rmse**2)
        save_checkpoint(checkpoint, run.checkpoint())
        watcher.epoch(run.figures(train_rmse))
    return run
