"""What was found between two headers of a damaged file, and which of it belongs there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np

from digitzip.archive.index import Place
from digitzip.archive.storage import Storage
from digitzip.format import Chunk, Header, LayerType, Trailer, naming


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


def names_shared(storage: Storage, kept: Sequence[Sequence[Found]]) -> int:
    """Return how many names of each stretch are also in one before it, as their hashes tell."""
    if sum(map(bool, kept)) < 2:
        return 0
    hashes = [
        np.unique(np.fromiter(map(hash, _names(storage, chosen)), np.int64)) for chosen in kept
    ]
    return sum(map(len, hashes)) - len(np.unique(np.concatenate(hashes)))


def _names(storage: Storage, chosen: Sequence[Found]) -> Iterator[str]:
    for found in chosen:
        place = found.place
        chunk = Chunk.from_bytes(storage.read(place.offset, place.entry.length))
        if (layer := chunk.layer(LayerType.NAMES)) is not None:
            yield from naming.unpack(layer.body, chunk.digits)
