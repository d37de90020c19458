"""Images -> a verified model file: learn, round to integers, learn the entropy models, write."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from digitzip.codec import Images
from digitzip.training.fit.board import Board
from digitzip.training.fit.checkpoint import (
    Checkpoint,
    discard_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from digitzip.training.fit.data import Data, prepare, split
from digitzip.training.fit.device import pick_device
from digitzip.training.fit.loop import Learner, fit
from digitzip.training.fit.watch import SILENT, Watcher
from digitzip.training.jobs.codebook import train_codebook
from digitzip.training.jobs.export import Measured, export_model, finish, labelled
from digitzip.training.jobs.stages import Stage, look, stages_of
from digitzip.training.nets import FloatModel
from digitzip.training.recipe import Recipe
from digitzip.training.settings import to_json


def train(
    recipe: Recipe,
    images: Images,
    *,
    out: Path,
    checkpoint: Path,
    device: str = "auto",
    resume: bool = False,
    export_only: bool = False,
    watcher: Watcher = SILENT,
    logdir: Path | None = None,
    labels: NDArray[np.uint8] | None = None,
) -> Measured:
    """Train on images uint8 [n, h, w], export to integers, verify, and write the model to `out`.

    Return the figures of its held-out images. A checkpoint is written to the folder `checkpoint`
    after each epoch; `resume` goes on from it to the same result, and `export_only` exports what it
    holds, finished or not. (A codebook has none: it takes minutes.) With `logdir`, figures go to
    TensorBoard, where `labels` [n] name the codes. They are also what a label model learns, where
    the recipe has one.

    Raises `InputError` for images that cannot be learned from or a checkpoint of another run,
    `OutputError` where a file cannot be written, `ModelError` when the integer networks differ
    between NumPy and PyTorch.
    """
    board = Board(logdir, watcher) if logdir is not None else None
    data = prepare(images, recipe, pick_device(device), labels)
    if export_only:
        model = learned_so_far(recipe, data, checkpoint)
    elif recipe.codebook:
        codebook = train_codebook(recipe, data, watcher)
        return finish(labelled(codebook, recipe, data, watcher), data, out)
    else:
        model = learn(recipe, data, board or watcher, checkpoint, resume=resume)
    if board is not None:
        order, count = split(len(images), recipe)
        named = None if labels is None else labels[order[:count]]
        board.embedding(look(model, data).codes, data.as_images(data.held_out), named)
    return export_model(model, recipe, data, out, watcher)


def learned_so_far(recipe: Recipe, data: Data, checkpoint: Path) -> FloatModel:
    """Return the float model that a folder's checkpoint holds."""
    stored = load_checkpoint(checkpoint)
    stored.check(recipe, data.fingerprint)
    stage = stages_of(recipe, data)[stored.stage]
    learner = stage.begin(None, torch.Generator())
    learner.restore(stored.learner)
    return stage.finish(learner)


def learn(
    recipe: Recipe, data: Data, watcher: Watcher, checkpoint: Path, *, resume: bool = False
) -> FloatModel:
    """Train a float model through all stages of a recipe, with a checkpoint after each epoch."""
    stored: Checkpoint | None = None
    if resume:
        stored = load_checkpoint(checkpoint)
        stored.check(recipe, data.fingerprint)
    else:
        discard_checkpoint(checkpoint)
    model: FloatModel | None = None
    random = torch.Generator()
    stages = stages_of(recipe, data)
    for number, stage in enumerate(stages):
        if stored is not None and number < stored.stage:
            continue  # the stored weights come after it
        if not stage.polish:
            random.manual_seed(stage.recipe.seed)
        if number and not stage.polish:
            watcher.say("pruning the networks, which then learn on")
        learner = stage.begin(model, random)
        if stored is not None:
            learner.restore(stored.learner)
            stored = None
        reports = _Reports(stages, number, learner, checkpoint, watcher)
        fit(
            learner,
            stage.batches(random),
            partial(stage.loss, learner.model, random),
            epochs=stage.epochs,
            steps=stage.steps,
            after=reports.after,
            progress=reports.progress,
            precision=stage.precision,
            freeze_norms=stage.polish,
        )
        model = stage.finish(learner)
    assert model is not None
    return model


@dataclass(frozen=True, slots=True, eq=False)
class _Reports:
    """The reports and checkpoints of a stage, counted through the whole run."""

    stages: list[Stage]
    number: int
    learner: Learner[FloatModel]
    folder: Path
    watcher: Watcher

    def progress(self, step: int, loss: float) -> None:
        before = sum(stage.steps for stage in self.stages[: self.number])
        steps = sum(stage.steps for stage in self.stages)
        rmse = self.stages[self.number].rmse_of(loss)
        self.watcher.step(before + step, steps, f"rmse {rmse:.4f}")

    def after(self, loss: float) -> None:
        stage, learner = self.stages[self.number], self.learner
        done = sum(each.epochs for each in self.stages[: self.number]) + learner.epoch
        epochs = sum(each.epochs for each in self.stages)
        self.progress(learner.step, loss)
        recipe, images = to_json(self.stages[0].recipe), stage.data.fingerprint
        state = Checkpoint(recipe, images, self.number, done, epochs, learner.state())
        save_checkpoint(self.folder, state)
        self.watcher.epoch(stage.figures(learner, loss, done, epochs))
