"""Random access: how long one digit of a `.dz` file takes, and what an open archive holds.

Which files those are, and how large, is not known here.
"""

from __future__ import annotations

import time
import tracemalloc
from pathlib import Path
from typing import Any, Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.measure.speed import spread

READS: Final = 100
"""Digits that are read at random."""

Result = dict[str, Any]


def random_access(packed: Path, digits: record.Images) -> Result:
    """Return how long one digit takes: the file opened for it, and from an open archive.

    The model is loaded and the file in the system's cache before. Raises `ValueError` if a digit
    is not that of `digits`, what the file holds, uint8 [n, 28, 28].
    """
    places = np.random.default_rng(len(digits)).integers(0, len(digits), READS).tolist()
    with digitzip.open(packed) as dz:
        if any(not np.array_equal(dz[place], digits[place]) for place in places):
            raise ValueError(f"{len(digits)} digits: another one was read at random")
    opened, read = [], []
    for place in places:
        start = time.perf_counter()
        with digitzip.open(packed) as dz:
            _ = dz[place]
        opened.append(time.perf_counter() - start)
    with digitzip.open(packed) as dz:
        for place in places:
            start = time.perf_counter()
            _ = dz[place]
            read.append(time.perf_counter() - start)
        chunks = dz.info.chunks
    return {
        "reads": READS,
        "chunks": chunks,
        "open_and_read_ms": spread([1000 * seconds for seconds in opened]),
        "read_ms": spread([1000 * seconds for seconds in read]),
        "held_bytes": held_open(packed),
    }


def held_open(packed: Path) -> int:
    """Return how many bytes of memory an open archive holds before a digit is read: its index."""
    tracemalloc.start()
    try:
        with digitzip.open(packed):
            return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()
