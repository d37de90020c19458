"""Training runs of a moment: images of blobs, watchers, and the toy recipe's variants."""

from pathlib import Path

import numpy as np
import torch

from digitzip.codec import Images
from digitzip.training import SILENT, TOY, Recipe, Watcher, changed
from digitzip.training.fit.data import Data, prepare
from digitzip.training.fit.watch import Figures
from digitzip.training.jobs.model import learn
from digitzip.training.nets import FloatModel

torch.set_num_threads(1)  # threads wait for one another where networks are so small

CPU = torch.device("cpu")
LIGHTER = changed(
    TOY,
    {"lighter.encoder_rank": 24, "lighter.encoder_hidden": 8, "lighter.decoder_rank": 20,
     "lighter.decoder_hidden": 16, "lighter.epochs": 4, "lighter.polish_epochs": 1},
)  # fmt: skip
STAGES = changed(
    LIGHTER,
    {"learning.batch": 96, "images.warp_copies": 1, "epochs": 2, "lighter.epochs": 2},
)
"""Four stages of 2, 1, 2 and 1 epochs, as fast as can be."""


class Listener(Watcher):
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.figures: list[Figures] = []
        self.lines: list[str] = []

    def epoch(self, figures: Figures) -> None:
        self.figures.append(figures)

    def say(self, line: str) -> None:
        self.lines.append(line)


class Stopping(Watcher):
    """A watcher that stops a run after some epochs, as Ctrl-C does."""

    def __init__(self, after: int) -> None:
        self.after = after

    def epoch(self, figures: Figures) -> None:
        if figures.epoch == self.after:
            raise KeyboardInterrupt


def blobs(n: int = 640, height: int = 12, width: int = 10) -> Images:
    """Return images uint8 [n, h, w] of one soft blob each: position, size and brightness vary."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    low, high = (2, 2, 1.0, 0.5), (height - 3, width - 3, 3.0, 1.0)
    top, left, size, white = random.uniform(low, high, (n, 4)).T[..., None, None]
    square = ((y - top) ** 2 + (x - left) ** 2) / size**2
    images: Images = np.rint(255 * white * np.exp(-square)).astype(np.uint8)
    return images


def data_of(recipe: Recipe) -> Data:
    """Return the blobs as a run of a recipe sees them."""
    return prepare(blobs(), recipe, CPU)


def learn_toy(
    folder: Path, recipe: Recipe = TOY, watcher: Watcher = SILENT, *, resume: bool = False
) -> FloatModel:
    """Train the networks of a recipe on blobs, without export."""
    return learn(recipe, data_of(recipe), watcher, folder, resume=resume)


def same_weights(one: torch.nn.Module, other: torch.nn.Module) -> bool:
    """Tell whether all weights and statistics of two models are equal."""
    mine, theirs = one.state_dict(), other.state_dict()
    return mine.keys() == theirs.keys() and all(torch.equal(mine[k], theirs[k]) for k in mine)
