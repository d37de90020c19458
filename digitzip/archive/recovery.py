"""Recovering a damaged archive: what is proved to be whole goes to a new one."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from digitzip.archive import corrections
from digitzip.archive.headers import find_header
from digitzip.archive.scanning import Scan
from digitzip.archive.segments import Found, Stretch, names_shared
from digitzip.archive.sink import ChunkSink, Writable, opened
from digitzip.archive.storage import Readable, Storage
from digitzip.archive.store import codec_for
from digitzip.codec import Codec
from digitzip.errors import DamagedError, ModelError
from digitzip.format import Chunk, Header
from digitzip.limits import MAX_IMAGES
from digitzip.model import Model


@dataclass(frozen=True, slots=True)
class Recovered:
    """What became of the digits of a damaged file, which are counted as they were in it.

    `lost` are ranges of digits that are not in the new file. `end_known` is false where more may
    have followed the last one that is known of. `names_lost` says that names were left out, since
    not all digits had one; `names_shared` how often an archive that plain `cat` joined has a name
    which one before it has: such digits are saved, but no folder can hold both. `left_out` counts
    whole chunks that belong nowhere in the file. `proved` is false where the model was not to be
    had, so that stored bytes were checked but no decoded pixels. `header_restored` says that the
    header was damaged, and is what the digest of the trailer proves it was. `foreign_headers`
    counts headers of other models or qualities that no digits followed.
    """

    digits: int
    lost: tuple[range, ...]
    end_known: bool
    names_lost: bool
    names_shared: int
    left_out: int
    proved: bool
    header_restored: bool
    foreign_headers: int

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
    max_images: int = MAX_IMAGES,
    threads: int = 1,
) -> Recovered:
    """Save every digit that is still whole in a damaged `.dz` file to a new one.

    Chunks are looked for in the whole file, whatever is left of its trailer. Each must pass its
    checksum, agree with the trailer where there is one, and decode to the pixels that its writer
    saw where the model is known or given. They are copied as they are, in their order, with
    their names; several archives that plain `cat` joined become one, where names may come twice.
    A path appears whole or not at all. A damaged header is made anew where the trailer is whole
    and the model known or given. Raises `DamagedError` when nothing can be saved or digits of two
    kinds are there, and `LimitError` for more than `max_images` or a file that was made to be slow
    to scan.
    """
    storage = Storage(file)
    try:
        with opened(out, overwrite=overwrite) as target:
            header, restored = find_header(storage, model)
            codec = _codec(header, model, threads)
            start = 0 if restored else header.size
            prove = None if codec is None else partial(_prove, codec)
            scan = Scan(storage, header, prove, start, max_images)
            stretches, header = scan.stretches, _common_header(scan)
            kept = [stretch.chosen() for stretch in stretches]
            found = [each for chosen in kept for each in chosen]
            lost, end_known = _lost(stretches, kept)
            if not found and (lost or not end_known):
                raise DamagedError("no digit could be saved: no chunk is whole")
            names = all(each.named for each in found)
            sink = ChunkSink(target, header)
            for each in found:
                place = each.place
                sink.copy(storage.read(place.offset, place.entry.length), names=names)
            sink.close()
            shared = names_shared(storage, kept) if names else 0
    finally:
        storage.close()
    return Recovered(
        digits=sink.images,
        lost=lost,
        end_known=end_known,
        names_lost=not names and any(each.named for each in found),
        names_shared=shared,
        left_out=sum(map(_left_out, stretches, kept)),
        proved=codec is not None,
        header_restored=restored,
        foreign_headers=scan.foreign,
    )


def _codec(header: Header, model: str | Path | Model | None, threads: int) -> Codec | None:
    """Return the codec of a file; None where its model is neither given nor known."""
    try:
        return codec_for(header, model, threads)
    except ModelError:
        if model is not None:
            raise
        return None


def _prove(codec: Codec, chunk: Chunk) -> bool:
    """Tell whether a chunk decodes to the pixels its writer saw."""
    dims = codec.model.shape.dims
    try:
        codes = codec.coder.unpack(chunk.layers[0].body, chunk.digits, dims)
        images = codec.decode(codes)
        for each in corrections.of_chunk(chunk, codes, codec).values():
            images[each.places] = each.images
    except DamagedError:
        return False
    return zlib.crc32(images.data) == chunk.pixel_crc


def _common_header(scan: Scan) -> Header:
    if scan.other is not None:
        raise DamagedError(
            f"an archive of another model or quality begins at byte {scan.other.offset}: "
            "cut the file there, and recover each part by itself"
        )
    header = scan.stretches[0].header
    for stretch in scan.stretches[1:]:
        header = replace(header, guard=header.guard.both(stretch.header.guard))
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
