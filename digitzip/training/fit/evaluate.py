"""Figures of a float model on held-out images; the integer model is measured at export."""

from dataclasses import dataclass

import torch
from torch import Tensor

from digitzip.training.nets import FloatModel
from digitzip.training.nets.quantise import centres_of, codes_of


@dataclass(frozen=True, slots=True)
class Quality:
    """Figures of a model on a set of images; RMSE over all pixels, pixels in [0, 1]."""

    smooth_rmse: float  # codes not rounded
    rmse: float  # codes rounded
    entropy: float  # bits of a code if its coordinates were independent
    kept: float  # share of images whose reconstruction has the same code


@torch.no_grad()
def evaluate(model: FloatModel, pixels: Tensor, levels: int) -> Quality:
    """Measure a model on uint8 pixels [n, h*w] with one level count."""
    model.eval()
    smooth = rounded = 0.0
    kept = 0
    found: list[Tensor] = []
    for rows in torch.split(pixels, 1024):
        x = rows.float() / 255
        z = model.encode(x)
        codes = codes_of(z, levels)
        y = torch.round(model.decode(centres_of(codes, levels)) * 255) / 255
        again = codes_of(model.encode(y), levels)
        smooth += (model.decode(z) - x).square().sum().item()
        rounded += (y - x).square().sum().item()
        kept += int((again == codes).all(1).sum())
        found.append(codes)
    total = max(1, pixels.numel())
    entropy = _entropy(torch.cat(found).long(), levels)
    return Quality((smooth / total) ** 0.5, (rounded / total) ** 0.5, entropy, kept / len(pixels))


def _entropy(codes: Tensor, levels: int) -> float:
    """Return the entropy in bits of codes [n, d], summed over their columns."""
    bits = 0.0
    for column in codes.T:
        share = torch.bincount(column, minlength=levels).float() / len(column)
        bits -= float((share * (share + 1e-12).log2()).sum())
    return bits
