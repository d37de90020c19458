"""The training room: from a recipe and images to a verified weights file.

The only package of digitzip that imports torch; nothing but its own command imports it.
"""

from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitzip.training.export.model import as_images, export_model, finish
from digitzip.training.fit.board import Board
from digitzip.training.fit.checkpoint import (
    discard_checkpoint,
    epochs_done,
    has_checkpoint,
    lighter_folder,
    load_checkpoint,
)
from digitzip.training.fit.data import prepare, split
from digitzip.training.fit.device import pick_device
from digitzip.training.fit.loop import Run, fit, lighter_run
from digitzip.training.fit.milestones import Milestones
from digitzip.training.fit.watch import Figures, Screen, Watcher
from digitzip.training.jobs.codebook import train_codebook
from digitzip.training.jobs.own import Measured, adapted, measure
from digitzip.training.recipe import (
    EXPERIMENT_2016,
    MNIST_10,
    OWN,
    TOY,
    Recipe,
    recipe_of,
)

__all__ = [
    "EXPERIMENT_2016",
    "MNIST_10",
    "OWN",
    "TOY",
    "Figures",
    "Measured",
    "Milestones",
    "Recipe",
    "Screen",
    "Watcher",
    "adapted",
    "discard_checkpoint",
    "epochs_done",
    "export_checkpoint",
    "load_checkpoint",
    "measure",
    "recipe_of",
    "train",
]


def train(
    recipe: Recipe,
    images: NDArray[np.uint8],
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
    to the same result. (A codebook has none: it is made in minutes.) `progress` takes the place of
    the bar on stderr. With `logdir`, figures go to TensorBoard, and `labels` [n] name the codes
    there.

    Raises `InputError` for images that cannot be learned from or a checkpoint of another run,
    `OutputError` where a file cannot be written, `ModelError` when the integer networks differ
    between NumPy and PyTorch.
    """
    with ExitStack() as stack:
        watcher = board = progress or stack.enter_context(Screen())
        if logdir is not None:
            watcher = board = Board(logdir, watcher)
        place = pick_device(device)
        if recipe.codebook:
            data = prepare(images, recipe, place)
            finish(train_codebook(recipe, data, watcher), data, out)
            return out
        run = fit(
            recipe, images, checkpoint=checkpoint, watcher=watcher, device=place, resume=resume
        )
        if isinstance(board, Board):
            held_out = as_images(run.data.held_out, run.data)
            order, count = split(len(images), recipe)
            of_held_out = None if labels is None else labels[order[:count]]
            board.embedding(run.view().codes, held_out, of_held_out)
        export_model(run.finished_model(), recipe, run.data, out, watcher)
    return out


def export_checkpoint(
    images: NDArray[np.uint8],
    *,
    out: Path,
    checkpoint: Path,
    device: str = "cpu",
    progress: Watcher | None = None,
) -> Path:
    """Export what the folder `checkpoint` holds, finished or not; errors as for `train`."""
    stored = load_checkpoint(checkpoint)
    place = pick_device(device)
    run = Run(stored.recipe, prepare(images, stored.recipe, place), place)
    run.restore(stored)
    if (lighter := stored.recipe.lighter) and has_checkpoint(lighter_folder(checkpoint)):
        run = lighter_run(run, lighter, checkpoint)
    with ExitStack() as stack:
        watcher = progress or stack.enter_context(Screen())
        export_model(run.finished_model(), stored.recipe, run.data, out, watcher)
    return out
