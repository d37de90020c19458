"""Plain autoencoders like that of 2016: a chain of layers, and its mirror image for a decoder.

With tied matrices the decoder's are the encoder's, transposed; its biases are its own. Training
neither rounds nor disturbs the code, so its latents have any range: `cells` are fitted to them, and
`encode` and `decode` map them to (-1, 1), as those of the other networks do.
"""

from itertools import pairwise

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from digitzip.training.nets.activations import Activation
from digitzip.training.recipe import Plain

TAIL = 0.001
"""Share of the codes beyond either end of fitted cells; they fall into the outermost ones."""


class PlainAutoencoder(nn.Module):
    """Encoder and decoder of images [n, h*w], with layers of `plain.sizes`."""

    low: Tensor
    high: Tensor

    def __init__(self, pixels: int, plain: Plain) -> None:
        super().__init__()
        self.activation = Activation(plain.activation)
        sizes = (pixels, *plain.sizes)
        pairs = list(pairwise(sizes))
        self.weights = nn.ParameterList(_glorot(after, before) for before, after in pairs)
        self.biases = nn.ParameterList(torch.zeros(after) for _, after in pairs)
        mirror = pairs[::-1]
        self.mirror_weights = nn.ParameterList(
            [] if plain.tied else [_glorot(before, after) for before, after in mirror]
        )
        self.mirror_biases = nn.ParameterList(torch.zeros(before) for before, _ in mirror)
        self.register_buffer("low", -torch.ones(plain.sizes[-1]))
        self.register_buffer("high", torch.ones(plain.sizes[-1]))

    @torch.no_grad()
    def fit_cells(self, code: Tensor) -> None:
        """Fit the ends between which the cells lie to codes [n, d]; their width is never zero."""
        ends = torch.tensor([TAIL, 1 - TAIL], dtype=code.dtype, device=code.device)
        low, high = torch.quantile(code, ends, dim=0)
        self.low.copy_(low)
        self.high.copy_(torch.maximum(high, low + 1e-3))

    def encoder_layers(self) -> list[tuple[Tensor, Tensor]]:
        """Return weight [out, in] and bias [out] of each layer of the encoder."""
        return list(zip(self.weights, self.biases, strict=True))

    def decoder_layers(self) -> list[tuple[Tensor, Tensor]]:
        """Return weight [out, in] and bias [out] of each layer of the decoder."""
        weights = list(self.mirror_weights) or [weight.T for weight in reversed(self.weights)]
        return list(zip(weights, self.mirror_biases, strict=True))

    def code(self, x: Tensor) -> Tensor:
        """Map pixels [n, h*w] in [0, 1] to the code [n, d] as it is, squashed."""
        layers = self.encoder_layers()
        for weight, bias in layers[:-1]:
            x = self.activation.forward(F.linear(x, weight, bias))
        return self.activation.of_code.forward(F.linear(x, *layers[-1]))

    def pixels(self, code: Tensor) -> Tensor:
        """Map a code [n, d] as it is to pixels [n, h*w] in [0, 1]."""
        x, layers = code, self.decoder_layers()
        for weight, bias in layers[:-1]:
            x = self.activation.forward(F.linear(x, weight, bias))
        return torch.sigmoid(F.linear(x, *layers[-1]))

    def encode(self, x: Tensor) -> Tensor:
        """Map pixels [n, h*w] in [0, 1] to z [n, d], in (-1, 1) within the cells."""
        return 2 * (self.code(x) - self.low) / (self.high - self.low) - 1

    def decode(self, z: Tensor) -> Tensor:
        """Map z [n, d] to pixels [n, h*w] in [0, 1]."""
        return self.pixels((z + 1) / 2 * (self.high - self.low) + self.low)


def disturb(x: Tensor, level: float, kind: str, random: torch.Generator) -> Tensor:
    """Return pixels x [n, h*w] with noise of this level; at level 0, x itself.

    `mask` sets each pixel to zero with probability `level`; `gaussian` adds normal noise whose
    standard deviation is `level`.
    """
    if not level:
        return x
    if kind == "mask":
        kept = torch.rand(x.shape, generator=random) >= level
        return x * kept.to(x.device)
    return x + level * torch.randn(x.shape, generator=random).to(x.device)


def _glorot(outputs: int, inputs: int) -> Tensor:
    return nn.init.xavier_uniform_(torch.empty(outputs, inputs))
