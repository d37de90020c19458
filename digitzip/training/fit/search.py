"""The search for better codes in floats, for batches of a training step.

One sweep of what `digitzip.codec.search` does with integers at compression, so that the decoder
learns from the codes that files will hold. It works on coordinates, also where the codes of files
are cells of grids.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from digitzip.training.nets.quantise import centres_of, codes_of

DESCENTS = 4  # passes over the coordinates of a code
PROPOSALS = 2

Decode = Callable[[Tensor], Tensor]
"""Points z [n, d] in (-1, 1) -> pixels [n, p] in [0, 1]."""


def searched_loss(
    x: Tensor, levels: int, encode: Callable[[Tensor], Tensor], decode: Decode
) -> Tensor:
    """Return the mean squared error of pixels x [n, p] from the codes that a search picks."""
    with torch.no_grad():
        codes = improve(x, codes_of(encode(x), levels), levels, decode)
    return F.mse_loss(decode(centres_of(codes, levels)), x)


@torch.no_grad()
def improve(x: Tensor, codes: Tensor, levels: int, decode: Decode) -> Tensor:
    """Return codes [n, d] that decode no farther from pixels x [n, p] than `codes` do."""
    n, dims = codes.shape
    step = torch.where(codes * 2 < levels - 1, 1.0, -1.0)  # a neighbour of each coordinate
    trials = codes.expand(dims, n, dims) + torch.diag_embed(step).transpose(0, 1)
    points = torch.cat([codes.unsqueeze(0), trials]).flatten(0, 1)
    recon = decode(centres_of(points, levels)).view(dims + 1, n, -1)
    residual = x - recon[0]
    error = residual.square().sum(1)
    slopes = ((recon[1:] - recon[0]) * step.T.unsqueeze(2)).transpose(0, 1)  # [n, d, p]
    curvature = slopes @ slopes.transpose(1, 2)
    best = codes
    for _ in range(PROPOSALS):
        descent = (slopes @ residual.unsqueeze(2)).squeeze(2)
        trial = _minimise(curvature, descent, best, levels)
        trial_residual = x - decode(centres_of(trial, levels))
        trial_error = trial_residual.square().sum(1)
        better = (trial_error < error).unsqueeze(1)
        best = torch.where(better, trial, best)
        residual = torch.where(better, trial_residual, residual)
        error = torch.minimum(error, trial_error)
    return best


def _minimise(curvature: Tensor, descent: Tensor, codes: Tensor, levels: int) -> Tensor:
    """Return the codes [n, d] near `codes` where the quadratic model of the error is about least.

    Coordinate descent, first without rounding, then over whole numbers.
    """
    own = torch.diagonal(curvature, dim1=1, dim2=2).clamp(min=1e-9)
    move = torch.zeros_like(codes)
    for whole in (False, True):
        for _ in range(DESCENTS):
            for j in range(codes.shape[1]):
                others = (curvature[:, j] * move).sum(1) - own[:, j] * move[:, j]
                value = codes[:, j] + (descent[:, j] - others) / own[:, j]
                value = (value.round() if whole else value).clamp(0, levels - 1)
                move[:, j] = value - codes[:, j]
    return codes + move
