"""Scan a damaged file for every frame that passes its checks, at any offset."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from digitzip.archive.index import Extras
from digitzip.archive.segments import FoundChunk, Segment
from digitzip.archive.sink import corrected_in
from digitzip.archive.storage import Storage
from digitzip.entropy.labels import Context, are_coded, unpack_labels, unpack_plain_labels
from digitzip.errors import DamagedError, LimitError, UnsupportedError
from digitzip.format import Chunk, Entry, Header, LayerType, Trailer, names
from digitzip.format.frames import MAX_BYTES, walk_frame
from digitzip.format.header import MAGIC as HEADER_MAGIC
from digitzip.format.header import claimed_size as claimed_header_size
from digitzip.format.trailer import HEAD_SIZE, claimed_size
from digitzip.format.trailer import MAGIC as TRAILER_MAGIC
from digitzip.jobs import Line

CHUNK_MAGIC: Final = b"\x28\xb5\x2f\xfd"
WORK: Final = 64 << 20
WORK_PER_BYTE: Final = 16
"""Limits on the work spent on false frames, in hashed bytes: a constant, and for each byte."""

_MAGIC: Final = re.compile(b"|".join(map(re.escape, (CHUNK_MAGIC, HEADER_MAGIC, TRAILER_MAGIC))))


@dataclass(frozen=True, slots=True)
class _Place:
    """A whole chunk, the segment it stands in, and the foreign header before it, if any."""

    offset: int
    entry: Entry
    chunk: Chunk
    segment: Segment
    foreign: Segment | None


Checks = Line[_Place, Extras | None]
"""Gives the valid extras of each chunk; None where its decoded pixels do not match its CRC."""


class Scan:
    """The whole frames of a file from `start` on, in one segment for each header.

    A foreign header has another model or quality than `header`, the header of the file.
    `foreign_headers` counts them; `foreign_archive` begins with the first foreign header that is
    followed by its own images. `checks` are None where the model is not known. `progress` gets the
    bytes that were scanned so far, and those of the file.
    Raises `LimitError` for more than `max_images` and for a file whose false frames make it slow to
    scan, and `UnsupportedError` for a layer that needs a newer build.
    """

    def __init__(
        self,
        storage: Storage,
        header: Header,
        checks: Checks | None,
        start: int,
        max_images: int,
        progress: Callable[[int, int], object] | None = None,
    ) -> None:
        self.segments = [Segment(header, 0)]
        self.foreign_headers = 0
        self.foreign_archive: Segment | None = None
        self.wasted = 0
        self._storage = storage
        self._checks = checks
        self._max_images = max_images
        self._images = 0
        self._foreign_segment: Segment | None = None  # since the last header, where that is foreign
        window, offset = _Window(storage), start
        while (found := window.find(offset)) is not None:
            try:
                offset = found + self._take(window.at(found)[:MAX_BYTES], found)
            except DamagedError:
                offset = found + 1
            if progress is not None:
                progress(offset, storage.size)
        self.segments[-1].end = storage.size
        for place, extras in checks.finish() if checks is not None else ():
            self._put(place, extras)

    def _take(self, view: memoryview, offset: int) -> int:
        """Take the frame at `offset` and return its size; raises `DamagedError` for no frame."""
        match bytes(view[:4]):
            case magic if magic == HEADER_MAGIC:
                return self._take_header(view, offset)
            case magic if magic == TRAILER_MAGIC:
                return self._take_trailer(view, offset)
        return self._take_chunk(view, offset)

    def _take_header(self, view: memoryview, offset: int) -> int:
        size = claimed_header_size(view[:8])
        try:
            header = Header.from_bytes(bytes(view[:size]))
        except UnsupportedError as error:  # raised before any CRC is checked
            raise DamagedError("header: no version that this build reads") from error
        except DamagedError:
            self._waste(size)
            raise
        if header.join_key != self.segments[0].header.join_key:
            self._foreign_segment = Segment(header, offset)
            self.foreign_headers += 1
        else:
            self._foreign_segment = None
            self.segments[-1].end = offset
            self.segments.append(Segment(header, offset))
        return size

    def _take_trailer(self, view: memoryview, offset: int) -> int:
        size = claimed_size(view[:HEAD_SIZE])
        if offset + size > self._storage.size:
            raise DamagedError("trailer: it is cut")
        data = self._storage.read(offset, size)
        for segment in (self.segments[-1], self._foreign_segment):
            if segment is None:
                continue
            try:
                trailer = Trailer.from_bytes(data, segment.stored)
            except DamagedError:
                self._waste(size + len(segment.stored))
                continue
            if segment is self._foreign_segment and trailer.images:
                self._note_foreign(segment)
            segment.trailers.append(range(offset, offset + size))
            if segment.trailer is None or trailer.images >= segment.trailer.images:
                segment.trailer, segment.trailer_end = trailer, offset + size
            return size
        raise DamagedError("trailer: its digest does not match")

    def _take_chunk(self, view: memoryview, offset: int) -> int:
        walk = walk_frame(view)
        try:
            if not walk.whole:
                raise DamagedError("a frame is cut")
            data = bytes(view[: walk.size])
            chunk = Chunk.from_bytes(data)
        except DamagedError:
            self._waste(walk.work)
            raise
        self._images += chunk.images
        if self._images > self._max_images:
            raise LimitError(f"more than {self._max_images} images to save; raise max_images=")
        entry = Entry(walk.size, chunk.images, zlib.crc32(data))
        place = _Place(offset, entry, chunk, self.segments[-1], self._foreign_segment)
        if self._checks is None:
            extras = valid_extras(chunk, None) if self._foreign_segment is None else None
            self._put(place, extras)
        else:
            for each, extras in self._checks.put(place, chunk):
                self._put(each, extras)
        return walk.size

    def _put(self, place: _Place, extras: Extras | None) -> None:
        """Put a chunk into its segment, unless its pixels show that it does not belong there."""
        if extras is not None:
            corrected = corrected_in(place.chunk)
            found = FoundChunk(place.offset, place.entry, extras, corrected)
            place.segment.chunks.append(found)
        elif place.foreign is not None:
            self._note_foreign(place.foreign)

    def _note_foreign(self, segment: Segment) -> None:
        if self.foreign_archive is None or segment.offset < self.foreign_archive.offset:
            self.foreign_archive = segment

    def _waste(self, work: int) -> None:
        """Count the work spent on a false frame; raises `LimitError` for too much in all."""
        self.wasted += work
        if self.wasted > WORK + WORK_PER_BYTE * self._storage.size:
            raise LimitError("too many false frames: the file was made to be slow to scan")


class _Window:
    """A part of the file that moves forward, with room for a chunk."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._start = 0
        self._data = b""

    def at(self, offset: int) -> memoryview:
        """Return at least `MAX_BYTES` bytes from `offset` on; fewer only at the end of the file."""
        size = self.storage.size
        end = self._start + len(self._data)
        if not self._start <= offset <= end or (end < size and offset + MAX_BYTES > end):
            self._start = offset
            self._data = self.storage.read(offset, min(2 * MAX_BYTES, size - offset))
        return memoryview(self._data)[offset - self._start :]

    def find(self, offset: int) -> int | None:
        """Return where the next frame may begin, at `offset` or later."""
        while offset < self.storage.size:
            view = self.at(offset)
            if match := _MAGIC.search(view):
                return offset + match.start()
            offset += max(len(view) - len(CHUNK_MAGIC) + 1, 1)
        return None


def valid_extras(chunk: Chunk, context: Context | None) -> Extras:
    """Return whether a chunk has valid names and valid labels.

    Without the `context` of coded labels they are not decoded, and count as valid.
    """

    def labels(body: bytes, images: int) -> None:
        if context is not None:
            unpack_labels(body, images, context)
        elif not are_coded(body):
            unpack_plain_labels(body, images)

    return Extras(
        named=_readable(chunk, LayerType.NAMES, names.unpack),
        labelled=_readable(chunk, LayerType.LABELS, labels),
    )


def _readable(chunk: Chunk, type_: LayerType, unpack: Callable[[bytes, int], object]) -> bool:
    if (layer := chunk.layer(type_)) is None:
        return False
    try:
        unpack(layer.body, chunk.images)
    except DamagedError:
        return False
    return True
