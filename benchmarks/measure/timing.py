"""Timing by turns: tasks of one run share its noise, and ratios pair the rounds."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import numpy as np

THREADS: Final = (
    "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip
ONE_THREAD: Final = dict.fromkeys(THREADS, "1")
OVERRIDES: Final = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "PYTHONDONTWRITEBYTECODE")
"""Settings of a shell that slow down matrix products or each start of Python."""

Task = Callable[[], object]
Name = TypeVar("Name")


@dataclass(frozen=True, slots=True)
class Timed:
    """The seconds that a task on `images` images took in each round."""

    images: int
    seconds: list[float]

    def rate(self) -> dict[str, float]:
        """Return the median, least and greatest images per second."""
        return spread([self.images / seconds for seconds in self.seconds])

    def over(self, peer: Timed) -> dict[str, float]:
        """Return our images per second over a peer's, round by round: median, least, most."""
        pairs = zip(self.seconds, peer.seconds, strict=True)
        return spread([self.images / own * other / peer.images for own, other in pairs])


def spread(found: list[float]) -> dict[str, float]:
    """Return the median, least and greatest of the values."""
    return {"median": float(np.median(found)), "least": min(found), "most": max(found)}


def interleaved(tasks: Mapping[Name, Task], rounds: int) -> dict[Name, list[float]]:
    """Run the tasks in turn, `rounds` times; return the seconds of each task in each round."""
    seconds: dict[Name, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def elsewhere(part: str) -> bool:
    """Run a part in a process of its own, unless this process can time it.

    A process can if its matrix library uses one thread and none of `OVERRIDES` is set. Return
    whether the part was run, with this process's arguments. Raise `SystemExit` if it failed.
    """
    overrides = {name for name in os.environ if name in OVERRIDES}
    if not overrides and all(os.environ.get(name) == "1" for name in ONE_THREAD):
        return False
    kept = {name: value for name, value in os.environ.items() if name not in overrides}
    command = [sys.executable, "-m", "benchmarks", part, *sys.argv[2:]]
    if code := subprocess.run(command, env={**kept, **ONE_THREAD}).returncode:
        raise SystemExit(code)
    return True
