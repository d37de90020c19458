"""Scores of an entropy model -> costs and CDF tables, in integers only: the reference in NumPy.

A score s among scores S costs `32 ln(sum(exp(S / 32))) - s`, rounded, in 1/32 of a nat. The tables
come from Python's `decimal`, which rounds `exp` correctly by its specification: they do not depend
on a platform's libm, so costs and CDFs are the same everywhere.
"""

from __future__ import annotations

from decimal import ROUND_CEILING, ROUND_HALF_EVEN, Context, Decimal, localcontext
from functools import cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

Integers = npt.NDArray[np.integer[Any]]

UNIT: Final = 32  # units of a nat

_ONE: Final = 1 << 20  # what exp(0) counts in a sum of at most 255 of them, below 2^28
_REACH: Final = 466  # this far below the greatest score and farther, exp rounds to nothing
_LOGS: Final = 178  # 32 ln(255), rounded up


def costs(scores: Integers) -> Integers:
    """Scores int32 [n, levels] within ±2^15 -> the cost of each value, int32 [n, levels], >= 0."""
    exponentials, borders = tables()
    below = scores.max(axis=1, keepdims=True) - scores
    total = exponentials.take(below, mode="clip").sum(axis=1, keepdims=True, dtype=np.int32)
    found: Integers = below + np.searchsorted(borders, total, side="right").astype(np.int32)
    return found


def cdf(scores: Integers, total: int) -> Integers:
    """Scores int32 [n, levels] -> CDF tables, int64 [n, levels + 1], from 0 to `total`.

    Value v owns the slots from column v to below column v + 1, at least one (FORMAT.md section
    4.1). `total` is at most 2^24.
    """
    exponentials, _ = tables()
    below = scores.max(axis=1, keepdims=True) - scores
    n, levels = scores.shape
    sums = np.zeros((n, levels + 1))  # whole numbers below 2^28, and 2^52 when scaled
    exponentials.take(below, mode="clip").cumsum(axis=1, out=sums[:, 1:])
    shared = sums * (total - levels) / sums[:, -1:]  # rounded, but never up to a whole number
    found: Integers = shared.astype(np.int64) + np.arange(levels + 1)
    return found


@cache
def tables() -> tuple[Integers, Integers]:
    """Return two tables: rounded exponentials, and the borders for rounding logarithms.

    Entry m of the first is `2^20 exp(-m / 32)`, rounded. Entry r of the second is the smallest sum
    s for which `32 ln(s / 2^20)` rounds to r + 1. No sum is below 2^20, the share of the greatest
    score, for which the logarithm is 0.
    """
    with localcontext(Context(prec=50)):
        exponentials = [_exp(Decimal(-m) / UNIT, ROUND_HALF_EVEN) for m in range(_REACH + 1)]
        middles = (Decimal(2 * r + 1) / (2 * UNIT) for r in range(_LOGS))
        borders = [_exp(middle, ROUND_CEILING) for middle in middles]
    return np.array(exponentials, np.int32), np.array(borders, np.int32)


def _exp(x: Decimal, rounding: str) -> int:
    return int((_ONE * x.exp()).to_integral_value(rounding))
