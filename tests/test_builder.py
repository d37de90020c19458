"""Chunks: what one holds, where it ends, and that it is the same however images were added."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from digitzip.archive import builder
from digitzip.archive.builder import BuiltChunk, ChunkBuilder, pack_chunk
from digitzip.codec import Codec, EncodedBatch
from tests.archives import random_codes

Images = npt.NDArray[np.uint8]


def batch_of(codec: Codec, bounds: list[int]) -> EncodedBatch:
    """Return random codes, and corrections with these bounds, -1 for none."""
    codes = random_codes(len(bounds))
    recon = codec.decode(codes)
    pixels = recon.copy()
    given = np.array(bounds, np.int16)
    pixels[given >= 0, 0, 0] ^= 255
    return EncodedBatch(codes, recon, pixels, given)


def built(codec: Codec, batch: EncodedBatch, step: int, capacity: int = 100) -> list[BuiltChunk]:
    """Return the chunks of a batch that is added `step` images at a time."""
    chunks, building = [], ChunkBuilder(capacity)
    for start in range(0, len(batch), step):
        names = [f"{i}.png" for i in range(start, min(start + step, len(batch)))]
        chunks += building.add(batch.slice(start, start + step), names)
    return [pack_chunk(codec, chunk) for chunk in chunks + building.finish()]


def test_chunks_do_not_depend_on_how_images_were_added(codec: Codec) -> None:
    batch = batch_of(codec, [-1, 0, -1, -1, 0] * 9)
    expected = built(codec, batch, 45, capacity=20)
    assert [chunk.images for chunk in expected] == [20, 20, 5]
    for step in (1, 7, 20):
        assert built(codec, batch, step, capacity=20) == expected


def test_corrections_and_names_end_a_chunk_early(
    codec: Codec, monkeypatch: pytest.MonkeyPatch
) -> None:
    batch = batch_of(codec, [0, -1, 0, -1, -1, 0])
    monkeypatch.setattr(builder, "MAX_CORRECTED_PIXELS", 2 * 28 * 28)
    for step in (1, 6):
        assert [chunk.images for chunk in built(codec, batch, step)] == [5, 1]
    monkeypatch.setattr(builder, "MAX_NAME_BYTES", 4 * len("0.png"))
    for step in (1, 6):
        assert [chunk.images for chunk in built(codec, batch, step)] == [4, 2]


def test_corrections_of_several_bounds_are_in_one_chunk(codec: Codec) -> None:
    batch = batch_of(codec, [3, -1, 3, 0, 7, -1, 7])
    for step in (1, 7):
        (chunk,) = built(codec, batch, step)
        assert (chunk.images, chunk.corrected) == (7, 5)
        assert chunk.correction_bytes


def test_a_chunk_without_corrections_costs_none(codec: Codec) -> None:
    plain = batch_of(codec, [-1] * 4)
    (chunk,) = built(codec, plain, 4)
    assert (chunk.corrected, chunk.correction_bytes) == (0, 0)
    (same,) = built(codec, replace(plain, pixels=plain.recon), 4)
    assert same == chunk
