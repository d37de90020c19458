"""Lighter networks in place of trained ones, which then learn on.

Wide networks learn better than narrow ones but cost more in every file and every decoding. So the
units with the least effect are dropped, and matrices beside the pixels become products of two
narrow ones.
"""

import copy

import torch
from torch import Tensor

from digitzip.training.nets.autoencoder import Autoencoder, Decoder, Narrow, Stem, Trunk
from digitzip.training.recipe import Recipe

SEEN = 8192
"""Images on which the effect of a unit is measured."""


@torch.no_grad()
def pruned(model: Autoencoder, recipe: Recipe, x: Tensor) -> Autoencoder:
    """Return the model with the sizes of `recipe`; pixels x [n, h*w] show what a unit does.

    The statistics of BatchNorm have to be measured anew.
    """
    model = copy.deepcopy(model).eval()
    with torch.random.fork_rng(devices=[]):  # leave the caller's generator alone
        light = Autoencoder(x.shape[1], recipe).to(x.device).eval()
    shapes = {name: value.shape for name, value in light.state_dict().items()}
    stored = model.state_dict()
    common = {name: v for name, v in stored.items() if name in shapes and v.shape == shapes[name]}
    light.load_state_dict({**light.state_dict(), **common})
    _narrow_first(model.encoder.trunk.stem, light.encoder.trunk.stem, x)
    _prune(model.encoder.trunk, light.encoder.trunk, x)
    z = model.encode(x)
    _prune(model.decoder.trunk, light.decoder.trunk, z)
    _narrow_last(model.decoder, light.decoder, z)
    return light


def _narrow_first(old: Stem, new: Stem, x: Tensor) -> None:
    """Project inputs x [n, in] on their principal axes, where the new stem is narrow."""
    if isinstance(new.narrow, Narrow):
        axes = _axes(x, new.linear.in_features)
        new.narrow.linear.weight.copy_(axes.T)
        new.linear.weight.copy_(old.linear.weight @ axes)


def _narrow_last(old: Decoder, new: Decoder, z: Tensor) -> None:
    """Keep the principal axes of the logits of points z [n, m], where the decoder is narrow."""
    if isinstance(new.narrow, Narrow):
        logits = old.trunk(z) @ old.out.weight.T
        mean = logits.mean(0)
        axes = _axes(logits - mean, new.out.in_features)  # [p, r]
        new.narrow.linear.weight.copy_(axes.T @ old.out.weight)
        new.out.weight.copy_(axes)
        new.out.bias.copy_(old.out.bias + mean - axes @ (axes.T @ mean))


def _prune(old: Trunk, new: Trunk, x: Tensor) -> None:
    """Copy into the blocks of `new` the units with the most effect for inputs x [n, in].

    The effect of a unit is its deviation times the norm of its column in the next matrix.
    """
    blocks = zip(old.residuals(), new.residuals(), strict=True)
    for stream, (block, narrow) in zip(old.streams(x), blocks, strict=False):
        inner = block.inner(stream)
        columns = (block.linear2.weight * block.norm2.weight[:, None]).norm(dim=0)
        kept = (inner.std(0) * columns).topk(narrow.linear1.out_features).indices.sort().values
        narrow.linear1.weight.copy_(block.linear1.weight[kept])
        narrow.linear2.weight.copy_(block.linear2.weight[:, kept])
        for name, value in block.norm1.state_dict().items():
            if value.ndim:
                narrow.norm1.state_dict()[name].copy_(value[kept])


def _axes(x: Tensor, rank: int) -> Tensor:
    """Return the principal axes [in, rank] of x [n, in]."""
    vectors: Tensor = torch.linalg.eigh(x.T @ x).eigenvectors  # ascending
    return vectors[:, -rank:]
