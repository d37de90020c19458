"""The entropy model: for each latent, a small network gives scores from the latents before it."""

import math

import torch
from torch import Tensor, nn


class EntropyNetworks(nn.Module):
    """d networks of two hidden layers, one batch of matrices; network j sees latents 0 ... j-1."""

    mask: Tensor

    def __init__(
        self, dims: int, axes: int, width: int, levels: int, random: torch.Generator
    ) -> None:
        super().__init__()
        self.axes = axes
        sizes = [(dims * axes, width), (width, width), (width, levels)]
        self.weights = nn.ParameterList(
            torch.randn(dims, inputs, outputs, generator=random) * math.sqrt(2 / inputs)
            for inputs, outputs in sizes
        )
        self.biases = nn.ParameterList(torch.zeros(dims, 1, outputs) for _, outputs in sizes)
        with torch.no_grad():
            self.weights[2] *= 0.1
        before = torch.arange(dims * axes)[None, :] // axes < torch.arange(dims)[:, None]
        self.register_buffer("mask", before[:, :, None].float())  # [network, input, 1]

    def forward(self, points: Tensor) -> Tensor:
        """Coordinates [n, d * a] in (-1, 1) -> scores [d, n, L] in nats."""
        x = points.expand(len(self.mask), *points.shape)  # [d, n, d * a]
        x = torch.relu(torch.baddbmm(self.biases[0], x, self.weights[0] * self.mask))
        x = torch.relu(torch.baddbmm(self.biases[1], x, self.weights[1]))
        return torch.baddbmm(self.biases[2], x, self.weights[2])
