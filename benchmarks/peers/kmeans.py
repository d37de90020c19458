"""K-means: codebooks of whole images, learned from the training images and kept in `runs/`."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from benchmarks import record

CELLS: Final = (16, 64, 256, 1024, 4096)
SEED: Final = 2026
STEPS: Final = 30  # of Lloyd's algorithm, at most
SEEDED_FROM: Final = 10_000  # images among which the first cells are drawn

_BATCH: Final = 4096

Rows = npt.NDArray[np.float32]
Cells = npt.NDArray[np.intp]


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
