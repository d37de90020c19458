"""Pixels to learn from, with what the residual network sees of them.

Most of what it sees are pixels that come back exactly; some come back in steps of `2 N + 1`, and it
is told N.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from digitzip.entropy.residuals import MAX_BOUND, round_to_bounds
from digitzip.kernels.context import VALUES, Context, pad_final, pad_recon
from digitzip.kernels.residuals import step_interval

PART = 1 << 18  # pixels looked at together

Images = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that the training depends on beside the data."""

    width: int = 176
    steps: int = 24_000
    batch: int = 4096  # pixels
    learning_rate: float = 2e-3
    weight_decay: float = 1e-4
    average: float = 0.999
    busy_share: float = 0.85  # of the pixels of a batch that see any ink
    normal: float = 0.02  # of the squared logarithm of what the weights of a pixel sum to
    coarse_every: int = 5  # one batch of so many comes back in steps
    coarse_digits: int = 256  # in such a batch
    seed: int = 2026


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pixels to expect: what is seen of them, and which values would come back the same."""

    seen: Tensor  # uint8 [k, inputs]
    low: Tensor  # [k]
    high: Tensor  # [k], inclusive
    weight: Tensor  # [k]

    def loss(self, network: nn.Module, normal: float = 0.0) -> Tensor:
        """Return the mean cost of a pixel in nats, and of weights that do not sum to 1."""
        scores = network(self.seen.float() / 255)
        total = scores.logsumexp(1)
        if torch.equal(self.low, self.high):
            kept = scores.gather(1, self.low[:, None])[:, 0]
        else:
            values = torch.arange(VALUES)
            inside = (values >= self.low[:, None]) & (values <= self.high[:, None])
            kept = scores.masked_fill(~inside, -torch.inf).logsumexp(1)
        cost = total - kept + normal * total.square()
        loss: Tensor = (cost * self.weight).mean()
        return loss


class Source:
    """Draws batches from images uint8 [n, h, w] and what a decoder made of them."""

    def __init__(self, images: Images, decoded: Images, recipe: Recipe) -> None:
        self._images, self._decoded, self._recipe = images, decoded, recipe
        self._random = np.random.default_rng(recipe.seed)
        self._around = Context(*images.shape[1:])
        self._before, self._near = pad_final(images), pad_recon(decoded)
        parts = [
            np.arange(start, min(start + PART, images.size))
            for start in range(0, images.size, PART)
        ]
        self._busy = np.concatenate([part[self._seen(part).any(axis=1)] for part in parts])

    def _seen(self, pixels: NDArray[np.int64]) -> Images:
        """Return what is seen of pixels [k], counted through all digits, that come back exactly."""
        return self._around.gather(
            self._before, self._near, *np.divmod(pixels, self._images[0].size)
        )

    def exact(self) -> Batch:
        """Return pixels that come back exactly, those that see any ink more often, and lighter."""
        count, share = self._recipe.batch, self._recipe.busy_share
        drawn = self._random.choice(self._busy, round(count * share))
        others = self._random.integers(0, self._images.size, count - len(drawn))
        pixels = np.concatenate([drawn, others])
        seen = self._seen(pixels)
        density = (
            np.where(seen.any(axis=1), share * self._images.size / len(self._busy), 0) + 1 - share
        )
        values = torch.from_numpy(self._images.reshape(-1)[pixels].astype(np.int64))
        inputs = self._around.inputs(seen, pixels % self._images[0].size, 0)
        return Batch(
            torch.from_numpy(inputs), values, values, torch.from_numpy(1 / density).float()
        )

    def coarse(self) -> Batch:
        """Return pixels that come back in steps of some `2 N + 1`."""
        digits = self._random.integers(0, len(self._images), self._recipe.coarse_digits)
        bound = round(math.exp(self._random.uniform(0, math.log(MAX_BOUND))))
        return coarse_batch(
            self._images[digits], self._decoded[digits], bound, self._recipe.batch, self._random
        )


def coarse_batch(
    images: Images, decoded: Images, bound: int, count: int, random: np.random.Generator
) -> Batch:
    """Return `count` pixels of images that come back in steps of `2 bound + 1`."""
    back = round_to_bounds(images, decoded, bound)
    around = Context(*images.shape[1:])
    digits, pixels = (
        random.integers(0, len(images), count),
        random.integers(0, images[0].size, count),
    )
    seen = around.gather(pad_final(back), pad_recon(decoded), digits, pixels)
    values, near = (
        x.reshape(len(x), -1)[digits, pixels].astype(np.int64) for x in (images, decoded)
    )
    first, last, _ = step_interval(values, near, bound)
    inputs = torch.from_numpy(around.inputs(seen, pixels, bound))
    return Batch(inputs, torch.from_numpy(first), torch.from_numpy(last), torch.ones(count))
