"""Archives: the streaming writer and the random-access reader of `.dz` files.

This room joins codec and container; it does not know the command line.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from digitzip.archive.appending import append
from digitzip.archive.archive import Archive
from digitzip.archive.comparing import Comparison, compare
from digitzip.archive.extracting import extract
from digitzip.archive.info import Info
from digitzip.archive.joining import join
from digitzip.archive.recovery import Recovered, recover
from digitzip.archive.sink import Writable
from digitzip.archive.storage import Readable
from digitzip.archive.writer import Writer
from digitzip.archive.writer import create as _create
from digitzip.codec import Images, load_codec
from digitzip.errors import LimitError
from digitzip.fidelity import fidelity_encoder
from digitzip.limits import DEFAULT_CHUNK_IMAGES, MAX_IMAGES
from digitzip.model import Model

__all__ = [
    "Archive",
    "Comparison",
    "Info",
    "Recovered",
    "Writer",
    "append",
    "compare",
    "compress",
    "create",
    "decompress",
    "extract",
    "join",
    "open",
    "recover",
]


def compress(
    images: npt.NDArray[Any],
    *,
    names: Sequence[str] | None = None,
    labels: npt.ArrayLike | None = None,
    metadata: Mapping[str, str] | None = None,
    model: str | Path | Model | None = None,
    dims: int | None = None,
    quality: int | None = None,
    effort: int | None = None,
    guard: bool = True,
    max_rmse: float | None = None,
    max_error: int | None = None,
    lossless: bool = False,
    margin: int | None = None,
    chunk: int = DEFAULT_CHUNK_IMAGES,
    threads: int = 1,
) -> bytes:
    """Return images uint8 [n, height, width] as the bytes of a `.dz` file.

    `model` is a name or the path of a file, or `dims` picks the shipped model of so many numbers;
    `quality` counts the model's numbers of levels from 1, the fewest.

    With a `guard` every image is decoded and compared with its original, and corrected unless its
    RMSE is `max_rmse` at most (0 … 1, by default what the model says), no pixel differs by more
    than `max_error` (0 … 127, by default any), and the model's reader, if it names one, reads it as
    before, surely on both sides by a `margin` in 1/64 of a logit (by default what the model says).
    `lossless` keeps every pixel.

    `names` and `labels`, integers from 0 to 255, are one for each image. `metadata` are strings by
    strings, by default the version of digitzip. `chunk` is the number of images in a chunk, the
    unit of access and of loss: 1 to 16,384.

    Raises `InputError` for other arrays, for a quality that the model has not and for bounds out of
    range, `ModelError` for a model or a reader that cannot be had.
    """
    out = io.BytesIO()
    codec = load_codec(model, dims=dims, quality=quality, effort=effort, threads=threads)
    encoder = fidelity_encoder(
        codec, guard=guard, max_rmse=max_rmse, max_error=max_error, lossless=lossless, margin=margin
    )
    with Writer(out, codec, encoder, metadata=metadata, chunk=chunk) as writer:
        writer.append(images, names, labels)
    return out.getvalue()


def decompress(
    data: bytes,
    *,
    model: str | Path | Model | None = None,
    max_images: int = MAX_IMAGES,
    threads: int = 1,
) -> Images:
    """Return the images, uint8 [n, height, width], of the bytes of a `.dz` file, all proved.

    Raises `DamagedError` for bytes that no writer wrote, `ModelError` when the model they need
    cannot be had, `LimitError` for more than `max_images` digits.
    """
    with Archive(_bytes_of(data), model=model, threads=threads) as archive:
        if len(archive) > max_images:
            raise LimitError(f"{len(archive)} images, expected at most {max_images} (max_images)")
        archive._store.check_stored()  # who claims much must hold much before it is allocated
        images = np.empty((len(archive), archive.header.height, archive.header.width), np.uint8)
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
    threads: int = 1,
) -> Archive:
    """Open a `.dz` file: a path, bytes, or a seekable binary file object.

    `model` is needed only when no known folder holds the model that the file names. `rebuild`
    opens a file without a valid trailer as far as its chunks are whole; `info` and `test` then
    report it as damaged. `max_images` bounds what one index or slice may decode, `threads` is how
    many batches are decoded at once.
    """
    return Archive(file, model=model, rebuild=rebuild, max_images=max_images, threads=threads)


def create(
    file: Writable,
    *,
    metadata: Mapping[str, str] | None = None,
    model: str | Path | Model | None = None,
    dims: int | None = None,
    quality: int | None = None,
    effort: int | None = None,
    guard: bool = True,
    max_rmse: float | None = None,
    max_error: int | None = None,
    lossless: bool = False,
    margin: int | None = None,
    chunk: int = DEFAULT_CHUNK_IMAGES,
    threads: int = 1,
    overwrite: bool = False,
) -> Writer:
    """Return a `Writer` of a new `.dz` file at a path, or to a binary file object.

    The file appears when the writer is closed, by `close` or by the end of a `with` block. Other
    arguments and errors are those of `compress`; `OutputError` where the path exists and
    `overwrite` is false, or cannot be written.
    """
    codec = load_codec(model, dims=dims, quality=quality, effort=effort, threads=threads)
    encoder = fidelity_encoder(
        codec, guard=guard, max_rmse=max_rmse, max_error=max_error, lossless=lossless, margin=margin
    )
    return _create(file, codec, encoder, metadata=metadata, chunk=chunk, overwrite=overwrite)


def _bytes_of(data: object) -> bytes:
    try:
        return data if isinstance(data, bytes) else bytes(memoryview(data))  # type: ignore[arg-type]
    except TypeError:
        found = type(data).__name__
        raise TypeError(f"expected the bytes of a file, not {found}; open() takes paths") from None
