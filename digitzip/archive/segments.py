"""Segments of a damaged file: from one header to the next, with the chunks that belong there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from digitzip.archive.index import Extras, Slot
from digitzip.archive.storage import Storage
from digitzip.format import Chunk, Entry, Header, LayerType, Trailer, names


@dataclass(frozen=True, slots=True)
class FoundChunk:
    """A whole chunk at `offset`; `corrected` is the number of its images with a correction."""

    offset: int
    entry: Entry
    extras: Extras
    corrected: int

    @property
    def end(self) -> int:
        """The offset of the byte after it."""
        return self.offset + self.entry.length


@dataclass(frozen=True, slots=True)
class SavedChunks:
    """The chunks of one segment that are saved.

    `slots` number the images as the damaged file did, counted from the start of the segment.
    Before the image of each index in `gaps`, an unknown number of images may be lost.
    """

    slots: tuple[Slot, ...]
    chunks: tuple[FoundChunk, ...]
    gaps: tuple[int, ...]
    left_out: int

    @property
    def end(self) -> int:
        """The index after the last image."""
        return self.slots[-1].first + self.slots[-1].entry.images if self.slots else 0


@dataclass(slots=True)
class Segment:
    """The frames found from one header to the next, or to the end of the file."""

    header: Header
    offset: int
    end: int = 0
    chunks: list[FoundChunk] = field(default_factory=list)
    trailers: list[range] = field(default_factory=list)
    """The bytes of all whole trailers of this header, in file order."""
    trailer: Trailer | None = None  # the one with the most images, and where it ends
    trailer_end: int = 0
    stored: bytes = b""
    """The header as it is stored."""

    def __post_init__(self) -> None:
        self.stored = self.header.to_bytes()

    @property
    def promised(self) -> int:
        """Number of images that the trailer accounts for."""
        return self.trailer.images if self.trailer else 0

    def saved_chunks(self) -> SavedChunks:
        """Return the chunks that belong to the file, in the order of their images.

        Chunks that the trailer lists come first, in the order of its entries. Chunks after the
        trailer follow in file order. Without a trailer, all chunks are in file order.
        """
        rest = sorted(self.chunks, key=lambda found: found.offset)
        slots: list[Slot] = []
        saved: list[FoundChunk] = []
        first = 0
        by_entry: dict[Entry, list[FoundChunk]] = {}
        for found in rest:
            by_entry.setdefault(found.entry, []).append(found)
        for entry in self.trailer.entries if self.trailer else ():
            if entry.images and (same := by_entry.get(entry)):
                # Equal entries mean equal bytes: where one copy is lost, another replaces it.
                found = same.pop(0) if len(same) > 1 else same[0]
                saved.append(found)
                slots.append(Slot(found.offset, first, entry))
            first += entry.images
        known = set(saved)
        after = [f for f in rest if f not in known and f.offset >= self.trailer_end]
        gaps: list[int] = []
        at = self.trailer_end or self.offset + len(self.stored)
        for found in after:
            if not self._accounted(at, found.offset):
                gaps.append(first)
            saved.append(found)
            slots.append(Slot(found.offset, first, found.entry))
            first, at = first + found.entry.images, found.end
        entries = {found.entry for found in saved}
        left_out = sum(found not in set(saved) and found.entry not in entries for found in rest)
        return SavedChunks(tuple(slots), tuple(saved), tuple(gaps), left_out)

    def ends(self, saved: SavedChunks) -> bool:
        """Tell whether the trailer ends the segment, so that no images are missing at its end."""
        beyond = saved.end > self.promised
        return self.trailer is not None and self.trailer_end == self.end and not beyond

    def _accounted(self, start: int, stop: int) -> bool:
        """Tell whether whole trailers fill the bytes from `start` to `stop`."""
        for trailer in self.trailers:
            start = trailer.stop if trailer.start == start else start
        return start == stop


def names_shared(storage: Storage, saved: Sequence[SavedChunks]) -> int:
    """Return how many names are also in an earlier segment, compared by their hashes."""
    if sum(bool(each.chunks) for each in saved) < 2:
        return 0
    hashes = [np.unique(np.fromiter(map(hash, _names(storage, each)), np.int64)) for each in saved]
    return sum(map(len, hashes)) - len(np.unique(np.concatenate(hashes)))


def _names(storage: Storage, saved: SavedChunks) -> Iterator[str]:
    for found in saved.chunks:
        chunk = Chunk.from_bytes(storage.read(found.offset, found.entry.length))
        if (layer := chunk.layer(LayerType.NAMES)) is not None:
            yield from names.unpack(layer.body, chunk.images)
