"""The search for better codes: which code near a given one is worth most for an image.

What it minimises is `squared error + lambda * rate`, and a code without error is the best. All is
exact on integers below 2^53, so the search finds the same code on every machine. It knows decoder
and predictor as callables; models and files it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.codec.quadratic import Quadratic

Codes = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.floating[Any]]
Exact = npt.NDArray[np.float64]
"""Integers below 2^53, held in float64."""

_BATCH: Final = 256
_TOGETHER: Final = 8  # codes for each image, decoded at once
_FEW: Final = 1024  # codes that there can be in all, to try every one of them


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to search: `sweeps` over the numbers of a code at most.

    In each, `proposals` are the least of a model of the error, and `nearby` moves of one or two
    numbers are tried that the model likes best.
    """

    sweeps: int
    proposals: int
    nearby: int = 0


@dataclass(frozen=True, slots=True)
class Target:
    """What codes are worth: `decode` gives pixels uint8 [n, p] of codes uint8 [n, d].

    `costs` gives the rate int [n, levels] of each value of number j after numbers uint8 [n, j];
    a unit of it weighs `lambda_`, and with 0 is never asked for. Where numbers are `nominal`,
    neighbouring values need not look alike, and all values are tried.
    """

    levels: int
    decode: Callable[[Codes], Pixels]
    costs: Callable[[Codes], Integers]
    lambda_: int = 0
    nominal: bool = False

    def prices(self, codes: Codes) -> Exact | None:
        """Return `lambda * cost` of every value of every number, [d, levels, n]; None for 0."""
        if not self.lambda_:
            return None
        n, dims = codes.shape
        prices = np.empty((dims, self.levels, n))
        for j in range(dims):
            prices[j] = self.costs(codes[:, :j]).T
        prices *= self.lambda_
        return prices


def search(pixels: Pixels, codes: Codes, target: Target, effort: Effort) -> Codes:
    """Return codes uint8 [n, d] that are worth no less than `codes` for `pixels`, uint8 [n, p].

    Where there are few codes all are tried; where a code is one number, at no effort too.
    """
    dims = codes.shape[1]
    if target.levels**dims <= _FEW and (effort.sweeps or dims == 1):
        return _best_of_all(pixels, target, dims)
    if not effort.sweeps:
        return codes
    found = np.empty_like(codes)
    for start in range(0, len(codes), _BATCH):
        part = slice(start, start + _BATCH)
        start_codes = codes[part]
        image, prices = pixels[part].astype(np.float64), target.prices(start_codes)
        best = _Best.of(image, start_codes, target.decode(start_codes), prices)
        found[part] = _descend(best, target, effort).codes
    return found


def _best_of_all(pixels: Pixels, target: Target, dims: int) -> Codes:
    """Return the codes worth most of all that there are, the smaller of two.

    `|x - y|^2 = |x|^2 - 2 x . y + |y|^2`.
    """
    places = np.indices((target.levels,) * dims).reshape(dims, -1)
    every = np.ascontiguousarray(places.T, np.uint8)  # ascending: argmin takes the smaller
    decoded = target.decode(every).astype(np.float64)
    squares = np.einsum("kp,kp->k", decoded, decoded)
    paid = _paid(target.prices(every), every)
    chosen = np.empty(len(pixels), np.intp)
    for start in range(0, len(pixels), _BATCH):
        part = slice(start, start + _BATCH)
        image = pixels[part].astype(np.float64)
        own = np.einsum("np,np->n", image, image)[:, None]
        error = own - 2 * np.matmul(image, decoded.T) + squares
        chosen[part] = np.argmin(_worth(error, paid), axis=1)
    best: Codes = every[chosen]
    return best


