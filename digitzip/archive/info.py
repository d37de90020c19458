"""What an archive tells of itself: figures, its model, what it promises and what that cost."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from digitzip.errors import DamagedError, ModelError, UnsupportedError
from digitzip.fidelity.counts import Corrected
from digitzip.format import Guard, LayerType
from digitzip.model import find_classifier

if TYPE_CHECKING:
    from digitzip.archive.archive import Archive


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


def info_of(dz: Archive) -> Info:
    """Return what an archive holds, whose chunks are read but not decoded."""
    digits, header = len(dz), dz.header
    pixels, corrected = header.height * header.width, _corrected(dz)
    return Info(
        digits=digits,
        bytes=dz.size,
        bytes_per_digit=dz.size / digits if digits else None,
        ratio=digits * pixels / dz.size if digits else None,
        model=_model_name(dz),
        model_id=header.model_id.hex(),
        height=header.height,
        width=header.width,
        dims=header.dims,
        levels=header.levels,
        chunks=len(dz.chunks),
        names=dz.names is not None,
        guard=header.guard,
        reader=_reader_name(header.guard),
        refined=corrected.get(LayerType.REFINE),
        exact=corrected.get(LayerType.EXACT),
        damaged=dz.chunks.index.damaged,
    )


def _model_name(dz: Archive) -> str | None:
    with suppress(ModelError):
        return dz.codec.model.name
    return None


def _reader_name(guard: Guard) -> str | None:
    if guard.reader is not None:
        with suppress(ModelError):
            return find_classifier(guard.reader).name
    return None


def _corrected(dz: Archive) -> dict[LayerType, Corrected]:
    """Return what corrects digits; nothing where a chunk is damaged, or of a later version."""
    with suppress(DamagedError, UnsupportedError):
        return dz.chunks.corrected()
    return {}
