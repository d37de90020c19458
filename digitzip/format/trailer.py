"""The trailer: what lies where, and the digest that binds the file (FORMAT.md section 7)."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Final

from digitzip.errors import DamagedError
from digitzip.format.chunk import MAX_BYTES, MAX_DIGITS
from digitzip.format.wire import Cursor, varint

MAGIC: Final = b"\x5e\x2a\x4d\x18"
MAX_ENTRIES: Final = 1 << 20
MAX_SIZE: Final = 32 << 20
BACK_POINTER_SIZE: Final = 4
MIN_SIZE: Final = 8 + 1 + 16 + BACK_POINTER_SIZE
HEAD_SIZE: Final = 8 + 3  # of which the number of entries takes up to 3

_DIGEST_SIZE: Final = 16
_ENTRY_SIZES: Final = range(1 + 1 + 4, 4 + 3 + 4 + 1)


@dataclass(frozen=True, slots=True)
class Entry:
    """A stretch of the file: a chunk of `digits`, or with 0 digits a trailer that was replaced."""

    length: int
    digits: int
    crc: int

    def to_bytes(self) -> bytes:
        return varint(self.length) + varint(self.digits) + self.crc.to_bytes(4, "little")

    @classmethod
    def from_cursor(cls, cursor: Cursor) -> Entry:
        length = cursor.bounded(1, MAX_SIZE, "length of an entry")
        digits = cursor.bounded(0, MAX_DIGITS, "digits of an entry")
        if digits and length > MAX_BYTES:
            raise DamagedError(f"trailer: a chunk of {length} bytes, expected up to {MAX_BYTES}")
        return cls(length, digits, cursor.fixed(4))


@dataclass(frozen=True, slots=True)
class Trailer:
    """The entries of a file, in file order, from the end of the header to this trailer."""

    entries: tuple[Entry, ...]

    @property
    def digits(self) -> int:
        """How many digits the file has."""
        return sum(entry.digits for entry in self.entries)

    def to_bytes(self, header: bytes) -> bytes:
        """Return the trailer of the file that begins with `header`."""
        body = varint(len(self.entries)) + b"".join(entry.to_bytes() for entry in self.entries)
        size = len(body) + _DIGEST_SIZE + BACK_POINTER_SIZE
        signed = MAGIC + size.to_bytes(4, "little") + body
        return signed + _digest(header, signed) + (size + 8).to_bytes(BACK_POINTER_SIZE, "little")

    @classmethod
    def from_bytes(cls, data: bytes, header: bytes) -> Trailer:
        """Read the trailer that is all of `data`; raise `DamagedError` if it is anything else."""
        if data[:4] != MAGIC or int.from_bytes(data[4:8], "little") != len(data) - 8:
            raise DamagedError("no trailer at the end of the file: it is cut or damaged")
        signed = data[: -_DIGEST_SIZE - BACK_POINTER_SIZE]
        digest = data[len(signed) : -BACK_POINTER_SIZE]
        if digest != _digest(header, signed):
            raise DamagedError("trailer: its digest does not match; the file is damaged")
        return cls(_entries(signed))

    @staticmethod
    def body_size(data: bytes) -> int:
        """Return how many bytes `data`, a trailer of any file, accounts for, but prove nothing."""
        entries = _entries(data[: -_DIGEST_SIZE - BACK_POINTER_SIZE])
        return sum(entry.length for entry in entries)


def _entries(signed: bytes) -> tuple[Entry, ...]:
    """Return the entries of a trailer without its digest and back-pointer."""
    cursor = Cursor(signed, "trailer", 8)
    count = cursor.bounded(
        0, min(MAX_ENTRIES, cursor.remaining // _ENTRY_SIZES[0]), "number of entries"
    )
    entries = tuple(Entry.from_cursor(cursor) for _ in range(count))
    cursor.end()
    return entries


def claimed_size(head: bytes) -> int:
    """Return the size of the trailer that begins with `head`, as it claims; proves nothing.

    Raises `DamagedError` where so many entries as it claims cannot make that size: that is known
    before anything is hashed.
    """
    size = 8 + int.from_bytes(head[4:8], "little")
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise DamagedError(f"trailer: claims {size} bytes")
    cursor = Cursor(head[:HEAD_SIZE], "trailer", 8)
    count = cursor.bounded(0, MAX_ENTRIES, "number of entries")
    entries = size - cursor.position - _DIGEST_SIZE - BACK_POINTER_SIZE
    if not count * _ENTRY_SIZES[0] <= entries <= count * _ENTRY_SIZES[-1]:
        raise DamagedError(f"trailer: claims {count} entries in {entries} bytes")
    return size


def trailer_size(tail: bytes, file_size: int) -> int:
    """Return the size of the trailer from the last bytes of a file, checked against the file."""
    size = int.from_bytes(tail[-BACK_POINTER_SIZE:], "little")
    if not MIN_SIZE <= size <= min(MAX_SIZE, file_size):
        raise DamagedError("no trailer at the end of the file: it is cut or damaged")
    return size


def _digest(header: bytes, signed: bytes) -> bytes:
    return hashlib.sha256(header + signed).digest()[:_DIGEST_SIZE]
