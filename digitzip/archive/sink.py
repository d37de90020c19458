"""The bytes of a new archive: header, chunks one after another, trailer."""

from __future__ import annotations

import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import astuple, replace
from os import PathLike
from typing import BinaryIO

from digitzip import atomic
from digitzip.archive.index import Extras
from digitzip.entropy.corrections import corrected_rows
from digitzip.errors import LimitError
from digitzip.format import Chunk, Entry, Header, LayerType, Trailer
from digitzip.format.frames import MAX_BYTES
from digitzip.format.trailer import MAX_ENTRIES

Writable = str | PathLike[str] | BinaryIO


class ChunkSink:
    """Writes one archive to a binary file object, front to back, never seeking.

    `images` is the number of images written. `extras` says whether all have names and labels; set
    it before the first chunk. The archive is complete when `close` returns.
    """

    def __init__(self, out: BinaryIO, header: Header, extras: Extras = Extras()) -> None:  # noqa: B008
        self.images = 0
        self.extras = extras
        self._corrected = 0
        self._out = out
        self._header = header.to_bytes()
        self._entries: list[Entry] = []
        out.write(self._header)

    def add(self, frame: bytes, images: int, corrected: int = 0) -> None:
        """Write a chunk with its numbers of images and corrected images; raises `LimitError`."""
        if len(frame) > MAX_BYTES:
            raise LimitError(f"chunk of {len(frame)} bytes, expected at most {MAX_BYTES}")
        if len(self._entries) == MAX_ENTRIES:
            raise LimitError(f"more than {MAX_ENTRIES} chunks, the most that a file can hold")
        self._out.write(frame)
        self._entries.append(Entry(len(frame), images, zlib.crc32(frame)))
        self.images += images
        self._corrected += corrected

    def copy(self, frame: bytes) -> None:
        """Write a chunk of another archive byte for byte, without layers that `extras` excludes.

        Raises `DamagedError` for anything but a chunk.
        """
        chunk = Chunk.from_bytes(frame)
        layers = tuple(layer for layer in chunk.layers if self.extras.allow(layer.type))
        if len(layers) < len(chunk.layers):
            frame = replace(chunk, layers=layers).to_bytes()
        self.add(frame, chunk.images, corrected_in(chunk))

    def close(self) -> None:
        """Write the trailer."""
        named, labelled = (bool(self.images) and flag for flag in astuple(self.extras))
        trailer = Trailer(tuple(self._entries), named, labelled, self._corrected)
        self._out.write(trailer.to_bytes(self._header))


def corrected_in(chunk: Chunk) -> int:
    """Return how many images of a chunk have a correction; raises `DamagedError`."""
    layer = chunk.layer(LayerType.CORRECTIONS)
    return 0 if layer is None else len(corrected_rows(layer.body, chunk.images))


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
