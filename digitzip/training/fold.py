"""Float networks as chains of plain affine layers, BatchNorm folded in: what `integers` rounds."""

from dataclasses import dataclass
from enum import Enum

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import nn

from digitzip.training.networks import Autoencoder, Trunk

Floats = NDArray[np.float64]


class Activation(Enum):
    """What follows the sum of a layer."""

    NONE = "none"
    RELU = "relu"
    GELU = "gelu"

    def __call__(self, y: Floats) -> Floats:
        """Apply it to real numbers of any shape."""
        if self is Activation.GELU:
            gelu: Floats = F.gelu(torch.from_numpy(y)).numpy()
            return gelu
        return np.maximum(y, 0) if self is Activation.RELU else y


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """`activation(W x + b + skipped)`: weight [out, in], bias [out]; `skip` as in `Layer`."""

    weight: Floats
    bias: Floats
    activation: Activation
    skip: int = 0


def fold_encoder(model: Autoencoder) -> list[Affine]:
    """Return the chain from pixels in [0, 1] to u, before the tanh."""
    encoder = model.encoder
    return [*_trunk(encoder.trunk), _folded(encoder.head, encoder.norm, Activation.NONE)]


def fold_decoder(model: Autoencoder) -> list[Affine]:
    """Return the chain from z in (-1, 1) to the logits of pixels."""
    out = model.decoder.out
    last = Affine(_numpy(out.weight), _numpy(out.bias), Activation.NONE)
    return [*_trunk(model.decoder.trunk), last]


def run(chain: list[Affine], x: Floats) -> list[Floats]:
    """Return the output of every layer of a chain for inputs x [n, in]."""
    outputs: list[Floats] = []
    for layer in chain:
        y = x @ layer.weight.T + layer.bias
        if layer.skip:
            y += outputs[-layer.skip]
        x = layer.activation(y)
        outputs.append(x)
    return outputs


def _trunk(trunk: Trunk) -> list[Affine]:
    chain = [_folded(trunk.stem.linear, trunk.stem.norm)]
    for block in trunk.residuals():
        chain += [_folded(block.linear1, block.norm1), _folded(block.linear2, block.norm2, skip=2)]
    return chain


def _folded(
    linear: nn.Linear,
    norm: nn.BatchNorm1d,
    activation: Activation = Activation.GELU,
    skip: int = 0,
) -> Affine:
    """Fold `norm(linear(x))`, with stored statistics, into one affine layer."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = 1 / np.sqrt(_numpy(norm.running_var) + norm.eps)
    offset = -_numpy(norm.running_mean) * gain
    if norm.affine:
        gain *= _numpy(norm.weight)
        offset = offset * _numpy(norm.weight) + _numpy(norm.bias)
    return Affine(_numpy(linear.weight) * gain[:, None], offset, activation, skip)


def _numpy(tensor: torch.Tensor) -> Floats:
    return tensor.detach().cpu().double().numpy()
