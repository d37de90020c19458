"""The bytes of a new archive: header, chunks one after another, trailer."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from os import PathLike
from typing import BinaryIO

from digitzip import atomic
from digitzip.errors import LimitError
from digitzip.format import Chunk, Entry, Header, LayerType, Trailer
from digitzip.format.chunk import MAX_BYTES
from digitzip.format.trailer import MAX_ENTRIES

Writable = str | PathLike[str] | BinaryIO


class ChunkSink:
    """Writes one archive to a binary file object, front to back, never seeking.

    `images` is the number of images written. The archive is complete when `close` returns.
    """

    def __init__(self, out: BinaryIO, header: Header) -> None:
        self.images = 0
        self._out = out
        self._header = header.to_bytes()
        self._entries: list[Entry] = []
        out.write(self._header)

    def add(self, frame: bytes, images: int) -> None:
        """Write a chunk of `images` images, whose `first` is `self.images`; raises `LimitError`."""
        if len(frame) > MAX_BYTES:
            raise LimitError(f"chunk of {len(frame)} bytes, expected at most {MAX_BYTES}")
        if len(self._entries) == MAX_ENTRIES:
            raise LimitError(f"more than {MAX_ENTRIES} chunks, the most that a file can hold")
        self._out.write(frame)
        self._entries.append(Entry(len(frame), images, zlib.crc32(frame)))
        self.images += images

    def copy(self, frame: bytes, *, names: bool = True) -> None:
        """Write a chunk of another archive, its codes as they are; without `names`, nameless.

        Raises `DamagedError` for anything but a chunk.
        """
        old = Chunk.from_bytes(frame)
        new = replace(old, first=self.images)
        if not names:
            layers = tuple(layer for layer in old.layers if layer.type != LayerType.NAMES)
            new = replace(new, layers=layers)
        self.add(frame if new == old else new.to_bytes(), old.digits)

    def close(self) -> None:
        """Write the trailer."""
        self._out.write(Trailer(tuple(self._entries)).to_bytes(self._header))


@contextmanager
def opened(file: Writable, *, overwrite: bool) -> Iterator[BinaryIO]:
    """Yield a binary file to write to: `file` itself, or one that appears at a path when whole.

    Raises `OutputError` when the path exists and `overwrite` is false, or cannot be written.
    """
    if not isinstance(file, str | PathLike):
        if not hasattr(file, "write") or isinstance(file, io.TextIOBase):
            raise TypeError(f"expected a path or a binary file to write to, not {file!r}")
        yield file
        return
    with atomic.file(file, overwrite=overwrite) as out:
        yield out
