"""Candidate codes and their rate-distortion cost; the best of them is kept.

The cost is `squared error + lambda * rate`, lower is better. All of it is exact on integers below
2^53, so the same code is the best one on every machine.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip import jobs
from digitzip.kernels import KERNELS
from digitzip.model import LatentModel

Codes = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.uint8]
Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.integer[Any]]
Exact = npt.NDArray[np.float64]
"""Integers below 2^53, held in float64."""
Allowed = Callable[[Pixels], Flags]
"""Reconstructions uint8 [k, n, p] of k candidates for each of n images -> allowed, bool [k, n]."""

_TOGETHER: Final = 8  # candidates of each image that are decoded at once


@dataclass(slots=True)
class Candidates:
    """One code for each of n images: codes uint8 [n, d], pixels uint8 [n, p] of the images.

    `recon` uint8 [n, p] are the reconstructions. `rates` [d, levels, n] is lambda times the rate
    of every value of each latent after the values of the code; None where lambda is 0. `rd_cost`
    [n] is infinite where no code is known yet.
    """

    pixels: Pixels
    codes: Codes
    recon: Pixels
    rates: Exact | None
    rd_cost: Exact

    @classmethod
    def of(cls, pixels: Pixels, codes: Codes, recon: Pixels, rates: Exact | None) -> Candidates:
        """Return codes uint8 [n, d] that decode to `recon` uint8 [n, p], with their cost."""
        cost = rd_cost(KERNELS.squared_errors(pixels, recon), rate_of(rates, codes))
        return cls(pixels, codes.copy(), recon.copy(), rates, cost)

    @classmethod
    def none(cls, pixels: Pixels, codes: Codes) -> Candidates:
        """Return codes uint8 [n, d] that any allowed code is better than."""
        return cls(pixels, codes.copy(), pixels.copy(), None, np.full(len(codes), np.inf))

    def keep(self, other: Candidates) -> None:
        """Keep the better code of each image; of equal costs, the smaller code."""
        better = other.rd_cost < self.rd_cost
        (ties,) = np.nonzero((other.rd_cost == self.rd_cost) & np.isfinite(self.rd_cost))
        for i in ties:
            better[i] = other.codes[i].tolist() < self.codes[i].tolist()
        self.put(better, other.at(better))

    def offer(self, trials: Codes, latents: LatentModel, allowed: Allowed | None = None) -> None:
        """Keep the best of the present codes and the trials uint8 [k, n, d] that are allowed."""
        n, dims = self.codes.shape
        for start in range(0, len(trials), _TOGETHER):
            jobs.check()
            some = trials[start : start + _TOGETHER]
            flat = some.reshape(-1, dims)
            recon, rates = latents.decode(flat), rates_of(flat, latents)
            passed = None if allowed is None else allowed(recon.reshape(len(some), n, -1))
            for i, codes in enumerate(some):
                rows = slice(i * n, (i + 1) * n)
                own = None if rates is None else rates[:, :, rows]
                trial = Candidates.of(self.pixels, codes, recon[rows], own)
                if passed is not None:
                    trial.rd_cost[~passed[i]] = np.inf
                self.keep(trial)

    def at(self, rows: npt.NDArray[Any]) -> Candidates:
        """Return the candidates of some images."""
        rates = None if self.rates is None else self.rates[:, :, rows]
        return Candidates(
            self.pixels[rows], self.codes[rows], self.recon[rows], rates, self.rd_cost[rows]
        )

    def put(self, rows: npt.NDArray[Any], other: Candidates) -> None:
        """Replace the candidates of some images."""
        self.codes[rows], self.recon[rows] = other.codes, other.recon
        self.rd_cost[rows] = other.rd_cost
        if self.rates is not None:
            self.rates[:, :, rows] = other.rates


def rd_cost(error: Exact, rate: Exact) -> Exact:
    """Return `error + rate`, where `rate` has been multiplied by lambda; -1 without error.

    A code without error is always the best one, so compressing decoded images again loses nothing.
    """
    return np.where(error == 0, -1.0, error + rate)


def rates_of(codes: Codes, latents: LatentModel) -> Exact | None:
    """Return lambda times the rate of every value of each latent, [d, levels, n]; None for 0."""
    if not latents.lambda_:
        return None
    n, dims = codes.shape
    rates = np.empty((dims, latents.levels, n))
    for j in range(dims):
        rates[j] = latents.costs(codes[:, :j]).T
    rates *= latents.lambda_
    return rates


def rate_of(rates: Exact | None, codes: Codes) -> Exact:
    """Return lambda times the rate of codes uint8 [n, d], [n]."""
    if rates is None:
        return np.zeros(len(codes))
    chosen = np.take_along_axis(rates, codes.T[:, None].astype(np.intp), axis=1)
    total: Exact = chosen.sum(axis=(0, 1))
    return total
