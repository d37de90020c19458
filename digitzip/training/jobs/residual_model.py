"""How a residual network learns to expect pixels from what comes before them and from decoders."""

import copy
import math
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from digitzip.codec import Codec
from digitzip.entropy.probability import UNIT
from digitzip.entropy.residuals import MAX_BOUND
from digitzip.kernels import Network
from digitzip.kernels.context import VALUES, Context, input_size, pad_final, pad_recon
from digitzip.model import Model
from digitzip.training.export.fold import Affine, as_floats
from digitzip.training.export.integers import Output, round_chain
from digitzip.training.fit.optimisers import cosine
from digitzip.training.fit.pixels import Recipe, Source
from digitzip.training.nets.activations import Activation

ONE = 1 << 15  # the weight of what is certain
LEAST_SCORE, MOST_SCORE = -368, 22  # in 1 / UNIT of a nat: weights from 0 to below 2^16
SAID = 500  # steps between two lines
CALIBRATION = 32_768  # pixels

Images = NDArray[np.uint8]


class Expecting(nn.Sequential):
    """What is seen of pixels, float [k, inputs] in 0 … 1 -> scores [k, 256] in nats."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__(
            nn.Linear(inputs, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, VALUES),
        )  # fmt: skip

    def chain(self) -> list[Affine]:
        """Return the network as plain layers."""
        linears = [layer for layer in self if isinstance(layer, nn.Linear)]
        after = [Activation.RELU] * (len(linears) - 1) + [Activation.NONE]
        return [
            Affine(as_floats(layer.weight), as_floats(layer.bias), activation)
            for layer, activation in zip(linears, after, strict=True)
        ]


def train(images: Images, decoded: Images, recipe: Recipe, say: Callable[[str], None]) -> Expecting:
    """Return a network that expects images uint8 [n, h, w] where a decoder gives `decoded`.

    `say` hears of what the training costs, in bytes an image, every `SAID` steps.
    """
    torch.manual_seed(recipe.seed)
    source = Source(images, decoded, recipe)
    network = Expecting(input_size(*images.shape[1:]), recipe.width)
    average = copy.deepcopy(network)
    optimiser = torch.optim.AdamW(
        network.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
    )
    spent, warm_up = 0.0, min(200, max(1, recipe.steps // 10))
    for step in range(1, recipe.steps + 1):
        rate = recipe.learning_rate * min(1.0, step / warm_up) * cosine(step / recipe.steps)
        for group in optimiser.param_groups:
            group["lr"] = rate
        batch = source.exact() if step % recipe.coarse_every else source.coarse()
        optimiser.zero_grad(set_to_none=True)
        loss = batch.loss(network, recipe.normal)
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        decay = min(recipe.average, (1 + step) / (10 + step))
        with torch.no_grad():
            torch._foreach_lerp_(list(average.parameters()), list(network.parameters()), 1 - decay)
        spent += loss.item() / math.log(2) / 8 * images[0].size
        if step % SAID == 0 or step == recipe.steps:
            count = (step - 1) % SAID + 1
            say(f"step {step} of {recipe.steps}: {spent / count:.1f} bytes an image")
            spent = 0.0
    return average


def rounded(network: Expecting, images: Images, decoded: Images) -> Network:
    """Turn a network into integers, calibrated on images and what a decoder gives of them."""
    around, random = Context(*images.shape[1:]), np.random.default_rng(0)
    digits = random.integers(0, len(images), CALIBRATION)
    pixels = random.integers(0, images[0].size, CALIBRATION)
    seen = around.gather(pad_final(images), pad_recon(decoded), digits, pixels)
    inputs = around.inputs(seen, pixels, 0)
    inputs[::4, -1] = random.integers(0, MAX_BOUND + 1, len(inputs[::4]))
    scores = np.arange(LEAST_SCORE, MOST_SCORE + 1)
    weights = np.rint(ONE * np.exp(scores / UNIT)).astype(np.int32)
    output = Output(1 / UNIT, LEAST_SCORE, MOST_SCORE, weights)
    return round_chain(network.chain(), inputs.astype(np.int64), 1 / 255, (0, 255), output)


def reconstructed(images: Images, codecs: Sequence[Codec], seed: int) -> Images:
    """Return what codecs make of images uint8 [n, h, w]: one of each, drawn at random.

    Three in five go to the first, the rest to the others alike.
    """
    others = 0.4 / max(1, len(codecs) - 1)
    chances = [1.0 if len(codecs) == 1 else 0.6, *([others] * (len(codecs) - 1))]
    drawn = np.random.default_rng(seed).choice(len(codecs), len(images), p=chances)
    decoded = np.empty_like(images)
    for number, codec in enumerate(codecs):
        decoded[drawn == number] = codec.decode(codec.encode(images[drawn == number]))
    return decoded


def expecting(
    models: Sequence[Model],
    images: Images,
    recipe: Recipe,
    say: Callable[[str], None],
    threads: int = 1,
) -> list[Model]:
    """Return models with one residual network, learned from images uint8 [n, h, w] they compress.

    The first number of levels of a model is what is compressed with most.
    """
    codecs = [
        Codec(model, levels, threads=threads) for model in models for levels in model.qualities
    ]
    codecs.sort(key=lambda codec: codec.levels != codec.model.quantisers[0].levels)
    decoded = reconstructed(images, codecs, recipe.seed)
    network = rounded(train(images, decoded, recipe, say), images, decoded)
    return [replace(model, residual=network) for model in models]
