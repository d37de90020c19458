"""Which test digits are looked at: a rule picks them, not an eye.

Best, typical and worst are told by the RMSE of a digit; which are read differently, the reader
says. How they are drawn is not known here.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks import record

EACH: Final = 12  # best, typical and worst digits

Reals = npt.NDArray[np.float64]
Ranks = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Digit:
    """A digit: its place in the test set, its RMSE, and what it is read as before and after."""

    index: int
    rmse: float
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Looks:
    """The digits that were picked, and the SHA-256 of the pixels that the picture has of them."""

    best: tuple[Digit, ...]
    typical: tuple[Digit, ...]
    worst: tuple[Digit, ...]
    read_differently: tuple[Digit, ...]  # all of them, by index
    pixels: str = ""

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:16]


def pick(errors: Reals, before: record.Labels, after: record.Labels) -> Looks:
    """Pick digits by their RMSE [n] and what they are read as [n]; of equals the first come first.

    Where there are fewer than asked for, a group has all of them.
    """

    def chosen(ranks: Ranks) -> tuple[Digit, ...]:
        return tuple(Digit(int(i), float(errors[i]), int(before[i]), int(after[i])) for i in ranks)

    def least(values: Reals) -> tuple[Digit, ...]:
        return chosen(np.argsort(values, kind="stable")[:EACH])

    return Looks(
        best=least(errors),
        typical=least(np.abs(errors - np.median(errors))),
        worst=least(-errors),
        read_differently=chosen(np.flatnonzero(before != after)),
    )


def rmse_of_each(x: record.Images, y: record.Images) -> Reals:
    """Return the RMSE of each of the images uint8 [n, height, width], pixels in 0 … 1."""
    errors: Reals = np.sqrt(np.square(x.astype(np.int64) - y).mean(axis=(1, 2))) / 255
    return errors
