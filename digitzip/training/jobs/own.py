"""Anybody's images: a recipe that suits how many they are, and what its codec does to them.

The number of steps is what decides how good a codec becomes and how long it takes, so epochs and
batch are chosen for a budget of steps.
"""

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitzip import archive
from digitzip.metrics import rmse
from digitzip.model import read_model
from digitzip.training.fit.data import split
from digitzip.training.recipe import Recipe

STEPS = 8000
"""Optimiser steps of a run, as far as the bounds of its epochs allow."""
EPOCHS = range(20, 401)
BATCHES = range(32, 257)


def adapted(recipe: Recipe, n: int, epochs: int | None = None, batch: int | None = None) -> Recipe:
    """Return the recipe with epochs, batch, and what depends on them, chosen for n images.

    A tenth of the images is held out, at most `recipe.held_out`. `epochs` and
    `batch` override the choice.
    """
    held_out = min(recipe.held_out, n // 10)
    learned = n - held_out
    batch = batch or _into(BATCHES, learned // 20)
    steps = max(1, learned // batch)  # an epoch
    epochs = epochs or _into(EPOCHS, -(-STEPS // steps))
    total = steps * epochs
    return replace(
        recipe,
        epochs=epochs,
        batch=batch,
        held_out=held_out,
        warm_up=min(recipe.warm_up, total // 10),
        average_decay=min(recipe.average_decay, 1 - 8 / max(total, 16)),
        residual_steps=min(recipe.residual_steps, total),
    )


@dataclass(frozen=True, slots=True)
class Measured:
    """A whole `.dz` file of the held-out images, at the defaults of `compress`."""

    digits: int
    size: int  # bytes
    rmse: float


def measure(model: Path, recipe: Recipe, images: NDArray[np.uint8]) -> Measured:
    """Compress the images [n, h, w] that a run held out with its model, and decompress them."""
    order, held_out = split(len(images), recipe)
    originals = images[order[:held_out]]
    codec = read_model(model)
    data = archive.compress(originals, model=codec)
    return Measured(held_out, len(data), rmse(originals, archive.decompress(data, model=codec)))


def _into(bounds: range, value: int) -> int:
    return min(max(value, bounds[0]), bounds[-1])
