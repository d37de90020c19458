"""Archives -> images in arrays."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from digitzip.archive.archive import Archive, open_archive
from digitzip.archive.opening import Opening
from digitzip.archive.storage import Readable
from digitzip.codec import Images
from digitzip.errors import LimitError
from digitzip.limits import MAX_IMAGES
from digitzip.model import Model


def decompress(
    data: bytes,
    *,
    model: str | Path | Model | None = None,
    max_images: int = MAX_IMAGES,
    jobs: int = 1,
) -> Images:
    """Decompress the bytes of a `.dz` file to images uint8 [n, height, width], all verified.

    `data` is any bytes-like object; `model` and `jobs` are as for `open`. Raises `DamagedError`
    for bytes that no writer wrote, `ModelError` when their model is not found, and `LimitError` for
    more than `max_images` images.
    """
    with open(_bytes_of(data), model=model, jobs=jobs) as archive:
        if len(archive) > max_images:
            raise LimitError(
                f"{len(archive)} images, expected at most {max_images}; raise max_images="
            )
        archive._store.check_stored()  # before memory for all images is allocated
        images = np.empty(archive.shape, np.uint8)
        done = 0
        for batch in archive.batches():
            images[done : done + len(batch)] = batch
            done += len(batch)
        return images


def open(
    file: Readable,
    *,
    model: str | Path | Model | None = None,
    rebuild: bool = False,
    max_images: int = MAX_IMAGES,
    jobs: int = 1,
) -> Archive:
    """Open a `.dz` file: a path, bytes, or a seekable binary file object.

    `model` is needed only when no known folder holds the model that the file names. `rebuild`
    opens a file without a valid trailer as far as its chunks are whole; `info` and `test` then
    report it as damaged. `max_images` bounds what one index or slice may decode. `jobs` is how
    many chunks iteration, `batches` and `test` decode at once, 0 for all cores.
    """
    return open_archive(file, Opening(model, rebuild, max_images, jobs))


def _bytes_of(data: object) -> bytes:
    try:
        return data if isinstance(data, bytes) else bytes(memoryview(data))  # type: ignore[arg-type]
    except TypeError:
        found = type(data).__name__
        raise TypeError(f"expected the bytes of a file, not {found}; open() takes paths") from None
