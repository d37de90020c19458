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
from digitzip.format import Chunk, Entry, Header, LayerType, Trailer, trailer_size
from digitzip.format.frames import MAX_BYTES, frame_size
from digitzip.format.header import MAGIC as HEADER_MAGIC
from digitzip.format.header import MAX_SIZE as MAX_HEADER_SIZE
from digitzip.format.header import claimed_size
from digitzip.format.trailer import BACK_POINTER_SIZE
from digitzip.format.trailer import MAGIC as TRAILER_MAGIC


@dataclass(frozen=True, slots=True)
class Extras:
    """Whether the images of a file or a chunk have names and labels."""

    named: bool = False
    labelled: bool = False

    @classmethod
    def of(cls, chunk: Chunk) -> Extras:
        """Return whether the images of a chunk have names and labels."""
        names, labels = chunk.layer(LayerType.NAMES), chunk.layer(LayerType.LABELS)
        return cls(names is not None, labels is not None)

    def disagreement(self, other: Extras) -> str | None:
        """Return what only one of the two has, "names" or "labels"; None where they agree.

        All images of an archive have names or none has, and likewise labels.
        """
        if self.named != other.named:
            return "names"
        return "labels" if self.labelled != other.labelled else None

    def has(self, what: str) -> bool:
        """Return whether there are "names" or "labels"."""
        return self.named if what == "names" else self.labelled

    def allow(self, type_: int) -> bool:
        """Return whether a chunk of a file with these extras may have this layer."""
        if type_ == LayerType.NAMES:
            return self.named
        return self.labelled or type_ != LayerType.LABELS


@dataclass(frozen=True, slots=True)
class Slot:
    """The offset of a chunk in the file, the index of its first image, and its entry."""

    offset: int
    first: int
    entry: Entry


class Index:
    """The chunks of a file in order, and what its trailer says about all images.

    `damaged` says that there is no valid trailer: the chunks were found by scanning, and
    `corrected` is None.
    """

    def __init__(self, slots: list[Slot], trailer: Trailer | None, extras: Extras) -> None:
        self.slots = slots
        self.damaged = trailer is None
        self.extras = extras
        self.corrected = None if trailer is None else trailer.corrected
        self.images = slots[-1].first + slots[-1].entry.images if slots else 0
        self._firsts = np.array([slot.first for slot in slots], np.int64)

    def find(self, rows: npt.NDArray[np.intp]) -> npt.NDArray[np.intp]:
        """Return the number of the chunk that holds each of these images."""
        return np.searchsorted(self._firsts, rows, side="right") - 1


def read_header(storage: Storage) -> Header:
    """Read and check the header of a file."""
    return Header.from_bytes(storage.read(0, min(storage.size, MAX_HEADER_SIZE)))


def read_index(storage: Storage, header: Header) -> Index:
    """Return the index that the trailer gives, which must account for every byte of the file."""
    data = last_trailer(storage, storage.size - header.size)
    start = storage.size - len(data)
    try:
        return _index(storage, header, Trailer.from_bytes(data, header.to_bytes()), start)
    except DamagedError:
        _refuse_joined(storage, header, data, start)
        raise


def last_trailer(storage: Storage, room: int) -> bytes:
    """Return the trailer at the end of a file, at most `room` bytes; checks only its size."""
    if room < BACK_POINTER_SIZE:
        raise DamagedError("no trailer at the end of the file: it is cut")
    tail = storage.read(storage.size - BACK_POINTER_SIZE, BACK_POINTER_SIZE)
    size = trailer_size(tail, room)
    return storage.read(storage.size - size, size)


def _index(storage: Storage, header: Header, trailer: Trailer, start: int) -> Index:
    """Return the index that a trailer at `start` gives."""
    lengths = [entry.length for entry in trailer.entries]
    offsets = list(accumulate(lengths, initial=header.size))
    if offsets[-1] != start:
        raise DamagedError(
            f"trailer accounts for {offsets[-1]} bytes, expected {start}: "
            "another file was joined to this one, or a part is missing"
        )
    firsts = accumulate((entry.images for entry in trailer.entries), initial=0)
    slots = [
        Slot(offset, first, entry)
        for offset, first, entry in zip(offsets, firsts, trailer.entries, strict=False)
    ]
    for slot in slots:
        if not slot.entry.images:
            read_stored(storage, slot)
    extras = Extras(trailer.named, trailer.labelled)
    return Index([each for each in slots if each.entry.images], trailer, extras)


def rebuild_index(storage: Storage, header: Header) -> Index:
    """Return the index of the whole chunks that follow the header, up to the first damage."""
    slots: list[Slot] = []
    offset, first, extras = header.size, 0, Extras()
    while offset < storage.size:
        window = storage.read(offset, min(MAX_BYTES, storage.size - offset))
        try:
            length = frame_size(window)
            if window[:4] != TRAILER_MAGIC:
                chunk = Chunk.from_bytes(window[:length])
                entry = Entry(length, chunk.images, zlib.crc32(window[:length]))
                extras = extras if slots else Extras.of(chunk)
                slots.append(Slot(offset, first, entry))
                first += chunk.images
        except DamagedError:
            break
        offset += length
    return Index(slots, None, extras)


def _refuse_joined(storage: Storage, header: Header, data: bytes, start: int) -> None:
    """Refuse several archives in one file; `data`, at `start`, is the trailer of the last one."""
    try:
        trailer, _ = Trailer.claims(data)
        end = start - sum(entry.length for entry in trailer.entries)  # of its header
        if (last := _header_before(storage, end, header.size)) is None:
            return
        Trailer.from_bytes(data, last.to_bytes())
    except DamagedError:
        return
    raise DamagedError(
        "two archives or more, one after another, as plain cat joins them; digitzip.join "
        "makes one archive of the separate files"
    )


def _header_before(storage: Storage, end: int, low: int) -> Header | None:
    """Return the header that ends at `end` and begins at `low` or later, if there is one."""
    low = max(low, end - MAX_HEADER_SIZE)
    before = storage.read(low, end - low) if end > low else b""
    at = before.rfind(HEADER_MAGIC)
    while at >= 0:
        with suppress(DamagedError, UnsupportedError):
            if claimed_size(before[at : at + 8]) == len(before) - at:
                return Header.from_bytes(before[at:])
        at = before.rfind(HEADER_MAGIC, 0, at)
    return None


def read_stored(storage: Storage, slot: Slot) -> bytes:
    """Return the stored bytes of a chunk, checked against their CRC in the trailer."""
    data = storage.read(slot.offset, slot.entry.length)
    if zlib.crc32(data) != slot.entry.crc:
        first, images = slot.first, slot.entry.images
        what = f"images {first} to {first + images - 1}" if images else "an old trailer"
        raise DamagedError(
            f"{what}: the stored bytes are damaged; digitzip.recover saves all other chunks"
        )
    return data
