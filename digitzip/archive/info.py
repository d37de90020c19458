"""What an archive tells of itself: figures, its model, what it promises and what that cost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from digitzip.archive.store import ChunkStore
from digitzip.entropy.corrections import packed_size
from digitzip.errors import DamagedError, ModelError, UnsupportedError
from digitzip.fidelity.counts import Corrected
from digitzip.format import Promise
from digitzip.model import find_classifier


@dataclass(frozen=True, slots=True)
class Info:
    """What `info` tells of an archive.

    Figures per digit are None when it has no digits, the names of model and reader when those are
    not known, or nobody reads, and what is corrected where a chunk cannot be read.
    """

    digits: int
    bytes: int
    bytes_per_digit: float | None
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
    guard: Promise
    reader: str | None
    corrections: Corrected | None
    metadata: dict[str, str]
    damaged: bool


def info_of(store: ChunkStore) -> Info:
    """Return what an archive holds, whose chunks are read but not decoded."""
    digits, header = len(store), store.header
    pixels, corrected = header.height * header.width, _corrected(store)
    return Info(
        digits=digits,
        bytes=store.storage.size,
        bytes_per_digit=store.storage.size / digits if digits else None,
        ratio=digits * pixels / store.storage.size if digits else None,
        model=_model_name(store),
        model_id=header.model_id.hex(),
        height=header.height,
        width=header.width,
        dims=header.dims,
        levels=header.levels,
        chunks=len(store.numbers),
        names=store.named,
        labels=store.labelled,
        guard=header.promise,
        reader=_reader_name(header.promise),
        corrections=corrected,
        metadata=dict(header.metadata),
        damaged=store.index.damaged,
    )


def _model_name(store: ChunkStore) -> str | None:
    with suppress(ModelError):
        return store.codec.model.name
    return None


def _reader_name(guard: Promise) -> str | None:
    if guard.classifier is not None:
        with suppress(ModelError):
            return find_classifier(guard.classifier).name
    return None


def _corrected(store: ChunkStore) -> Corrected | None:
    """Return what corrects images; None where a chunk is damaged, or of a later version."""
    with suppress(DamagedError, UnsupportedError):
        found = Corrected()
        for number in store.numbers:
            if (body := store.correction_body(number)) is not None:
                found += Corrected(store.corrected(number), packed_size((body,)))
        return found
    return None
