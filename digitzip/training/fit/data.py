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
from digitzip.model.schema import LABELS
from digitzip.training.fit.warp import warp
from digitzip.training.recipe import Recipe

FEWEST = 100


@dataclass(frozen=True, slots=True, eq=False)
class Data:
    """The images of a run as uint8 rows [n, h*w] on the training device."""

    train: Tensor
    held_out: Tensor
    warped: Tensor  # uint8 [copies, n, h*w]: the training images, each warped anew
    height: int
    width: int
    fingerprint: str
    labels: NDArray[np.uint8] | None = None  # [n] of `train`, then of `held_out`

    def batch_size(self, recipe: Recipe) -> int:
        """Return how many images a batch has; an epoch has all whole batches."""
        return min(recipe.learning.batch, len(self.train))

    def as_images(self, pixels: Tensor) -> NDArray[np.uint8]:
        """Return rows of pixels uint8 [n, h*w] as images [n, h, w]."""
        images: NDArray[np.uint8] = pixels.cpu().numpy().reshape(-1, self.height, self.width)
        return images

    def batches(self, recipe: Recipe, epoch: int, random: torch.Generator) -> Iterator[Tensor]:
        """Yield an epoch of float batches [batch, h*w] in [0, 1], shuffled or not, some warped."""
        size = self.batch_size(recipe)
        if recipe.images.shuffle:
            order = torch.randperm(len(self.train), generator=random).to(self.train.device)
        else:
            order = torch.arange(len(self.train), device=self.train.device)
        warped = int(size * recipe.warp_share_at(epoch)) if len(self.warped) else 0
        for start in range(0, len(order) - size + 1, size):
            rows = order[start : start + size]
            copy = torch.randint(max(1, len(self.warped)), (warped,), generator=random)
            chosen = [self.warped[copy.to(rows.device), rows[:warped]]] if warped else []
            yield torch.cat([*chosen, self.train[rows[warped:]]]).float() / 255


def prepare(
    images: NDArray[np.uint8],
    recipe: Recipe,
    device: torch.device,
    labels: NDArray[np.uint8] | None = None,
) -> Data:
    """Check images [n, h, w] and split them; raise InputError when they cannot be learned from.

    `labels` [n] are needed where the recipe has a label model.
    """
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
    if recipe.labels.steps:
        check_labels(labels, n)
    rows = np.ascontiguousarray(images).reshape(n, height * width)
    order, held_out = split(n, recipe)
    pixels = torch.from_numpy(rows[order])
    fingerprint = hashlib.sha256(rows.data).hexdigest()
    train, kept = pixels[held_out:], pixels[:held_out]
    copies = recipe.images.warp_copies if recipe.images.warp_share else 0
    warped = warped_copies(train, height, width, copies, recipe.seed + 1)
    if labels is not None:
        labels = labels[np.roll(order, -held_out)]
    return Data(
        train.to(device), kept.to(device), warped.to(device), height, width, fingerprint, labels
    )


def check_labels(labels: NDArray[np.uint8] | None, n: int) -> None:
    """Raise `InputError` where labels cannot be learned for n images."""
    if labels is None or len(labels) != n:
        found = "no" if labels is None else len(labels)
        raise InputError(f"found {found} labels; a label model needs one for each of {n} images")
    if int(labels.max()) >= LABELS[-1]:
        raise InputError(
            f"found label {labels.max()}; a label model knows labels 0 to {LABELS[-1] - 1}"
        )


def split(n: int, recipe: Recipe) -> tuple[NDArray[np.int64], int]:
    """Return the order of n images, and how many of the first in it are held out."""
    order = torch.arange(n)
    if recipe.images.held_out_drawn:
        order = torch.randperm(n, generator=torch.Generator().manual_seed(recipe.seed))
    return order.numpy(), min(recipe.images.held_out, n // 5)


def warped_copies(train: Tensor, height: int, width: int, copies: int, seed: int) -> Tensor:
    """Return warped copies uint8 [copies, n, h*w] of images [n, h*w]."""
    random = torch.Generator().manual_seed(seed)
    out = torch.empty((copies, *train.shape), dtype=torch.uint8)
    for copy in out:
        for rows, into in zip(torch.split(train, 1024), torch.split(copy, 1024), strict=True):
            moved = warp(rows.float() / 255, height, width, random)
            into.copy_(torch.round(moved * 255))
    return out
