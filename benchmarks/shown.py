"""What the pictures show of the results, and nothing else of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dot:
    """One of our points: numbers of a code, bytes a digit, RMSE, and whether it is a default."""

    dims: int
    bytes: float
    rmse: float
    default_levels: bool


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of a peer: bytes a digit and RMSE of one setting."""

    name: str
    solid: bool  # many digits a file; otherwise one
    lossless: bool
    bytes: float
    rmse: float


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything that the pictures show of the results."""

    ours: tuple[Dot, ...]  # at the default effort, by dims, then bytes
    codebooks: tuple[tuple[int, float, float], ...]  # cells, ideal bytes, RMSE
    peers: tuple[Mark, ...]  # by name, then bytes; none before they are measured

    def default(self, dims: int) -> Dot | None:
        """Return the point of the model of `dims` numbers at its own level count."""
        return next((dot for dot in self.ours if dot.dims == dims and dot.default_levels), None)

    @property
    def dims(self) -> list[int]:
        return sorted({dot.dims for dot in self.ours})


def shown(rate: Result, dims: Result, peers: Result | None) -> Shown:
    """Return what of `rate.json`, `dims.json` and `peers.json` the pictures show."""
    dots = [
        Dot(p["dims"], p["bytes_per_digit"], p["rmse"], p["default_levels"])
        for p in rate["points"]
        if p["effort"] == rate["default_effort"]
    ]
    books = tuple((b["cells"], b["bytes_per_digit"], b["rmse"]) for b in dims["codebooks"])
    marks = [
        Mark(p["name"], p["solid"], p["lossless"], p["bytes_per_digit"], p["rmse"])
        for p in (peers["peers"] if peers else ())
    ]
    return Shown(
        tuple(sorted(dots, key=lambda dot: (dot.dims, dot.bytes))),
        books,
        tuple(sorted(marks, key=lambda mark: (mark.name, mark.bytes))),
    )
