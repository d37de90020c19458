"""Images -> a verified model file: learn, round to integers, learn the entropy models, write."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from digitzip.training.fit.board import Board
from digitzip.training.fit.checkpoint import (
    Checkpoint,
    discard_checkpoint,
    load_checkpoint,
    save_checkpoint,
)
from digitzip.training.fit.data import Data, prepare, split
from digitzip.training.fit.device import pick_device
from digitzip.training.fit.loop import fit
from digitzip.training.fit.watch import Screen, Watcher
from digitzip.training.jobs.codebook import train_codebook
from digitzip.training.jobs.export import export_model, finish
from digitzip.training.jobs.stages import Stage, look, stages_of
from digitzip.training.nets.family import FloatModel
from digitzip.training.recipe import Recipe
from digitzip.training.settings import to_json

Images = NDArray[np.uint8]


def train(
    recipe: Recipe,
    images: Images,
    *,
    out: Path,
    checkpoint: Path,
    device: str = "auto",
    resume: bool = False,
    logdir: Path | None = None,
    progress: Watcher | None = None,
    labels: NDArray[np.uint8] | None = None,
) -> Path:
    """Train on images uint8 [n, h, w], export to integers, verify, and write the model to `out`.

    A checkpoint is written to the folder `checkpoint` after each epoch; `resume` goes on from it
    to the same result. (A codebook has none: it takes minutes.) `progress` takes the place of the
    bar on stderr. With `logdir`, figures go to TensorBoard, where `labels` [n] name the codes.

    Raises `InputError` for images that cannot be learned from or a checkpoint of another run,
    `OutputError` where a file cannot be written, `ModelError` when the integer networks differ
    between NumPy and PyTorch.
    """
    with _watching(progress) as screen:
        board = Board(logdir, screen) if logdir is not None else None
        watcher = board or screen
        data = prepare(images, recipe, pick_device(device))
        if recipe.codebook:
            finish(train_codebook(recipe, data, watcher), data, out)
            return out
        model = learn(recipe, data, watcher, checkpoint, resume=resume)
        if board is not None:
            order, count = split(len(images), recipe)
            named = None if labels is None else labels[order[:count]]
            board.embedding(look(model, data).codes, data.as_images(data.held_out), named)
        export_model(model, recipe, data, out, watcher)
    return out


def export_checkpoint(
    recipe: Recipe,
    images: Images,
    *,
    out: Path,
    checkpoint: Path,
    device: str = "cpu",
    progress: Watcher | None = None,
) -> Path:
    """Export what the folder `checkpoint` holds, finished or not; errors as for `train`."""
    stored, data = load_checkpoint(checkpoint), prepare(images, recipe, pick_device(device))
    stored.check(recipe, data.fingerprint)
    stage = stages_of(recipe, data)[stored.stage]
    learner = stage.begin(None, torch.Generator())
    learner.restore(stored.learner)
    with _watching(progress) as watcher:
        export_model(stage.finish(learner), recipe, data, out, watcher)
    return out


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
            continue
        if number and not stage.polish:
            watcher.say("pruning the networks, which then learn on")
        model = _learn_stage(number, stages, model, random, stored, checkpoint, watcher)
        stored = None
    assert model is not None
    return model


def _learn_stage(
    number: int,
    stages: list[Stage],
    before: FloatModel | None,
    random: torch.Generator,
    stored: Checkpoint | None,
    folder: Path,
    watcher: Watcher,
) -> FloatModel:
    """Train one stage, from its beginning or from where it was `stored`; return its model."""
    stage = stages[number]
    if not stage.polish:
        random.manual_seed(stage.recipe.seed)
    learner = stage.begin(before, random)
    if stored is not None:
        learner.restore(stored.learner)
    epochs = sum(each.epochs for each in stages)
    epochs_before = sum(each.epochs for each in stages[:number])
    steps = sum(each.steps for each in stages)
    steps_before = sum(each.steps for each in stages[:number])
    recipe, data = stages[0].recipe, stage.data

    def progress(step: int, loss: float) -> None:
        rmse = loss if recipe.loss == "rmse" else loss**0.5
        watcher.step(steps_before + step, steps, f"rmse {rmse:.4f}")

    def after(loss: float) -> None:
        done = epochs_before + learner.epoch
        progress(learner.step, loss)
        state = learner.state()
        save_checkpoint(
            folder, Checkpoint(to_json(recipe), data.fingerprint, number, done, epochs, state)
        )
        watcher.epoch(stage.figures(learner, loss, done, epochs))

    fit(
        learner,
        stage.batches(random),
        lambda x: stage.loss(learner.model, x, random),
        epochs=stage.epochs,
        steps=stage.steps,
        after=after,
        progress=progress,
        precision=stage.precision,
        freeze_norms=stage.polish,
    )
    return stage.finish(learner)


@contextmanager
def _watching(progress: Watcher | None) -> Iterator[Watcher]:
    """Give the watcher of a run: a bar on stderr unless there is one."""
    if progress is not None:
        yield progress
    else:
        with Screen() as screen:
            yield screen
