"""Archives: the streaming writer and the random-access reader of `.dz` files.

This room combines codec and container; it does not know the command line.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from digitzip.archive.appending import append
from digitzip.archive.archive import Archive, open_archive
from digitzip.archive.comparing import compare
from digitzip.archive.comparison import ComparedImage, Comparison, ImageGroup
from digitzip.archive.extracting import extract
from digitzip.archive.info import CorrectionStats, Info, Promise
from digitzip.archive.joining import join
from digitzip.archive.opening import Opening
from digitzip.archive.recovery import Recovered, recover
from digitzip.archive.sink import Writable
from digitzip.archive.storage import Readable
from digitzip.archive.writer import Writer
from digitzip.archive.writer import create as _create
from digitzip.codec import Images, load_codec
from digitzip.errors import DigitzipWarning, LimitError
from digitzip.fidelity import encoder_from_arguments
from digitzip.images import Fit
from digitzip.limits import DEFAULT_CHUNK_IMAGES, MAX_IMAGES
from digitzip.model import Model

__all__ = [
    "Archive",
    "ComparedImage",
    "Comparison",
    "CorrectionStats",
    "ImageGroup",
    "Info",
    "Promise",
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
    fit: Fit = "none",
    chunk: int = DEFAULT_CHUNK_IMAGES,
    jobs: int = 1,
) -> bytes:
    """Compress images uint8 [n, height, width] to the bytes of a `.dz` file.

    `model` is the name of a model or the path of its file; `dims` selects the bundled model with
    that many latents instead. `quality` is a step from 1 (smallest files) upward, and `effort`, 0
    to 9, how long the search for better codes takes.

    With `guard`, every image is decoded, verified, and corrected where it fails: its RMSE must be
    at most `max_rmse` (0 … 1; the default is set by the model), no pixel may differ by more than
    `max_error` (0 … 127; no bound by default), and the classifier of the model must give the label
    of the original, by a `margin` in 1/64 of a logit on both sides (the default is set by the
    model). `lossless` keeps every pixel.

    `names` and `labels` (integers, 0 … 255) have one entry for each image. `metadata` is a mapping
    of strings, by default the version of digitzip. `fit` brings images of another size to that of
    the model: "resize" scales them, "mnist" extracts the ink and centres it as MNIST does, "none"
    refuses them. `chunk` is the number of images in a chunk, the
    unit of random access and of loss, 1 … 16,384.

    `jobs` is how many parts of the work are done at once, 0 for all cores: in threads with the
    native backend, in processes with NumPy. It does not change the bytes.

    Raises `InputError` for other arrays and arguments, `ModelError` for a model or classifier that
    is refused or not found. Warns (`DigitzipWarning`) where the guard verifies nothing, and where
    the model does not fit the images.
    """
    out = io.BytesIO()
    with create(
        out,
        metadata=metadata,
        model=model,
        dims=dims,
        quality=quality,
        effort=effort,
        guard=guard,
        max_rmse=max_rmse,
        max_error=max_error,
        lossless=lossless,
        margin=margin,
        fit=fit,
        chunk=chunk,
        jobs=jobs,
    ) as writer:
        writer.append(images, names, labels)
    return out.getvalue()


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
    fit: Fit = "none",
    chunk: int = DEFAULT_CHUNK_IMAGES,
    jobs: int = 1,
    progress: Callable[[int], object] | None = None,
    overwrite: bool = False,
) -> Writer:
    """Return a `Writer` of a new `.dz` file at a path, or to a binary file object.

    The file appears when the writer is closed, by `close` or by the end of a `with` block.
    `progress` gets the number of images that are encoded so far. Other arguments and errors are
    those of `compress`; `OutputError` where the path exists and `overwrite` is false, or cannot be
    written.
    """
    codec = load_codec(model, dims=dims, quality=quality, effort=effort)
    encoder = encoder_from_arguments(
        codec, guard=guard, max_rmse=max_rmse, max_error=max_error, lossless=lossless, margin=margin
    )
    if guard and encoder is None:
        warnings.warn(
            f"guard=True verifies nothing: model {codec.model.name} has no bound and no "
            "classifier; give max_error= or max_rmse=",
            DigitzipWarning,
            stacklevel=2,
        )
    return _create(
        file,
        codec,
        encoder,
        metadata=metadata,
        chunk=chunk,
        fit=fit,
        jobs=jobs,
        progress=progress,
        overwrite=overwrite,
    )


def _bytes_of(data: object) -> bytes:
    try:
        return data if isinstance(data, bytes) else bytes(memoryview(data))  # type: ignore[arg-type]
    except TypeError:
        found = type(data).__name__
        raise TypeError(f"expected the bytes of a file, not {found}; open() takes paths") from None
