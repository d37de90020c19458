"""The label model: a network that gives scores of the labels of an image from its code."""

from torch import nn


class LabelNetwork(nn.Sequential):
    """What a code says, float [k, inputs] in [-1, 1] -> scores [k, labels] in nats."""

    def __init__(self, inputs: int, width: int, labels: int) -> None:
        super().__init__(
            nn.Linear(inputs, width), nn.ReLU(),
            nn.Linear(width, width), nn.ReLU(),
            nn.Linear(width, labels),
        )  # fmt: skip
