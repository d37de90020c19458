"""A quadratic (Gauss-Newton) model of the squared error, and the codes that it proposes.

Exact on integers held in float64. It knows no networks.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

from digitzip.model.neighbours import moves

Codes = npt.NDArray[np.uint8]
Exact = npt.NDArray[np.float64]

_PASSES: Final = 12  # of the coordinate descent over the latents, at most
_FINE: Final = 8  # the first descent moves in this fraction of a level
_WINDOW: Final = 16  # values on each side of the lowest error that are compared by rd_cost


class Quadratic:
    """The model `error(move) = error - 2 gradient . move + move . curvature . move`.

    `curvature` is [d, d, n]; moves are in levels. `gradient` [n, d] is -1/2 of the derivative. All
    arguments `rates` are [d, levels, n], lambda times the rate of each value, or None for 0.
    """

    def __init__(self, curvature: Exact, levels: int) -> None:
        self._curvature = curvature
        self.diagonal = np.maximum(np.einsum("jjn->jn", self._curvature), 1)
        self._levels = levels

    def minimum(self, gradient: Exact, codes: Codes, rates: Exact | None) -> Codes:
        """Return codes uint8 [n, d] near `codes` that about minimise error and rate.

        Coordinate descent, first in fractions of a level without the rate, then in whole levels.
        """
        here = np.ascontiguousarray(codes.T, np.float64)
        move = np.zeros(here.shape)
        for unit in (_FINE, 1):
            move = np.rint(move * unit)
            rest = unit * gradient.T - np.einsum("jkn,kn->jn", self._curvature, move)
            low, high = -unit * here, unit * (self._levels - 1 - here)
            for _ in range(_PASSES):
                before = move.copy()
                for j, own in enumerate(self.diagonal):
                    wanted = np.rint(move[j] + rest[j] / own)
                    value = np.minimum(np.maximum(wanted, low[j]), high[j])
                    if rates is not None and unit == 1:
                        pull = rest[j] + own * move[j]
                        value = _cheapest(value + here[j], here[j], own, pull, rates[j])
                    rest -= self._curvature[j] * (value - move[j])
                    move[j] = value
                if (move == before).all():
                    break
            move /= unit
        return (here + move).T.astype(np.uint8)

    def change(self, gradient: Exact, codes: Codes, there: Codes) -> Exact:
        """Return the change of the error, [n], from codes [n, d] to codes `there` [n, d]."""
        move = there.T.astype(np.float64) - codes.T
        bend = np.einsum("jkn,kn->jn", self._curvature, move)
        change: Exact = np.einsum("jn,jn->n", move, bend - 2 * gradient.T)
        return change

    def nearby(self, gradient: Exact, codes: Codes, rates: Exact | None, count: int) -> Codes:
        """Return codes uint8 [count, n, d]: the best moves of one or two latents by one level.

        The best by error and rate. An image with fewer moves within the range gets its own code in
        place of the others.
        """
        steps = moves(codes.shape[1])
        totals = self._changes(steps, gradient, codes, rates)
        order = np.argsort(totals.T, axis=1, kind="stable")[:, :count].T
        moved = codes + steps[order]
        inside = np.isfinite(np.take_along_axis(totals, order, axis=0))
        return np.where(inside[:, :, None], moved, codes).astype(np.uint8)

    def _changes(
        self, steps: npt.NDArray[np.int16], gradient: Exact, codes: Codes, rates: Exact | None
    ) -> Exact:
        """Return the change of error and rate by each of the moves [m, d], [m, n].

        Infinite where a move leaves the range. The rate is that of the moved latents alone.
        """
        n, dims = codes.shape
        single = np.zeros((2 * dims + 1, n))  # a step down and up of each latent; none at last
        single[0:-1:2] = self._step_changes(-1, gradient, codes, rates)
        single[1:-1:2] = self._step_changes(1, gradient, codes, rates)
        last = steps.shape[1] - 1 - (steps[:, ::-1] != 0).argmax(axis=1)
        first = (steps != 0).argmax(axis=1)
        m = np.arange(len(steps))
        one, other = (2 * j + (steps[m, j] > 0) for j in (last, first))
        both = np.where(first == last, 0, 2 * steps[m, last] * steps[m, first])
        other = np.where(first == last, 2 * dims, other)
        totals: Exact = single[one] + single[other]
        totals += both[:, None] * self._curvature[last, first]
        return totals

    def _step_changes(self, step: int, gradient: Exact, codes: Codes, rates: Exact | None) -> Exact:
        """Return the change of error and rate by one step of each latent, [d, n]."""
        here = codes.T.astype(np.intp)
        there = here + step
        change = self.diagonal - 2 * step * gradient.T
        if rates is not None:
            values = (np.clip(there, 0, self._levels - 1), here)
            new, old = (np.take_along_axis(rates, v[:, None], axis=1)[:, 0] for v in values)
            change = change + new - old
        return np.where((there >= 0) & (there < self._levels), change, np.inf)


def _cheapest(near: Exact, here: Exact, own: Exact, pull: Exact, rates: Exact) -> Exact:
    """Return the move [n] of one latent that minimises error and rate, the smaller of two.

    `near` [n] is the value of the lowest error; `rates` are [levels, n].
    """
    levels = len(rates)
    values = np.arange(levels, dtype=np.float64)[:, None]
    if levels > 2 * _WINDOW:
        values = np.clip(near + np.arange(-_WINDOW, _WINDOW + 1)[:, None], 0, levels - 1)
        rates = np.take_along_axis(rates, values.astype(np.intp), axis=0)
    steps = values - here
    totals = (own * steps - 2 * pull) * steps + rates
    best = np.argmin(totals, axis=0)[None]
    chosen: Exact = np.take_along_axis(steps, best, axis=0)[0]
    return chosen
