"""Where the chunks of a file are: from its trailer, or found again by scanning forward."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from dataclasses import dataclass
from itertools import accumulate
from typing import Final

import zstandard

from digitzip.archive.storage import Storage
from digitzip.container import Chunk, Entry, Header, Trailer, trailer_size
from digitzip.container.chunk import MAX_BYTES
from digitzip.container.header import MAX_SIZE as MAX_HEADER_SIZE
from digitzip.errors import DamagedError

_TAIL: Final = 4
_SKIPPABLE: Final = (0x184D2A50, 0x184D2A5F)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a chunk stands in the file, and which digits it holds."""

    offset: int
    first: int
    entry: Entry


class Index:
    """The chunks of a file in order. `damaged` says that they were found by scanning."""

    def __init__(self, places: list[Place], damaged: bool = False) -> None:
        self.places = places
        self.damaged = damaged
        self._firsts = [place.first for place in places]
        self.digits = places[-1].first + places[-1].entry.digits if places else 0

    def find(self, digit: int) -> int:
        """Return which place holds this digit."""
        return bisect_right(self._firsts, digit) - 1


def read_header(storage: Storage) -> Header:
    """Read and check the header of a file."""
    return Header.from_bytes(storage.read(0, min(storage.size, MAX_HEADER_SIZE)))


def read_index(storage: Storage, header: Header) -> Index:
    """Return the index that the trailer gives, which must account for every byte of the file."""
    if storage.size < header.size + _TAIL:
        raise DamagedError("no trailer at the end of the file: it is cut")
    size = trailer_size(storage.read(storage.size - _TAIL, _TAIL), storage.size - header.size)
    start = storage.size - size
    trailer = Trailer.from_bytes(storage.read(start, size), header.to_bytes())
    lengths = [entry.length for entry in trailer.entries]
    offsets = list(accumulate(lengths, initial=header.size))
    if offsets[-1] != start:
        raise DamagedError(
            f"trailer accounts for {offsets[-1]} bytes, expected {start}: "
            "another file was joined to this one, or a part is missing"
        )
    firsts = accumulate((entry.digits for entry in trailer.entries), initial=0)
    places = [
        Place(offset, first, entry)
        for offset, first, entry in zip(offsets, firsts, trailer.entries, strict=False)
    ]
    for place in places:
        if not place.entry.digits:
            read_stored(storage, place)
    return Index([place for place in places if place.entry.digits])


def rebuild_index(storage: Storage, header: Header) -> Index:
    """Return the index of the whole chunks that follow the header, up to the first damage."""
    places: list[Place] = []
    offset, first = header.size, 0
    while offset < storage.size:
        window = storage.read(offset, min(MAX_BYTES, storage.size - offset))
        try:
            length = _frame_size(window)
            if not _is_skippable(window):
                chunk = Chunk.from_bytes(window[:length])
                if chunk.first != first:
                    break
                entry = Entry(length, chunk.digits, zlib.crc32(window[:length]))
                places.append(Place(offset, first, entry))
                first += chunk.digits
        except DamagedError:
            break
        offset += length
    return Index(places, damaged=True)


def read_stored(storage: Storage, place: Place) -> bytes:
    """Return the bytes at a place, checked against their CRC in the trailer."""
    data = storage.read(place.offset, place.entry.length)
    if zlib.crc32(data) != place.entry.crc:
        end = place.first + place.entry.digits
        raise DamagedError(f"digits {place.first} to {end - 1}: the stored bytes are damaged")
    return data


def _is_skippable(window: bytes) -> bool:
    return _SKIPPABLE[0] <= int.from_bytes(window[:4], "little") <= _SKIPPABLE[1]


def _frame_size(window: bytes) -> int:
    """Return the size of the frame that `window` begins with."""
    if _is_skippable(window):
        size = 8 + int.from_bytes(window[4:8], "little")
    else:
        unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_BYTES).decompressobj()
        try:
            if zstandard.get_frame_parameters(window).content_size > MAX_BYTES:
                raise DamagedError("a frame claims more than 16 MiB")
            unpacker.decompress(window)
        except zstandard.ZstdError as error:
            raise DamagedError(f"no frame: {error}") from error
        size = len(window) - len(unpacker.unused_data) if unpacker.eof else len(window) + 1
    if size > len(window) or size < 9:
        raise DamagedError("a frame is cut")
    return size
