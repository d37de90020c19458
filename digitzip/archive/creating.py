"""Images in arrays -> archives."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy.typing as npt

from digitzip.archive import writer
from digitzip.archive.sink import Writable
from digitzip.archive.writer import Writer
from digitzip.codec import load_codec
from digitzip.errors import DigitzipWarning
from digitzip.fidelity import encoder_from_arguments
from digitzip.images import Fit
from digitzip.limits import DEFAULT_CHUNK_IMAGES
from digitzip.model import Model


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

    Shapes that can be read in no other way are taken, too: [n, height, width, 1], [n, 1, height,
    width], [n, height * width] and [height, width].

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
    ) as out_writer:
        out_writer.append(images, names, labels)
    return out.getvalue()


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
    return writer.create(
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
