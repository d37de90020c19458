"""The chunks of an open file: stored bytes, index, caches and decoding.

Every reader of archives uses this module. One verb stands for one strength of test: `check_*`
reads stored bytes (frame, CRC in the trailer, layers); `verify` decodes and compares pixels with
the pixel CRC.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np

from digitzip.archive.cache import LRUCache
from digitzip.archive.decoding import (
    check_pixels,
    codec_for,
    decode_verified,
    unpack_codes,
    unpack_corrected,
)
from digitzip.archive.index import (
    Extras,
    Index,
    read_header,
    read_index,
    read_stored,
    rebuild_index,
)
from digitzip.archive.indexing import Rows, Selection, select
from digitzip.archive.opening import USUAL, Opening
from digitzip.archive.storage import Readable, Storage
from digitzip.codec import Codec, Codes, EncodedBatch, Images
from digitzip.codec.encoded import UNCORRECTED
from digitzip.entropy.corrections import Corrections, corrected_rows
from digitzip.entropy.labels import unpack_labels
from digitzip.errors import ClosedError, DamagedError
from digitzip.format import Chunk, Header, LayerType
from digitzip.format import names as format_names
from digitzip.jobs import Jobs
from digitzip.kernels import RELEASES_GIL
from digitzip.model.classifier import Labels

_CACHED: Final = 16 << 20  # bytes of chunks, of codes and of names each that are remembered
_CACHED_CORRECTIONS: Final = 48 << 20
_KNOWN: Final = frozenset(LayerType)


class ChunkStore:
    """An open file, read by chunk `number` or by `rows`, the positions of images in the file.

    Cached readers of one chunk are `read_chunk(number)`, `chunk_codes(number)` uint8 [n, d],
    `chunk_names(number)`, `chunk_labels(number)` (bytes) and `corrected_rows(number)` intp [k].

    Calls raise `DamagedError` for damaged bytes. The model is loaded when codes are first decoded,
    so names, plain labels and stored bytes need no model. Safe to use from several threads.
    """

    def __init__(self, file: Readable, opening: Opening = USUAL) -> None:
        self.opening, self.storage = opening, Storage(file)
        try:
            self.header: Header = read_header(self.storage)
            self.index = self._find_chunks()
            if opening.model is not None:
                _ = self.codec  # refuse a wrong model at once
            self._verified: set[int] = set()
            self.read_chunk = LRUCache(self._load_chunk, _chunk_size, _CACHED)
            self.chunk_codes = LRUCache(self._unpack_codes, lambda codes: codes.nbytes, _CACHED)
            self.chunk_names = LRUCache(self._unpack_names, _names_size, _CACHED)
            self.chunk_labels = LRUCache(self._unpack_labels, len, _CACHED)
            self.corrected_rows = LRUCache(
                self._unpack_corrected, lambda rows: rows.nbytes, _CACHED
            )
            self._chunk_corrections = LRUCache(
                self._unpack_corrections, lambda found: found.images.nbytes, _CACHED_CORRECTIONS
            )
        except BaseException:
            self.close()
            raise

    def _find_chunks(self) -> Index:
        try:
            return read_index(self.storage, self.header)
        except DamagedError as error:
            if not self.opening.rebuild:
                raise DamagedError(f"{error}; digitzip.recover saves what is whole") from error
            return rebuild_index(self.storage, self.header)

    @cached_property
    def codec(self) -> Codec:
        """The codec of the file; raises `ModelError` when no known folder holds its model."""
        return codec_for(self.header, self.opening.model)

    def __len__(self) -> int:
        """Return the number of images in the file."""
        return self.index.images

    @property
    def named(self) -> bool:
        """Whether the images have names."""
        return self.index.extras.named

    @property
    def labelled(self) -> bool:
        """Whether the images have labels."""
        return self.index.extras.labelled

    @property
    def numbers(self) -> range:
        """The numbers of the chunks, in file order."""
        return range(len(self.index.slots))

    def numbers_between(self, start: int, stop: int) -> range:
        """Return the numbers of the chunks that hold some of the images from `start` to `stop`."""
        if start >= stop:
            return range(0)
        first, last = self.index.find(np.array([start, stop - 1])).tolist()
        return range(first, last + 1)

    def span(self, number: int) -> range:
        """Return the rows of a chunk."""
        slot = self.index.slots[number]
        return range(slot.first, slot.first + slot.entry.images)

    def close(self) -> None:
        self.storage.close()

    def check_open(self) -> None:
        """Raise `ClosedError` where the archive is closed."""
        if self.storage.closed:
            raise ClosedError("the archive is closed")

    def select(self, key: Any, shape: tuple[int, ...] = ()) -> Selection:
        """Return the rows and the index of `array[key]`, for an array [images, *shape]."""
        self.check_open()
        return select(key, (len(self), *shape), self.opening.max_images)

    def groups(self, rows: Rows) -> Iterator[tuple[int, Rows, Rows]]:
        """Yield each chunk that holds some of `rows` [n]: number, positions in `rows`, in chunk."""
        chunks = self.index.find(rows)
        order = np.argsort(chunks, kind="stable")  # one pass, however many chunks there are
        numbers, starts = np.unique(chunks[order], return_index=True)
        for number, positions in zip(numbers.tolist(), np.split(order, starts[1:]), strict=False):
            yield number, positions, rows[positions] - self.span(number).start

    def codes_of(self, rows: Rows) -> Codes:
        """Return the codes of `rows`, uint8 [n, d]."""
        codes = np.empty((rows.size, self.header.dims), np.uint8)
        for number, positions, inside in self.groups(rows):
            codes[positions] = self.chunk_codes(number)[inside]
        return codes

    def names_of(self, rows: Rows) -> list[str]:
        """Return the names of `rows`, of an archive that has names."""
        names = [""] * rows.size
        for number, positions, inside in self.groups(rows):
            chunk = self.chunk_names(number)
            for position, row in zip(positions.tolist(), inside.tolist(), strict=True):
                names[position] = chunk[row]
        return names

    def labels_of(self, rows: Rows) -> Labels:
        """Return the labels of `rows`, uint8 [n], of an archive that has labels."""
        labels = np.empty(rows.size, np.uint8)
        for number, positions, inside in self.groups(rows):
            labels[positions] = np.frombuffer(self.chunk_labels(number), np.uint8)[inside]
        return labels

    def batch_of(self, rows: Rows) -> EncodedBatch:
        """Decode `rows`; each chunk that holds some of them is unpacked once, in any order."""
        codes, bounds = self.codes_of(rows), np.full(rows.size, UNCORRECTED, np.int16)
        found = []
        for number, positions, inside in self.groups(rows):
            listed = np.isin(inside, self.corrected_rows(number))
            if listed.any():  # else no correction is decoded
                corrections = self._chunk_corrections(number)
                found.append(corrections.at(inside[listed], positions[listed]))
                bounds[found[-1].rows] = found[-1].bounds
        recon = self.codec.decode(codes)
        pixels = Corrections.join(found).apply(recon) if found else recon
        return EncodedBatch(codes, recon, pixels, bounds)

    def images_of(self, number: int, low: int = 0, high: int | None = None) -> Images:
        """Decode the images `low` ... `high - 1` of a chunk, uint8 [n, height, width].

        A chunk that is decoded as a whole is verified by its pixel CRC.
        """
        span = self.span(number)
        rows = np.arange(span.start, span.stop, dtype=np.intp)[low:high]
        images = self.batch_of(rows).pixels
        if len(rows) == len(span):
            check_pixels(images, self.read_chunk(number), span)
            self._verified.add(number)
        return images

    def whole_chunks(self, numbers: Sequence[int]) -> Iterator[Images]:
        """Yield the images of whole chunks, verified, in order; several are decoded at once.

        Nothing that is unpacked on the way is remembered.
        """
        work = ((self.read_chunk(number), self.span(number)) for number in numbers)
        with Jobs(self.opening.jobs, self.codec, processes=not RELEASES_GIL) as jobs:
            for number, images in zip(numbers, jobs.map(decode_verified, work), strict=True):
                self._verified.add(number)
                yield images

    def chunks_between(self, start: int, stop: int) -> Iterator[Images]:
        """Yield the images from `start` to `stop`, chunk by chunk; whole chunks are verified."""
        spans = {number: self.span(number) for number in self.numbers_between(start, stop)}
        whole = [n for n, span in spans.items() if start <= span.start and span.stop <= stop]
        chunks = self.whole_chunks(whole)
        for number, span in spans.items():
            if start <= span.start and span.stop <= stop:
                yield next(chunks)
            else:
                yield self.images_of(number, max(start - span.start, 0), stop - span.start)

    def verify(self, rows: Rows) -> None:
        """Verify the chunks that hold `rows` by their pixel CRCs, once each."""
        numbers = np.unique(self.index.find(rows)).tolist()
        missing = [number for number in numbers if number not in self._verified]
        # Threads share what the store remembers, and what is verified is often decoded next.
        with Jobs(self.opening.jobs if RELEASES_GIL else 1, self) as jobs:
            for _ in jobs.map(ChunkStore.images_of, missing):
                pass

    def divisible(self, number: int) -> bool:
        """Return whether this build knows all layers of a chunk."""
        return self._types(number) <= _KNOWN

    def chunk_bytes(self, number: int) -> bytes:
        """Return a chunk as it is stored; checks its bytes and decodes nothing."""
        self.read_chunk(number)
        return read_stored(self.storage, self.index.slots[number])

    def check_stored(self) -> None:
        """Check the stored bytes of every chunk; decodes nothing."""
        for number in self.numbers:
            self.read_chunk(number)

    def correction_body(self, number: int) -> bytes | None:
        """Return the body of the corrections of a chunk, if it has any."""
        layer = self.read_chunk(number).layer(LayerType.CORRECTIONS)
        return None if layer is None else layer.body

    def check_corrected(self) -> None:
        """Check the number of corrected images against the trailer; raises `DamagedError`."""
        found = sum(len(self.corrected_rows(number)) for number in self.numbers)
        if self.index.corrected not in (None, found):
            raise DamagedError(
                f"{found} images are corrected, and the trailer says {self.index.corrected}"
            )

    def _load_chunk(self, number: int) -> Chunk:
        slot, extras = self.index.slots[number], self.index.extras
        chunk, images = Chunk.from_bytes(read_stored(self.storage, slot)), self.span(number)
        if chunk.images != len(images):
            raise DamagedError(f"a chunk holds {chunk.images} images, expected {len(images)}")
        found = Extras.of(chunk)
        if what := extras.disagreement(found):
            raise DamagedError(
                f"images {images.start} to {images.stop - 1} have "
                f"{'' if found.has(what) else 'no '}{what}, and the trailer says otherwise"
            )
        return chunk

    def _types(self, number: int) -> set[int]:
        return {layer.type for layer in self.read_chunk(number).layers}

    def _unpack_codes(self, number: int) -> Codes:
        return unpack_codes(self.codec, self.read_chunk(number))

    def _unpack_corrected(self, number: int) -> Rows:
        """Return the corrected rows of a chunk, ascending; decodes nothing."""
        body = self.correction_body(number)
        if body is None:
            return np.empty(0, np.intp)
        return corrected_rows(body, len(self.span(number)))

    def _unpack_corrections(self, number: int) -> Corrections:
        return unpack_corrected(self.codec, self.read_chunk(number), self.chunk_codes(number))

    def _unpack_names(self, number: int) -> list[str]:
        chunk = self.read_chunk(number)
        layer = chunk.layer(LayerType.NAMES)
        return [] if layer is None else format_names.unpack(layer.body, chunk.images)

    def _unpack_labels(self, number: int) -> bytes:
        chunk = self.read_chunk(number)
        layer = chunk.layer(LayerType.LABELS)
        if layer is None:
            return b""
        return unpack_labels(
            layer.body, chunk.images, lambda: (self.chunk_codes(number), self.codec.labels)
        )


def _chunk_size(chunk: Chunk) -> int:
    return sum(len(layer.body) for layer in chunk.layers)


def _names_size(names: list[str]) -> int:
    return sum(map(len, names)) + 64 * len(names)
