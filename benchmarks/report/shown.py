"""What the pictures show of the results, and nothing else of them."""

from __future__ import annotations

from collections.abc import Iterator
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
class Guard:
    """A margin of the guard: what it adds, bytes a digit; of 10,000 digits those read otherwise."""

    margin: int | None  # None without a guard
    held_out: bool
    added: float
    differently: float
    default: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything that the pictures show of the results."""

    ours: tuple[Dot, ...]  # at the default effort, by dims, then bytes
    codebooks: tuple[tuple[int, float, float], ...]  # cells, ideal bytes, RMSE
    peers: tuple[Mark, ...]  # by name, then bytes; none before they are measured
    guards: tuple[Guard, ...]  # held out, then test, by margin; none before they are measured

    def default(self, dims: int) -> Dot | None:
        """Return the point of the model of `dims` numbers at its own level count."""
        return next((dot for dot in self.ours if dot.dims == dims and dot.default_levels), None)

    @property
    def dims(self) -> list[int]:
        return sorted({dot.dims for dot in self.ours})


def shown(rate: Result, dims: Result, peers: Result | None, guard: Result | None = None) -> Shown:
    """Return what of `rate.json`, `dims.json`, `peers.json` and `guard.json` the pictures show."""
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
        tuple(_guards(guard)) if guard else (),
    )


def _guards(guard: Result) -> Iterator[Guard]:
    for name, digits in (("held_out", guard["held_out_digits"]), ("curve", guard["digits"])):
        off = guard[name][0]["bytes_per_digit"]
        for row in guard[name]:
            _, _, margin = row["what"].partition(" ")
            yield Guard(
                int(margin) if margin else None,
                name == "held_out",
                row["bytes_per_digit"] - off,
                row["read_differently"] * 10_000 / digits,
                margin == str(guard["margin"]),
            )
