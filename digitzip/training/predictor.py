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

from digitzip.model import LevelSet
from digitzip.network import Integers
from digitzip.rate import UNIT, ideal_bits
from digitzip.training.activations import Activation
from digitzip.training.fold import Affine
from digitzip.training.integers import Output, round_chain
from digitzip.training.recipe import Recipe

SCORE_CLIP = 8191
POINT_UNIT = 960  # as the decoder's: inputs lie in (-1, 1)
CHECK_EVERY = 250  # steps
CALIBRATION = 8192  # codes

Codes = NDArray[np.uint8]


class Predictors(nn.Module):
    """d networks of two hidden layers; network j sees points 0 ... j-1."""

    mask: Tensor

    def __init__(self, dims: int, width: int, levels: int, random: torch.Generator) -> None:
        super().__init__()
        sizes = [(dims, width), (width, width), (width, levels)]
        self.weights = nn.ParameterList(
            torch.randn(dims, inputs, outputs, generator=random) * math.sqrt(2 / inputs)
            for inputs, outputs in sizes
        )
        self.biases = nn.ParameterList(torch.zeros(dims, 1, outputs) for _, outputs in sizes)
        with torch.no_grad():
            self.weights[2] *= 0.1
        seen = torch.arange(dims)[None, :] < torch.arange(dims)[:, None]  # [network, input]
        self.register_buffer("mask", seen[:, :, None].float())

    def forward(self, points: Tensor) -> Tensor:
        """Points [n, d] in (-1, 1) -> scores [d, n, L] in nats."""
        x = points.expand(len(self.mask), *points.shape)  # [d, n, d]
        x = torch.relu(torch.baddbmm(self.biases[0], x, self.weights[0] * self.mask))
        x = torch.relu(torch.baddbmm(self.biases[1], x, self.weights[1]))
        return torch.baddbmm(self.biases[2], x, self.weights[2])

    def chain(self, j: int) -> list[Affine]:
        """Return network j as plain layers; network 0, which sees nothing, as its scores."""
        if j == 0:
            scores = self(torch.zeros(1, len(self.mask)))[0, 0].detach().double().numpy()
            return [Affine(np.zeros((len(scores), 0)), scores, Activation.NONE)]
        weights = [weight[j].detach().double().numpy().T for weight in self.weights]
        biases = [bias[j, 0].detach().double().numpy() for bias in self.biases]
        return [
            Affine(weights[0][:, :j], biases[0], Activation.RELU),
            Affine(weights[1], biases[1], Activation.RELU),
            Affine(weights[2], biases[2], Activation.NONE),
        ]


def train_predictor(
    level_set: LevelSet, codes: Codes, held_out: Codes, recipe: Recipe
) -> tuple[LevelSet, float]:
    """Learn codes [n, d]; return the level set with its networks, and held-out bits a digit."""
    predictors = _fit(level_set, codes, held_out, recipe)
    points = level_set.dequantise(codes[:CALIBRATION]).astype(np.int64)
    reach = int(level_set.points.max())
    output = Output(1 / UNIT, -SCORE_CLIP, SCORE_CLIP)
    networks = tuple(
        round_chain(predictors.chain(j), points[:, :j], 1 / POINT_UNIT, (-reach, reach), output)
        for j in range(codes.shape[1])
    )
    learned = replace(level_set, predictor=networks)
    return learned, ideal_bits(learned.predict, held_out)


def _fit(level_set: LevelSet, codes: Codes, held_out: Codes, recipe: Recipe) -> Predictors:
    """Train on codes; return the networks of the step that did best on the held-out ones."""
    random = torch.Generator().manual_seed(recipe.seed + level_set.levels)
    predictors = Predictors(codes.shape[1], recipe.predictor_width, level_set.levels, random)
    optimiser = torch.optim.AdamW(predictors.parameters(), lr=1.0, weight_decay=1e-3)
    x, y = _tensors(level_set, codes)
    test_x, test_y = _tensors(level_set, held_out)
    best, best_loss = copy.deepcopy(predictors), math.inf
    steps = recipe.predictor_steps
    for step in range(1, steps + 1):
        cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimiser.param_groups:
            group["lr"] = recipe.predictor_learning_rate * min(1.0, step / 100) * cosine
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
    """Return the mean cross-entropy, in nats a number, of codes [n, d] at these points."""
    scores = predictors(points)  # [d, n, L]
    return F.cross_entropy(scores.flatten(0, 1), codes.T.reshape(-1))


def _tensors(level_set: LevelSet, codes: Codes) -> tuple[Tensor, Tensor]:
    points: Integers = level_set.dequantise(codes)
    return torch.from_numpy(points / POINT_UNIT).float(), torch.from_numpy(codes.astype(np.int64))
