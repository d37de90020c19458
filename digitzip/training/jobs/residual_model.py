"""Models and the images they compress -> one residual model for all of them.

It learns the probabilities of pixels from those before them and from reconstructions.
"""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

import numpy as np
import torch
from torch import Tensor

from digitzip.codec import Codec, Images
from digitzip.entropy.probability import UNIT
from digitzip.entropy.residuals import MAX_BOUND
from digitzip.kernels import Network
from digitzip.kernels.context import VALUES, Context, input_size, pad_final, pad_recon
from digitzip.model import Model
from digitzip.training.export.encoding import encode
from digitzip.training.export.fold import fold_scores
from digitzip.training.export.integers import Output, round_chain
from digitzip.training.fit.loop import Learner, chunks, fit, seeded
from digitzip.training.fit.pixels import PixelSource
from digitzip.training.fit.watch import Watcher
from digitzip.training.nets.residual_model import ResidualNetwork
from digitzip.training.recipe import Residual

ONE: Final = 1 << 15  # the weight of a value that is certain
LEAST_SCORE, MOST_SCORE = -368, 22  # in 1 / UNIT of a nat: weights from 0 to below 2^16
REPORTED: Final = 500  # steps between two lines
CALIBRATION: Final = 32_768  # pixels
SEED: Final = 2026  # of the residual model that the bundled models share


def with_residual_model(
    models: Sequence[Model],
    images: Images,
    recipe: Residual,
    watcher: Watcher,
    *,
    seed: int = SEED,
) -> list[Model]:
    """Return models with one residual model, learned from images uint8 [n, h, w].

    The default number of levels of each model compresses most of the images.
    """
    codecs = [Codec(model, levels) for model in models for levels in model.qualities]
    codecs.sort(key=lambda codec: codec.levels != codec.model.quantisers[0].levels)
    recon = reconstructed(images, codecs, seed)
    network = learn_residuals(images, recon, recipe, watcher, seed=seed)
    rounded = round_residual(network, images, recon)
    return [replace(model, residual=rounded) for model in models]


def reconstructed(images: Images, codecs: Sequence[Codec], seed: int) -> Images:
    """Return reconstructions of images uint8 [n, h, w], each by one codec drawn at random.

    The first codec is drawn for three images in five, the others alike.
    """
    others = 0.4 / max(1, len(codecs) - 1)
    chances = [1.0 if len(codecs) == 1 else 0.6, *([others] * (len(codecs) - 1))]
    drawn = np.random.default_rng(seed).choice(len(codecs), len(images), p=chances)
    recon = np.empty_like(images)
    for number, codec in enumerate(codecs):
        recon[drawn == number] = codec.decode(encode(codec, images[drawn == number]))
    return recon


def learn_residuals(
    images: Images, recon: Images, recipe: Residual, watcher: Watcher, *, seed: int = SEED
) -> ResidualNetwork:
    """Return a network that gives scores of the pixels of images uint8 [n, h, w]."""
    source = PixelSource(images, recon, recipe, seed)
    with seeded(seed):
        network = ResidualNetwork(input_size(*images.shape[1:]), recipe.width, VALUES)
    warm_up = min(recipe.learning.warm_up, max(1, recipe.steps // 10))
    learning = replace(recipe.learning, warm_up=warm_up)
    learner = Learner(network, learning, torch.Generator())

    def figure(loss: float) -> str:
        return f"{loss * images[0].size / math.log(2) / 8:.1f} bytes an image"

    def loss(step: int) -> Tensor:
        coarse = (step + 1) % recipe.coarse_every == 0
        batch = source.coarse() if coarse else source.exact()
        return batch.loss(network, recipe.normal)

    def after(loss: float) -> None:
        watcher.say(f"residual model, step {learner.step} of {recipe.steps}: {figure(loss)}")

    fit(
        learner,
        chunks(recipe.steps, REPORTED),
        loss,
        epochs=-(-recipe.steps // REPORTED),
        steps=recipe.steps,
        after=after,
        progress=lambda step, loss: watcher.step(step, recipe.steps, figure(loss)),
    )
    return learner.average.model


def round_residual(network: ResidualNetwork, images: Images, recon: Images) -> Network:
    """Turn a network into integers, calibrated on images and their reconstructions."""
    around, random = Context(*images.shape[1:]), np.random.default_rng(0)
    rows = random.integers(0, len(images), CALIBRATION)
    pixels = random.integers(0, images[0].size, CALIBRATION)
    seen = around.gather(pad_final(images), pad_recon(recon), rows, pixels)
    inputs = around.inputs(seen, pixels, 0)
    inputs[::4, -1] = random.integers(0, MAX_BOUND + 1, len(inputs[::4]))
    scores = np.arange(LEAST_SCORE, MOST_SCORE + 1)
    weights = np.rint(ONE * np.exp(scores / UNIT)).astype(np.int32)
    output = Output(1 / UNIT, LEAST_SCORE, MOST_SCORE, weights)
    chain = fold_scores(network)
    return round_chain(chain, inputs.astype(np.int64), 1 / 255, (0, 255), output)
