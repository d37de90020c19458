"""What is still whole in a damaged file: every frame that its checks prove, wherever it stands."""

from __future__ import annotations

import re
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from digitzip.archive import naming
from digitzip.archive.index import Place
from digitzip.archive.storage import Storage
from digitzip.container import Chunk, Entry, Header, LayerType, Trailer
from digitzip.container.chunk import MAX_BYTES, frame_size
from digitzip.container.header import MAGIC as HEADER_MAGIC
from digitzip.container.header import MAX_SIZE as MAX_HEADER_SIZE
from digitzip.container.trailer import MAGIC as TRAILER_MAGIC
from digitzip.container.trailer import MAX_SIZE as MAX_TRAILER_SIZE
from digitzip.container.trailer import MIN_SIZE as MIN_TRAILER_SIZE
from digitzip.errors import DamagedError, UnsupportedError

CHUNK_MAGIC: Final = b"\x28\xb5\x2f\xfd"

_MAGIC: Final = re.compile(b"|".join(map(re.escape, (CHUNK_MAGIC, HEADER_MAGIC, TRAILER_MAGIC))))

Prove = Callable[[Chunk], None]
"""Raises `DamagedError` for a chunk that does not decode to the pixels its writer saw."""


@dataclass(frozen=True, slots=True)
class Found:
    """A whole chunk: its place, and whether its digits have names."""

    place: Place
    named: bool

    @property
    def end(self) -> int:
        """The digit after its last one."""
        return self.place.first + self.place.entry.digits


@dataclass(slots=True)
class Stretch:
    """What was found from one header to the next, or to the end of the file."""

    header: Header
    offset: int
    end: int = 0
    chunks: list[Found] = field(default_factory=list)
    trailer: Trailer | None = None  # the one of most digits, and where it ends
    trailer_end: int = 0

    @property
    def promised(self) -> int:
        """How many digits the trailer says there are."""
        return self.trailer.digits if self.trailer else 0

    def chosen(self) -> list[Found]:
        """Return the chunks in the order of their digits, none of which is in two.

        As far as the trailer goes, they are those of the trailer.
        """
        known, first = {}, 0
        for entry in self.trailer.entries if self.trailer else ():
            known[first] = entry
            first += entry.digits
        kept: list[Found] = []
        for found in sorted(self.chunks, key=lambda each: each.place.first):
            place = found.place
            foreign = place.first < first and known.get(place.first) != place.entry
            if not foreign and (not kept or kept[-1].end <= place.first):
                kept.append(found)
        return kept

    def ends(self, kept: Sequence[Found]) -> bool:
        """Tell whether it is known that no digits followed those that are known of."""
        beyond = bool(kept) and kept[-1].end > self.promised
        return self.trailer is not None and self.trailer_end == self.end and not beyond


def scan(storage: Storage, header: Header, prove: Prove, start: int) -> list[Stretch]:
    """Return all that is whole from `start` on, behind `header`, a stretch for each header.

    Raises `UnsupportedError` for a layer that needs a newer build.
    """
    stretches = [Stretch(header, 0)]
    window = _Window(storage)
    offset = start
    while (found := window.find(offset)) is not None:
        offset = found + (_take(window, found, stretches, prove) or 1)
    stretches[-1].end = storage.size
    return stretches


class _Window:
    """A part of the file that moves forward, with room for a chunk."""

    def __init__(self, storage: Storage) -> None:
        self.storage = storage
        self._start = 0
        self._data = b""

    def at(self, offset: int) -> memoryview:
        """Return the bytes from `offset` on, as many as a chunk can have, or all there are."""
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


def _take(window: _Window, offset: int, stretches: list[Stretch], prove: Prove) -> int:
    """Add the frame at `offset` to the last of `stretches`; return its size, 0 for no frame."""
    view, stretch = window.at(offset)[:MAX_BYTES], stretches[-1]
    try:
        match bytes(view[:4]):
            case magic if magic == HEADER_MAGIC:
                return _take_header(view, offset, stretches)
            case magic if magic == TRAILER_MAGIC:
                return _take_trailer(window.storage, offset, stretch)
        size = frame_size(view)
        data = bytes(view[:size])
        chunk = Chunk.from_bytes(data)
    except DamagedError:
        return 0
    try:
        prove(chunk)
    except DamagedError:
        return size
    entry = Entry(size, chunk.digits, zlib.crc32(data))
    stretch.chunks.append(Found(Place(offset, chunk.first, entry), _named(chunk)))
    return size


def _take_header(view: memoryview, offset: int, stretches: list[Stretch]) -> int:
    try:
        header = Header.from_bytes(bytes(view[:MAX_HEADER_SIZE]))
    except UnsupportedError as error:  # said of the version before any CRC is looked at
        raise DamagedError("header: no version that this build reads") from error
    stretches[-1].end = offset
    stretches.append(Stretch(header, offset))
    return header.size


def _take_trailer(storage: Storage, offset: int, stretch: Stretch) -> int:
    size = 8 + int.from_bytes(storage.read(offset + 4, 4), "little")
    if not MIN_TRAILER_SIZE <= size <= MAX_TRAILER_SIZE:
        raise DamagedError(f"trailer: claims {size} bytes")
    trailer = Trailer.from_bytes(storage.read(offset, size), stretch.header.to_bytes())
    if stretch.trailer is None or trailer.digits >= stretch.trailer.digits:
        stretch.trailer, stretch.trailer_end = trailer, offset + size
    return size


def _named(chunk: Chunk) -> bool:
    """Tell whether the digits of a chunk have names that a reader takes."""
    layer = chunk.layer(LayerType.NAMES)
    try:
        return layer is not None and bool(naming.unpack(layer.body, chunk.digits))
    except DamagedError:
        return False
