"""Encoded images -> chunks, and chunks -> their bytes.

This module knows layers and the limits of a chunk, but no files.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from digitzip.codec import Codec, Codes, EncodedBatch, Images
from digitzip.entropy.corrections import Corrections
from digitzip.entropy.labels import pack_labels
from digitzip.entropy.packed import smallest
from digitzip.format import Chunk, Layer, LayerType
from digitzip.format import names as format_names
from digitzip.limits import DEFAULT_CHUNK_IMAGES

MAX_CORRECTED_PIXELS: Final = 2048 * 784
"""Pixels of corrected images in a chunk: reading one correction decodes all of its chunk."""
MAX_NAME_BYTES: Final = 8 << 20
"""Bytes of names in a chunk: half of what a chunk may hold."""


@dataclass(frozen=True, slots=True, eq=False)
class ChunkImages:
    """The images of one chunk, not yet packed.

    `codes` are uint8 [n, d], `recon` uint8 [k, height, width] the reconstructions of the corrected
    images. There is a name and a label for each image, or none.
    """

    codes: Codes
    pixel_crc: int
    corrections: Corrections
    recon: Images
    names: Sequence[str]
    labels: bytes


@dataclass(frozen=True, slots=True)
class BuiltChunk:
    """A packed chunk, and how many of its images are corrected, in how many bytes."""

    frame: bytes
    images: int
    corrected: int
    correction_bytes: int


class ChunkBuilder:
    """Collects encoded images and cuts them into chunks of at most `capacity` images.

    Where a chunk ends depends only on its images and names, not on how they were added. Of images
    without a correction, only codes are held.
    """

    def __init__(self, capacity: int = DEFAULT_CHUNK_IMAGES) -> None:
        self._capacity = capacity
        self._clear()

    def add(
        self, batch: EncodedBatch, names: Sequence[str] = (), labels: bytes = b""
    ) -> list[ChunkImages]:
        """Add images, with a name and a label each or none; return the chunks now complete."""
        complete, start = [], 0
        while start < len(batch):
            rest, rest_names = batch.slice(start, len(batch)), names[start:]
            room = self._room_for(rest, rest_names)
            if room:
                part = slice(start, start + room)
                self._take(rest.slice(0, room), names[part], labels[part])
                start += room
            if not room or self._images == self._capacity:
                complete += self.finish()
        return complete

    def finish(self) -> list[ChunkImages]:
        """Return the pending images as the last chunk, if there are any."""
        if not self._images:
            return []
        codes = np.concatenate(self._codes)
        corrections, recon = Corrections.join(self._corrections), np.concatenate(self._recon)
        names, labels = self._names, bytes(self._labels)
        chunk = ChunkImages(codes, self._crc, corrections, recon, names, labels)
        self._clear()
        return [chunk]

    def _clear(self) -> None:
        self._codes: list[Codes] = []
        self._corrections: list[Corrections] = []
        self._recon: list[Images] = []
        self._names: list[str] = []
        self._labels = bytearray()
        self._images = self._corrected = self._name_bytes = self._crc = 0

    def _take(self, batch: EncodedBatch, names: Sequence[str], labels: bytes) -> None:
        (rows,) = np.nonzero(batch.corrected)
        bounds = batch.bounds[rows].astype(np.uint8)
        self._codes.append(batch.codes)
        self._corrections.append(Corrections(self._images + rows, bounds, batch.pixels[rows]))
        self._recon.append(batch.recon[rows])
        self._crc = zlib.crc32(np.ascontiguousarray(batch.pixels).data, self._crc)
        self._names += names
        self._labels += labels
        self._images += len(batch)
        self._corrected += rows.size
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


def pack_chunk(codec: Codec, images: ChunkImages) -> BuiltChunk:
    """Return the images of a chunk as its bytes, each layer in its smallest representation."""
    codes = smallest(codec.coder.representations(images.codes))
    layers, spent = [Layer(LayerType.CODES, codes.pieces)], 0
    if len(images.corrections):
        packed = images.corrections.pack(images.recon, codec.residual)
        layers.append(Layer(LayerType.CORRECTIONS, packed.pieces))
        spent = packed.size
    if images.names:
        layers.append(Layer(LayerType.NAMES, (format_names.pack(images.names),)))
    if images.labels:
        pieces = pack_labels(images.labels, images.codes, codec.labels)
        layers.append(Layer(LayerType.LABELS, pieces))
    chunk = Chunk(len(images.codes), images.pixel_crc, tuple(layers))
    return BuiltChunk(chunk.to_bytes(), len(images.codes), len(images.corrections), spent)
