"""One sweep of the search over latents whose neighbouring values are similar.

Neighbours on one side give the derivative of the decoder, and with it a quadratic model of the
error (`quadratic`).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from digitzip.codec.candidates import Candidates, Codes, Exact, rates_of
from digitzip.codec.effort import Effort
from digitzip.codec.quadratic import Quadratic
from digitzip.kernels import KERNELS
from digitzip.model import LatentModel
from digitzip.model.neighbours import one_step

Steps = npt.NDArray[np.int16]


def sweep_gradient(
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
    slopes, curvature = KERNELS.slopes_and_curvature(recon, best.recon, steps)
    model = Quadratic(curvature, latents.levels)
    gradient = KERNELS.gradient(slopes, best.pixels, best.recon)
    gains = 2 * steps * gradient - model.diagonal.T - _rate_changes(best.rates, best.codes, steps)
    row = (np.arange(n), np.argmax(gains, axis=1))
    codes = trials[row]
    best.keep(Candidates.of(best.pixels, codes, recon[row], rates_of(codes, latents)))
    gradient = KERNELS.gradient(slopes, best.pixels, best.recon)
    if best.rates is not None and _offer_exact(best, model, gradient, latents):
        gradient = KERNELS.gradient(slopes, best.pixels, best.recon)
    for _ in range(effort.proposals):
        proposal = model.minimum(gradient, best.codes, best.rates)
        if (proposal == best.codes).all():
            break
        best.offer(proposal[None], latents)
        gradient = KERNELS.gradient(slopes, best.pixels, best.recon)
    if effort.nearby:
        best.offer(model.nearby(gradient, best.codes, best.rates, effort.nearby), latents)


def _offer_exact(best: Candidates, model: Quadratic, gradient: Exact, latents: LatentModel) -> bool:
    """Try the code of least error, ignoring rate, where its error is predicted to be much lower.

    This finds the exact code of an image that is itself the output of the decoder. Returns whether
    any image was tried.
    """
    there = model.minimum(gradient, best.codes, None)
    error = KERNELS.squared_errors(best.pixels, best.recon)
    left = error + model.change(gradient, best.codes, there)
    rows = np.flatnonzero(4 * left < 3 * error)
    if rows.size:
        part = best.at(rows)
        part.offer(there[None, rows], latents)
        best.put(rows, part)
    return bool(rows.size)


def _rate_changes(rates: Exact | None, codes: Codes, steps: Steps) -> Exact | float:
    """Return the change of rate of the stepped latent alone, for each neighbour, [n, d]."""
    if rates is None:
        return 0.0
    old = codes.T[:, None].astype(np.intp)
    new = old + steps.T[:, None]
    change = np.take_along_axis(rates, new, axis=1) - np.take_along_axis(rates, old, axis=1)
    return change[:, 0].T
