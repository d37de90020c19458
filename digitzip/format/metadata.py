"""Metadata: text about a file as keys and values (FORMAT.md section 6.2)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from digitzip.errors import DamagedError, InputError
from digitzip.format.wire import Cursor, varint

MAX_SIZE: Final = 65_536
"""Bytes of the whole field."""
MAX_KEY: Final = 255
WRITER_KEY: Final = "digitzip"
"""The key of the writer's version; the file holds a key length of 0 in its place."""


def check(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return a copy of `metadata` that a file can hold; raise `InputError` otherwise."""
    if not isinstance(metadata, Mapping):
        raise InputError(f"metadata is {type(metadata).__name__}, expected a dict of strings")
    for text in (text for item in metadata.items() for text in item):
        if not isinstance(text, str):
            raise InputError(f"metadata has {text!r}, expected strings as keys and values")
        if "\0" in text or not _is_unicode(text):
            raise InputError(f"metadata has {text[:80]!r}, expected valid Unicode without NUL")
    for key in metadata:
        if not 1 <= len(key.encode()) <= MAX_KEY:
            raise InputError(
                f"metadata has the key {key[:80]!r}, expected 1 to {MAX_KEY} bytes of UTF-8"
            )
    if (size := len(pack(metadata))) > MAX_SIZE:
        raise InputError(f"metadata takes {size} bytes, expected at most {MAX_SIZE}")
    return dict(sorted(metadata.items()))


def pack(metadata: Mapping[str, str]) -> bytes:
    """Return the metadata field."""
    out = bytearray(varint(len(metadata)))
    for name, text in sorted(metadata.items()):  # by code points, as UTF-8 sorts by bytes
        key, value = b"" if name == WRITER_KEY else name.encode(), text.encode()
        out += bytes([len(key)]) + key + varint(len(value)) + value
    return bytes(out)


def unpack(cursor: Cursor) -> dict[str, str]:
    """Read the metadata field; raise `DamagedError` where it breaks the rules."""
    start, metadata, previous = cursor.position, {}, b""
    for _ in range(cursor.bounded(0, cursor.remaining // 2, "number of metadata keys")):
        key = cursor.take(cursor.fixed(1))
        if key == WRITER_KEY.encode():
            raise DamagedError(f"metadata: the key {WRITER_KEY!r} is spelled out")
        key = key or WRITER_KEY.encode()
        if key <= previous:
            raise DamagedError("metadata: its keys are not in ascending order")
        value = cursor.take(cursor.bounded(0, MAX_SIZE, "length of a metadata value"))
        metadata[_text(key)], previous = _text(value), key
    if cursor.position - start > MAX_SIZE:
        raise DamagedError(f"metadata takes more than {MAX_SIZE} bytes")
    return metadata


def common(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str]:
    """Return the metadata of a file with the images of two files.

    A value holds the lines of both values, each once. Where that takes too many bytes, only equal
    values stay.
    """
    found = dict(sorted({**one, **other}.items()))
    for key in one.keys() & other.keys():
        found[key] = "\n".join(dict.fromkeys(f"{one[key]}\n{other[key]}".split("\n")))
    if len(pack(found)) <= MAX_SIZE:
        return found
    return {key: text for key, text in found.items() if one.get(key) == other.get(key)}


def _text(data: bytes) -> str:
    if b"\0" in data:
        raise DamagedError("metadata holds a NUL")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise DamagedError("metadata is not UTF-8") from error


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
