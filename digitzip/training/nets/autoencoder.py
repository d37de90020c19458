"""The residual autoencoder, built only from what integers can repeat exactly.

Every layer is a matrix product, BatchNorm (folded into the product at export), an optional skip and
a GELU, so that it becomes `table[clip(floor((W x + b) >> shift) + skip, low, high)]`. The code is
a tanh of normalised outputs: without BatchNorm there, codes saturate and training collapses. The
networks work on the m coordinates of a code: its latents, or the axes of their grids.
"""

from collections.abc import Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from digitzip.training.recipe import Recipe

TANH_GAIN = 0.8
"""z = tanh(TANH_GAIN * u) spreads a normal u almost evenly over (-1, 1)."""


class Stem(nn.Module):
    """gelu(BN(L x)): from the inputs to the residual stream; L may be of low rank."""

    def __init__(self, inputs: int, width: int, rank: int = 0) -> None:
        super().__init__()
        rank = rank if rank < inputs else 0  # which would save nothing
        self.narrow = nn.Linear(inputs, rank, bias=False) if rank else nn.Identity()
        self.linear = nn.Linear(rank or inputs, width, bias=False)
        self.norm = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        return F.gelu(self.norm(self.linear(self.narrow(x))))


class Block(nn.Module):
    """gelu(x + BN(L2 gelu(BN(L1 x)))): one step of the residual stream."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.linear1 = nn.Linear(width, hidden, bias=False)
        self.norm1 = nn.BatchNorm1d(hidden)
        self.linear2 = nn.Linear(hidden, width, bias=False)
        self.norm2 = nn.BatchNorm1d(width)

    def forward(self, x: Tensor) -> Tensor:
        inner = F.gelu(self.norm1(self.linear1(x)))
        return F.gelu(x + self.norm2(self.linear2(inner)))


class Trunk(nn.Module):
    """A stem and its blocks."""

    def __init__(self, inputs: int, width: int, hidden: int, blocks: int, rank: int = 0) -> None:
        super().__init__()
        self.stem = Stem(inputs, width, rank)
        self.blocks = nn.ModuleList(Block(width, hidden) for _ in range(blocks))

    def forward(self, x: Tensor) -> Tensor:
        x = self.stem(x)
        for block in self.blocks:
            x = block(x)
        return x

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
        self.narrow = nn.Linear(width, rank, bias=False) if rank else nn.Identity()
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
