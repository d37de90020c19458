"""The images of a run as tensors: what is held out, what is drawn, and in which order."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from digitzip.errors import InputError
from digitzip.limits import SIDES
from digitzip.training.recipe import Recipe
from digitzip.training.warp import warp

FEWEST = 100


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """Images as uint8 rows [n, h*w] on the training device."""

    train: Tensor
    held_out: Tensor
    height: int
    width: int
    fingerprint: str

    def batches(self, recipe: Recipe, random: torch.Generator) -> Iterator[Tensor]:
        """Yield one epoch of float batches [batch, h*w] in [0, 1], shuffled or not, some warped."""
        size = min(recipe.batch, len(self.train))
        if recipe.shuffle:
            order = torch.randperm(len(self.train), generator=random).to(self.train.device)
        else:
            order = torch.arange(len(self.train), device=self.train.device)
        warped = int(size * recipe.warp_share)
        for start in range(0, len(order) - size + 1, size):
            x = self.train[order[start : start + size]].float() / 255
            if warped:
                moved = warp(x[:warped], self.height, self.width, random)
                x = torch.cat([moved, x[warped:]])
            yield x


def prepare(images: NDArray[np.uint8], recipe: Recipe, device: torch.device) -> Data:
    """Check images [n, h, w] and split them; raise InputError when they cannot be learned from."""
    if images.dtype != np.uint8 or images.ndim != 3:
        found = f"{images.dtype} {list(images.shape)}"
        raise InputError(f"training images are {found}; expected uint8 [n, height, width]")
    n, height, width = images.shape
    if height not in SIDES or width not in SIDES:
        raise InputError(f"training images are {height}x{width}; each side must be 8 to 64 pixels")
    if n < FEWEST:
        raise InputError(f"found {n} training images; at least {FEWEST} are needed")
    if (images == images[0]).all():
        raise InputError(f"all {n} training images are the same; there is nothing to learn")
    rows = np.ascontiguousarray(images).reshape(n, height * width)
    held_out = min(recipe.held_out, n // 5)
    pixels = torch.from_numpy(rows.copy()).to(device)
    fingerprint = hashlib.sha256(rows.data).hexdigest()
    return Data(pixels[held_out:], pixels[:held_out], height, width, fingerprint)
