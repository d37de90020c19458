"""The header and its guard field (FORMAT.md sections 2 and 6)."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Final

from digitzip.errors import DamagedError, UnsupportedError
from digitzip.format.wire import Cursor
from digitzip.limits import DIMS, LEVELS, SIDES

MAGIC: Final = b"\x5d\x2a\x4d\x18"
SIGNATURE: Final = b"\x89DZ\r\n\x1a\n"
VERSION: Final = 2
MODEL_ID_SIZE: Final = 16
CLASSIFIER_ID_SIZE: Final = 4

_PREFIX_SIZE: Final = 16  # frame magic, frame size, signature, version
_PAYLOAD_SIZES: Final = range(33, 41)
SIZES: Final = range(8 + _PAYLOAD_SIZES[0], 8 + _PAYLOAD_SIZES[-1] + 1)
MAX_SIZE: Final = SIZES[-1]


@dataclass(frozen=True, slots=True)
class Guard:
    """What the writer promises of every digit; `on` is false when nothing was checked."""

    on: bool = False
    max_error: int | None = None
    max_rmse: int | None = None
    reader: bytes | None = None

    def both(self, other: Guard) -> Guard:
        """Return what holds of all digits of two files."""
        if not (self.on and other.on):
            return Guard()
        if self.max_error == 0 or other.max_error == 0:  # what is exact keeps any promise
            return other if self.max_error == 0 else self
        return Guard(
            on=True,
            max_error=_greater(self.max_error, other.max_error),
            max_rmse=_greater(self.max_rmse, other.max_rmse),
            reader=self.reader if self.reader == other.reader else None,
        )

    def to_bytes(self) -> bytes:
        flags, fields = int(self.on), b""
        for bit, value, size in ((2, self.max_error, 1), (4, self.max_rmse, 2)):
            if value is not None:
                flags |= bit
                fields += value.to_bytes(size, "little")
        if self.reader is not None:
            flags |= 8
            fields += self.reader
        return bytes([flags]) + fields

    @classmethod
    def from_cursor(cls, cursor: Cursor) -> Guard:
        flags = cursor.fixed(1)
        if flags >> 4 or (flags > 1 and not flags & 1):
            raise DamagedError(f"header: guard flags are {flags:#04x}, which no writer writes")
        return cls(
            on=bool(flags & 1),
            max_error=cursor.fixed(1) if flags & 2 else None,
            max_rmse=cursor.fixed(2) if flags & 4 else None,
            reader=cursor.take(CLASSIFIER_ID_SIZE) if flags & 8 else None,
        )


@dataclass(frozen=True, slots=True)
class Header:
    """What all digits of a file have in common."""

    model_id: bytes
    height: int
    width: int
    dims: int
    levels: int
    guard: Guard = field(default_factory=Guard)

    def to_bytes(self) -> bytes:
        """Return the header as it stands at the start of a file."""
        shape = bytes([self.height, self.width, self.dims, self.levels])
        payload = SIGNATURE + bytes([VERSION]) + self.model_id + shape + self.guard.to_bytes()
        head = MAGIC + (len(payload) + 4).to_bytes(4, "little") + payload
        return head + zlib.crc32(head).to_bytes(4, "little")

    @classmethod
    def from_bytes(cls, data: bytes) -> Header:
        """Read the header at the start of `data`, which may go on behind it.

        Raises `DamagedError` for anything but a header, `UnsupportedError` for another version.
        """
        _check_signature(data)
        size = 8 + int.from_bytes(data[4:8], "little")
        if size - 8 not in _PAYLOAD_SIZES or size > len(data):
            raise DamagedError(f"header: claims {size} bytes, expected 41 to {MAX_SIZE}")
        if zlib.crc32(data[: size - 4]) != int.from_bytes(data[size - 4 : size], "little"):
            raise DamagedError("header: its CRC does not match; the file is damaged")
        cursor = Cursor(data[: size - 4], "header", _PREFIX_SIZE)
        model_id = cursor.take(MODEL_ID_SIZE)
        height, width, dims, levels = cursor.take(4)
        header = cls(model_id, height, width, dims, levels, Guard.from_cursor(cursor))
        cursor.end()
        limits = {"height": SIDES, "width": SIDES, "dims": DIMS, "levels": LEVELS}
        for name, allowed in limits.items():
            if (value := getattr(header, name)) not in allowed:
                raise DamagedError(
                    f"header: {name} is {value}, expected {allowed[0]} to {allowed[-1]}"
                )
        return header

    @property
    def size(self) -> int:
        """Bytes of the header in the file."""
        return len(self.to_bytes())


def _greater(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


def _check_signature(data: bytes) -> None:
    if data[:4] != MAGIC or data[8:15] != SIGNATURE:
        found = data[:16].hex(" ") or "nothing"
        hint = ""
        if data[8:11] == SIGNATURE[:3]:
            hint = "; it went through a text-mode transfer"
        raise DamagedError(f"not a .dz file: it begins with {found}{hint}")
    if len(data) < _PREFIX_SIZE:
        raise DamagedError("header ends early: the file is cut")
    if data[15] != VERSION:
        raise UnsupportedError(
            f"unsupported container version {data[15]}; this build reads {VERSION}: update digitzip"
        )
