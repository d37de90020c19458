"""A code of one latent: a codebook, which no network of its size improves on.

With one latent the best decoder is a list of the images nearest to all others (k-means), looked up
by two integer layers (`grid.lookup`). The search finds the nearest entry by trying them all.
"""

import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from digitzip.codec import Images
from digitzip.entropy.probability import UNIT
from digitzip.kernels import Layer, Network
from digitzip.model import Model, Quantiser, Shape
from digitzip.training.export import grid
from digitzip.training.fit.data import Data
from digitzip.training.fit.watch import Watcher
from digitzip.training.jobs.export import notes_of
from digitzip.training.recipe import Recipe

ITERATIONS = 200  # of Lloyd, at most
ENOUGH = 1e-4  # relative gain of an iteration below which it ends

NAT = 1.5  # squared error, pixels in [0, 1], given for a nat
LAMBDA = round(NAT * 255**2 / UNIT)  # the same in the units of the search


def train_codebook(recipe: Recipe, data: Data, watcher: Watcher) -> Model:
    """Return a model of one latent, a codebook for each number of levels; no known answer yet.

    It takes minutes on any CPU, and keeps no checkpoint.
    """
    x = data.train.cpu().float() / 255
    lists: list[Images] = []
    quantisers: list[Quantiser] = []
    start = 0
    for levels in recipe.code.levels:
        random = torch.Generator().manual_seed(recipe.seed + levels)
        centroids, share, error = lloyd(x, levels, NAT, random)
        rmse = math.sqrt(error / x.shape[1])
        watcher.say(f"{levels} levels: rmse {rmse:.4f} on training images")
        lists.append(torch.round(centroids * 255).to(torch.uint8).numpy())
        points = np.arange(start, start + levels, dtype=np.int16)[None]
        entropy_model = (_scores(share),)
        quantisers.append(Quantiser(levels, _thresholds(levels), points, entropy_model, LAMBDA))
        start += levels
    shape = Shape(data.height, data.width, 1)
    decoder = codebook_decoder(np.concatenate(lists))
    nothing = np.zeros((0, 1), np.uint8), np.zeros((0, data.height, data.width), np.uint8)
    notes = notes_of(recipe, torch.device("cpu"))
    sets = tuple(quantisers)
    return Model(recipe.name, shape, _encoder(data), decoder, sets, *nothing, notes)


def lloyd(x: Tensor, k: int, nat: float, random: torch.Generator) -> tuple[Tensor, Tensor, float]:
    """Return k centroids [k, p] of x [n, p], their shares [k], and the mean squared distance.

    Each row goes where `squared distance + nat * nats` is least, and a centroid costs the nats of
    its share: entropy-constrained vector quantisation (Chou, Lookabaugh and Gray 1989), from the
    seeds of k-means++ (Arthur and Vassilvitskii 2007).
    """
    centroids = _seeds(x, k, random)
    share = torch.full((k,), 1 / k)
    before = math.inf
    for _ in range(ITERATIONS):
        chosen, distance = nearest(x, centroids, -nat * share.log())
        error = float(distance.mean() - nat * share.log()[chosen].mean())
        if before - error < ENOUGH * error:
            break
        before = error
        count = torch.bincount(chosen, minlength=k)
        sums = torch.zeros_like(centroids).index_add_(0, chosen, x)
        centroids = sums / count.clamp(min=1).unsqueeze(1)
        empty = torch.nonzero(count == 0).flatten()
        centroids[empty] = x[distance.topk(len(empty)).indices]  # the farthest rows found new ones
        share = (count + 0.5) / (len(x) + k / 2)
    return centroids, share, float(distance.mean())


def nearest(x: Tensor, centroids: Tensor, cost: Tensor | float = 0.0) -> tuple[Tensor, Tensor]:
    """Return the centroid at which squared distance and `cost` [k] of each row of x [n, p] are
    least, and the squared distance."""
    squares = centroids.square().sum(1)
    chosen, distance = [], []
    for rows in torch.split(x, 8192):
        apart = squares - 2 * rows @ centroids.T
        best = (apart + cost).argmin(1)
        chosen.append(best)
        distance.append(apart.gather(1, best[:, None])[:, 0] + rows.square().sum(1))
    return torch.cat(chosen), torch.cat(distance).clamp(min=0)


def codebook_decoder(entries: Images) -> Network:
    """Return the network that maps the point k, 0 ... n-1, to entry k of a list [n, p]."""
    return Network(grid.lookup(entries[None], 0, 255), 0, len(entries) - 1)


def _seeds(x: Tensor, k: int, random: torch.Generator) -> Tensor:
    """Return k rows of x [n, p], each drawn by its squared distance to those drawn before."""
    drawn = [int(torch.randint(len(x), (), generator=random))]
    distance = nearest(x, x[drawn])[1]
    while len(drawn) < k:
        drawn.append(int(torch.multinomial(distance, 1, generator=random)))
        distance = torch.minimum(distance, nearest(x, x[drawn[-1:]])[1])
    return x[drawn]


def _scores(share: Tensor) -> Network:
    """Return the entropy model: how often each entry is chosen, as scores."""
    levels = len(share)
    bias = torch.round(share.log() * UNIT).int().numpy()
    low, high = int(bias.min()), int(bias.max())
    layer = Layer(np.zeros((levels, 0), np.int8), bias, np.zeros(levels, np.uint8), low, high)
    return Network([layer], 0, 0)


def _encoder(data: Data) -> Network:
    """Return an encoder that guesses by the amount of ink; the search tries every entry."""
    weight = np.ones((1, data.height * data.width), np.int8)
    shift = np.array([(data.height * data.width).bit_length()], np.uint8)
    return Network([Layer(weight, np.zeros(1, np.int32), shift, 0, 255)], 0, 255)


def _thresholds(levels: int) -> NDArray[np.int16]:
    return (np.arange(1, levels)[None] * 256 // levels).astype(np.int16)
