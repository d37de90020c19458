"""Encoded images -> the bytes of chunks.

This module knows layers and the limits of a chunk, but no files.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from digitzip.codec import Codec, EncodedBatch
from digitzip.entropy.corrections import Corrections, packed_size
from digitzip.format import Chunk, Layer, LayerType
from digitzip.format import labels as format_labels
from digitzip.format import names as format_names
from digitzip.limits import DEFAULT_CHUNK_IMAGES

MAX_CORRECTED_PIXELS: Final = 2048 * 784
"""Pixels of corrected images in a chunk: reading one correction decodes all of its chunk."""
MAX_NAME_BYTES: Final = 8 << 20
"""Bytes of names in a chunk: half of what a chunk may hold."""


@dataclass(frozen=True, slots=True)
class BuiltChunk:
    """A packed chunk, and how many of its images are corrected, in how many bytes."""

    frame: bytes
    images: int
    corrected: int
    correction_bytes: int


class ChunkBuilder:
    """Collects encoded images and cuts them into chunks of at most `capacity` images.

    Where a chunk ends depends only on its images and names, not on how they were added.
    """

    def __init__(self, codec: Codec, capacity: int = DEFAULT_CHUNK_IMAGES) -> None:
        self._codec = codec
        self._capacity = capacity
        self._clear()

    def add(
        self, batch: EncodedBatch, names: Sequence[str] = (), labels: bytes = b""
    ) -> list[BuiltChunk]:
        """Add images, with a name and a label each or none; return the chunks now complete."""
        built, start = [], 0
        while start < len(batch):
            rest, rest_names = batch.slice(start, len(batch)), names[start:]
            room = self._room_for(rest, rest_names)
            if room:
                part = slice(start, start + room)
                self._take(rest.slice(0, room), names[part], labels[part])
                start += room
            if not room or self._images == self._capacity:
                built += self.finish()
        return built

    def finish(self) -> list[BuiltChunk]:
        """Return the pending images as the last chunk, if there are any."""
        if not self._images:
            return []
        batch = EncodedBatch.join(self._parts)
        built = pack_chunk(self._codec, batch, self._names, bytes(self._labels))
        self._clear()
        return [built]

    def _clear(self) -> None:
        self._parts: list[EncodedBatch] = []
        self._names: list[str] = []
        self._labels = bytearray()
        self._images = self._corrected = self._name_bytes = 0

    def _take(self, batch: EncodedBatch, names: Sequence[str], labels: bytes) -> None:
        self._parts.append(batch)
        self._names += names
        self._labels += labels
        self._images += len(batch)
        self._corrected += int(batch.corrected.sum())
        self._name_bytes += sum(len(name.encode()) for name in names)

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
        return room


def pack_chunk(
    codec: Codec, batch: EncodedBatch, names: Sequence[str] = (), labels: bytes = b""
) -> BuiltChunk:
    """Return encoded images as one chunk, each layer in its smallest representation."""
    codes = min(codec.coder.representations(batch.codes), key=packed_size)
    layers = [Layer(LayerType.CODES, codes)]
    (rows,) = np.nonzero(batch.corrected)
    spent = 0
    if rows.size:
        found = Corrections(rows, batch.bounds[rows].astype(np.uint8), batch.pixels[rows])
        layers.append(Layer(LayerType.CORRECTIONS, found.pack(batch.recon[rows], codec.residual)))
        spent = packed_size((layers[-1].body,))
    if names:
        layers.append(Layer(LayerType.NAMES, (format_names.pack(names),)))
    if labels:
        layers.append(Layer(LayerType.LABELS, (format_labels.pack(labels),)))
    chunk = Chunk(len(batch), zlib.crc32(np.ascontiguousarray(batch.pixels).data), tuple(layers))
    return BuiltChunk(chunk.to_bytes(), len(batch), rows.size, spent)
