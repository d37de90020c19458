"""Writing archives: images in, chunks out, whatever their number."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from os import PathLike
from types import TracebackType
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from digitzip import staging
from digitzip.archive import naming
from digitzip.codec import Codec, Codes, Images
from digitzip.container import Chunk, Entry, Header, Layer, LayerType, Trailer
from digitzip.container.chunk import MAX_DIGITS
from digitzip.errors import InputError

_STEP: Final = 4096  # digits that are encoded at a time
_MAX_NAME_BYTES: Final = 8 << 20  # in a chunk: half of what a chunk may hold


class Writer:
    """Writes one archive to a binary file object, front to back, never seeking.

    Holds the codes of at most one chunk. The archive is complete when `close` returns.
    """

    def __init__(self, out: BinaryIO, codec: Codec) -> None:
        shape = codec.model.shape
        self._out = out
        self._codec = codec
        self._header = Header(
            codec.model.id, shape.height, shape.width, shape.dims, codec.levels
        ).to_bytes()
        self._entries: list[Entry] = []
        self._written = 0
        self._named: bool | None = None
        self._codes: list[Codes] = []  # of the chunk to come, with their names
        self._names: list[str] = []
        self._name_bytes = 0
        self._pending = 0
        self._pixel_crc = 0
        self._closed = False
        out.write(self._header)

    def append(self, images: npt.NDArray[Any], names: Sequence[str] | None = None) -> None:
        """Add images uint8 [n, height, width] or [height, width], with a name each or none.

        Raises `InputError` for other arrays, for names that FORMAT.md section 5.1 forbids, and
        when some digits of an archive are named and others not.
        """
        if self._closed:
            raise InputError("the archive is closed; nothing can be appended")
        images = np.asarray(images)
        images = self._codec.check(images[None] if images.ndim == 2 else images)
        if not len(images):
            return
        if names is not None:
            names = [naming.check(name) for name in names]
            if len(names) != len(images):
                raise InputError(f"{len(names)} names for {len(images)} images")
        if self._named not in (None, names is not None):
            raise InputError("some digits have names and others none; give all a name, or none")
        self._named = names is not None
        while len(images):
            room = min(MAX_DIGITS - self._pending, _STEP)
            self._add(images[:room], [] if names is None else names[:room])
            images, names = images[room:], None if names is None else names[room:]

    def close(self) -> None:
        """Write what is pending, and the trailer."""
        if not self._closed:
            if self._pending:
                self._flush()
            self._out.write(Trailer(tuple(self._entries)).to_bytes(self._header))
            self._closed = True

    def _add(self, images: Images, names: Sequence[str]) -> None:
        name_bytes = sum(len(name.encode()) for name in names)
        if self._name_bytes + name_bytes > _MAX_NAME_BYTES:
            self._flush()
        codes = self._codec.encode(images)
        self._pixel_crc = zlib.crc32(self._codec.decode(codes).data, self._pixel_crc)
        self._codes.append(codes)
        self._names += names
        self._name_bytes += name_bytes
        self._pending += len(codes)
        if self._pending == MAX_DIGITS:
            self._flush()

    def _flush(self) -> None:
        """Write the pending digits as one chunk, in whichever representation is smallest."""
        ancillary: tuple[Layer, ...] = ()
        if self._names:
            ancillary = (Layer(LayerType.NAMES, (naming.pack(self._names),)),)
        frames = (
            Chunk(
                self._written,
                self._pending,
                self._pixel_crc,
                (Layer(LayerType.CODES, body), *ancillary),
            ).to_bytes()
            for body in self._codec.packer.representations(np.concatenate(self._codes))
        )
        frame = min(frames, key=len)
        self._out.write(frame)
        self._entries.append(Entry(len(frame), self._pending, zlib.crc32(frame)))
        self._written += self._pending
        self._codes, self._names, self._name_bytes = [], [], 0
        self._pending, self._pixel_crc = 0, 0

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()


@contextmanager
def create(
    file: str | PathLike[str] | BinaryIO, codec: Codec, *, overwrite: bool = False
) -> Iterator[Writer]:
    """Yield a `Writer` to a path or a binary file object.

    A path is written beside and renamed at the end: it never shows part of an archive. Raises
    `OutputError` when it exists and `overwrite` is false, or when it cannot be written.
    """
    if not isinstance(file, str | PathLike):
        with Writer(file, codec) as writer:
            yield writer
        return
    with staging.file(file, overwrite=overwrite) as out, Writer(out, codec) as writer:
        yield writer
