"""The IDX header of MNIST's image files, read and written.

    bytes  0-3   00 00 08 03: unsigned bytes, three dimensions
    bytes  4-15  count, height, width: big-endian, 32 bits each
    bytes 16-    count x height x width pixels, row by row, and nothing after them

Source: "The MNIST database of handwritten digits", file formats. This page knows bytes, not files.
"""

import struct

from digitzip.errors import InputError

MAGIC = bytes([0, 0, 8, 3])
HEADER = struct.Struct(">4s3I")
COUNT_LIMIT = (1 << 32) - 1

_TYPES = bytes([0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E])


def looks_like_idx(start: bytes) -> bool:
    """Tell whether bytes start as any IDX file does, be it one of images or not."""
    return len(start) >= 4 and start[:2] == b"\0\0" and start[2] in _TYPES and 1 <= start[3] <= 8


def parse_header(data: bytes, label: str) -> tuple[int, int, int]:
    """Return count, height and width; InputError for any other kind of IDX file."""
    if data[:4] != MAGIC:
        kind, dimensions = data[2], data[3]
        labels = " (these are labels, not images)" if (kind, dimensions) == (8, 1) else ""
        raise InputError(
            f"{label!r} is an IDX file of type 0x{kind:02x} with {dimensions} dimension(s)"
            f"{labels}; expected type 0x08, unsigned bytes, with 3"
        )
    if len(data) < HEADER.size:
        raise InputError(f"{label!r} ends inside its IDX header, after {len(data)} bytes")
    _, count, height, width = HEADER.unpack_from(data)
    return count, height, width


def format_header(count: int, height: int, width: int) -> bytes:
    """Return the 16 bytes before the pixels; InputError for more images than IDX can count."""
    if count > COUNT_LIMIT:
        raise InputError(f"{count:,} images; an IDX file holds at most {COUNT_LIMIT:,}")
    return HEADER.pack(MAGIC, count, height, width)