@dataclass(slots=True)
class _Best:
    """The best codes so far, [n, d], for the images, [n, p], and what is known of them."""

    image: Exact
    codes: Codes
    missing: Exact  # of the image, [n, p]
    prices: Exact | None
    worth: Exact  # [n], the less the better

    @classmethod
    def of(cls, image: Exact, codes: Codes, decoded: Pixels, prices: Exact | None) -> _Best:
        """Return what codes [n, d] are worth, decoded to [n, p] and each value at its price."""
        missing = image - decoded
        error = np.einsum("np,np->n", missing, missing)
        return cls(image, codes.copy(), missing, prices, _worth(error, _paid(prices, codes)))

    def offer_all(self, trials: Codes, target: Target) -> None:
        """Take those of the codes [k, n, d] that are worth more."""
        n, dims = self.codes.shape
        for start in range(0, len(trials), _TOGETHER):
            some = trials[start : start + _TOGETHER]
            flat = some.reshape(-1, dims)
            decoded, prices = target.decode(flat), target.prices(flat)
            for i, codes in enumerate(some):
                rows = slice(i * n, (i + 1) * n)
                priced = None if prices is None else prices[:, :, rows]
                self.offer(_Best.of(self.image, codes, decoded[rows], priced))

    def offer(self, other: _Best) -> None:
        """Take the codes that are worth more, or as much and smaller."""
        better = other.worth < self.worth
        (ties,) = np.nonzero(other.worth == self.worth)
        for i in ties:
            better[i] = other.codes[i].tolist() < self.codes[i].tolist()
        self.put(better, other.at(better))

    def at(self, rows: npt.NDArray[Any]) -> _Best:
        prices = None if self.prices is None else self.prices[:, :, rows]
        return _Best(
            self.image[rows], self.codes[rows], self.missing[rows], prices, self.worth[rows]
        )

    def put(self, rows: npt.NDArray[Any], other: _Best) -> None:
        self.codes[rows], self.missing[rows], self.worth[rows] = (
            other.codes, other.missing, other.worth,
        )  # fmt: skip
        if self.prices is not None:
            self.prices[:, :, rows] = other.prices


def _descend(best: _Best, target: Target, effort: Effort) -> _Best:
    """Sweep until a digit stays as it was: twice, where a sweep sees neighbours to one side."""
    enough = 1 if target.nominal else 2
    active = np.arange(len(best.codes))
    still = np.zeros(len(best.codes), np.intp)
    for sweep in range(effort.sweeps):
        part = best.at(active)
        if target.nominal:
            _try_values(part, target)
        else:
            _sweep(part, target, effort, outward=sweep % 2 == 1)
        moved = (part.codes != best.codes[active]).any(axis=1)
        best.put(active, part)
        still[active] = np.where(moved, 0, still[active] + 1)
        active = active[still[active] < enough]
        if not active.size:
            break
    return best


def _try_values(best: _Best, target: Target) -> None:
    """Give each number in turn the value that is worth most, the others as they are."""
    for j in range(best.codes.shape[1]):
        trials = np.repeat(best.codes[None], target.levels, axis=0)
        trials[:, :, j] = np.arange(target.levels, dtype=np.uint8)[:, None]
        best.offer_all(trials, target)


def _sweep(best: _Best, target: Target, effort: Effort, *, outward: bool) -> None:
    """Improve codes by their neighbours to one side, and by what a model of the error proposes.

    The neighbours give the derivative of the decoder by each number, and with it a quadratic model
    of the squared error for moves of several numbers at once. The model proposes, the decoder
    decides, and the model goes on from there.
    """
    n, dims = best.codes.shape
    trials, steps = _neighbours(best.codes, target.levels, outward=outward)
    decoded = target.decode(trials.reshape(n * dims, dims)).reshape(n, dims, -1)
    slopes = _slopes(decoded, best.image - best.missing, steps)
    model = Quadratic(_products(slopes, slopes.transpose(0, 2, 1)), target.levels)
    descent = _times(slopes, best.missing)
    gains = 2 * steps * descent - model.own.T - _dearer(best.prices, best.codes, steps)
    best_step = (np.arange(n), np.argmax(gains, axis=1))
    nearest = trials[best_step]
    best.offer(_Best.of(best.image, nearest, decoded[best_step], target.prices(nearest)))
    descent = _times(slopes, best.missing)
    if best.prices is not None and _offer_exact(best, model, descent, target):
        descent = _times(slopes, best.missing)
    for _ in range(effort.proposals):
        proposal = model.least(descent, best.codes, best.prices)
        if (proposal == best.codes).all():
            break
        best.offer_all(proposal[None], target)
        descent = _times(slopes, best.missing)
    if effort.nearby:
        trials = model.nearby(descent, best.codes, best.prices, effort.nearby)
        best.offer_all(trials, target)


