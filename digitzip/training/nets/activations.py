"""Activation functions for tensors and arrays, and the inverses of the monotone ones.

The squashing function of a code must be monotone: its inverse moves the borders of the quantiser's
cells to before it, so that an exported encoder needs no such function.
"""

from collections.abc import Callable
from enum import Enum
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]

EDGE = 1e-6
"""How near to its bounds an inverse looks: sigmoid and tanh never reach them."""


class Activation(Enum):
    """What follows the sum of a layer."""

    NONE = "none"
    RELU = "relu"
    GELU = "gelu"
    SIGMOID = "sigmoid"
    TANH = "tanh"

    def __call__(self, y: Floats) -> Floats:
        """Apply it to real numbers of any shape."""
        applied: Floats = self.forward(torch.from_numpy(y)).numpy()
        return applied

    def forward(self, y: Tensor) -> Tensor:
        """Apply it to a tensor of any shape; gradients pass."""
        return y if self is Activation.NONE else FUNCTIONS[self](y)

    @property
    def of_code(self) -> "Activation":
        """The function that squashes a code when layers use this one: itself if it is monotone."""
        return Activation.NONE if self is Activation.GELU else self

    def inverse(self, z: Floats) -> Floats:
        """Return where the (monotone) function takes the values z, which may lie out of reach."""
        match self:
            case Activation.SIGMOID:
                z = np.clip(z, EDGE, 1 - EDGE)
                return np.log(z) - np.log1p(-z)
            case Activation.TANH:
                return np.arctanh(np.clip(z, EDGE - 1, 1 - EDGE))
            case Activation.GELU:
                raise ValueError(f"{self.value} is not monotone")
            case _:
                return z


FUNCTIONS: Final[dict[Activation, Callable[[Tensor], Tensor]]] = {
    Activation.RELU: torch.relu,
    Activation.GELU: F.gelu,
    Activation.SIGMOID: torch.sigmoid,
    Activation.TANH: torch.tanh,
}
