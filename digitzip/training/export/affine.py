"""Networks as chains of affine layers in float64, BatchNorm folded in: what `integers` rounds."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from digitzip.kernels import Window
from digitzip.training.nets.activations import Activation, Floats
from digitzip.training.nets.rounding import Steps


@dataclass(frozen=True, slots=True, eq=False)
class Affine:
    """`activation(W x + b + skipped)`: weight [out, in], bias [out]; the rest as in `Layer`.

    `steps` are those by which training rounded what comes out, if it did.
    """

    weight: Floats
    bias: Floats
    activation: Activation
    skip: int = 0
    window: Window | None = None
    steps: Steps | None = None

    def seen(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the rows [k, in] that the weight multiplies, for inputs [n, …]."""
        return x if self.window is None else self.window.gather(x)


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


def folded(
    linear: nn.Linear | nn.Conv2d,
    norm: nn.BatchNorm1d | nn.BatchNorm2d,
    activation: Activation = Activation.GELU,
    skip: int = 0,
    window: Window | None = None,
    steps: Steps | None = None,
) -> Affine:
    """Fold `norm(linear(x))`, with stored statistics, into one affine layer.

    A convolution becomes a matrix over a window.
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
    return Affine(weight * gain[:, None], offset, activation, skip, window, steps)


def as_floats(tensor: torch.Tensor) -> Floats:
    return tensor.detach().cpu().double().numpy()
