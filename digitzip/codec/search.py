"""Rate-distortion search: the code of lowest cost that an effort finds for each image.

Proposers name candidate codes; the decoder and the entropy model say what they cost; the best is
kept (`candidates`). All is exact on integers below 2^53, so every machine finds the same code.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.codec.candidates import (
    Candidates,
    Codes,
    Exact,
    Flags,
    Pixels,
    rate_of,
    rates_of,
    rd_cost,
)
from digitzip.codec.quadratic import Quadratic
from digitzip.model import LatentModel
from digitzip.model.neighbours import all_values, every_code, one_step

Floats = npt.NDArray[np.floating[Any]]
Steps = npt.NDArray[np.int16]
AllowedRows = Callable[[slice, Pixels], Flags]
"""Some of the images, reconstructions uint8 [k, n, p] of k codes for each -> bool [k, n]."""

_BATCH: Final = 256
_FEW: Final = 1024  # with so many codes at most, all are tried
_AT_ONCE: Final = 1 << 24  # pixels that are decoded at once


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to search: at most `sweeps` over the latents.

    Each sweep tries `proposals` minima of a quadratic model of the error, and the `nearby` best
    moves of one or two latents by that model.
    """

    sweeps: int
    proposals: int
    nearby: int = 0


EFFORT: Final = (
    Effort(sweeps=0, proposals=0, nearby=0),
    Effort(sweeps=1, proposals=1, nearby=1),
    Effort(sweeps=1, proposals=1, nearby=4),
    Effort(sweeps=1, proposals=2, nearby=8),
    Effort(sweeps=2, proposals=2, nearby=4),
    Effort(sweeps=2, proposals=2, nearby=12),
    Effort(sweeps=3, proposals=2, nearby=16),
    Effort(sweeps=6, proposals=3, nearby=20),
    Effort(sweeps=12, proposals=3, nearby=30),
    Effort(sweeps=200, proposals=4, nearby=60),
)
"""The efforts that a user can choose, by number."""


def search(pixels: Pixels, codes: Codes, latents: LatentModel, effort: Effort) -> Codes:
    """Return codes uint8 [n, d] that cost no more than `codes` for `pixels` uint8 [n, p].

    All codes are tried where there are few; with one latent, without effort too.
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
        best = Candidates.of(pixels[part].astype(np.float64), first, recon, rates)
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
        best = Candidates.none(pixels[part].astype(np.float64), codes[part])
        best.offer(trials, latents, partial(allowed, part))
        found[part], passed[part] = best.codes, np.isfinite(best.rd_cost)
    return found, passed


def _nearest(pixels: Pixels, trials: Codes, latents: LatentModel, count: int) -> Codes:
    """Return those of the codes uint8 [n, m, d] of least squared error, uint8 [count, n, d]."""
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
    """Sweep until a code stays as it is: twice, where a sweep sees neighbours on one side."""
    enough = 1 if latents.categorical else 2
    active = np.arange(len(best.codes))
    still = np.zeros(len(best.codes), np.intp)
    for sweep in range(effort.sweeps):
        part = best.at(active)
        if latents.categorical:
            _sweep_values(part, latents)
        else:
            _sweep_gradient(part, latents, effort, outward=sweep % 2 == 1)
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


def _sweep_gradient(
    best: Candidates, latents: LatentModel, effort: Effort, *, outward: bool
) -> None:
    """Try the neighbours on one side, and what a quadratic model of the error proposes.

    The neighbours give the derivative of the decoder by each latent, and with it the model, whose
    moves change several latents at once. The model proposes, the decoder decides, and the model
    goes on from the code that is kept.
    """
    n, dims = best.codes.shape
    trials, steps = one_step(best.codes, latents.levels, outward=outward)
    recon = latents.decode(trials.reshape(n * dims, dims)).reshape(n, dims, -1)
    slopes = _slopes(recon, best.pixels - best.residual, steps)
    model = Quadratic(_products(slopes, slopes.transpose(0, 2, 1)), latents.levels)
    gradient = _gradient(slopes, best.residual)
    gains = 2 * steps * gradient - model.diagonal.T - _rate_changes(best.rates, best.codes, steps)
    row = (np.arange(n), np.argmax(gains, axis=1))
    codes = trials[row]
    best.keep(Candidates.of(best.pixels, codes, recon[row], rates_of(codes, latents)))
    gradient = _gradient(slopes, best.residual)
    if best.rates is not None and _offer_exact(best, model, gradient, latents):
        gradient = _gradient(slopes, best.residual)
    for _ in range(effort.proposals):
        proposal = model.minimum(gradient, best.codes, best.rates)
        if (proposal == best.codes).all():
            break
        best.offer(proposal[None], latents)
        gradient = _gradient(slopes, best.residual)
    if effort.nearby:
        best.offer(model.nearby(gradient, best.codes, best.rates, effort.nearby), latents)


def _offer_exact(best: Candidates, model: Quadratic, gradient: Exact, latents: LatentModel) -> bool:
    """Try the minimum of the error alone where it is much lower: for images decoded before.

    Returns whether there were any such images.
    """
    there = model.minimum(gradient, best.codes, None)
    error = np.einsum("np,np->n", best.residual, best.residual)
    left = error + model.change(gradient, best.codes, there)
    rows = np.flatnonzero(4 * left < 3 * error)
    if rows.size:
        part = best.at(rows)
        part.offer(there[None, rows], latents)
        best.put(rows, part)
    return bool(rows.size)


def _slopes(recon: Pixels, here: Exact, steps: Steps) -> Floats:
    """Return half of the change of each pixel with each latent, [n, d, p].

    `recon` [n, d, p] are a step away from `here` [n, p], in each latent by one of `steps` [n, d].
    """
    halves = (recon >> 1).view(np.int8)
    change = halves - (here.astype(np.uint8) >> 1).view(np.int8)[:, None]
    slopes: Floats = change.astype(_float_type(here.shape[1]))
    slopes *= steps.astype(slopes.dtype)[:, :, None]
    return slopes


def _gradient(slopes: Floats, residual: Exact) -> Exact:
    """Return -1/2 of the derivative of the squared error by each latent, [n, d]."""
    halves = np.trunc(residual / 2).astype(slopes.dtype)
    return _products(slopes, halves[:, :, None])[:, :, 0]


def _products(a: Floats, b: Floats) -> Exact:
    """Return the matrix products of factors that are given in halves."""
    product: Exact = 4 * np.matmul(a, b).astype(np.float64)
    return product


def _float_type(pixels: int) -> type[np.floating[Any]]:
    """Return the float type in which products of halves are exact: 127^2 a pixel, summed."""
    return np.float32 if pixels * 127 * 127 < 1 << 24 else np.float64


def _rate_changes(rates: Exact | None, codes: Codes, steps: Steps) -> Exact | float:
    """Return the change of rate of the stepped latent alone, for each neighbour, [n, d]."""
    if rates is None:
        return 0.0
    old = codes.T[:, None].astype(np.intp)
    new = old + steps.T[:, None]
    change = np.take_along_axis(rates, new, axis=1) - np.take_along_axis(rates, old, axis=1)
    return change[:, 0].T
