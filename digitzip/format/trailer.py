"""The trailer: the chunks of a file, and the digest that binds it (FORMAT.md section 7)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from digitzip.errors import DamagedError
from digitzip.format.frames import MAX_BYTES
from digitzip.format.header import MAX_COPY_SIZE, Header, copy_of
from digitzip.format.wire import Cursor, varint
from digitzip.limits import MAX_CHUNK_IMAGES

MAGIC: Final = b"\x5e\x2a\x4d\x18"
MAX_ENTRIES: Final = 1 << 20
MAX_SIZE: Final = 32 << 20
BACK_POINTER_SIZE: Final = 4
COPY_FROM: Final = 65
"""Files of this many images have a copy of the header in their trailer."""

_DIGEST_SIZE: Final = 8
_END_SIZE: Final = _DIGEST_SIZE + BACK_POINTER_SIZE
MIN_SIZE: Final = 8 + 1 + 1 + 1 + _END_SIZE
HEAD_SIZE: Final = 8 + 1 + 3 + MAX_COPY_SIZE + 8 + 3
"""Bytes up to the first entry at most."""
_FIELDS: Final = 8 + 1 + 8 + 3  # the same without a copy

_NAMED, _LABELLED, _COPIED = 1, 2, 4
_ENTRY_SIZES: Final = range(1 + 1 + 4, 4 + 3 + 4 + 1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A part of the file: a chunk of `images`, or with 0 images a trailer that was replaced."""

    length: int
    images: int
    crc: int

    def to_bytes(self) -> bytes:
        return varint(self.length) + varint(self.images) + self.crc.to_bytes(4, "little")

    @classmethod
    def from_cursor(cls, cursor: Cursor) -> Entry:
        length = cursor.bounded(1, MAX_SIZE, "length of an entry")
        images = cursor.bounded(0, MAX_CHUNK_IMAGES, "number of images of an entry")
        if images and length > MAX_BYTES:
            raise DamagedError(f"trailer: a chunk of {length} bytes, expected at most {MAX_BYTES}")
        return cls(length, images, cursor.fixed(4))


@dataclass(frozen=True, slots=True)
class Trailer:
    """The entries of a file in file order, from the end of the header to this trailer.

    `named` and `labelled` say whether the images have names and labels; `corrected` is the number
    of images with a correction.
    """

    entries: tuple[Entry, ...]
    named: bool = False
    labelled: bool = False
    corrected: int = 0

    @property
    def images(self) -> int:
        """Number of images of the file."""
        return sum(entry.images for entry in self.entries)

    def to_bytes(self, header: bytes, *, copy: bool | None = None) -> bytes:
        """Return the trailer of the file that begins with `header`.

        `copy` says whether it holds a copy of the header; by default, files of more than 64 images
        have one.
        """
        copied = self.images >= COPY_FROM if copy is None else copy
        flags = _NAMED * self.named | _LABELLED * self.labelled | _COPIED * copied
        body = bytes([flags])
        if copied:
            body += varint(len(kept := copy_of(header))) + kept
        body += varint(self.corrected) + varint(len(self.entries))
        body += b"".join(entry.to_bytes() for entry in self.entries)
        size = len(body) + _END_SIZE
        signed = MAGIC + size.to_bytes(4, "little") + body
        digest = _digest(header, signed)
        return signed + digest + (size + 8).to_bytes(BACK_POINTER_SIZE, "little")

    @classmethod
    def from_bytes(cls, data: bytes, header: bytes) -> Trailer:
        """Read `data`, the whole trailer of the file that begins with `header`.

        Raises `DamagedError` for anything else.
        """
        if data[:4] != MAGIC or int.from_bytes(data[4:8], "little") != len(data) - 8:
            raise DamagedError("no trailer at the end of the file: it is cut or damaged")
        signed, digest = data[:-_END_SIZE], data[-_END_SIZE:-BACK_POINTER_SIZE]
        if digest != _digest(header, signed):
            raise DamagedError("trailer: its digest does not match; the file is damaged")
        trailer, copy = _unpack(signed)
        if copy is not None and copy != copy_of(header):
            raise DamagedError("trailer: its copy of the header is another header")
        return trailer

    @staticmethod
    def claims(data: bytes) -> tuple[Trailer, Header | None]:
        """Return the trailer in `data` and its copy of the header, without a check of the digest.

        Raises `DamagedError` where `data` is not a trailer.
        """
        trailer, copy = _unpack(data[:-_END_SIZE])
        return trailer, None if copy is None else Header.from_copy(copy)


def _unpack(signed: bytes) -> tuple[Trailer, bytes | None]:
    """Return a trailer without its digest and back-pointer, and its copy of the header."""
    cursor = Cursor(signed, "trailer", 8)
    flags, copy = _flags(cursor), None
    if flags & _COPIED:
        copy = cursor.take(cursor.bounded(1, MAX_COPY_SIZE, "length of the header copy"))
    corrected = cursor.varint()
    most = min(MAX_ENTRIES, cursor.remaining // _ENTRY_SIZES[0])
    count = cursor.bounded(0, most, "number of entries")
    entries = tuple(Entry.from_cursor(cursor) for _ in range(count))
    cursor.end()
    trailer = Trailer(entries, bool(flags & _NAMED), bool(flags & _LABELLED), corrected)
    if corrected > trailer.images:
        raise DamagedError(f"trailer: {corrected} of {trailer.images} images are corrected")
    if (trailer.named or trailer.labelled) and not trailer.images:
        raise DamagedError("trailer: names or labels of no images")
    return trailer, copy


def _flags(cursor: Cursor) -> int:
    if (flags := cursor.fixed(1)) >> 3:
        raise DamagedError(f"trailer: flags are {flags:#04x}, which no writer writes")
    return flags


def claimed_size(head: bytes | memoryview) -> int:
    """Return the size that a trailer claims in `head`, its first `HEAD_SIZE` bytes or fewer.

    Raises `DamagedError` where so many entries cannot have that size, before anything is hashed.
    """
    size = 8 + int.from_bytes(head[4:8], "little")
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise DamagedError(f"trailer: claims {size} bytes")
    cursor = Cursor(bytes(head[:_FIELDS]), "trailer", 8)
    position = 0
    if _flags(cursor) & _COPIED:
        position = cursor.bounded(1, MAX_COPY_SIZE, "length of the header copy") + cursor.position
        cursor = Cursor(bytes(head[position : position + _FIELDS]), "trailer")
    cursor.varint()
    count = cursor.bounded(0, MAX_ENTRIES, "number of entries")
    entries = size - position - cursor.position - _END_SIZE
    if not count * _ENTRY_SIZES[0] <= entries <= count * _ENTRY_SIZES[-1]:
        raise DamagedError(f"trailer: claims {count} entries in {entries} bytes")
    return size


def trailer_size(tail: bytes, file_size: int) -> int:
    """Return the size of the trailer from the last bytes of a file of `file_size` bytes."""
    size = int.from_bytes(tail[-BACK_POINTER_SIZE:], "little")
    if not MIN_SIZE <= size <= min(MAX_SIZE, file_size):
        raise DamagedError("no trailer at the end of the file: it is cut or damaged")
    return size


def _digest(header: bytes, signed: bytes) -> bytes:
    return hashlib.sha256(header + signed).digest()[:_DIGEST_SIZE]
