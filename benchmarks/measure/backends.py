"""Measure the native backend beside NumPy: one process each, one thread, by turns.

The results of both backends must be equal. The roofline says how much of the processor's
multiplications the decoder of the default model uses.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from benchmarks import record
from benchmarks.measure import roofline
from benchmarks.measure.timing import Timed
from benchmarks.record import Result
from digitzip.model import load_model

BACKENDS: Final = ("numpy", "native")
ROUNDS: Final = 7
IMAGES: Final = 10_000
LONG: Final = 0.05
"""Seconds that a task takes at least in a round; a shorter one is repeated."""


@dataclass(frozen=True, slots=True)
class Worker:
    """A process with one backend: `name` as digitzip calls it, and its tasks."""

    process: subprocess.Popen[str]
    name: str
    tasks: tuple[str, ...]

    def run(self, task: str, repeats: int) -> tuple[float, str]:
        """Return the seconds of a task, and the checksum of its result."""
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(f"{task}\t{repeats}\n")
        self.process.stdin.flush()
        seconds, checksum = self.process.stdout.readline().split()
        return float(seconds), checksum


@contextmanager
def worker(backend: str, images: int) -> Iterator[Worker]:
    """Start a process with a backend that has `images` test images; stop it at the end."""
    command = [sys.executable, "-m", "benchmarks.measure.backend_worker", str(images)]
    environment = {**os.environ, "DIGITZIP_BACKEND": backend}
    with subprocess.Popen(
        command, env=environment, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as process:
        assert process.stdout
        name, *tasks = process.stdout.readline().rstrip("\n").split("\t")
        if not tasks:
            raise ValueError(f"the {backend} backend did not start")
        yield Worker(process, name, tuple(tasks))
        assert process.stdin
        process.stdin.close()


def compared(images: int, rounds: int) -> Result:
    """Time every task with both backends; raise `ValueError` where their results differ."""
    with worker("numpy", images) as numpy, worker("native", images) as native:
        workers = dict(zip(BACKENDS, (numpy, native), strict=True))
        repeats = {task: max(1, round(LONG / native.run(task, 1)[0])) for task in native.tasks}
        seconds: dict[tuple[str, str], list[float]] = {}
        for _ in range(rounds):
            for task, times in repeats.items():
                found = {name: one.run(task, times) for name, one in workers.items()}
                if len({checksum for _, checksum in found.values()}) > 1:
                    raise ValueError(f"{task}: the backends have different results")
                for name, (took, _) in found.items():
                    seconds.setdefault((task, name), []).append(took)
        return {
            "backend": native.name,
            "images": images,
            "rounds": rounds,
            "native_over_numpy": {
                task: Timed(1, seconds[task, "native"]).over(Timed(1, seconds[task, "numpy"]))
                for task in repeats
            },
            "seconds": {
                task: {name: Timed(1, [1 / took for took in seconds[task, name]]).rate()
                       for name in BACKENDS}
                for task in repeats
            },
        }  # fmt: skip


def main() -> None:
    model = load_model()
    facts = {**record.environment(model), "threads": 1}
    result = compared(IMAGES, ROUNDS)
    record.write("backends", {**facts, **result, "roofline": roofline.measured(model, IMAGES)})
