"""Rate-distortion search: the code of lowest cost that an effort finds for each image.

Proposers name candidate codes; the decoder and the entropy model say what they cost; the best is
kept (`candidates`). All is exact on integers below 2^53, so every machine finds the same code.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import numpy as np

from digitzip.codec.candidates import (
    Candidates,
    Codes,
    Flags,
    Pixels,
    rate_of,
    rates_of,
    rd_cost,
)
from digitzip.codec.effort import Effort
from digitzip.codec.gradient import sweep_gradient
from digitzip.model import LatentModel
from digitzip.model.neighbours import all_values, every_code

AllowedRows = Callable[[slice, Pixels], Flags]
"""Some of the images, reconstructions uint8 [k, n, p] of k codes for each -> bool [k, n]."""

_BATCH: Final = 256
_FEW: Final = 1024  # up to this many codes, all are tried
_AT_ONCE: Final = 1 << 24  # pixels that are decoded at once


def search(pixels: Pixels, codes: Codes, latents: LatentModel, effort: Effort) -> Codes:
    """Return codes uint8 [n, d] that cost no more than `codes` for `pixels` uint8 [n, p].

    Where there are few codes, all are tried; with a single latent, even at effort 0.
    """
    dims = codes.shape[1]
    if latents.levels**dims <= _FEW and (effort.sweeps or dims == 1):
        return _exhaustive(pixels, latents, dims)
    if not effort.sweeps:
        return codes
    found = np.empty_like(codes)
    for start in range(0, len(codes), _BATCH):
        part = slice(start, start + _BATCH)
        first = codes[part]
        recon, rates = latents.decode(first), rates_of(first, latents)
        best = Candidates.of(pixels[part], first, recon, rates)
        found[part] = _descend(best, latents, effort).codes
    return found


def search_near(
    pixels: Pixels, codes: Codes, latents: LatentModel, allowed: AllowedRows, nearest: int
) -> tuple[Codes, Flags]:
    """Return the best allowed codes near `codes`, uint8 [n, d], and which were found, bool [n].

    Of the model's candidates near each code, the `nearest` by squared error are tried. An image
    without an allowed one keeps its code.
    """
    found, passed = codes.copy(), np.zeros(len(codes), np.bool_)
    near = latents.candidates(codes[:1]).size // codes.shape[1]  # of each code
    step = max(1, _AT_ONCE // max(1, near * pixels.shape[1]))
    for start in range(0, len(codes), step):
        part = slice(start, start + step)
        trials = _nearest(pixels[part], latents.candidates(codes[part]), latents, nearest)
        best = Candidates.none(pixels[part], codes[part])
        best.offer(trials, latents, partial(allowed, part))
        found[part], passed[part] = best.codes, np.isfinite(best.rd_cost)
    return found, passed


def _nearest(pixels: Pixels, trials: Codes, latents: LatentModel, count: int) -> Codes:
    """Return the codes of least squared error among uint8 [n, m, d], as uint8 [count, n, d]."""
    n, m, dims = trials.shape
    residual = latents.decode(trials.reshape(n * m, dims)).reshape(n, m, -1).astype(np.int32)
    residual -= pixels[:, None]
    error = np.einsum("nmp,nmp->nm", residual, residual)
    order = np.argsort(error, axis=1, kind="stable")[:, :count]
    return np.take_along_axis(trials, order[:, :, None], axis=1).transpose(1, 0, 2)


def _exhaustive(pixels: Pixels, latents: LatentModel, dims: int) -> Codes:
    """Return the best of all codes for each image, the smaller of two.

    `|x - y|^2 = |x|^2 - 2 x . y + |y|^2`.
    """
    every = every_code(dims, latents.levels)  # ascending: argmin takes the smaller
    recon = latents.decode(every).astype(np.float64)
    squares = np.einsum("kp,kp->k", recon, recon)
    rate = rate_of(rates_of(every, latents), every)
    chosen = np.empty(len(pixels), np.intp)
    for start in range(0, len(pixels), _BATCH):
        part = slice(start, start + _BATCH)
        image = pixels[part].astype(np.float64)
        own = np.einsum("np,np->n", image, image)[:, None]
        error = own - 2 * np.matmul(image, recon.T) + squares
        chosen[part] = np.argmin(rd_cost(error, rate), axis=1)
    best: Codes = every[chosen]
    return best


def _descend(best: Candidates, latents: LatentModel, effort: Effort) -> Candidates:
    """Sweep until the codes no longer change.

    A sweep over categorical latents tries all values, so one without a change is enough. Other
    sweeps try neighbours on one side, then on the other, so two are needed.
    """
    enough = 1 if latents.categorical else 2
    active = np.arange(len(best.codes))
    still = np.zeros(len(best.codes), np.intp)
    for number in range(effort.sweeps):
        part = best.at(active)
        if latents.categorical:
            _sweep_values(part, latents)
        else:
            sweep_gradient(part, latents, effort, outward=number % 2 == 1)
        moved = (part.codes != best.codes[active]).any(axis=1)
        best.put(active, part)
        still[active] = np.where(moved, 0, still[active] + 1)
        active = active[still[active] < enough]
        if not active.size:
            break
    return best


def _sweep_values(best: Candidates, latents: LatentModel) -> None:
    """Try every value of each latent in turn, with the others as they are."""
    for j in range(best.codes.shape[1]):
        best.offer(all_values(best.codes, latents.levels, j), latents)
