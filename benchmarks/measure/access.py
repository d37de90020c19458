"""Measure random access: how long one image of a `.dz` file takes, cold and from an open archive.

The files hold the test images, with the guard off and on, joined to themselves: each chunk is
entropy-coded as real images are. (Images of another kind may be stored as plain values, which
unpack faster.) The model is loaded, and the file is in the system's cache.
"""

from __future__ import annotations

import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.measure.timing import spread
from benchmarks.record import Images, Result
from digitzip.model import load_model

READS: Final = 100
COPIES: Final = (1, 10, 100)  # of the test images


def random_access(path: Path, recon: Images, copies: int) -> Result:
    """Time reads at random from a file that holds `copies` times `recon`, uint8 [n, 28, 28].

    Raises `ValueError` if an image that is read is not the image at its index.
    """
    n = copies * len(recon)
    indices = np.random.default_rng(n).integers(0, n, READS).tolist()
    with digitzip.open(path) as dz:
        if any(not np.array_equal(dz[i], recon[i % len(recon)]) for i in indices):
            raise ValueError(f"{n} images: another image was read at random")
        bytes_per_image, chunks = dz.info.bytes / n, dz.info.chunks

    def opened(i: int) -> None:
        with digitzip.open(path) as dz:
            dz[i]

    with digitzip.open(path) as dz:
        reads = {"open_and_read_ms": opened, "read_ms": dz.__getitem__}
        found = {name: spread(milliseconds(read, indices)) for name, read in reads.items()}
    return {
        "images": n,
        "bytes_per_image": bytes_per_image,
        "reads": READS,
        "chunks": chunks,
        **found,
        "index_bytes": index_bytes(path),
    }


def milliseconds(read: Callable[[int], object], indices: list[int]) -> list[float]:
    """Return how long each image takes to read."""
    found = []
    for i in indices:
        start = time.perf_counter()
        read(i)
        found.append(1000 * (time.perf_counter() - start))
    return found


def index_bytes(path: Path) -> int:
    """Return the bytes of memory that an open archive holds before it reads an image."""
    tracemalloc.start()
    try:
        with digitzip.open(path):
            return tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()


def measured(images: Images, copies: tuple[int, ...], *, guard: bool) -> list[Result]:
    """Return what random access takes with so many copies of images uint8 [n, 28, 28]."""
    data = digitzip.compress(images, guard=guard)
    recon = digitzip.decompress(data)
    runs = []
    with tempfile.TemporaryDirectory() as folder:
        one, joined = Path(folder, "one.dz"), Path(folder, "joined.dz")
        one.write_bytes(data)
        for count in copies:
            digitzip.join([one] * count, joined, overwrite=True)
            runs.append({"guard": guard, **random_access(joined, recon, count)})
    return runs


def main() -> None:
    images = record.test_images()
    runs = [run for guard in (False, True) for run in measured(images, COPIES, guard=guard)]
    record.write("access", {**record.environment(load_model()), "runs": runs})
