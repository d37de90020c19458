"""Metadata and statistics of an archive."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from digitzip.archive.store import ChunkStore
from digitzip.entropy.packed import packed_size
from digitzip.errors import ModelError
from digitzip.fidelity import RMSE_UNIT
from digitzip.format import StoredPromise
from digitzip.model import classifier_name


@dataclass(frozen=True, slots=True)
class Promise:
    """The bounds that the writer verified for every image; None where it set no bound.

    `max_error` is in pixel values, 0 … 255, `max_rmse` is in 0 … 1. `classifier` is the name of the
    classifier that gives each image the label of its original; None where it is not installed.
    `classifier_id` is the beginning of its id in hexadecimal. In a file, a promise is a
    `format.StoredPromise`.
    """

    max_error: int | None
    max_rmse: float | None
    classifier: str | None
    classifier_id: str | None


@dataclass(frozen=True, slots=True)
class Info:
    """Facts from the header and the trailer; `json.dumps(dataclasses.asdict(info))` works.

    `bytes_per_image` and `ratio` are None where there are no images, `model` is None where the
    model is not installed, `promise` is None where nothing was verified. `corrections` is the
    number of corrected images. `damaged` says that the file has no valid trailer and was opened
    with `rebuild=True`; `corrections` is then None.
    """

    images: int
    bytes: int
    bytes_per_image: float | None
    ratio: float | None
    model: str | None
    model_id: str
    height: int
    width: int
    dims: int
    levels: int
    chunks: int
    names: bool
    labels: bool
    promise: Promise | None
    corrections: int | None
    metadata: dict[str, str]
    damaged: bool


@dataclass(frozen=True, slots=True)
class CorrectionStats:
    """The number of corrected images, and the bytes of their corrections, compressed alone."""

    images: int
    bytes: int


def info_of(store: ChunkStore) -> Info:
    """Return the facts from header and trailer; reads no chunk."""
    images, header, size = len(store), store.header, store.storage.size
    return Info(
        images=images,
        bytes=size,
        bytes_per_image=size / images if images else None,
        ratio=images * header.height * header.width / size if images else None,
        model=_model_name(store),
        model_id=header.model_id.hex(),
        height=header.height,
        width=header.width,
        dims=header.dims,
        levels=header.levels,
        chunks=len(store.numbers),
        names=store.named,
        labels=store.labelled,
        promise=_promise_of(header.promise),
        corrections=store.index.corrected,
        metadata=dict(header.metadata),
        damaged=store.index.damaged,
    )


def stats_of(store: ChunkStore) -> CorrectionStats:
    """Return statistics of the corrections; reads every chunk, decodes none."""
    images = size = 0
    for number in store.numbers:
        if (body := store.correction_body(number)) is not None:
            images += len(store.corrected_rows(number))
            size += packed_size((body,))
    return CorrectionStats(images, size)


def _model_name(store: ChunkStore) -> str | None:
    with suppress(ModelError):
        return store.codec.model.name
    return None


def _promise_of(stored: StoredPromise) -> Promise | None:
    if not stored.on:
        return None
    id_ = stored.classifier
    return Promise(
        max_error=stored.max_error,
        max_rmse=None if stored.max_rmse is None else stored.max_rmse / RMSE_UNIT,
        classifier=None if id_ is None else classifier_name(id_),
        classifier_id=None if id_ is None else id_.hex(),
    )
