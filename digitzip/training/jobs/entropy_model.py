"""The predictors: for each number of a code, a small network that expects it from those before.

All d networks of a level count train together, as one batch of matrices. They learn the codes that
the integer encoder (and the search, at `predictor_effort`) really gives.
"""

import copy
import math
from dataclasses import replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn

from digitzip.entropy.probability import UNIT, ideal_bits
from digitzip.kernels import Network
from digitzip.model import Quantiser
from digitzip.training.export import grid
from digitzip.training.export.fold import Affine
from digitzip.training.export.integers import Output, round_chain
from digitzip.training.fit.optimisers import cosine
from digitzip.training.nets.activations import Activation
from digitzip.training.recipe import Recipe

SCORE_CLIP = 8191
CHECK_EVERY = 250  # steps
CALIBRATION = 8192  # codes

Codes = NDArray[np.uint8]


class Predictors(nn.Module):
    """d networks of two hidden layers; network j sees the coordinates of numbers 0 ... j-1."""

    mask: Tensor

    def __init__(self, recipe: Recipe, levels: int, random: torch.Generator) -> None:
        super().__init__()
        dims, axes, width = recipe.dims, recipe.axes, recipe.predictor_width
        self.axes = axes
        sizes = [(dims * axes, width), (width, width), (width, levels)]
        self.weights = nn.ParameterList(
            torch.randn(dims, inputs, outputs, generator=random) * math.sqrt(2 / inputs)
            for inputs, outputs in sizes
        )
        self.biases = nn.ParameterList(torch.zeros(dims, 1, outputs) for _, outputs in sizes)
        with torch.no_grad():
            self.weights[2] *= 0.1
        seen = (
            torch.arange(dims * axes)[None, :] // axes < torch.arange(dims)[:, None]
        )  # [network, input]
        self.register_buffer("mask", seen[:, :, None].float())

    def forward(self, points: Tensor) -> Tensor:
        """Coordinates [n, d * a] in (-1, 1) -> scores [d, n, L] in nats."""
        x = points.expand(len(self.mask), *points.shape)  # [d, n, d * a]
        x = torch.relu(torch.baddbmm(self.biases[0], x, self.weights[0] * self.mask))
        x = torch.relu(torch.baddbmm(self.biases[1], x, self.weights[1]))
        return torch.baddbmm(self.biases[2], x, self.weights[2])

    def chain(self, j: int) -> list[Affine]:
        """Return network j as plain layers; network 0, which sees nothing, as its scores."""
        if j == 0:
            scores = self(torch.zeros(1, self.mask.shape[1]))[0, 0].detach().double().numpy()
            return [Affine(np.zeros((len(scores), 0)), scores, Activation.NONE)]
        weights = [weight[j].detach().double().numpy().T for weight in self.weights]
        biases = [bias[j, 0].detach().double().numpy() for bias in self.biases]
        return [
            Affine(weights[0][:, : j * self.axes], biases[0], Activation.RELU),
            Affine(weights[1], biases[1], Activation.RELU),
            Affine(weights[2], biases[2], Activation.NONE),
        ]


def train_predictor(
    quantiser: Quantiser, codes: Codes, held_out: Codes, recipe: Recipe
) -> tuple[Quantiser, float]:
    """Learn codes [n, d]; return the level set with its networks, and held-out bits a digit."""
    predictors = _fit(quantiser, codes, held_out, recipe)
    networks = tuple(
        _rounded(predictors.chain(j), quantiser, codes[:CALIBRATION, :j], recipe)
        for j in range(codes.shape[1])
    )
    learned = replace(quantiser, entropy_model=networks)
    return learned, ideal_bits(learned.scores, held_out)


def _rounded(chain: list[Affine], quantiser: Quantiser, codes: Codes, recipe: Recipe) -> Network:
    """Turn a chain into integers, calibrated on numbers [n, j] of codes; it gets their points."""
    output = Output(1 / UNIT, -SCORE_CLIP, SCORE_CLIP)
    seen = _coordinates(quantiser, codes, recipe)
    reach = int(grid.centres(recipe.cells(quantiser.levels))[-1])
    network = round_chain(chain, seen, 1 / grid.POINT_UNIT, (-reach, reach), output)
    if recipe.axes == 1 or not codes.shape[1]:
        return network
    before = grid.coordinates(recipe.cells(quantiser.levels), recipe.axes, codes.shape[1])
    return Network([*before, *network.layers], 0, quantiser.levels - 1)


def _coordinates(quantiser: Quantiser, codes: Codes, recipe: Recipe) -> NDArray[np.int64]:
    """Numbers [n, j] -> their coordinates [n, j * axes], in units of `grid.POINT_UNIT`."""
    cells = recipe.cells(quantiser.levels)
    along = grid.places(cells, recipe.axes)[codes]  # [n, j, a]
    seen: NDArray[np.int64] = grid.centres(cells)[along].reshape(len(codes), -1).astype(np.int64)
    return seen


def _fit(quantiser: Quantiser, codes: Codes, held_out: Codes, recipe: Recipe) -> Predictors:
    """Train on codes; return the networks of the step that did best on the held-out ones."""
    random = torch.Generator().manual_seed(recipe.seed + quantiser.levels)
    predictors = Predictors(recipe, quantiser.levels, random)
    optimiser = torch.optim.AdamW(predictors.parameters(), lr=1.0, weight_decay=1e-3)
    x, y = _tensors(quantiser, codes, recipe)
    test_x, test_y = _tensors(quantiser, held_out, recipe)
    best, best_loss = copy.deepcopy(predictors), math.inf
    steps = recipe.predictor_steps
    for step in range(1, steps + 1):
        rate = recipe.predictor_learning_rate * min(1.0, step / 100) * cosine(step / steps)
        for group in optimiser.param_groups:
            group["lr"] = rate
        rows = torch.randint(len(x), (recipe.predictor_batch,), generator=random)
        optimiser.zero_grad(set_to_none=True)
        _loss(predictors, x[rows], y[rows]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        if step % CHECK_EVERY == 0 or step == steps:
            with torch.no_grad():
                loss = _loss(predictors, test_x, test_y).item()
            if loss < best_loss:
                best, best_loss = copy.deepcopy(predictors), loss
    return best


def _loss(predictors: Predictors, points: Tensor, codes: Tensor) -> Tensor:
    """Return the mean cross-entropy, in nats a number, of codes [n, d] at their coordinates."""
    scores = predictors(points)  # [d, n, L]
    return F.cross_entropy(scores.flatten(0, 1), codes.T.reshape(-1))


def _tensors(quantiser: Quantiser, codes: Codes, recipe: Recipe) -> tuple[Tensor, Tensor]:
    points = _coordinates(quantiser, codes, recipe) / grid.POINT_UNIT
    return torch.from_numpy(points).float(), torch.from_numpy(codes.astype(np.int64))
