"""Writing archives: images in, chunks out, whatever their number."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from digitzip.archive import naming
from digitzip.archive.frames import Frames, Writable, opened
from digitzip.codec import Codec, Codes
from digitzip.container import Chunk, Guard, Header, Layer, LayerType
from digitzip.container.chunk import MAX_DIGITS
from digitzip.errors import InputError
from digitzip.model import Shape

if TYPE_CHECKING:
    from digitzip.archive.reader import Archive

_STEP: Final = 4096  # digits that are encoded at a time
_MAX_NAME_BYTES: Final = 8 << 20  # in a chunk: half of what a chunk may hold


class Writer:
    """Writes one archive to a binary file object, front to back, never seeking.

    Holds the codes of at most one chunk. The archive is complete when `close` returns.
    """

    def __init__(self, out: BinaryIO, codec: Codec, guard: Guard | None = None) -> None:
        shape = codec.model.shape
        self._codec = codec
        self._frames = Frames(
            out,
            Header(
                codec.model.id,
                shape.height,
                shape.width,
                shape.dims,
                codec.levels,
                guard or Guard(),
            ),
        )
        self._named: bool | None = None
        self.taken: frozenset[str] = frozenset()
        """The names of the digits that were in the file before, where it is appended to."""
        self._codes: list[Codes] = []  # of the chunk to come, with their names
        self._names: list[str] = []
        self._name_bytes = 0
        self._pending = 0
        self._pixel_crc = 0
        self._closed = False

    @property
    def shape(self) -> Shape:
        """Height and width of an image, and the numbers of a code."""
        return self._codec.model.shape

    @property
    def named(self) -> bool | None:
        """Whether digits have names; None before the first digit."""
        return self._named

    def append(self, images: npt.NDArray[Any], names: Sequence[str] | None = None) -> None:
        """Add images uint8 [n, height, width] or [height, width], with a name each or none.

        Raises `InputError` for other arrays, for names that FORMAT.md section 5.1 forbids, when
        some digits of an archive are named and others not, and for a name that the file which is
        appended to has already.
        """
        images = np.asarray(images)
        images = self._codec.check(images[None] if images.ndim == 2 else images)
        names = self._check(len(images), names)
        for start in range(0, len(images), _STEP):
            part = slice(start, start + _STEP)
            self._add(self._codec.encode(images[part]), None if names is None else names[part])

    def append_codes(self, codes: Codes, names: Sequence[str] | None = None) -> None:
        """Add digits by their codes, uint8 [n, d], as `append` adds images."""
        codes = np.asarray(codes)
        if codes.ndim != 2:
            raise InputError(f"codes have {codes.ndim} axes, expected [n, {self.shape.dims}]")
        names = self._check(len(codes), names)
        for start in range(0, len(codes), _STEP):
            part = slice(start, start + _STEP)
            self._add(codes[part], None if names is None else names[part])

    def resume(self, dz: Archive) -> None:
        """Begin with all digits of `dz`, which is of the same model and levels.

        Its chunks are copied as they are, but the last is filled up. Raises `DamagedError` where
        that one does not decode as its writer saw: its pixel CRC could cover no more digits.
        """
        last = len(dz.chunks) - 1
        for number in range(len(dz.chunks)):
            if number == last and dz.chunks.plain(number) and dz.chunks.digits(number) < MAX_DIGITS:
                dz.chunks.images(number, 0, dz.chunks.digits(number))  # proves it
                self._codes = [dz.chunks.codes(number)]
                self._names = list(dz.chunks.names(number))
                self._name_bytes = sum(len(name.encode()) for name in self._names)
                self._pending = dz.chunks.digits(number)
                self._pixel_crc = dz.chunks.pixel_crc(number)  # goes on where it stood
            else:
                self._frames.copy(dz.chunks.stored(number))
        if len(dz):
            self._named = dz.names is not None
            self.taken = frozenset(dz.names or ())

    def close(self) -> None:
        """Write what is pending, and the trailer."""
        if not self._closed:
            if self._pending:
                self._flush()
            self._frames.close()
            self._closed = True

    def _check(self, digits: int, names: Sequence[str] | None) -> list[str] | None:
        """Return the names that so many digits may have; raises `InputError`."""
        if self._closed:
            raise InputError("the archive is closed; nothing can be appended")
        if not digits:
            return None
        checked = None if names is None else [naming.check(name) for name in names]
        if checked is not None and len(checked) != digits:
            raise InputError(f"{len(checked)} names for {digits} images")
        if self._named not in (None, checked is not None):
            raise InputError("some digits have names and others none; give all a name, or none")
        for name in checked or ():
            if name in self.taken:
                raise InputError(f"the file has a digit named {name!r} already; rename the new one")
        self._named = checked is not None
        return checked

    def _add(self, codes: Codes, names: Sequence[str] | None) -> None:
        """Add the digits of `codes`, [<= _STEP, d]; a chunk is written whenever one is full."""
        while len(codes):
            part = codes[: MAX_DIGITS - self._pending]
            part_names = [] if names is None else names[: len(part)]
            name_bytes = sum(len(name.encode()) for name in part_names)
            if self._pending and self._name_bytes + name_bytes > _MAX_NAME_BYTES:
                self._flush()
                continue
            self._pixel_crc = zlib.crc32(self._codec.decode(part).data, self._pixel_crc)
            self._codes.append(part)
            self._names += part_names
            self._name_bytes += name_bytes
            self._pending += len(part)
            if self._pending == MAX_DIGITS:
                self._flush()
            codes, names = codes[len(part) :], None if names is None else names[len(part) :]

    def _flush(self) -> None:
        """Write the pending digits as one chunk, in whichever representation is smallest."""
        ancillary: tuple[Layer, ...] = ()
        if self._names:
            ancillary = (Layer(LayerType.NAMES, (naming.pack(self._names),)),)
        frames = (
            Chunk(
                self._frames.digits,
                self._pending,
                self._pixel_crc,
                (Layer(LayerType.CODES, body), *ancillary),
            ).to_bytes()
            for body in self._codec.packer.representations(np.concatenate(self._codes))
        )
        self._frames.add(min(frames, key=len), self._pending)
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
def create(file: Writable, codec: Codec, *, overwrite: bool = False) -> Iterator[Writer]:
    """Yield a `Writer` to a path or a binary file object.

    A path is written beside and renamed at the end: it never shows part of an archive. Raises
    `OutputError` when it exists and `overwrite` is false, or when it cannot be written.
    """
    with opened(file, overwrite=overwrite) as out, Writer(out, codec) as writer:
        yield writer