def _offer_exact(best: _Best, model: Quadratic, descent: Exact, target: Target) -> bool:
    """Offer what is best without prices where that is much nearer: to digits decoded before.

    Returns whether there were any such digits.
    """
    there = model.least(descent, best.codes, None)
    error = np.einsum("np,np->n", best.missing, best.missing)
    left = error + model.change(descent, best.codes, there)
    rows = np.flatnonzero(4 * left < 3 * error)
    if rows.size:
        part = best.at(rows)
        part.offer_all(there[None, rows], target)
        best.put(rows, part)
    return bool(rows.size)


def _neighbours(codes: Codes, levels: int, *, outward: bool) -> tuple[Codes, Exact]:
    """Return codes uint8 [n, d, d], each one step away in one number, and the steps [n, d].

    Steps go toward the middle of the range, or outward where there is room.
    """
    steps = np.where(2 * codes.astype(np.int16) < levels - 1, 1, -1)
    if outward:
        steps = np.where((codes == 0) | (codes == levels - 1), steps, -steps)
    trials = np.repeat(codes[:, None], codes.shape[1], axis=1)
    j = np.arange(codes.shape[1])
    trials[:, j, j] = codes + steps
    return trials, steps.astype(np.float64)


def _slopes(decoded: Pixels, here: Exact, steps: Exact) -> Floats:
    """Return by how much half of each pixel changes with a number, [n, d, p].

    `decoded` [n, d, p] are a step away from `here` [n, p], in each number by one of `steps` [n, d].
    """
    halves = (decoded >> 1).view(np.int8)
    change = halves - (here.astype(np.uint8) >> 1).view(np.int8)[:, None]
    slopes: Floats = change.astype(_float_type(here.shape[1]))
    slopes *= steps.astype(slopes.dtype)[:, :, None]
    return slopes


def _times(slopes: Floats, missing: Exact) -> Exact:
    """Return the derivative of the squared error by each number, over -2: [n, d]."""
    halves = np.trunc(missing / 2).astype(slopes.dtype)
    return _products(slopes, halves[:, :, None])[:, :, 0]


def _products(a: Floats, b: Floats) -> Exact:
    """Return the matrix products of what is given in halves."""
    product: Exact = 4 * np.matmul(a, b).astype(np.float64)
    return product


def _float_type(pixels: int) -> type[np.floating[Any]]:
    """Return the float type in which products of halves are exact: 127^2 a pixel, summed."""
    return np.float32 if pixels * 127 * 127 < 1 << 24 else np.float64


def _dearer(prices: Exact | None, codes: Codes, steps: Exact) -> Exact | float:
    """Return by how much each neighbour's own number costs more, [n, d]."""
    if prices is None:
        return 0.0
    old = codes.T[:, None].astype(np.intp)
    new = old + steps.T[:, None].astype(np.intp)
    dearer = np.take_along_axis(prices, new, axis=1) - np.take_along_axis(prices, old, axis=1)
    return dearer[:, 0].T


def _worth(error: Exact, paid: Exact) -> Exact:
    """Return what codes are worth by squared error and what they cost: the less, the better.

    No price leads away from a code that gives the image itself: what was decoded once stays.
    """
    return np.where(error == 0, -1.0, error + paid)


def _paid(prices: Exact | None, codes: Codes) -> Exact:
    """Return what codes [n, d] cost in all, [n]."""
    if prices is None:
        return np.zeros(len(codes))
    chosen = np.take_along_axis(prices, codes.T[:, None].astype(np.intp), axis=1)
    total: Exact = chosen.sum(axis=(0, 1))
    return total
