"""Recovering a damaged archive: what is proved to be whole goes to a new one."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from digitzip.archive.frames import Frames, Writable, opened
from digitzip.archive.headers import find_header
from digitzip.archive.reader import model_for
from digitzip.archive.scanning import Found, Stretch, scan
from digitzip.archive.storage import Readable, Storage
from digitzip.codec import Codec
from digitzip.container import Chunk, Header
from digitzip.errors import DamagedError, ModelError
from digitzip.model import Model


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of the digits of a damaged file, which are counted as they were in it.

    `lost` are ranges of digits that are not in the new file. `end_known` is false where more may
    have followed the last one that is known of. `names_lost` says that names were left out, since
    not all digits had one. `left_out` counts whole chunks that belong nowhere in the file.
    `proved` is false where the model was not to be had, so that stored bytes were checked but no
    decoded pixels. `header_restored` says that the header was damaged, and is what the digest of
    the trailer proves it was.
    """

    digits: int
    lost: tuple[range, ...]
    end_known: bool
    names_lost: bool
    left_out: int
    proved: bool
    header_restored: bool

    @property
    def known(self) -> int:
        """How many digits the damaged file is known to have had."""
        return self.digits + sum(map(len, self.lost))

    @property
    def whole(self) -> bool:
        """Whether nothing was lost, as far as a file can tell."""
        return not self.lost and self.end_known and not self.names_lost


def recover(
    file: Readable,
    out: Writable,
    *,
    model: str | Path | Model | None = None,
    overwrite: bool = False,
    threads: int = 1,
) -> Recovered:
    """Save every digit that is still whole in a damaged `.dz` file to a new one.

    Chunks are looked for in the whole file, whatever is left of its trailer. Each must pass its
    checksum, agree with the trailer where there is one, and decode to the pixels that its writer
    saw where the model is known or given. They are copied as they are, in their order, with
    their names; several archives that plain `cat` joined become one. A path appears whole or not
    at all. A damaged header is made anew where the trailer is whole and the model known or
    given. Raises `DamagedError` when nothing can be saved.
    """
    storage = Storage(file)
    try:
        with opened(out, overwrite=overwrite) as target:
            header, restored = find_header(storage, model)
            codec = _codec(header, model, threads)
            start = 0 if restored else header.size
            stretches = scan(storage, header, partial(_prove, codec), start)
            header = _common_header(stretches)
            kept = [stretch.chosen() for stretch in stretches]
            found = [each for chosen in kept for each in chosen]
            lost, end_known = _lost(stretches, kept)
            if not found and (lost or not end_known):
                raise DamagedError("no digit could be saved: no chunk is whole")
            names = all(each.named for each in found)
            frames = Frames(target, header)
            for each in found:
                place = each.place
                frames.copy(storage.read(place.offset, place.entry.length), names=names)
            frames.close()
    finally:
        storage.close()
    return Recovered(
        digits=frames.digits,
        lost=lost,
        end_known=end_known,
        names_lost=not names and any(each.named for each in found),
        left_out=sum(map(_left_out, stretches, kept)),
        proved=codec is not None,
        header_restored=restored,
    )


def _codec(header: Header, model: str | Path | Model | None, threads: int) -> Codec | None:
    """Return the codec of a file; None where its model is neither given nor known."""
    try:
        return Codec(model_for(header, model), header.levels, 0, threads)
    except ModelError:
        if model is not None:
            raise
        return None


def _prove(codec: Codec | None, chunk: Chunk) -> None:
    """Raise `DamagedError` unless a chunk decodes to the pixels its writer saw, if it can."""
    if codec is not None:
        dims = codec.model.shape.dims
        codes = codec.packer.unpack(chunk.layers[0].body, chunk.digits, dims)
        if zlib.crc32(codec.decode(codes).data) != chunk.pixel_crc:
            raise DamagedError("chunk does not decode to the pixels its writer saw")


def _common_header(stretches: Sequence[Stretch]) -> Header:
    header = stretches[0].header
    for stretch in stretches[1:]:
        guard = header.guard.both(stretch.header.guard)
        header = replace(header, guard=guard)
        if replace(stretch.header, guard=guard) != header:
            raise DamagedError(
                f"an archive of another model or quality begins at byte {stretch.offset}: "
                "cut the file there, and recover each part by itself"
            )
    return header


def _lost(
    stretches: Sequence[Stretch], kept: Sequence[Sequence[Found]]
) -> tuple[tuple[range, ...], bool]:
    """Return the digits that are in no chunk of `kept`, and whether all of them are known."""
    lost: list[range] = []
    start, end_known = 0, True
    for stretch, chosen in zip(stretches, kept, strict=True):
        at = start
        for found in chosen:
            if start + found.place.first > at:
                lost.append(range(at, start + found.place.first))
            at = start + found.end
        if start + stretch.promised > at:
            lost.append(range(at, start + stretch.promised))
        start = max(at, start + stretch.promised)
        end_known = end_known and stretch.ends(chosen)
    return tuple(lost), end_known


def _left_out(stretch: Stretch, kept: Sequence[Found]) -> int:
    """Return how many whole chunks are not kept, beside those that are there twice."""
    known = {(found.place.first, found.place.entry) for found in kept}
    return sum((found.place.first, found.place.entry) not in known for found in stretch.chunks)
