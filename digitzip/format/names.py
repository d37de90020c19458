"""Names of images: which may be written, and the bytes of a names layer (FORMAT.md section 5.1).

A name is a relative path in text. A writer accepts only names that make the same file on every
machine: none that leaves the folder, that Windows reserves, or that systems read differently. A
reader accepts any name that FORMAT.md allows, and treats it as hostile text.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from typing import Final

from digitzip.errors import DamagedError, InputError
from digitzip.format.wire import Cursor, varint

FRONT_CODED: Final = 0
COUNTER: Final = 1
MAX_BYTES: Final = 1024
MAX_WIDTH: Final = 20

_COUNTER: Final = re.compile(r"(?P<prefix>.*?)(?P<number>[0-9]+)(?P<suffix>[^0-9]*)", re.DOTALL)
_IMAGE_SUFFIX: Final = re.compile(
    r"(?<=[^/])\.(apng|avif|bmp|dib|gif|ico|j2k|jfif|jp2|jpe|jpe?g|p[bgnp]m|pcx|qoi|sgi|tga"
    r"|tiff?|webp)\Z",
    re.IGNORECASE,
)
_DEVICES: Final = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
    + [f"{port}{number}" for port in ("COM", "LPT") for number in "0123456789¹²³"]
)
_LONGEST_PART: Final = 255  # bytes of UTF-8 that common file systems allow
_CONTROLS: Final = frozenset(["Cc", "Cs", "Zl", "Zp"])


def check(name: str) -> str:
    """Return `name` if it may be written; raise `InputError` otherwise."""
    if not isinstance(name, str):
        raise InputError(f"a name is {name!r}, expected a string")
    if (problem := file_problem(name)) is not None:
        raise InputError(f"{name[:80]!r} is no name for a file: {problem}")
    if (size := len(name.encode())) > MAX_BYTES:
        raise InputError(f"the name {name[:80]!r} has {size} bytes, expected at most {MAX_BYTES}")
    return name


def file_problem(name: str) -> str | None:
    """Say why a name cannot be that of a PNG file on every platform; return None if it can."""
    if not name.isprintable() and any(unicodedata.category(sign) in _CONTROLS for sign in name):
        return "it has control characters or is not Unicode"
    if name.startswith("/"):
        return "it is an absolute path"
    if "\\" in name or ":" in name:
        return "it has a backslash or a colon"
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return f"it has a part {part!r}"
        if part.endswith((" ", ".")):
            return "a part ends in a dot or space, which Windows drops"
        if part.partition(".")[0].rstrip().upper() in _DEVICES:
            return "Windows reserves it"
    longest = max(len(part.encode()) for part in png_path(name).split("/"))
    if longest > _LONGEST_PART:
        return f"a part makes a file name of {longest} bytes, over {_LONGEST_PART}"
    return None


def png_path(name: str) -> str:
    """Replace the suffix of an image by .png; append it to any other name."""
    return name if name.lower().endswith(".png") else _IMAGE_SUFFIX.sub("", name) + ".png"


def has_image_suffix(name: str) -> bool:
    """Tell whether a name ends in the suffix of an image file."""
    return name.lower().endswith(".png") or _IMAGE_SUFFIX.search(name) is not None


def pack(names: Sequence[str]) -> bytes:
    """Return the body of a names layer: a counter where names count up, else front-coded."""
    return _pack_counter(names) or _pack_front_coded(names)


def unpack(body: bytes, images: int) -> list[str]:
    """Return the names of a chunk; raise `DamagedError`."""
    cursor = Cursor(body, "names")
    kind = cursor.fixed(1)
    if kind not in (FRONT_CODED, COUNTER):
        raise DamagedError(f"names: unknown representation {kind}")
    unpack_kind = _unpack_counter if kind == COUNTER else _unpack_front_coded
    names = unpack_kind(cursor, images)
    cursor.end()
    for name in names:
        if (problem := _problem(name)) is not None:
            raise DamagedError(f"names: {name[:80]!r} {problem}")
    try:
        return [name.decode() for name in names]
    except UnicodeDecodeError as error:
        raise DamagedError("names: a name is not UTF-8") from error


def _problem(name: bytes) -> str | None:
    if len(name) > MAX_BYTES:
        return f"has {len(name)} bytes, expected at most {MAX_BYTES}"
    if b"\0" in name:
        return "holds a NUL"
    if any(part in (b"", b".", b"..") for part in name.split(b"/")):
        return "is not a relative path without empty, '.' or '..' parts"
    return None


def _pack_counter(names: Sequence[str]) -> bytes | None:
    match = _COUNTER.fullmatch(names[0])
    if match is None:
        return None
    prefix, number, suffix = match.group("prefix", "number", "suffix")
    start, width = int(number), len(number) if number[0] == "0" and number != "0" else 0
    if len(names) > 1 and not width:  # as wide as the first, or as wide as it must be
        width = len(number) if len(names[-1]) == len(names[0]) else 0
    if width > MAX_WIDTH or len(number) > 15:
        return None
    for i, name in enumerate(names):
        if name != f"{prefix}{start + i:0{width}d}{suffix}":
            return None
    ends = [end.encode() for end in (prefix, suffix)]
    fields = b"".join(varint(len(end)) + end for end in ends)
    return bytes([COUNTER]) + fields + bytes([width]) + varint(start)


def _unpack_counter(cursor: Cursor, images: int) -> list[bytes]:
    prefix = cursor.take(cursor.bounded(0, MAX_BYTES, "length of the prefix"))
    suffix = cursor.take(cursor.bounded(0, MAX_BYTES, "length of the suffix"))
    width, start = cursor.fixed(1), cursor.varint()
    if width > MAX_WIDTH:
        raise DamagedError(f"names: a counter {width} digits wide, expected at most {MAX_WIDTH}")
    return [prefix + b"%0*d" % (width, start + i) + suffix for i in range(images)]


def _pack_front_coded(names: Sequence[str]) -> bytes:
    out, before = bytearray([FRONT_CODED]), b""
    for name in (name.encode() for name in names):
        pairs = zip(before, name, strict=False)
        shared = next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(before), len(name)))
        out += varint(shared) + varint(len(name) - shared) + name[shared:]
        before = name
    return bytes(out)


def _unpack_front_coded(cursor: Cursor, images: int) -> list[bytes]:
    names: list[bytes] = []
    name = b""
    for _ in range(images):
        shared = cursor.bounded(0, len(name), "shared length")
        length = cursor.bounded(0, MAX_BYTES - shared, "length of a name")
        name = name[:shared] + cursor.take(length)
        names.append(name)
    return names
