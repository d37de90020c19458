"""Archives that no writer writes by itself: of given codes, of given chunks."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace
from typing import BinaryIO

import numpy as np

import digitzip
from digitzip.archive.builder import ChunkBuilder, pack_chunk
from digitzip.archive.index import Extras
from digitzip.archive.sink import ChunkSink
from digitzip.codec import Codec, Codes, EncodedBatch
from digitzip.format import Header, StoredPromise
from digitzip.model import Model


def of_codes(model: Model, codes: Codes, names: Sequence[str] = ()) -> bytes:
    """Return an archive of these codes, uint8 [n, d], without a guard."""
    out = io.BytesIO()
    write_codes(out, model, codes, names)
    return out.getvalue()


def write_codes(out: BinaryIO, model: Model, codes: Codes, names: Sequence[str] = ()) -> None:
    """Write an archive of these codes, uint8 [n, d], without a guard."""
    codec, shape = Codec(model), model.shape
    builder = ChunkBuilder()
    header = Header(model.id, shape.height, shape.width, shape.dims, codec.levels)
    sink = ChunkSink(out, header, Extras(named=bool(names)))
    for start in range(0, len(codes), 4096):
        part = slice(start, start + 4096)
        batch = EncodedBatch.plain(codes[part], codec.decode(codes[part]))
        complete = builder.add(batch, names[part])
        if part.stop >= len(codes):
            complete += builder.finish()
        for chunk in complete:
            built = pack_chunk(codec, chunk)
            sink.add(built.frame, built.images)
    sink.close()


def with_promise(data: bytes, promise: StoredPromise) -> bytes:
    """Return an archive of the same chunks that promises something."""
    out = io.BytesIO()
    with digitzip.open(data) as dz:
        header = replace(dz._store.header, promise=promise)
        sink = ChunkSink(out, header, dz._store.index.extras)
        for number in dz._store.numbers:
            sink.copy(dz._store.chunk_bytes(number))
    sink.close()
    return out.getvalue()


def chunk_sizes(dz: digitzip.Archive) -> list[int]:
    """Return how many images each chunk holds."""
    return [len(dz._store.span(number)) for number in dz._store.numbers]


def random_codes(n: int, seed: int = 5) -> Codes:
    """Return codes uint8 [n, 3] of the tiny model."""
    return np.random.default_rng(seed).integers(0, 8, (n, 3), dtype=np.uint8)
