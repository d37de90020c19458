"""The header: model, size of the images, promise and metadata (FORMAT.md sections 2 and 6)."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Final

from digitzip.errors import DamagedError, UnsupportedError
from digitzip.format import metadata
from digitzip.format.wire import Cursor
from digitzip.limits import DIMS, LEVELS, SIDES

MAGIC: Final = b"\x5d\x2a\x4d\x18"
SIGNATURE: Final = b"\x89DZ\r\n\x1a\n"
VERSION: Final = 3
MODEL_ID_SIZE: Final = 16
CLASSIFIER_ID_SIZE: Final = 4

_PREFIX_SIZE: Final = 16  # frame magic, frame size, signature, version
_CRC_SIZE: Final = 4
_COPY_SIZES: Final = range(MODEL_ID_SIZE + 4 + 1 + 1, MODEL_ID_SIZE + 4 + 8 + metadata.MAX_SIZE + 1)
MIN_SIZE: Final = _PREFIX_SIZE + _COPY_SIZES[0] + _CRC_SIZE
MAX_SIZE: Final = _PREFIX_SIZE + _COPY_SIZES[-1] + _CRC_SIZE
MAX_COPY_SIZE: Final = _COPY_SIZES[-1]


@dataclass(frozen=True, slots=True)
class StoredPromise:
    """The promise as a header stores it; `on` is false where nothing was verified.

    `max_error` is in pixel values, 0 … 255, `max_rmse` in 1/65,535 of the pixel range. `classifier`
    is the beginning of the id of the classifier that gives image and original the same label.
    """

    on: bool = False
    max_error: int | None = None
    max_rmse: int | None = None
    classifier: bytes | None = None

    def common(self, other: StoredPromise) -> StoredPromise:
        """Return the promise that holds for all images of two files."""
        if not (self.on and other.on):
            return StoredPromise()
        if self.max_error == 0 or other.max_error == 0:  # a lossless file keeps any promise
            return other if self.max_error == 0 else self
        return StoredPromise(
            on=True,
            max_error=_greater(self.max_error, other.max_error),
            max_rmse=_greater(self.max_rmse, other.max_rmse),
            classifier=self.classifier if self.classifier == other.classifier else None,
        )

    def to_bytes(self) -> bytes:
        flags, fields = int(self.on), b""
        for bit, value, size in ((2, self.max_error, 1), (4, self.max_rmse, 2)):
            if value is not None:
                flags |= bit
                fields += value.to_bytes(size, "little")
        if self.classifier is not None:
            flags |= 8
            fields += self.classifier
        return bytes([flags]) + fields

    @classmethod
    def from_cursor(cls, cursor: Cursor) -> StoredPromise:
        flags = cursor.fixed(1)
        if flags >> 4 or (flags > 1 and not flags & 1):
            raise DamagedError(f"header: promise flags are {flags:#04x}, which no writer writes")
        return cls(
            on=bool(flags & 1),
            max_error=cursor.fixed(1) if flags & 2 else None,
            max_rmse=cursor.fixed(2) if flags & 4 else None,
            classifier=cursor.take(CLASSIFIER_ID_SIZE) if flags & 8 else None,
        )


@dataclass(frozen=True, slots=True)
class Header:
    """The header: model, sizes, promise and metadata of all images of a file."""

    model_id: bytes
    height: int
    width: int
    dims: int
    levels: int
    promise: StoredPromise = field(default_factory=StoredPromise)
    metadata: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def size(self) -> int:
        """Bytes of the header in the file."""
        return _PREFIX_SIZE + len(self.copy_bytes()) + _CRC_SIZE

    def common(self, other: Header) -> Header:
        """Return the header of a file with the images of two files of one model and levels."""
        return replace(
            self,
            promise=self.promise.common(other.promise),
            metadata=metadata.common(self.metadata, other.metadata),
        )

    @property
    def join_key(self) -> tuple[bytes, int, int, int, int]:
        """Model id, height, width, dims and levels: files can be joined where these are equal."""
        return self.model_id, self.height, self.width, self.dims, self.levels

    def copy_bytes(self) -> bytes:
        """Return the bytes that a trailer keeps as a copy: from the model id to before the CRC."""
        shape = bytes([self.height, self.width, self.dims, self.levels])
        return self.model_id + shape + self.promise.to_bytes() + metadata.pack(self.metadata)

    def to_bytes(self) -> bytes:
        """Return the header as it stands at the start of a file."""
        payload = SIGNATURE + bytes([VERSION]) + self.copy_bytes()
        head = MAGIC + (len(payload) + _CRC_SIZE).to_bytes(4, "little") + payload
        return head + zlib.crc32(head).to_bytes(_CRC_SIZE, "little")

    @classmethod
    def from_copy(cls, copy: bytes) -> Header:
        """Read a header from the bytes that `copy_bytes` gives; raise `DamagedError`."""
        cursor = Cursor(copy, "header")
        model_id = cursor.take(MODEL_ID_SIZE)
        height, width, dims, levels = cursor.take(4)
        limits = {"height": SIDES, "width": SIDES, "dims": DIMS, "levels": LEVELS}
        for (name, allowed), value in zip(limits.items(), copy[MODEL_ID_SIZE:], strict=False):
            if value not in allowed:
                raise DamagedError(
                    f"header: {name} is {value}, expected {allowed[0]} to {allowed[-1]}"
                )
        promise, texts = StoredPromise.from_cursor(cursor), metadata.unpack(cursor)
        cursor.end()
        return cls(model_id, height, width, dims, levels, promise, texts)

    @classmethod
    def from_bytes(cls, data: bytes) -> Header:
        """Read the header at the start of `data`, which may be longer.

        Raises `DamagedError` for anything but a header, `UnsupportedError` for another version.
        """
        _check_signature(data)
        size = claimed_size(data)
        if size > len(data):
            raise DamagedError(f"header: claims {size} bytes, and {len(data)} are there")
        if zlib.crc32(data[: size - 4]) != int.from_bytes(data[size - 4 : size], "little"):
            raise DamagedError("header: its CRC does not match; the file is damaged")
        return cls.from_copy(copy_of(data[:size]))


def copy_of(header: bytes) -> bytes:
    """Return the bytes of a stored header that a trailer keeps as a copy."""
    return header[_PREFIX_SIZE:-_CRC_SIZE]


def claimed_size(head: bytes | memoryview) -> int:
    """Return the size that a header claims in its first bytes; raise `DamagedError`."""
    size = 8 + int.from_bytes(head[4:8], "little")
    if not MIN_SIZE <= size <= MAX_SIZE:
        raise DamagedError(f"header: claims {size} bytes, expected {MIN_SIZE} to {MAX_SIZE}")
    return size


def _greater(one: int | None, other: int | None) -> int | None:
    return None if one is None or other is None else max(one, other)


def _check_signature(data: bytes) -> None:
    if data[:4] != MAGIC or data[8:15] != SIGNATURE:
        found = data[:16].hex(" ") or "nothing"
        hint = ""
        if data[8:11] == SIGNATURE[:3]:
            hint = "; it went through a text-mode transfer"
        elif data[:2] == b"\x1f\x8b":
            hint = ", as a gzip or dictzip file does; gzip -dc unpacks it"
        raise DamagedError(f"not a .dz file: it begins with {found}{hint}")
    if len(data) < _PREFIX_SIZE:
        raise DamagedError("header ends early: the file is cut")
    version = data[15]
    if version > VERSION:
        raise UnsupportedError(
            f"unsupported container version {version}; this build reads {VERSION}: update digitzip"
        )
    if version < VERSION:
        raise UnsupportedError(
            f"unsupported container version {version}, of a digitzip before 1.0; this build reads "
            f"{VERSION}: decompress the file with the digitzip that wrote it"
        )
