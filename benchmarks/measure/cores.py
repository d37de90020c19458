"""Measure what all cores bring over one: the same bytes and pixels, in memory, by turns."""

from __future__ import annotations

import zlib
from functools import partial
from typing import Any, Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.measure.timing import Task, Timed, interleaved
from benchmarks.record import Images, Result
from digitzip.model import load_model

IMAGES: Final = 100_000
ROUNDS: Final = 3


def verify(data: bytes, jobs: int) -> None:
    """Test a file as `digitzip test` does."""
    with digitzip.open(data, jobs=jobs) as dz:
        dz.test()


def tasks(images: Images, jobs: int) -> dict[str, Task]:
    """Return the tasks by name, on images uint8 [n, 28, 28]."""
    data, exact = (
        digitzip.compress(images, jobs=jobs),
        digitzip.compress(images, lossless=True, jobs=jobs),
    )
    return {
        "compress, default": partial(digitzip.compress, images, jobs=jobs),
        "decompress": partial(digitzip.decompress, data, jobs=jobs),
        "lossless compress": partial(digitzip.compress, images, lossless=True, jobs=jobs),
        "lossless decompress": partial(digitzip.decompress, exact, jobs=jobs),
        "test": partial(verify, data, jobs),
    }


def measured(images: Images, cores: int, rounds: int) -> Result:
    """Time every task on one core and on all; raise `ValueError` where results differ."""
    by_jobs = {jobs: tasks(images, jobs) for jobs in (1, cores)}
    one, all_ = (by_jobs[jobs] for jobs in (1, cores))
    for name in one:
        if checksum(one[name]()) != checksum(all_[name]()):
            raise ValueError(f"{name}: other results on {cores} cores")
    turns = {(name, jobs): task for jobs, some in by_jobs.items() for name, task in some.items()}
    seconds = interleaved(turns, rounds)
    timed = {key: Timed(len(images), times) for key, times in seconds.items()}
    return {
        "images": len(images),
        "rounds": rounds,
        "jobs": cores,
        "images_per_second": {
            name: {str(jobs): timed[name, jobs].rate() for jobs in by_jobs} for name in one
        },
        "all_over_one": {name: timed[name, cores].over(timed[name, 1]) for name in one},
    }


def checksum(result: Any) -> int:
    """Return the CRC-32 of bytes or pixels; 0 for None."""
    return 0 if result is None else zlib.crc32(result)


def main() -> None:
    images = record.test_images()
    many = np.concatenate([images] * -(-IMAGES // len(images)))[:IMAGES]
    result = measured(many, record.cores(), ROUNDS)
    record.write("cores", {**record.environment(load_model()), **result})
