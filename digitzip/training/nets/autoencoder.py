"""The residual autoencoder, built only from what integers can repeat exactly.

Every layer is a matrix product, BatchNorm (folded into the product at export), an optional skip and
a GELU, so that it becomes `table[clip(floor((W x + b) >> shift) + skip, low, high)]`. Activations
between layers are rounded to 8 bits, as they will be in integers (`rounding`). The code is a tanh
of normalised outputs: without BatchNorm there, codes saturate and training collapses. The networks
work on the m coordinates of a code: its latents, or the axes of their grids.
"""

from collections.abc import Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from digitzip.training.nets.activations import Activation
from digitzip.training.nets.rounding import LEAST, ChannelRounding, Rounding
from digitzip.training.recipe import Recipe

TANH_GAIN = 0.8
"""z = tanh(TANH_GAIN * u) spreads a normal u almost evenly over (-1, 1)."""


def gelu_rounding(calls: int = 1) -> Rounding:
    return Rounding(LEAST[Activation.GELU], calls)


class Narrow(nn.Module):
    """The first of two matrices that make one of low rank; its outputs have 8 bits each."""

    def __init__(self, inputs: int, rank: int) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, rank, bias=False)
        self.rounding = ChannelRounding(rank)

    def forward(self, x: Tensor) -> Tensor:
        narrow: Tensor = self.rounding(self.linear(x))
        return narrow


class Stem(nn.Module):
    """gelu(BN(L x)): from the inputs to the residual stream; L may be of low rank."""

    def __init__(self, inputs: int, width: int, rank: int = 0) -> None:
        super().__init__()
        rank = rank if rank < inputs else 0  # which would save nothing
        self.narrow = Narrow(inputs, rank) if rank else nn.Identity()
        self.linear = nn.Linear(rank or inputs, width, bias=False)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.norm(self.linear(self.narrow(x))))


class Block(nn.Module):
    """BN(L2 gelu(BN(L1 x))): what one step adds to the residual stream."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, hidden, bias=False)
        self.norm1 = nn.BatchNorm1d(hidden)
        self.rounding = gelu_rounding()
        self.linear2 = nn.Linear(hidden, width, bias=False)
        self.norm2 = nn.BatchNorm1d(width)

    def inner(self, x: Tensor) -> Tensor:
        """Return the hidden units [n, hidden] before they are rounded."""
        return F.gelu(self.norm1(self.linear1(x)))

    def forward(self, x: Tensor) -> Tensor:
        step: Tensor = self.norm2(self.linear2(self.rounding(self.inner(x))))
        return step


class Trunk(nn.Module):
    """A stem, then blocks: x = gelu(x + block(x)), the residual stream."""

    def __init__(self, inputs: int, width: int, hidden: int, blocks: int, rank: int = 0) -> None:
        super().__init__()
        self.stem = Stem(inputs, width, rank)
        self.blocks = nn.ModuleList(Block(width, hidden) for _ in range(blocks))
        self.rounding = gelu_rounding(1 + blocks)  # a skip adds integers, so all have one scale

    def forward(self, x: Tensor) -> Tensor:
        *_, last = self.streams(x)
        return last

    def streams(self, x: Tensor) -> Iterator[Tensor]:
        """Yield the residual stream [n, width] after the stem and after each block."""
        x = self.rounding(self.stem(x))
        yield x
        for number, block in enumerate(self.residuals(), 1):
            x = self.rounding(F.gelu(self.rounding.sums(x + block(x))), number)
            yield x

    def residuals(self) -> Iterator[Block]:
        return cast(Iterator[Block], iter(self.blocks))


class Encoder(nn.Module):
    """Pixels [n, h*w] in [0, 1] -> u [n, m], each coordinate about standard normal."""

    def __init__(self, pixels: int, recipe: Recipe) -> None:
        super().__init__()
        sizes, coordinates = recipe.encoder, recipe.code.coordinates
        self.trunk = Trunk(pixels, sizes.width, sizes.hidden, sizes.blocks, sizes.rank)
        self.head = nn.Linear(sizes.width, coordinates, bias=False)
        self.norm = nn.BatchNorm1d(coordinates, affine=False)

    def forward(self, x: Tensor) -> Tensor:
        stream = self.trunk(x)
        with torch.autocast(x.device.type, enabled=False):  # a code in full precision
            u: Tensor = self.norm(self.head(stream.float()))
        return u


class Decoder(nn.Module):
    """Points z [n, m] in (-1, 1) -> logits of pixels [n, h*w]."""

    def __init__(self, pixels: int, recipe: Recipe) -> None:
        super().__init__()
        sizes, width = recipe.decoder, recipe.decoder.width
        rank = sizes.rank if sizes.rank < min(width, pixels) else 0
        self.trunk = Trunk(recipe.code.coordinates, width, sizes.hidden, sizes.blocks)
        self.narrow = Narrow(width, rank) if rank else nn.Identity()
        self.out = nn.Linear(rank or width, pixels)

    def forward(self, z: Tensor) -> Tensor:
        logits: Tensor = self.out(self.narrow(self.trunk(z)))
        return logits.float()


class Autoencoder(nn.Module):
    """Encoder and decoder of images [n, h*w]; the quantiser stands between them."""

    def __init__(self, pixels: int, recipe: Recipe) -> None:
        super().__init__()
        self.encoder = Encoder(pixels, recipe)
        self.decoder = Decoder(pixels, recipe)

    def encode(self, x: Tensor) -> Tensor:
        """Map pixels [n, h*w] in [0, 1] to z [n, m] in (-1, 1)."""
        return torch.tanh(TANH_GAIN * self.encoder(x))

    def decode(self, z: Tensor) -> Tensor:
        """Map z [n, m] to pixels [n, h*w] in [0, 1]."""
        return torch.sigmoid(self.decoder(z))
