"""The factorised prior: a learned image codec of the published design, trained on digits.

Convolutions with GDN turn an image into latents and back; a learned density for each channel, the
same at every position, gives the probabilities of latents. In training, uniform noise stands for
rounding. It is a peer: its decoder computes in floats, and the CDF tables of the entropy coder are
part of the model. `factorised.py` trains it.

Sources: J. Ballé, V. Laparra, E. P. Simoncelli, arXiv 1611.01704; the density: appendix 6.1 of
J. Ballé, D. Minnen, S. Singh, S. J. Hwang, N. Johnston, arXiv 1802.01436. It is CompressAI's
`bmshj2018-factorized`, with fewer channels and one of them grey.
"""

from __future__ import annotations

import math
import struct
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import numpy as np
import numpy.typing as npt
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks.peers.coder import Coder
from benchmarks.record import Images
from digitzip.kernels import rans

NAME: Final = "factorised prior"
PAD: Final = 2  # zeros around an image: halved four times, 32 pixels are 2
POSITIONS: Final = 4  # of each channel
LANES: Final = 64

_BATCH: Final = 500  # images
_HEAD: Final = struct.Struct("<I")  # images

Latents = npt.NDArray[np.int64]


class GDN(nn.Module):
    """Generalised divisive normalisation of channels, or its approximate inverse."""

    def __init__(self, channels: int, inverse: bool = False) -> None:
        super().__init__()
        self.inverse = inverse
        self.beta = nn.Parameter(torch.ones(channels))
        self.gamma = nn.Parameter(0.03 + 0.3 * torch.eye(channels))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.gamma.square()[:, :, None, None]
        norm = F.conv2d(x * x, weight, self.beta.square() + 1e-6).sqrt()
        return x * norm if self.inverse else x / norm


class Density(nn.Module):
    """The density of each channel, by its cumulative: a network that rises with its input."""

    def __init__(self, channels: int, widths: tuple[int, ...] = (1, 3, 3, 3, 1)) -> None:
        super().__init__()
        scale = 10 ** (1 / (len(widths) - 1))
        shapes = list(pairwise(widths))
        self.matrices, self.biases, self.gates = (nn.ParameterList() for _ in range(3))
        for inputs, outputs in shapes:
            start = math.log(math.expm1(1 / scale / outputs))
            self.matrices.append(torch.full((channels, outputs, inputs), start))
            self.biases.append(torch.rand(channels, outputs, 1) - 0.5)
            self.gates.append(torch.zeros(channels, outputs, 1))

    def logits(self, values: Tensor) -> Tensor:
        """Values [channels, n] -> logits of the chance of less [channels, n]."""
        x = values[:, None]
        for i, (matrix, bias, gate) in enumerate(
            zip(self.matrices, self.biases, self.gates, strict=True), start=1
        ):
            x = F.softplus(matrix) @ x + bias
            x = x + torch.tanh(gate) * torch.tanh(x) if i < len(self.matrices) else x
        return x[:, 0]

    def bits(self, values: Tensor) -> Tensor:
        """Values [channels, n] -> bits of each, rounded or with noise, [channels, n]."""
        below, above = self.logits(values - 0.5), self.logits(values + 0.5)
        sign = torch.where(below + above > 0, -1.0, 1.0)  # far from 1, where floats are dense
        chance = (torch.sigmoid(sign * above) - torch.sigmoid(sign * below)).abs()
        return -chance.clamp_min(1e-9).log2()


class Network(nn.Module):
    """Analysis, float [n, 1, 32, 32] in 0 … 1 -> [n, channels, 2, 2]; synthesis, the way back."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        there: list[nn.Module] = [nn.Conv2d(1, channels, 5, 2, 2)]
        back: list[nn.Module] = []
        for _ in range(3):
            there += [GDN(channels), nn.Conv2d(channels, channels, 5, 2, 2)]
            back += [nn.ConvTranspose2d(channels, channels, 5, 2, 2, 1), GDN(channels, True)]
        self.analysis = nn.Sequential(*there)
        self.synthesis = nn.Sequential(*back, nn.ConvTranspose2d(channels, 1, 5, 2, 2, 1))
        self.density = Density(channels)


@dataclass(frozen=True, slots=True)
class Tables:
    """CDF tables of the entropy coder: value `low + s` of a channel has interval s."""

    low: Latents  # [channels]
    cdf: Latents  # [channels, s + 1], up to `rans.TOTAL`; where values end, intervals are empty

    def clipped(self, latents: Latents) -> Latents:
        """Return latents [n, channels, positions], clipped to its channel's table."""
        high = self.low + (np.diff(self.cdf) > 0).sum(axis=1) - 1
        return np.clip(latents, self.low[:, None], high[:, None])


