"""Streams behind xz and bzip2, and parts of files, as binary files in bounded memory.

Going back in a packed stream unpacks it again from its start.
"""

from __future__ import annotations

import bz2
import io
import lzma
from collections.abc import Callable
from typing import TYPE_CHECKING, BinaryIO, Final, Protocol

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

_RUN: Final = 1 << 16
_MEMORY: Final = 1 << 27
"""Bytes that unpacking xz may take; the strongest preset needs 65 MiB."""


class _Unpacker(Protocol):
    @property
    def eof(self) -> bool: ...
    @property
    def needs_input(self) -> bool: ...
    @property
    def unused_data(self) -> bytes: ...
    def decompress(self, data: bytes, max_length: int = -1) -> bytes: ...


def unpacked_xz(file: BinaryIO) -> io.BufferedReader:
    """Return the content of an xz file."""
    return io.BufferedReader(
        _Unpacked(file, lambda: lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY))
    )


def unpacked_bzip2(file: BinaryIO) -> io.BufferedReader:
    """Return the content of a bzip2 file."""
    return io.BufferedReader(_Unpacked(file, bz2.BZ2Decompressor))


def part_of(file: BinaryIO, offset: int, size: int) -> io.BufferedReader:
    """Return `size` bytes of a file from `offset` on, as a file."""
    return io.BufferedReader(_Part(file, offset, size))


def _xz() -> lzma.LZMADecompressor:
    return lzma.LZMADecompressor(lzma.FORMAT_XZ, _MEMORY)


class _Stream(io.RawIOBase):
    """A stream that is read at `_at`."""

    def __init__(self) -> None:
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at


class _Unpacked(_Stream):
    def __init__(self, file: BinaryIO, make: Callable[[], _Unpacker]) -> None:
        super().__init__()
        self._file, self._make, self._unpacker = file, make, make()

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        while True:
            data = b""
            if self._unpacker.eof:  # another stream may follow, after zeros
                data = self._unpacker.unused_data.lstrip(b"\0") or self._file.read(_RUN)
                if not data:
                    return 0
                self._unpacker = self._make()
            elif self._unpacker.needs_input and not (data := self._file.read(_RUN)):
                raise EOFError("it ends before the end of its stream")
            if found := self._unpacker.decompress(data, len(view)):
                view[: len(found)] = found
                self._at += len(found)
                return len(found)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        if whence == io.SEEK_END:
            raise io.UnsupportedOperation("the size of a packed stream is not known")
        target = offset + (self._at if whence == io.SEEK_CUR else 0)
        if target < self._at:
            self._file.seek(0)
            self._unpacker, self._at = self._make(), 0
        while self._at < target and self.read(min(_RUN, target - self._at)):
            pass
        return self._at


class _Part(_Stream):
    def __init__(self, file: BinaryIO, offset: int, size: int) -> None:
        super().__init__()
        self._file, self._offset, self._size = file, offset, size

    def readinto(self, buffer: WriteableBuffer, /) -> int:
        view = memoryview(buffer).cast("B")
        most = min(len(view), self._size - self._at)
        if most <= 0:
            return 0
        self._file.seek(self._offset + self._at)
        found = self._file.read(most)
        view[: len(found)] = found
        self._at += len(found)
        return len(found)

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, start + offset)
        return self._at
