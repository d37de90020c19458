"""What was found between two headers of a damaged file, and which of it belongs there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from digitzip.archive.index import Kinds, Slot
from digitzip.archive.storage import Storage
from digitzip.format import Chunk, Entry, Header, LayerType, Trailer, names


@dataclass(frozen=True, slots=True)
class Found:
    """A whole chunk at `offset`, what its images have, and how many of them are corrected."""

    offset: int
    entry: Entry
    kinds: Kinds
    corrected: int

    @property
    def end(self) -> int:
        """The offset of the byte after it."""
        return self.offset + self.entry.length


@dataclass(frozen=True, slots=True)
class Kept:
    """The images of one segment that are saved: `slots` count them as the damaged file did.

    `gaps` are the indexes before which an unknown number of images may be lost.
    """

    slots: tuple[Slot, ...]
    found: tuple[Found, ...]
    gaps: tuple[int, ...]
    left_out: int

    @property
    def end(self) -> int:
        """The index after the last image."""
        return self.slots[-1].first + self.slots[-1].entry.images if self.slots else 0


@dataclass(slots=True)
class Segment:
    """What was found from one header to the next, or to the end of the file."""

    header: Header
    offset: int
    end: int = 0
    chunks: list[Found] = field(default_factory=list)
    trailers: list[range] = field(default_factory=list)
    """The bytes of all whole trailers of this header, in file order."""
    trailer: Trailer | None = None  # the one of most images, and where it ends
    trailer_end: int = 0
    stored: bytes = b""
    """The header as it is stored."""

    def __post_init__(self) -> None:
        self.stored = self.header.to_bytes()

    @property
    def promised(self) -> int:
        """Number of images that the trailer accounts for."""
        return self.trailer.images if self.trailer else 0

    def kept(self) -> Kept:
        """Return the chunks that belong to the file, in the order of their images.

        As far as the trailer goes they are those of its entries, wherever they stand. Whatever
        follows the trailer, or all where there is none, stands in the order of the file.
        """
        rest = sorted(self.chunks, key=lambda found: found.offset)
        slots: list[Slot] = []
        kept: list[Found] = []
        first = 0
        by_entry: dict[Entry, list[Found]] = {}
        for found in rest:
            by_entry.setdefault(found.entry, []).append(found)
        for entry in self.trailer.entries if self.trailer else ():
            if entry.images and (same := by_entry.get(entry)):
                # The same bytes stand for each entry that is equal, even where a copy is lost.
                found = same.pop(0) if len(same) > 1 else same[0]
                kept.append(found)
                slots.append(Slot(found.offset, first, entry))
            first += entry.images
        known = set(kept)
        after = [f for f in rest if f not in known and f.offset >= self.trailer_end]
        gaps: list[int] = []
        at = self.trailer_end or self.offset + len(self.stored)
        for found in after:
            if not self._accounted(at, found.offset):
                gaps.append(first)
            kept.append(found)
            slots.append(Slot(found.offset, first, found.entry))
            first, at = first + found.entry.images, found.end
        entries = {found.entry for found in kept}
        left_out = sum(found not in set(kept) and found.entry not in entries for found in rest)
        return Kept(tuple(slots), tuple(kept), tuple(gaps), left_out)

    def ends(self, kept: Kept) -> bool:
        """Tell whether it is known that no images followed those that are known of."""
        beyond = kept.end > self.promised
        return self.trailer is not None and self.trailer_end == self.end and not beyond

    def _accounted(self, start: int, stop: int) -> bool:
        """Tell whether whole trailers fill the bytes from `start` to `stop`."""
        for trailer in self.trailers:
            start = trailer.stop if trailer.start == start else start
        return start == stop


def names_shared(storage: Storage, kept: Sequence[Kept]) -> int:
    """Return how many names of each segment are also in one before it, as their hashes tell."""
    if sum(bool(each.found) for each in kept) < 2:
        return 0
    hashes = [np.unique(np.fromiter(map(hash, _names(storage, each)), np.int64)) for each in kept]
    return sum(map(len, hashes)) - len(np.unique(np.concatenate(hashes)))


def _names(storage: Storage, kept: Kept) -> Iterator[str]:
    for found in kept.found:
        chunk = Chunk.from_bytes(storage.read(found.offset, found.entry.length))
        if (layer := chunk.layer(LayerType.NAMES)) is not None:
            yield from names.unpack(layer.body, chunk.images)
