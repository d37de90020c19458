"""The IDX headers of MNIST's files: images and labels, read and written.

    bytes  0-3   00 00 08 03: unsigned bytes, three dimensions (labels: 00 00 08 01, one)
    bytes  4-15  count, height, width: big-endian, 32 bits each (labels: bytes 4-7, count)
    bytes 16-    count x height x width pixels, row by row, and nothing after them

Source: "The MNIST database of handwritten digits", file formats. This module knows bytes, not
files.
"""

import struct

from digitzip.errors import InputError

MAGIC = bytes([0, 0, 8, 3])
LABELS_MAGIC = bytes([0, 0, 8, 1])
HEADER = struct.Struct(">4s3I")
LABELS_HEADER = struct.Struct(">4sI")
COUNT_LIMIT = (1 << 32) - 1

_TYPES = bytes([0x08, 0x09, 0x0B, 0x0C, 0x0D, 0x0E])


def looks_like_idx(start: bytes) -> bool:
    """Tell whether bytes start like an IDX file of any kind."""
    return len(start) >= 4 and start[:2] == b"\0\0" and start[2] in _TYPES and 1 <= start[3] <= 8


def parse_header(data: bytes, label: str) -> tuple[int, int, int]:
    """Return count, height and width; raises `InputError` for another kind of IDX file."""
    if data[:4] != MAGIC:
        kind, dimensions = data[2], data[3]
        labels = " (labels, not images)" if data[:4] == LABELS_MAGIC else ""
        raise InputError(
            f"{label!r} is an IDX file of type 0x{kind:02x} with {dimensions} dimension(s)"
            f"{labels}; expected type 0x08, unsigned bytes, with 3"
        )
    if len(data) < HEADER.size:
        raise InputError(f"{label!r} ends inside its IDX header, after {len(data)} bytes")
    _, count, height, width = HEADER.unpack_from(data)
    return count, height, width


def format_header(count: int, height: int, width: int) -> bytes:
    """Return the 16 bytes before the pixels; raises `InputError` for too many images."""
    return HEADER.pack(MAGIC, _counted(count, "images"), height, width)


def parse_labels_header(data: bytes, label: str) -> int:
    """Return the number of labels; raises `InputError` for another kind of IDX file."""
    if data[:4] != LABELS_MAGIC or len(data) < LABELS_HEADER.size:
        raise InputError(f"{label!r} is an IDX file, but not of labels (magic 00000801)")
    count: int = LABELS_HEADER.unpack_from(data)[1]
    return count


def format_labels_header(count: int) -> bytes:
    """Return the 8 bytes before the labels; raises `InputError` for too many labels."""
    return LABELS_HEADER.pack(LABELS_MAGIC, _counted(count, "labels"))


def _counted(count: int, what: str) -> int:
    if count > COUNT_LIMIT:
        raise InputError(f"{count:,} {what}; an IDX file holds at most {COUNT_LIMIT:,}")
    return count
