"""Recover a damaged archive: copy every chunk that passes its checks to a new file."""

from __future__ import annotations

import warnings
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from pathlib import Path

from digitzip.archive.decoding import codec_for, decode_chunk, unpack_codes
from digitzip.archive.index import Extras, last_trailer, read_header
from digitzip.archive.scanning import Checks, Scan, valid_extras
from digitzip.archive.segments import SavedChunks, Segment, names_shared
from digitzip.archive.sink import ChunkSink, Writable, opened
from digitzip.archive.storage import Readable, Storage
from digitzip.arguments import integer
from digitzip.codec import Codec
from digitzip.errors import DamagedError, DigitzipWarning, ModelError, UnsupportedError
from digitzip.format import Chunk, Header, Trailer
from digitzip.jobs import Jobs, Line
from digitzip.kernels import RELEASES_GIL
from digitzip.limits import JOBS, MAX_IMAGES
from digitzip.model import Model


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was saved and lost of a damaged file; images are numbered as they were in that file.

    `images` is the number of saved images. `lost` are ranges of images that are not in the new
    file. Before the image of each index in `gaps`, an unknown number of images may be lost too:
    only a trailer tells how many images were in damaged bytes. `end_known` is false where more
    images may have followed the last known one.

    `names_lost` and `labels_lost` say that names and labels were left out, because not all images
    had them. `names_shared` counts, for archives joined with plain `cat`, the names that are also
    in an earlier archive: the images are saved, but one folder cannot hold both. `left_out` counts
    whole chunks that do not belong to the file. `verified` is false where the model was not found:
    stored bytes were checked, decoded pixels were not. `header_restored` says that the header was
    damaged and was read from its copy in the trailer. `foreign_headers` counts headers of other
    models or qualities without any images after them.
    """

    images: int
    lost: tuple[range, ...]
    gaps: tuple[int, ...]
    end_known: bool
    names_lost: bool
    labels_lost: bool
    names_shared: int
    left_out: int
    verified: bool
    header_restored: bool
    foreign_headers: int

    @property
    def known(self) -> int:
        """How many images the damaged file is known to have had."""
        return self.images + sum(map(len, self.lost))

    @property
    def whole(self) -> bool:
        """Whether nothing was lost, as far as a file can tell."""
        lost = self.lost or self.gaps or self.names_lost or self.labels_lost
        return not lost and self.end_known


def recover(
    file: Readable,
    out: Writable,
    *,
    model: str | Path | Model | None = None,
    overwrite: bool = False,
    max_images: int = MAX_IMAGES,
    jobs: int = 1,
    progress: Callable[[int, int], object] | None = None,
) -> Recovered:
    """Save every image that is still whole in a damaged `.dz` file to a new one.

    Chunks are searched in the whole file, whatever is left of its trailer. Each must pass its
    checksum, agree with the trailer where there is one, and decode to the pixels that its writer
    saw where the model is known or given. They are copied byte for byte in their order, with names
    and labels where all images have them; several archives that plain `cat` joined become one,
    where names may come twice. A damaged header is rebuilt from its copy in the trailer. A path
    appears whole or not at all. `jobs` is how many chunks are decoded at once, 0 for all cores;
    `progress` gets the number of bytes that were searched so far, and of all.

    Raises `DamagedError` when nothing can be saved or there are images of two models, and
    `LimitError` for more than `max_images` or a file that was made to be slow to scan. Warns
    (`DigitzipWarning`) of what was not verified, rebuilt or left out; `Recovered` lists the lost
    images.
    """
    storage = Storage(file)
    try:
        with opened(out, overwrite=overwrite) as target:
            header, restored = _find_header(storage)
            codec = _codec(header, model)
            start = 0 if restored else header.size
            with Jobs(integer("jobs", jobs, JOBS), codec, processes=not RELEASES_GIL) as workers:
                checks: Checks | None = None if codec is None else Line(workers, _verify)
                scan = Scan(storage, header, checks, start, max_images, progress)
            segments, header = scan.segments, _common_header(scan)
            saved = [segment.saved_chunks() for segment in segments]
            found = [each for chosen in saved for each in chosen.chunks]
            lost, gaps, end_known = _lost(segments, saved)
            if not found and (lost or not end_known):
                raise DamagedError("no image could be saved: no chunk is whole")
            extras = Extras(
                named=bool(found) and all(each.extras.named for each in found),
                labelled=bool(found) and all(each.extras.labelled for each in found),
            )
            sink = ChunkSink(target, header, extras)
            for each in found:
                sink.copy(storage.read(each.offset, each.entry.length))
            sink.close()
            shared = names_shared(storage, saved) if extras.named else 0
    finally:
        storage.close()
    recovered = Recovered(
        images=sink.images,
        lost=lost,
        gaps=gaps,
        end_known=end_known,
        names_lost=not extras.named and any(each.extras.named for each in found),
        labels_lost=not extras.labelled and any(each.extras.labelled for each in found),
        names_shared=shared,
        left_out=sum(each.left_out for each in saved),
        verified=codec is not None,
        header_restored=restored,
        foreign_headers=scan.foreign_headers,
    )
    for told in _warnings_of(recovered):
        warnings.warn(told, DigitzipWarning, stacklevel=2)
    return recovered


def _warnings_of(found: Recovered) -> Iterator[str]:
    """Yield what a caller should know beside the images that are lost."""
    if not found.verified:
        yield "the model of the file is not found here: decoded pixels were not verified"
    if found.header_restored:
        yield "the header of the file is damaged; the new one is the copy in its trailer"
    if found.left_out:
        yield f"chunks outside the index of the file were left out: {found.left_out}"
    if found.names_shared:
        yield (
            f"names used by more than one joined file: {found.names_shared}; "
            "extract these images by number"
        )
    if found.foreign_headers:
        yield (
            "headers of other models or qualities without images were left out: "
            f"{found.foreign_headers}"
        )


def _find_header(storage: Storage) -> tuple[Header, bool]:
    """Return the header of a file, and whether it was read from its copy in the trailer."""
    try:
        return read_header(storage), False
    except (DamagedError, UnsupportedError) as error:
        with suppress(DamagedError):
            data = last_trailer(storage, storage.size)
            _, header = Trailer.claims(data)
            if header is not None:
                Trailer.from_bytes(data, header.to_bytes())
                return header, True
        raise type(error)(
            f"{error}; without its header, or a copy in the trailer, nothing can be saved"
        ) from error


def _codec(header: Header, model: str | Path | Model | None) -> Codec | None:
    """Return the codec of a file; None where its model is neither given nor known."""
    try:
        return codec_for(header, model)
    except ModelError:
        if model is not None:
            raise
        return None


def _verify(codec: Codec, chunk: Chunk) -> Extras | None:
    """Return the valid extras of a chunk; None where its decoded pixels do not match its CRC."""
    try:
        if zlib.crc32(decode_chunk(codec, chunk).data) != chunk.pixel_crc:
            return None
    except DamagedError:
        return None
    return valid_extras(chunk, lambda: (unpack_codes(codec, chunk), codec.labels))


def _common_header(scan: Scan) -> Header:
    if scan.foreign_archive is not None:
        raise DamagedError(
            f"an archive of another model or quality begins at byte {scan.foreign_archive.offset}: "
            "cut the file there, and recover each part by itself"
        )
    return reduce(Header.common, (segment.header for segment in scan.segments))


def _lost(
    segments: Sequence[Segment], saved: Sequence[SavedChunks]
) -> tuple[tuple[range, ...], tuple[int, ...], bool]:
    """Return the lost images, the gaps of unknown size, and whether the end is known."""
    lost: list[range] = []
    gaps: list[int] = []
    start, end_known = 0, True
    for segment, chosen in zip(segments, saved, strict=True):
        at = start
        for slot in chosen.slots:
            if start + slot.first > at:
                lost.append(range(at, start + slot.first))
            at = start + slot.first + slot.entry.images
        if start + segment.promised > at:
            lost.append(range(at, start + segment.promised))
        gaps += [start + index for index in chosen.gaps]
        start = max(at, start + segment.promised)
        end_known = end_known and segment.ends(chosen)
    return tuple(lost), tuple(gaps), end_known
