"""Batches of pixels for the residual model, each with its context.

In most batches the pixels of the context are exact. In the others they differ from the original by
up to a bound N, which is an input of the network.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from digitzip.codec import Images
from digitzip.entropy.residuals import MAX_BOUND, round_to_bounds
from digitzip.kernels.context import VALUES, Context, pad_final, pad_recon
from digitzip.kernels.residuals import step_interval
from digitzip.training.recipe import Residual

PART = 1 << 18  # pixels whose contexts are computed together


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Pixels with their contexts, and the values whose correction is the same."""

    seen: Tensor  # inputs of the network, uint8 [k, inputs]
    low: Tensor  # [k], first such value
    high: Tensor  # [k], last such value
    weight: Tensor  # [k]

    def loss(self, network: nn.Module, normal: float = 0.0) -> Tensor:
        """Return the mean nats of a pixel, plus a penalty on weights that do not sum to 1."""
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


class PixelSource:
    """Draws batches from images uint8 [n, h, w] and their reconstructions."""

    def __init__(self, images: Images, recon: Images, recipe: Residual, seed: int) -> None:
        self._images, self._recon, self._recipe = images, recon, recipe
        self._random = np.random.default_rng(seed)
        self._around = Context(*images.shape[1:])
        self._before, self._near = pad_final(images), pad_recon(recon)
        parts = [
            np.arange(start, min(start + PART, images.size))
            for start in range(0, images.size, PART)
        ]
        self._busy = np.concatenate([part[self._seen(part).any(axis=1)] for part in parts])

    def _seen(self, pixels: NDArray[np.int64]) -> Images:
        """Return the exact context of pixels [k], counted through all images."""
        return self._around.gather(
            self._before, self._near, *np.divmod(pixels, self._images[0].size)
        )

    def exact(self) -> Batch:
        """Return pixels with exact contexts; those near ink are drawn more often and weigh less."""
        count, share = self._recipe.learning.batch, self._recipe.busy_share
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
        """Return pixels of images within a bound drawn at random."""
        rows = self._random.integers(0, len(self._images), self._recipe.coarse_images)
        bound = round(math.exp(self._random.uniform(0, math.log(MAX_BOUND))))
        count = self._recipe.learning.batch
        return coarse_batch(self._images[rows], self._recon[rows], bound, count, self._random)


def coarse_batch(
    images: Images, recon: Images, bound: int, count: int, random: np.random.Generator
) -> Batch:
    """Return `count` pixels of images that are corrected within a bound, in steps of 2N + 1."""
    corrected = round_to_bounds(images, recon, bound)
    around = Context(*images.shape[1:])
    rows = random.integers(0, len(images), count)
    pixels = random.integers(0, images[0].size, count)
    seen = around.gather(pad_final(corrected), pad_recon(recon), rows, pixels)
    values, near = (x.reshape(len(x), -1)[rows, pixels].astype(np.int64) for x in (images, recon))
    first, last, _ = step_interval(values, near, bound)
    inputs = torch.from_numpy(around.inputs(seen, pixels, bound))
    return Batch(inputs, torch.from_numpy(first), torch.from_numpy(last), torch.ones(count))
