"""The closing figures of a run: its held-out images through a real `.dz` file."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitzip import archive
from digitzip.metrics import rmse
from digitzip.model import read_model
from digitzip.training.fit.data import split
from digitzip.training.recipe import Recipe


@dataclass(frozen=True, slots=True)
class Measured:
    """A whole `.dz` file of the held-out images, at the defaults of `compress`."""

    images: int
    size: int  # bytes
    rmse: float


def measure(model: Path, recipe: Recipe, images: NDArray[np.uint8]) -> Measured:
    """Compress and decompress the images of [n, h, w] that a run held out, with its model."""
    order, held_out = split(len(images), recipe)
    originals = images[order[:held_out]]
    codec = read_model(model)
    data = archive.compress(originals, model=codec)
    return Measured(held_out, len(data), rmse(originals, archive.decompress(data, model=codec)))
