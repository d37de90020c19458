"""Images -> the chunks of a file, in order, on several cores.

Images are encoded some hundred at a time, and each chunk is packed by itself. Both are pure
functions, and chunks are cut between them in the order of the images: the bytes depend neither on
the number of jobs nor on the backend.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Final

import numpy as np

from digitzip.archive.builder import BuiltChunk, ChunkBuilder, ChunkImages, pack_chunk
from digitzip.archive.sink import ChunkSink
from digitzip.codec import Codec, EncodedBatch, Images
from digitzip.fidelity import (
    Encoded,
    FidelityCounts,
    FidelityEncoder,
    Misfits,
    encode_unchecked,
)
from digitzip.jobs import Jobs, Line
from digitzip.kernels import RELEASES_GIL
from digitzip.limits import DEFAULT_CHUNK_IMAGES

_UNIT: Final = 512  # images that are encoded at a time


class Assembly:
    """Takes images, writes chunks to `sink`, and counts what the guard did.

    `progress` gets the number of images that are encoded so far.
    """

    def __init__(
        self,
        codec: Codec,
        encoder: FidelityEncoder | None,
        sink: ChunkSink,
        *,
        capacity: int = DEFAULT_CHUNK_IMAGES,
        jobs: int = 1,
        progress: Callable[[int], object] | None = None,
    ) -> None:
        self.counts = FidelityCounts()
        self.images, self.misfits = 0, Misfits()  # of those encoded so far
        self._sink, self._progress = sink, progress
        self._guarded = encoder is not None
        self._builder = ChunkBuilder(capacity)
        self._jobs = Jobs(jobs, (codec, encoder), processes=not RELEASES_GIL)
        self._encoding: Line[tuple[list[str], bytes], Encoded] = Line(self._jobs, _encode)
        self._packing: Line[None, BuiltChunk] = Line(self._jobs, _pack)
        self._held: list[Images] = []  # fewer than a unit
        self._names: list[str] = []
        self._labels = bytearray()

    def add(self, images: Images, names: Sequence[str], labels: bytes) -> None:
        """Add images uint8 [n, h, w], with a name and a label each or none; they are copied."""
        start = 0
        while start < len(images):
            part = slice(start, start + _UNIT - sum(map(len, self._held)))
            self._held.append(images[part].copy())
            self._names += names[part]
            self._labels += labels[part]
            start += len(self._held[-1])
            if sum(map(len, self._held)) == _UNIT:
                self._give()

    def add_encoded(self, batch: EncodedBatch, names: Sequence[str], labels: bytes) -> None:
        """Add images that were encoded before, with a name and a label each or none."""
        self._pack(self._builder.add(batch, names, labels))

    def finish(self) -> None:
        """Write all that is left."""
        if self._held:
            self._give()
        self._build(self._encoding.finish())
        self._pack(self._builder.finish())
        self._take(self._packing.finish())

    def close(self) -> None:
        """End all work; nothing more is written."""
        self._jobs.close()

    def __enter__(self) -> Assembly:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _give(self) -> None:
        images, extras = np.concatenate(self._held), (self._names, bytes(self._labels))
        self._held, self._names, self._labels = [], [], bytearray()
        self._build(self._encoding.put(extras, images))

    def _build(self, results: Iterable[tuple[tuple[list[str], bytes], Encoded]]) -> None:
        for (names, labels), encoded in results:
            if self._guarded:
                self.counts.add(encoded.used)
            self.images += len(encoded.batch)
            self.misfits = self.misfits.plus(encoded.misfits)
            self.add_encoded(encoded.batch, names, labels)
            if self._progress is not None:
                self._progress(self.images)

    def _pack(self, chunks: Iterable[ChunkImages]) -> None:
        for chunk in chunks:
            self._take(self._packing.put(None, chunk))

    def _take(self, results: Iterable[tuple[None, BuiltChunk]]) -> None:
        for _, built in results:
            self.counts.correction_bytes += built.correction_bytes
            self._sink.add(built.frame, built.images, built.corrected)


_Context = tuple[Codec, FidelityEncoder | None]


def _encode(context: _Context, images: Images) -> Encoded:
    codec, encoder = context
    return encode_unchecked(codec, images) if encoder is None else encoder.encode(images)


def _pack(context: _Context, chunk: ChunkImages) -> BuiltChunk:
    return pack_chunk(context[0], chunk)