@torch.no_grad()
def tables_of(density: Density, low: Latents, high: Latents) -> Tables:
    """Return the tables of values from `low` to `high`, [channels] each, none of frequency 0.

    What is beyond counts with the first and the last value, to which it is clipped.
    """
    counts = high - low + 1
    steps = np.arange(counts.max() + 1)
    edges = torch.from_numpy(low[:, None] + steps - 0.5)
    less = torch.sigmoid(density.logits(edges.float())).double().numpy()
    less[:, 0] = 0
    less[steps >= counts[:, None]] = 1
    cdf = np.rint(less * (rans.TOTAL - counts[:, None])) + np.minimum(steps, counts[:, None])
    return Tables(low, cdf.astype(np.int64))


def pack(latents: Latents, tables: Tables) -> bytes:
    """Return latents [n, channels, positions] within the tables as bytes."""
    rounds = []
    for c, low in enumerate(tables.low):
        for symbols in (latents[:, c] - low).T:
            rounds.append((tables.cdf[c][symbols], tables.cdf[c][symbols + 1]))
    return _HEAD.pack(len(latents)) + rans.encode(rounds, LANES)


def unpack(data: bytes, tables: Tables) -> Latents:
    """Return the latents [n, channels, positions] that `pack` made bytes of."""
    (n,) = _HEAD.unpack_from(data)
    latents = np.empty((n, len(tables.low), POSITIONS), np.int64)
    decoder = rans.Decoder(data[_HEAD.size :], LANES, latents.size)
    for c, (low, cdf) in enumerate(zip(tables.low, tables.cdf, strict=True)):
        for position in range(POSITIONS):
            latents[:, c, position] = low + decoder.take(np.broadcast_to(cdf, (n, len(cdf))))
    decoder.finish()
    return latents


@torch.no_grad()
def latents_of(network: Network, images: Images) -> Latents:
    """Images uint8 [n, 28, 28] -> rounded latents [n, channels, positions]."""
    found = [
        network.analysis(pixels_of(images[start : start + _BATCH])).round().flatten(2)
        for start in range(0, len(images), _BATCH)
    ]
    return torch.cat(found).numpy().astype(np.int64)


@torch.no_grad()
def images_of(network: Network, latents: Latents) -> Images:
    """Latents [n, channels, positions] -> images uint8 [n, 28, 28]."""
    values = torch.from_numpy(latents).float().view(*latents.shape[:2], 2, 2)
    found = [cropped(network.synthesis(batch)) for batch in torch.split(values, _BATCH)]
    return (torch.cat(found) * 255).round().clamp(0, 255).numpy().astype(np.uint8)


def pixels_of(images: Images) -> Tensor:
    """Images uint8 [n, 28, 28] -> float [n, 1, 32, 32] in 0 … 1, with zeros around."""
    return F.pad(torch.from_numpy(images[:, None].astype(np.float32) / 255), (PAD,) * 4)


def cropped(pixels: Tensor) -> Tensor:
    """Pixels [n, 1, 32, 32] -> [n, 28, 28]."""
    return pixels[:, 0, PAD:-PAD, PAD:-PAD]


def coder(setting: str, network: Network, tables: Tables) -> Coder:
    """Return the coder of all images in one stream of latents."""

    def encode(images: Images) -> list[bytes]:
        return [pack(tables.clipped(latents_of(network, images)), tables)]

    def decode(files: list[bytes]) -> Images:
        return images_of(network, unpack(files[0], tables))

    parameters = sum(p.numel() for p in network.synthesis.parameters())
    size = 4 * (parameters + tables.low.size + tables.cdf.size)
    return Coder(NAME, setting, True, False, encode, decode, size)
