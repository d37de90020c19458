"""Codes -> the entropy model of one number of levels.

All d networks train together, as one batch of matrices. They learn the codes that the integer
encoder and the search find.
"""

import copy
import math
from dataclasses import replace
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from digitzip.entropy.probability import UNIT, ideal_bits
from digitzip.kernels import Network
from digitzip.model import Quantiser
from digitzip.training.export import grid
from digitzip.training.export.fold import fold_entropy_network
from digitzip.training.export.integers import Output, round_chain
from digitzip.training.fit.loop import Learner, chunks, fit
from digitzip.training.fit.watch import SILENT, Watcher
from digitzip.training.nets.entropy_model import EntropyNetworks
from digitzip.training.recipe import Code, Recipe

SCORE_CLIP: Final = 8191
CHECK_EVERY: Final = 250  # steps
CALIBRATION: Final = 8192  # codes

Codes = NDArray[np.uint8]


def with_entropy_model(
    quantiser: Quantiser,
    codes: Codes,
    held_out: Codes,
    recipe: Recipe,
    watcher: Watcher = SILENT,
) -> tuple[Quantiser, float]:
    """Learn codes [n, d]; return the level set with its networks, and held-out bits an image."""
    networks = learn_codes(quantiser, codes, held_out, recipe, watcher)
    rounded = tuple(
        _rounded(networks, quantiser, codes[:CALIBRATION, :j], recipe.code)
        for j in range(codes.shape[1])
    )
    learned = replace(quantiser, entropy_model=rounded)
    return learned, ideal_bits(learned.scores, held_out)


def learn_codes(
    quantiser: Quantiser, codes: Codes, held_out: Codes, recipe: Recipe, watcher: Watcher
) -> EntropyNetworks:
    """Train on codes; return the networks of the check that did best on the held-out ones."""
    code, how, levels = recipe.code, recipe.entropy, quantiser.levels
    random = torch.Generator().manual_seed(recipe.seed + levels)
    networks = EntropyNetworks(code.dims, code.axes, how.width, levels, random)
    points, targets = _tensors(quantiser, codes, code)
    held_out_points, held_out_targets = _tensors(quantiser, held_out, code)
    best, best_loss = copy.deepcopy(networks), math.inf

    def loss(step: int) -> Tensor:
        rows = torch.randint(len(points), (how.learning.batch,), generator=random)
        return _loss(networks, points[rows], targets[rows])

    def keep_best(_: float) -> None:
        nonlocal best, best_loss
        with torch.no_grad():
            found = _loss(networks, held_out_points, held_out_targets).item()
        if found < best_loss:
            best, best_loss = copy.deepcopy(networks), found

    fit(
        Learner(networks, how.learning, random),
        chunks(how.steps, CHECK_EVERY),
        loss,
        epochs=-(-how.steps // CHECK_EVERY),
        steps=how.steps,
        after=keep_best,
        progress=lambda step, _: watcher.step(step, how.steps, f"entropy model, {levels} levels"),
    )
    return best


def _rounded(networks: EntropyNetworks, quantiser: Quantiser, codes: Codes, code: Code) -> Network:
    """Turn the network of the latent after codes [n, j] into integers, calibrated on them."""
    chain = fold_entropy_network(networks, codes.shape[1])
    output = Output(1 / UNIT, -SCORE_CLIP, SCORE_CLIP)
    cells = code.cells(quantiser.levels)
    seen, reach = _coordinates(quantiser, codes, code), int(grid.centres(cells)[-1])
    network = round_chain(chain, seen, 1 / grid.POINT_UNIT, (-reach, reach), output)
    if code.axes == 1 or not codes.shape[1]:
        return network
    before = grid.coordinates(cells, code.axes, codes.shape[1])
    return Network([*before, *network.layers], 0, quantiser.levels - 1)


def _coordinates(quantiser: Quantiser, codes: Codes, code: Code) -> NDArray[np.int64]:
    """Codes [n, j] -> their coordinates [n, j * axes], in units of `grid.POINT_UNIT`."""
    cells = code.cells(quantiser.levels)
    along = grid.cells_of(cells, code.axes)[codes]  # [n, j, a]
    seen: NDArray[np.int64] = grid.centres(cells)[along].reshape(len(codes), -1).astype(np.int64)
    return seen


def _tensors(quantiser: Quantiser, codes: Codes, code: Code) -> tuple[Tensor, Tensor]:
    points = _coordinates(quantiser, codes, code) / grid.POINT_UNIT
    return torch.from_numpy(points).float(), torch.from_numpy(codes.astype(np.int64))


def _loss(networks: EntropyNetworks, points: Tensor, codes: Tensor) -> Tensor:
    """Return the mean cross-entropy, in nats a latent, of codes [n, d] at their coordinates."""
    scores = networks(points)  # [d, n, L]
    return F.cross_entropy(scores.flatten(0, 1), codes.T.reshape(-1))
