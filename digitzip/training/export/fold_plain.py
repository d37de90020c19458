"""Plain networks as chains: the cells of their codes become part of the layers beside the code.

Each coordinate of u is moved and scaled so that the borders of its cells fill ±REACH, whatever its
squashing function and range are. So one integer scale suits the outputs of every encoder.
"""

import numpy as np

from digitzip.training.export.affine import Affine, as_floats
from digitzip.training.export.fold import Chains
from digitzip.training.nets.activations import Activation, Floats
from digitzip.training.nets.plain import PlainAutoencoder

REACH = 4.0
NARROWEST = 1e-2
"""Least half range of u that counts: a latent that never changes has none."""


def fold_plain(model: PlainAutoencoder, levels: int) -> Chains:
    """Return the chains of plain networks; `levels` is the greatest number of cells."""
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
