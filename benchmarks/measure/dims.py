"""How many numbers are enough? What stands beside our models: vector quantisation by k-means.

A codebook of k whole images, learned from the 60,000 training images, costs log2(k) bits a digit:
an ideal that no file of it reaches, and its k images are not counted. Our own points by number of
dimensions are in `rate.json`; the picture of both is drawn by `benchmarks/report/figures.py`.
"""

from __future__ import annotations

import math
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks import record
from digitzip.metrics import rmse

CELLS: Final = (16, 64, 256, 1024, 4096)
SEED: Final = 2026
STEPS: Final = 30  # of Lloyd's algorithm, at most
SEEDED_FROM: Final = 10_000  # images among which the first cells are drawn

_BATCH: Final = 4096

Rows = npt.NDArray[np.float32]
Cells = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Codebook:
    """A quantiser of whole images: how many cells, the ideal cost of naming one, what it loses."""

    cells: int
    bytes_per_digit: float
    rmse: float


def learn(rows: Rows, k: int, steps: int, random: np.random.Generator) -> Rows:
    """Return k centres [k, p] of rows [n, p]: k-means++, then Lloyd until nothing moves."""
    sample = random.choice(len(rows), min(len(rows), max(SEEDED_FROM, 2 * k)), replace=False)
    centres = seeds(rows[np.sort(sample)], k, random)
    before: Cells | None = None
    for _ in range(steps):
        cells = nearest(rows, centres)
        if before is not None and (cells == before).all():
            break
        order = np.argsort(cells, kind="stable")
        filled, starts = np.unique(cells[order], return_index=True)
        sums = np.add.reduceat(rows[order], starts, axis=0)
        centres[filled] = sums / np.diff(np.append(starts, len(rows)))[:, None]
        before = cells
    return centres


def seeds(rows: Rows, k: int, random: np.random.Generator) -> Rows:
    """Return k of the rows [n, p], drawn one by one by their squared distance (k-means++)."""
    chosen = np.empty((k, rows.shape[1]), np.float32)
    norms = np.einsum("np,np->n", rows, rows)
    chosen[0] = rows[random.integers(len(rows))]
    away = np.full(len(rows), np.inf, np.float32)
    for i in range(1, k):
        last = chosen[i - 1]
        away = np.minimum(away, np.maximum(norms - 2 * (rows @ last) + last @ last, 0))
        reach = np.cumsum(away, dtype=np.float64)
        chosen[i] = rows[min(np.searchsorted(reach, random.random() * reach[-1]), len(rows) - 1)]
    return chosen


def nearest(rows: Rows, centres: Rows) -> Cells:
    """Return for each of rows [n, p] the centre of [k, p] that is nearest, [n]."""
    norms = np.einsum("kp,kp->k", centres, centres)
    parts = [
        (norms - 2 * (rows[start : start + _BATCH] @ centres.T)).argmin(axis=1)
        for start in range(0, len(rows), _BATCH)
    ]
    return np.concatenate(parts)


def codebook(k: int) -> record.Images:
    """Return k images, uint8 [k, 28, 28], learned from the training images or kept in `runs/`."""
    kept: Path = record.CACHE / f"codebook-{k}-{STEPS}-{SEED}.npy"
    if not kept.exists():
        rows = record.train_images().reshape(-1, 784).astype(np.float32)
        centres = learn(rows, k, STEPS, np.random.default_rng(SEED))
        kept.parent.mkdir(exist_ok=True)
        np.save(kept, np.rint(centres).astype(np.uint8).reshape(-1, 28, 28))
    images: record.Images = np.load(kept)
    return images


def quantised(images: record.Images, book: record.Images) -> Codebook:
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


if __name__ == "__main__":
    main()
