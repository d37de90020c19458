"""Where the chunks of a file are: from its trailer, or found again by scanning forward."""

from __future__ import annotations

import zlib
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from digitzip.archive.storage import Storage
from digitzip.errors import DamagedError, UnsupportedError
from digitzip.format import Chunk, Entry, Header, Trailer, trailer_size
from digitzip.format.chunk import MAX_BYTES, frame_size
from digitzip.format.header import MAX_SIZE as MAX_HEADER_SIZE
from digitzip.format.header import SIZES as HEADER_SIZES
from digitzip.format.trailer import BACK_POINTER_SIZE
from digitzip.format.trailer import MAGIC as TRAILER_MAGIC


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
        self.digits = places[-1].first + places[-1].entry.digits if places else 0
        self._firsts = np.array([place.first for place in places], np.int64)

    def find(self, digits: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Return which place holds each of these digits."""
        return np.searchsorted(self._firsts, digits, side="right") - 1


def read_header(storage: Storage) -> Header:
    """Read and check the header of a file."""
    return Header.from_bytes(storage.read(0, min(storage.size, MAX_HEADER_SIZE)))


def read_index(storage: Storage, header: Header) -> Index:
    """Return the index that the trailer gives, which must account for every byte of the file."""
    if storage.size < header.size + BACK_POINTER_SIZE:
        raise DamagedError("no trailer at the end of the file: it is cut")
    tail = storage.read(storage.size - BACK_POINTER_SIZE, BACK_POINTER_SIZE)
    size = trailer_size(tail, storage.size - header.size)
    start = storage.size - size
    data = storage.read(start, size)
    try:
        return _index(storage, header, Trailer.from_bytes(data, header.to_bytes()), start)
    except DamagedError:
        _refuse_joined(storage, header, data, start)
        raise


def _index(storage: Storage, header: Header, trailer: Trailer, start: int) -> Index:
    """Return the index that a trailer at `start` gives."""
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
            length = frame_size(window)
            if window[:4] != TRAILER_MAGIC:
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


def _refuse_joined(storage: Storage, header: Header, data: bytes, start: int) -> None:
    """Refuse a file that ends in a whole archive, whose trailer `data` is, which begins later."""
    try:
        end = start - Trailer.body_size(data)  # of the header of that archive
        for size in HEADER_SIZES:
            if end - size < header.size:
                return
            with suppress(DamagedError, UnsupportedError):
                last = Header.from_bytes(storage.read(end - size, size))
                Trailer.from_bytes(data, last.to_bytes())
                break
        else:
            return
    except DamagedError:
        return
    raise DamagedError(
        "two archives or more, one after another, as plain cat joins them: "
        "digitzip cat joins archives to one"
    )


def read_stored(storage: Storage, place: Place) -> bytes:
    """Return the bytes at a place, checked against their CRC in the trailer."""
    data = storage.read(place.offset, place.entry.length)
    if zlib.crc32(data) != place.entry.crc:
        digits = place.entry.digits
        what = f"digits {place.first} to {place.first + digits - 1}" if digits else "an old trailer"
        raise DamagedError(f"{what}: the stored bytes are damaged")
    return data
