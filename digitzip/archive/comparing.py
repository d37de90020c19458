"""Compare the images of an archive with their originals, in one pass over both.

Sums over all images are kept, and the worst few images.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.archive.archive import Archive, opened_archive
from digitzip.archive.comparison import Comparison, Measured, Pairs, Rules, Sums
from digitzip.archive.matching import Matching
from digitzip.archive.storage import Readable
from digitzip.archive.store import ChunkStore
from digitzip.arguments import integer
from digitzip.codec import Images
from digitzip.errors import InputError
from digitzip.jobs import Jobs, Line
from digitzip.kernels import RELEASES_GIL
from digitzip.limits import MAX_IMAGES
from digitzip.model import Model

Originals = npt.NDArray[Any] | Iterable[tuple[npt.NDArray[Any], Sequence[str] | None]]

_STEP: Final = 1024  # images that are compared at a time
_PIXELS: Final = 1 << 25  # of originals that are held, to compare them in the order of the file


def compare(
    originals: Originals,
    file: Readable | Archive,
    *,
    model: str | Path | Model | None = None,
    worst: int = 10,
    jobs: int | None = None,
) -> Comparison:
    """Compare the images of an archive with their originals.

    `originals` are an array uint8 [n, height, width], or batches of such with a name each or None,
    as `read_images` gives them; `file` is an open archive, or a path, bytes or a binary file, and
    `model` and `jobs` are as for `open`. Originals are matched by name where both sides have names,
    else in order. The `worst` images of a kind are listed, by RMSE, those that have any error.

    Raises `InputError` for originals that are not one for each image, or of another shape;
    otherwise what reading the archive raises. Warns (`DigitzipWarning`) where the file promises
    labels and their classifier is not found.
    """
    most = integer("worst", worst, range(MAX_IMAGES + 1))
    with opened_archive(file, model, jobs) as dz:
        return _compare(originals, dz._store, most)


def _compare(originals: Originals, store: ChunkStore, worst: int) -> Comparison:
    matching, rules = Matching(store), Rules.of(store)
    sums = Sums(store, rules, worst)
    with Jobs(store.opening.jobs, rules, processes=not RELEASES_GIL) as jobs:
        line: Line[Pairs, Measured] = Line(jobs, Rules.measure)
        for images, names in _windows(originals, store):
            rows = matching.find(len(images), names)
            order = np.argsort(rows, kind="stable")
            for start in range(0, len(order), _STEP):
                part = order[start : start + _STEP]
                pairs = Pairs.of(store, rows[part], images[part])
                for each in line.put(pairs, pairs.originals, pairs.recon):
                    sums.take(*each)
        for each in line.finish():
            sums.take(*each)
    matching.end()
    return sums.comparison()


def _windows(
    originals: Originals, store: ChunkStore
) -> Iterator[tuple[Images, Sequence[str] | None]]:
    """Yield originals with their names; where they are matched by name, many at a time."""
    most = max(1, _PIXELS // store.codec.model.shape.pixels) if store.named else 1
    held: list[Images] = []
    held_names: list[str] | None = None
    for images, names in _batches(originals):
        images = store.codec.check(images)
        if names is not None and len(names) != len(images):
            raise InputError(f"{len(names)} names for {len(images)} originals")
        if held and (names is None) != (held_names is None):
            yield np.concatenate(held), held_names
            held = []
        held_names = None if names is None else [*(held_names or () if held else ()), *names]
        held.append(images)
        if sum(map(len, held)) >= most:
            yield held[0] if len(held) == 1 else np.concatenate(held), held_names
            held = []
    if held:
        yield np.concatenate(held), held_names


def _batches(originals: Originals) -> Iterator[tuple[npt.NDArray[Any], Sequence[str] | None]]:
    """Yield the batches of originals; raises `TypeError` for anything else."""
    expected = "originals are an array of images, or batches of (images, names)"
    if hasattr(originals, "__array__"):
        yield np.asarray(originals), None
        return
    if not isinstance(originals, Iterable) or isinstance(originals, str | bytes):
        raise TypeError(f"{expected}, not {type(originals).__name__}")
    for batch in originals:
        if not isinstance(batch, tuple) or len(batch) != 2:
            raise TypeError(f"{expected}; a batch is {type(batch).__name__}")
        yield batch
