"""Encoded images -> the bytes of chunks.

This module knows layers and how much a chunk may hold, and nothing of files.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from digitzip.archive.corrections import Corrections
from digitzip.codec import Codec, EncodedBatch
from digitzip.entropy.corrections import packed_size
from digitzip.format import Chunk, Layer, LayerType, naming
from digitzip.format.chunk import MAX_DIGITS

MAX_CORRECTED_PIXELS: Final = 2048 * 784
"""Pixels of corrected images in a chunk: whoever wants one of them decodes them all."""
MAX_NAME_BYTES: Final = 8 << 20
"""Bytes of names in a chunk: half of what a chunk may hold."""


@dataclass(frozen=True, slots=True)
class BuiltChunk:
    """One chunk as it is stored, the number of its images, and the bytes of its corrections."""

    frame: bytes
    images: int
    correction_bytes: dict[LayerType, int]


class ChunkBuilder:
    """Collects encoded images and cuts them into chunks of at most `capacity` images.

    Where a chunk ends depends only on its images and names, not on how they were added. `first`
    is the number of images in the file before the pending chunk.
    """

    def __init__(self, codec: Codec, capacity: int = MAX_DIGITS, first: int = 0) -> None:
        self.first = first
        self._codec = codec
        self._capacity = capacity
        self._clear()

    def add(self, batch: EncodedBatch, names: Sequence[str] = ()) -> list[BuiltChunk]:
        """Add images, with a name each or none; return the chunks that are now complete."""
        built, start = [], 0
        while start < len(batch):
            rest, rest_names = batch.slice(start, len(batch)), names[start:]
            room = self._room_for(rest, rest_names)
            if room:
                self._take(rest.slice(0, room), rest_names[:room])
                start += room
            if not room or self._images == self._capacity:
                built += self.finish()
        return built

    def finish(self) -> list[BuiltChunk]:
        """Return the pending images as the last chunk, if there are any."""
        if not self._images:
            return []
        batch = EncodedBatch.join(self._parts)
        built = pack_chunk(self._codec, batch, self._names, self.first)
        self.first += len(batch)
        self._clear()
        return [built]

    def _clear(self) -> None:
        self._parts: list[EncodedBatch] = []
        self._names: list[str] = []
        self._images = self._corrected = self._name_bytes = 0
        self._bound: int | None = None

    def _take(self, batch: EncodedBatch, names: Sequence[str]) -> None:
        self._parts.append(batch)
        self._names += names
        self._images += len(batch)
        self._corrected += int(batch.corrected.sum())
        self._name_bytes += sum(len(name.encode()) for name in names)
        coarse = batch.bounds[batch.bounds > 0]
        self._bound = int(coarse[0]) if coarse.size else self._bound

    def _room_for(self, batch: EncodedBatch, names: Sequence[str]) -> int:
        """Return how many of these images, from the first on, still fit the pending chunk."""
        corrected = np.cumsum(batch.corrected) * batch.pixels[0].size
        name_bytes = np.cumsum([len(name.encode()) for name in names])
        room = min(len(batch), self._capacity - self._images)
        for costs, left in (
            (corrected, MAX_CORRECTED_PIXELS - self._corrected * batch.pixels[0].size),
            (name_bytes, MAX_NAME_BYTES - self._name_bytes),
        ):
            if costs.size:
                room = min(room, int(np.searchsorted(costs, left, side="right")))
        return min(room, self._same_bound(batch))

    def _same_bound(self, batch: EncodedBatch) -> int:
        """Return how many images precede the first whose bound no layer of the chunk can have."""
        (coarse,) = np.nonzero(batch.bounds > 0)
        if not coarse.size:
            return len(batch)
        bound = batch.bounds[coarse[0]] if self._bound is None else self._bound
        (others,) = np.nonzero(batch.bounds[coarse] != bound)
        return int(coarse[others[0]]) if others.size else len(batch)


def pack_chunk(codec: Codec, batch: EncodedBatch, names: Sequence[str], first: int) -> BuiltChunk:
    """Return encoded images as one chunk, each layer in its smallest representation."""
    codes = min(codec.coder.representations(batch.codes), key=packed_size)
    corrections = list(_pack_corrections(codec, batch))
    layers = [Layer(LayerType.CODES, codes), *corrections]
    if names:
        layers.append(Layer(LayerType.NAMES, (naming.pack(names),)))
    pixel_crc = zlib.crc32(np.ascontiguousarray(batch.pixels).data)
    return BuiltChunk(
        Chunk(first, len(batch), pixel_crc, tuple(layers)).to_bytes(),
        len(batch),
        {LayerType(layer.type): packed_size((layer.body,)) for layer in corrections},
    )


def _pack_corrections(codec: Codec, batch: EncodedBatch) -> Iterator[Layer]:
    """Yield the layers that correct some of the images, each of one bound."""
    for type_, flags in (
        (LayerType.REFINE, batch.bounds > 0),
        (LayerType.EXACT, batch.bounds == 0),
    ):
        (rows,) = np.nonzero(flags)
        if rows.size:
            given = Corrections(int(batch.bounds[rows[0]]), rows, batch.pixels[rows])
            yield Layer(type_, given.pack(batch.recon[rows], codec.residual))
