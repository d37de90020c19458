"""A quadratic model of the squared error, and the code that it and the prices say is best.

Exact on integers held in float64; it knows no networks.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]
Exact = npt.NDArray[np.float64]

_PASSES: Final = 12  # over the numbers of a code at most, while the model is minimised
_FINE: Final = 8  # a first descent goes in this fraction of a level
_WINDOW: Final = 16  # values to each side of the least error that prices may lead to


class Quadratic:
    """The model `error(move) = error - 2 descent . move + move . curvature . move`.

    `curvature` is [n, d, d]; moves are in levels.
    """

    def __init__(self, curvature: Exact, levels: int) -> None:
        self._curvature = np.ascontiguousarray(curvature.transpose(1, 2, 0))  # [d, d, n]
        self.own = np.maximum(np.einsum("jjn->jn", self._curvature), 1)
        self._levels = levels

    def least(self, descent: Exact, codes: Codes, prices: Exact | None) -> Codes:
        """Return the codes [n, d] about where error and prices are least, near `codes`.

        `descent` is [n, d], `prices` [d, levels, n] or None for none. Coordinate descent, first in
        fractions of a level and without prices, then in whole levels.
        """
        here = np.ascontiguousarray(codes.T, np.float64)
        move = np.zeros(here.shape)
        for unit in (_FINE, 1):
            move = np.rint(move * unit)
            rest = unit * descent.T - np.einsum("jkn,kn->jn", self._curvature, move)
            low, high = -unit * here, unit * (self._levels - 1 - here)
            priced = prices if unit == 1 else None
            for _ in range(_PASSES):
                before = move.copy()
                for j, own in enumerate(self.own):
                    wanted = np.rint(move[j] + rest[j] / own)
                    value = np.minimum(np.maximum(wanted, low[j]), high[j])
                    if priced is not None:
                        pull = rest[j] + own * move[j]
                        value = _cheapest(value + here[j], here[j], own, pull, priced[j])
                    rest -= self._curvature[j] * (value - move[j])
                    move[j] = value
                if (move == before).all():
                    break
            move /= unit
        return (here + move).T.astype(np.uint8)

    def change(self, descent: Exact, codes: Codes, there: Codes) -> Exact:
        """Return by how much the error differs, [n], at other codes [n, d]."""
        move = there.T.astype(np.float64) - codes.T
        bend = np.einsum("jkn,kn->jn", self._curvature, move)
        change: Exact = np.einsum("jn,jn->n", move, bend - 2 * descent.T)
        return change

    def nearby(self, descent: Exact, codes: Codes, prices: Exact | None, count: int) -> Codes:
        """Return codes uint8 [count, n, d]: the best moves of one or two numbers by one level.

        The best by error and prices, of those that do not leave the range, as far as there are any.
        """
        dims = codes.shape[1]
        here, curvature = codes.T.astype(np.intp), self._curvature
        alone = np.full((2, dims, codes.shape[0]), np.inf)  # what a step down or up changes
        for side, step in enumerate((-1, 1)):
            there = here + step
            change = self.own - 2 * step * descent.T
            if prices is not None:
                places = (np.clip(there, 0, self._levels - 1), here)
                new, old = (np.take_along_axis(prices, p[:, None], axis=1)[:, 0] for p in places)
                change = change + new - old
            alone[side] = np.where((there >= 0) & (there < self._levels), change, np.inf)
        moves, changes = [], []
        for j in range(dims):
            for side, step in enumerate((-1, 1)):
                moves.append(_steps(dims, {j: step}))
                changes.append(alone[side, j])
                for k in range(j):
                    for other, by in enumerate((-1, 1)):
                        moves.append(_steps(dims, {j: step, k: by}))
                        both = alone[side, j] + alone[other, k] + 2 * step * by * curvature[j, k]
                        changes.append(both)
        totals = np.stack(changes, axis=1)  # [n, moves]
        order = np.argsort(totals, axis=1, kind="stable")[:, :count].T
        moved = codes + np.stack(moves)[order]
        allowed = np.isfinite(np.take_along_axis(totals.T, order, axis=0))
        return np.where(allowed[:, :, None], moved, codes).astype(np.uint8)


def _steps(dims: int, steps: dict[int, int]) -> npt.NDArray[np.int16]:
    return np.array([steps.get(j, 0) for j in range(dims)], np.int16)


def _cheapest(near: Exact, here: Exact, own: Exact, pull: Exact, prices: Exact) -> Exact:
    """Return the move [n] of one number that makes error and price least, the smaller of two.

    `near` [n] is the value where the error alone is least, `prices` are [levels, n].
    """
    levels = len(prices)
    values = np.arange(levels, dtype=np.float64)[:, None]
    if levels > 2 * _WINDOW:
        values = np.clip(near + np.arange(-_WINDOW, _WINDOW + 1)[:, None], 0, levels - 1)
        prices = np.take_along_axis(prices, values.astype(np.intp), axis=0)
    moves = values - here
    totals = (own * moves - 2 * pull) * moves + prices
    best = np.argmin(totals, axis=0)[None]
    chosen: Exact = np.take_along_axis(moves, best, axis=0)[0]
    return chosen
