"""The header of a damaged file: as it stands, or as the digest of the trailer proves it was."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from digitzip.archive.index import read_header
from digitzip.archive.storage import Storage
from digitzip.errors import DamagedError, ModelError, UnsupportedError
from digitzip.fidelity.policy import usual_promises
from digitzip.format import Header, Trailer, trailer_size
from digitzip.format.trailer import BACK_POINTER_SIZE
from digitzip.model import Model, load_model, model_files


def find_header(storage: Storage, model: str | Path | Model | None) -> tuple[Header, bool]:
    """Return the header of a file, and whether it had to be found again.

    It is found by trying all models that can be had, or only `model`, all their qualities and the
    usual promises: a whole trailer at the end of the file holds a digest of the header. Raises the
    error of the header where none fits, as for one with bounds of its own.
    """
    try:
        return read_header(storage), False
    except (DamagedError, UnsupportedError) as error:
        if (header := _restored(storage, model)) is not None:
            return header, True
        raise type(error)(f"{error}; without its header nothing can be saved") from error


def _restored(storage: Storage, model: str | Path | Model | None) -> Header | None:
    """Return the header that the trailer at the end of the file was made with."""
    if storage.size < BACK_POINTER_SIZE:
        return None
    try:
        tail = storage.read(storage.size - BACK_POINTER_SIZE, BACK_POINTER_SIZE)
        size = trailer_size(tail, storage.size)
    except DamagedError:
        return None
    trailer = storage.read(storage.size - size, size)
    for found in _models(model):
        shape = found.shape
        for quantiser in found.quantisers:
            for promise in usual_promises(found, quantiser):
                levels = quantiser.levels
                header = Header(found.id, shape.height, shape.width, shape.dims, levels, promise)
                with suppress(DamagedError):
                    Trailer.from_bytes(trailer, header.to_bytes())
                    return header
    return None


def _models(model: str | Path | Model | None) -> Iterator[Model]:
    if model is not None:
        yield model if isinstance(model, Model) else load_model(model)
        return
    for path in model_files():
        with suppress(ModelError, OSError):
            yield load_model(path)
