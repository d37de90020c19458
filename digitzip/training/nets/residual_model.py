"""The residual model: a network that gives scores of the values of a pixel."""

from torch import nn


class ResidualNetwork(nn.Sequential):
    """The context of pixels, float [k, inputs] in [0, 1] -> scores [k, values] in nats."""

    def __init__(self, inputs: int, width: int, values: int) -> None:
        super().__init__(
            nn.Linear(inputs, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, values),
        )  # fmt: skip
