"""Measure vector quantisation beside our models: how many latents are enough?

A codebook of k whole images, learned from the training images by k-means, costs log2(k) bits an
image: an ideal that no file reaches, and its k images are not counted. `rate.json` has our points.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass

import numpy as np

from benchmarks import record
from benchmarks.peers.kmeans import CELLS, SEED, codebook, nearest
from benchmarks.record import Images
from digitzip.metrics import rmse


@dataclass(frozen=True, slots=True)
class Codebook:
    """A quantiser of whole images: its cells, the ideal cost of naming one, and its RMSE."""

    cells: int
    bytes_per_image: float
    rmse: float


def quantised(images: Images, book: Images) -> Codebook:
    """Replace each image, uint8 [n, height, width], by the nearest of a book, and measure."""
    rows, centres = (a.reshape(len(a), -1).astype(np.float32) for a in (images, book))
    error = rmse(images, book[nearest(rows, centres)])
    return Codebook(len(book), math.log2(len(book)) / 8, error)


def main() -> None:
    images, books = record.test_images(), []
    for k in CELLS:
        start = time.perf_counter()
        books.append(quantised(images, codebook(k)))
        print(f"{books[-1]}, {time.perf_counter() - start:.0f} s", flush=True)
    result = {
        **record.environment(learned=True),
        "seed": SEED,
        "codebooks": [asdict(book) for book in books],
    }
    record.write("dims", result)
