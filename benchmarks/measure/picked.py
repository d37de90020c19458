"""Pick test images to look at: a rule picks them, not an eye."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks.record import Images, Labels

EACH: Final = 12  # best, typical and worst images

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pick:
    """An image: its index in the test set, its RMSE, and its labels before and after."""

    index: int
    rmse: float
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Looks:
    """The images that were picked, and the SHA-256 of the pixels that the picture shows of them."""

    best: tuple[Pick, ...]
    typical: tuple[Pick, ...]
    worst: tuple[Pick, ...]
    label_changes: tuple[Pick, ...]  # all, by index
    pixels: str = ""

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:16]


def pick(errors: Reals, before: Labels, after: Labels) -> Looks:
    """Pick images by their RMSE [n] and their labels [n]; among equals, by index.

    A group has all images where there are fewer than it asks for.
    """

    def chosen(indices: npt.NDArray[np.intp]) -> tuple[Pick, ...]:
        return tuple(Pick(int(i), float(errors[i]), int(before[i]), int(after[i])) for i in indices)

    def least(values: Reals) -> tuple[Pick, ...]:
        return chosen(np.argsort(values, kind="stable")[:EACH])

    return Looks(
        best=least(errors),
        typical=least(np.abs(errors - np.median(errors))),
        worst=least(-errors),
        label_changes=chosen(np.flatnonzero(before != after)),
    )


def rmse_of_each(x: Images, y: Images) -> Reals:
    """Return the RMSE of each of the images uint8 [n, height, width], pixels in 0 … 1."""
    errors: Reals = np.sqrt(np.square(x.astype(np.int64) - y).mean(axis=(1, 2))) / 255
    return errors
