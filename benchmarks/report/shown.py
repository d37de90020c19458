"""Select what the figures show of the results, and nothing else of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.record import Result


@dataclass(frozen=True, slots=True)
class Dot:
    """One of our points at the default effort."""

    dims: int
    bytes: float  # per image
    rmse: float
    default_levels: bool

    @property
    def position(self) -> tuple[float, float]:
        return self.bytes, self.rmse


@dataclass(frozen=True, slots=True)
class Mark:
    """A point of a peer: bytes per image and RMSE of one setting."""

    name: str
    solid: bool  # many images a file; otherwise one
    lossless: bool
    bytes: float
    rmse: float

    @property
    def position(self) -> tuple[float, float]:
        return self.bytes, self.rmse


@dataclass(frozen=True, slots=True)
class GuardPoint:
    """A margin of the guard: the bytes per image that it adds, and label changes of 10,000."""

    margin: int | None  # None without a guard
    held_out: bool
    added: float
    label_changes: float
    default: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything that the figures show of the results."""

    ours: tuple[Dot, ...]  # by dims, then bytes
    codebooks: tuple[tuple[int, float, float], ...]  # cells, ideal bytes, RMSE
    peers: tuple[Mark, ...]  # by name, then bytes
    guards: tuple[GuardPoint, ...]  # held out, then test, by margin

    def default(self, dims: int) -> Dot | None:
        """Return the point of the model of `dims` latents at its default levels."""
        return next((dot for dot in self.ours if dot.dims == dims and dot.default_levels), None)

    @property
    def dims(self) -> list[int]:
        return sorted({dot.dims for dot in self.ours})


def shown(rate: Result, dims: Result, peers: Result, guard: Result) -> Shown:
    """Return what the figures show of `rate.json`, `dims.json`, `peers.json` and `guard.json`."""
    dots = [
        Dot(p["dims"], p["bytes_per_image"], p["rmse"], p["default_levels"])
        for p in rate["points"]
        if p["effort"] == rate["default_effort"]
    ]
    marks = [
        Mark(p["name"], p["solid"], p["lossless"], p["bytes_per_image"], p["rmse"])
        for p in peers["peers"]
    ]
    return Shown(
        tuple(sorted(dots, key=lambda dot: (dot.dims, dot.bytes))),
        tuple((b["cells"], b["bytes_per_image"], b["rmse"]) for b in dims["codebooks"]),
        tuple(sorted(marks, key=lambda mark: (mark.name, mark.bytes))),
        tuple(_guards(guard)),
    )


def _guards(guard: Result) -> Iterator[GuardPoint]:
    for name, images in (("held_out", guard["held_out_images"]), ("curve", guard["images"])):
        off = guard[name][0]["bytes_per_image"]
        for row in guard[name]:
            _, _, margin = row["what"].partition(" ")
            yield GuardPoint(
                int(margin) if margin else None,
                name == "held_out",
                row["bytes_per_image"] - off,
                row["label_changes"] * 10_000 / images,
                margin == str(guard["margin"]),
            )
