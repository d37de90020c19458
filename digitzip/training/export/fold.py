"""Every network that is trained, as a chain of affine layers."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import nn

from digitzip.kernels import Window
from digitzip.training.export.affine import Affine, as_floats, folded
from digitzip.training.nets.activations import Activation, Floats
from digitzip.training.nets.autoencoder import TANH_GAIN, Autoencoder, Narrow, Trunk
from digitzip.training.nets.classifier import ClassifierNetwork
from digitzip.training.nets.entropy_model import EntropyNetworks
from digitzip.training.nets.label_model import LabelNetwork
from digitzip.training.nets.plain import PlainAutoencoder
from digitzip.training.nets.residual_model import ResidualNetwork
from digitzip.training.nets.rounding import Steps

REACH = 4.0  # of the borders of the cells of plain networks, at the encoder's output
NARROWEST = 1e-2  # least half range of u that counts: a latent that never changes has none


@dataclass(frozen=True, slots=True, eq=False)
class Chains:
    """An encoder from pixels to u, and a decoder from z in (-1, 1) to the logits of pixels.

    `before` gives the values of u [d, k] at which each coordinate of a code is z [k].
    """

    encoder: list[Affine]
    decoder: list[Affine]
    before: Callable[[Floats], Floats]


def fold_autoencoder(model: Autoencoder, coordinates: int) -> Chains:
    """Return the chains of a residual autoencoder, whose coordinates are tanh(TANH_GAIN u)."""

    def before(z: Floats) -> Floats:
        return np.tile(np.arctanh(z) / TANH_GAIN, (coordinates, 1))

    encoder, decoder = model.encoder, model.decoder
    head = folded(encoder.head, encoder.norm, Activation.NONE)
    chain = _behind(decoder.narrow, _last(decoder.out))
    chain = [*_trunk(decoder.trunk), *chain]
    return Chains([*_trunk(encoder.trunk), head], chain, before)


def fold_plain(model: PlainAutoencoder, levels: int) -> Chains:
    """Return the chains of plain networks; `levels` is the greatest number of cells.

    Each coordinate of u is moved and scaled so that the borders of its cells fill ±REACH, whatever
    its squashing function and range are. So one integer scale suits the outputs of every encoder.
    """
    low, high = as_floats(model.low), as_floats(model.high)
    middle, half = (low + high) / 2, (high - low) / 2
    squash = model.activation.of_code

    def squashed_from(z: Floats) -> Floats:
        return squash.inverse(middle[:, None] + half[:, None] * z)  # [d, k]

    outermost = squashed_from(np.array([2 / levels - 1, 1 - 2 / levels]))
    centre = outermost.mean(axis=1)
    gain = REACH / np.maximum((outermost[:, 1] - outermost[:, 0]) / 2, NARROWEST)

    layers = [(as_floats(weight), as_floats(bias)) for weight, bias in model.encoder_layers()]
    encoder = [Affine(weight, bias, model.activation) for weight, bias in layers[:-1]]
    weight, bias = layers[-1]
    encoder.append(Affine(weight * gain[:, None], (bias - centre) * gain, Activation.NONE))

    layers = [(as_floats(weight), as_floats(bias)) for weight, bias in model.decoder_layers()]
    weight, bias = layers[0]
    layers[0] = (weight * half, bias + weight @ middle)
    decoder = [Affine(weight, bias, model.activation) for weight, bias in layers[:-1]]
    decoder.append(Affine(*layers[-1], Activation.NONE))

    def before(z: Floats) -> Floats:
        borders: Floats = (squashed_from(z) - centre[:, None]) * gain[:, None]
        return borders

    return Chains(encoder, decoder, before)


def fold_entropy_network(networks: EntropyNetworks, j: int) -> list[Affine]:
    """Return network j; network 0 has no inputs, so its chain is its scores."""
    if j == 0:
        scores = as_floats(networks(torch.zeros(1, networks.mask.shape[1]))[0, 0])
        return [Affine(np.zeros((len(scores), 0)), scores, Activation.NONE)]
    weights = [as_floats(weight[j]).T for weight in networks.weights]
    biases = [as_floats(bias[j, 0]) for bias in networks.biases]
    return [
        Affine(weights[0][:, : j * networks.axes], biases[0], Activation.RELU),
        Affine(weights[1], biases[1], Activation.RELU),
        Affine(weights[2], biases[2], Activation.NONE),
    ]


def fold_scores(network: ResidualNetwork | LabelNetwork) -> list[Affine]:
    """Return the chain from a context in [0, 1], or a code in [-1, 1], to scores in nats."""
    linears = [layer for layer in network if isinstance(layer, nn.Linear)]
    hidden = [
        Affine(as_floats(layer.weight), as_floats(layer.bias), Activation.RELU)
        for layer in linears[:-1]
    ]
    return [*hidden, _last(linears[-1])]


def fold_classifier(network: ClassifierNetwork) -> list[Affine]:
    """Return the chain from pixels in [0, 1] to scores in logits."""
    chain: list[Affine] = []
    height, width = network.height, network.width
    for stage, norm in network.windows():
        size, step = stage.kernel_size[0], stage.stride[0]
        window = Window(height, width, size, step)
        chain.append(folded(stage, norm, Activation.RELU, window=window))
        height, width = ((side - size) // step + 1 for side in (height, width))
    matrices = [folded(linear, norm, Activation.RELU) for linear, norm in network.matrices()]
    return [*chain, *matrices, _last(network.out)]


def _trunk(trunk: Trunk) -> list[Affine]:
    stem, stream = trunk.stem, trunk.rounding.steps
    chain = _behind(stem.narrow, folded(stem.linear, stem.norm, steps=stream))
    for block in trunk.residuals():
        chain += [
            folded(block.linear1, block.norm1, steps=block.rounding.steps),
            folded(block.linear2, block.norm2, skip=2, steps=stream),
        ]
    return chain


def _behind(narrow: nn.Module, layer: Affine) -> list[Affine]:
    """Return a layer behind the first of two matrices that make one of low rank, if there are two.

    The channels between them get one range: the matrices take what differs.
    """
    if not isinstance(narrow, Narrow):
        return [layer]
    middles, halves = as_floats(narrow.rounding.middles), as_floats(narrow.rounding.halves)
    weight = as_floats(narrow.linear.weight) / halves[:, None]
    first = Affine(weight, -middles / halves, Activation.NONE, steps=Steps.to(1.0, None))
    bias = layer.bias + layer.weight @ middles
    return [first, replace(layer, weight=layer.weight * halves, bias=bias)]


def _last(linear: nn.Linear) -> Affine:
    return Affine(as_floats(linear.weight), as_floats(linear.bias), Activation.NONE)
