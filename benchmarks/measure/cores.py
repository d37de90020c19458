"""Measure what all cores bring over one: the same bytes and pixels, in memory, by turns."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable
from typing import Any, Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.measure.timing import Timed
from benchmarks.record import Images, Result
from digitzip.model import load_model

IMAGES: Final = 100_000
LOSSLESS: Final = 10_000  # images without loss
ROUNDS: Final = 1  # each takes minutes

Task = Callable[[int], Any]  # with a number of jobs; returns bytes, pixels or None


def tasks(images: Images) -> dict[str, tuple[int, Task]]:
    """Return the tasks by name, and how many of the images uint8 [n, 28, 28] each one is for."""
    few = images[:LOSSLESS]
    data, exact = digitzip.compress(images, jobs=0), digitzip.compress(few, lossless=True, jobs=0)

    def verify(jobs: int) -> None:
        with digitzip.open(data, jobs=jobs) as dz:
            dz.test()

    return {
        "compress, default": (len(images), lambda jobs: digitzip.compress(images, jobs=jobs)),
        "decompress": (len(images), lambda jobs: digitzip.decompress(data, jobs=jobs)),
        "lossless compress": (
            len(few),
            lambda jobs: digitzip.compress(few, lossless=True, jobs=jobs),
        ),
        "lossless decompress": (len(few), lambda jobs: digitzip.decompress(exact, jobs=jobs)),
        "test": (len(images), verify),
    }


def measured(images: Images, cores: int, rounds: int) -> Result:
    """Time every task on one core and on all; raise `ValueError` where results differ."""
    seconds: dict[tuple[str, int], list[float]] = {}
    run = tasks(images)
    for _ in range(rounds):
        for name, (_, task) in run.items():
            checksums = set()
            for jobs in (1, cores):
                start = time.perf_counter()
                result = task(jobs)
                seconds.setdefault((name, jobs), []).append(time.perf_counter() - start)
                checksums.add(0 if result is None else zlib.crc32(result))
            if len(checksums) > 1:
                raise ValueError(f"{name}: other results on {cores} cores")
    timed = {(name, jobs): Timed(run[name][0], times) for (name, jobs), times in seconds.items()}
    return {
        "images": {name: n for name, (n, _) in run.items()},
        "rounds": rounds,
        "jobs": cores,
        "images_per_second": {
            name: {str(jobs): timed[name, jobs].rate() for jobs in (1, cores)} for name in run
        },
        "all_over_one": {name: timed[name, cores].over(timed[name, 1]) for name in run},
    }


def main() -> None:
    images = record.test_images()
    many = np.concatenate([images] * -(-IMAGES // len(images)))[:IMAGES]
    result = measured(many, record.cores(), ROUNDS)
    record.write("cores", {**record.environment(load_model()), **result})
