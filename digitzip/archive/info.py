"""What an archive tells of itself: figures, its model, what it promises and what that cost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from digitzip.archive import corrections
from digitzip.archive.store import ChunkStore
from digitzip.entropy.corrections import packed_size
from digitzip.errors import DamagedError, ModelError, UnsupportedError
from digitzip.fidelity.counts import Corrected
from digitzip.format import Guard, LayerType
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
    guard: Guard
    reader: str | None
    refined: Corrected | None
    exact: Corrected | None
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
        names=bool(store.named),
        guard=header.guard,
        reader=_reader_name(header.guard),
        refined=corrected.get(LayerType.REFINE),
        exact=corrected.get(LayerType.EXACT),
        damaged=store.index.damaged,
    )


def _model_name(store: ChunkStore) -> str | None:
    with suppress(ModelError):
        return store.codec.model.name
    return None


def _reader_name(guard: Guard) -> str | None:
    if guard.reader is not None:
        with suppress(ModelError):
            return find_classifier(guard.reader).name
    return None


def _corrected(store: ChunkStore) -> dict[LayerType, Corrected]:
    """Return what corrects images; nothing where a chunk is damaged, or of a later version."""
    with suppress(DamagedError, UnsupportedError):
        found = {type_: Corrected() for type_ in corrections.TYPES}
        for number in store.numbers:
            for type_, body in store.correction_bodies(number):
                images = corrections.count(body, len(store.span(number)))
                found[type_] += Corrected(images, packed_size((body,)))
        return found
    return {}
