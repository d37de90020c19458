"""PyTorch as a second backend: an exported network must give the same integers as in NumPy."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from digitzip.errors import ModelError
from digitzip.kernels import Integers, Network, Window
from digitzip.kernels.network import float_type
from digitzip.model import Model

RANDOM_ROWS = 512


def forward(network: Network, x: Integers) -> Integers:
    """Run an integer network in PyTorch on the CPU: integers [n, in] -> [n, out]."""
    outputs: list[Tensor] = []
    span = network.input_range
    y = torch.from_numpy(x.astype(np.int64))
    for index, layer in enumerate(network.layers):
        single = float_type(layer, span, index) is np.float32
        dtype = torch.float32 if single else torch.float64
        weight = torch.from_numpy(layer.weight.astype(np.int64)).to(dtype)
        bias = torch.from_numpy(layer.bias.astype(np.int64)).to(dtype)
        scale = torch.exp2(-torch.from_numpy(layer.shift.astype(np.int64)).to(dtype))
        if layer.window is not None:
            y = _windows(y, layer.window)
        y = torch.floor(torch.addmm(bias, y.to(dtype), weight.T) * scale).long()
        y = y.reshape(len(x), -1)
        if layer.skip:
            y = y + outputs[-layer.skip]
        y = y.clamp(layer.low, layer.high)
        if layer.table is not None:
            y = torch.from_numpy(layer.table.astype(np.int64))[y - layer.low]
        outputs.append(y)
        span = layer.range
    return y.numpy()


def _windows(y: Tensor, window: Window) -> Tensor:
    """Return the windows of integers [n, pixels x channels], [n x positions, size^2 x channels]."""
    pixels = y.view(len(y), window.height, window.width, -1)
    for axis in (1, 2):
        pixels = pixels.unfold(axis, window.size, window.step)
    return pixels.permute(0, 1, 2, 4, 5, 3).reshape(len(y) * window.count, -1)


def verify(model: Model, images: NDArray[np.uint8]) -> None:
    """Compare every network of a model on images [n, h, w] and on random inputs.

    Raises `ModelError` that names the first network with a difference.
    """
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (RANDOM_ROWS, model.shape.pixels), np.uint8)
    pixels = images.reshape(len(images), -1)
    outputs = check_same("encoder", model.encoder, np.concatenate([pixels, noise]))
    for quantiser in model.quantisers:
        size = (RANDOM_ROWS, model.shape.dims)
        random_codes = random.integers(0, quantiser.levels, size, np.uint8)
        points = quantiser.dequantise(np.concatenate([quantiser.quantise(outputs), random_codes]))
        check_same(f"decoder at {quantiser.levels} levels", model.decoder, points)
        for j, network in enumerate(quantiser.entropy_model):
            check_same(f"entropy model {j} of {quantiser.levels} levels", network, points[:, :j])
        if model.labels is not None:
            check_same(f"label model at {quantiser.levels} levels", model.labels, points)
    if model.residual is not None:
        seen = random.integers(0, 256, (RANDOM_ROWS, model.residual.inputs), np.uint8)
        check_same("residual model", model.residual, seen)


def check_same(what: str, network: Network, x: Integers) -> Integers:
    """Return what a network gives for x [n, in]; raise `ModelError` if PyTorch gives another."""
    result = network(x)
    different = int((forward(network, x) != result).any(axis=1).sum())
    if different:
        raise ModelError(
            f"{what}: NumPy and PyTorch differ on {different} of {len(x)} inputs; nothing written"
        )
    return result
