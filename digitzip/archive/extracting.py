"""An archive of some images of another, with the same codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.archive.archive import Archive, opened_archive
from digitzip.archive.assembly import Assembly
from digitzip.archive.sink import ChunkSink, Writable, opened
from digitzip.archive.storage import Readable
from digitzip.archive.store import ChunkStore
from digitzip.errors import UnsupportedError
from digitzip.model import Model

_PIXELS: Final = 1 << 25
"""Pixels that are decoded at once: a chunk is unpacked once for all of them, in any order."""


def extract(
    file: Readable | Archive,
    images: slice | Sequence[int] | npt.NDArray[Any],
    out: Writable,
    *,
    model: str | Path | Model | None = None,
    overwrite: bool = False,
    jobs: int | None = None,
) -> int:
    """Write some images of an archive as an archive of their own; return their number.

    `file` is an open archive, or a path, bytes or a binary file; `images` are indexed as in an
    archive, and `model` and `jobs` are as for `open`. They come in the order given and keep codes,
    corrections, names and labels, so they decode to the same pixels. The chunks that hold them are
    verified as a whole. A path appears whole or not at all. Raises `DamagedError` for chunks that
    do not decode as their writer saw, and `UnsupportedError` for images with a layer unknown to
    this build.
    """
    with opened_archive(file, model, jobs) as dz:
        return _extract(dz._store, images, out, overwrite)


def _extract(store: ChunkStore, images: Any, out: Writable, overwrite: bool) -> int:
    rows = store.select(images).rows
    for number in np.unique(store.index.find(rows)).tolist():
        if not store.divisible(number):
            raise UnsupportedError(
                f"images from {store.span(number).start} on have layers that this build cannot "
                "divide: extract them as images"
            )
    step = max(1, _PIXELS // (store.header.height * store.header.width))
    with opened(out, overwrite=overwrite) as target:
        sink = ChunkSink(target, store.header, store.index.extras)
        with Assembly(store.codec, None, sink, jobs=store.opening.jobs) as assembly:
            for start in range(0, len(rows), step):
                part = rows[start : start + step]
                store.verify(part)
                names = store.names_of(part) if store.named else ()
                labels = store.labels_of(part).tobytes() if store.labelled else b""
                assembly.add_encoded(store.batch_of(part), names, labels)
            assembly.finish()
        sink.close()
    return len(rows)
