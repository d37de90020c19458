"""Float networks as chains of plain affine layers, BatchNorm folded in: what `integers` rounds."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from digitzip.kernels import Window
from digitzip.training.nets.activations import Activation, Floats
from digitzip.training.nets.autoencoder import TANH_GAIN, Autoencoder, Narrow, Trunk


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """`activation(W x + b + skipped)`: weight [out, in], bias [out]; the rest as in `Layer`."""

    weight: Floats
    bias: Floats
    activation: Activation
    skip: int = 0
    window: Window | None = None

    def seen(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return what the weight is multiplied by, [k, in], for inputs [n, …]."""
        return x if self.window is None else self.window.gather(x)


@dataclass(frozen=True, slots=True, eq=False)
class Chains:
    """A whole model: from pixels to u, and from z in (-1, 1) to the logits of pixels.

    `before` tells where in u [d, k] each number of a code passes the values z [k].
    """

    encoder: list[Affine]
    decoder: list[Affine]
    before: Callable[[Floats], Floats]


def fold_residual(model: Autoencoder, coordinates: int) -> Chains:
    """Return the chains of residual networks, whose every number is tanh(TANH_GAIN u)."""

    def before(z: Floats) -> Floats:
        return np.tile(np.arctanh(z) / TANH_GAIN, (coordinates, 1))

    return Chains(fold_encoder(model), fold_decoder(model), before)


def fold_encoder(model: Autoencoder) -> list[Affine]:
    """Return the chain from pixels in [0, 1] to u, before the tanh."""
    encoder = model.encoder
    return [*_trunk(encoder.trunk), folded(encoder.head, encoder.norm, Activation.NONE)]


def fold_decoder(model: Autoencoder) -> list[Affine]:
    """Return the chain from z in (-1, 1) to the logits of pixels."""
    decoder = model.decoder
    last = Affine(as_floats(decoder.out.weight), as_floats(decoder.out.bias), Activation.NONE)
    return [*_trunk(decoder.trunk), *_narrow(decoder.narrow), last]


def run(chain: list[Affine], x: Floats) -> list[Floats]:
    """Return the output of every layer of a chain for inputs x [n, in]."""
    outputs: list[Floats] = []
    for layer in chain:
        y = (layer.seen(x) @ layer.weight.T + layer.bias).reshape(len(x), -1)
        if layer.skip:
            y += outputs[-layer.skip]
        x = layer.activation(y)
        outputs.append(x)
    return outputs


def _trunk(trunk: Trunk) -> list[Affine]:
    chain = [*_narrow(trunk.stem.narrow), folded(trunk.stem.linear, trunk.stem.norm)]
    for block in trunk.residuals():
        chain += [folded(block.linear1, block.norm1), folded(block.linear2, block.norm2, skip=2)]
    return chain


def _narrow(matrix: nn.Module) -> list[Affine]:
    """Return the first of two matrices that make one of low rank, if there are two."""
    if not isinstance(matrix, Narrow):
        return []
    return [Affine(as_floats(matrix.weight), np.zeros(matrix.out_features), Activation.NONE)]


def folded(
    linear: nn.Linear | nn.Conv2d,
    norm: nn.BatchNorm1d | nn.BatchNorm2d,
    activation: Activation = Activation.GELU,
    skip: int = 0,
    window: Window | None = None,
) -> Affine:
    """Fold `norm(linear(x))`, with stored statistics, into one affine layer.

    The weight of a convolution looks through a window.
    """
    assert norm.running_mean is not None
    assert norm.running_var is not None
    gain = 1 / np.sqrt(as_floats(norm.running_var) + norm.eps)
    offset = -as_floats(norm.running_mean) * gain
    if norm.affine:
        gain *= as_floats(norm.weight)
        offset = offset * as_floats(norm.weight) + as_floats(norm.bias)
    weight = as_floats(linear.weight)
    if weight.ndim == 4:
        weight = weight.transpose(0, 2, 3, 1).reshape(len(weight), -1)
    return Affine(weight * gain[:, None], offset, activation, skip, window)


def as_floats(tensor: torch.Tensor) -> Floats:
    return tensor.detach().cpu().double().numpy()
