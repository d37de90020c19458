"""Zstandard frames: packed, unpacked and measured, but not interpreted (FORMAT.md section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import zstandard

from digitzip.errors import DamagedError, LimitError

MAX_BYTES: Final = 16 << 20
"""Bytes of a chunk, stored and unpacked."""

_RAW, _REPEATED, _RESERVED = 0, 1, 3  # kinds of Zstandard blocks, RFC 8878 section 3.1.1.2
_MAX_BLOCK: Final = 128 << 10
_CHECKSUM_SIZE: Final = 4
_BLOCK_WORK: Final = 32  # bytes that are hashed while one block is followed
_BLOCK_FROM: Final = 512  # a smaller piece shares its Zstandard block with the next


def pack_frame(pieces: Sequence[bytes], level: int) -> bytes:
    """Return one frame with a block for each large piece."""
    size = sum(map(len, pieces))
    if size > MAX_BYTES:
        raise LimitError(f"chunk of {size} bytes, expected at most {MAX_BYTES}")
    compressor = zstandard.ZstdCompressor(
        level=level, write_checksum=True, write_content_size=True, write_dict_id=False
    ).compressobj(size=size)
    out, before = bytearray(), 0
    for piece in pieces:
        if before and max(before, len(piece)) >= _BLOCK_FROM:
            out += compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
        out += compressor.compress(piece)
        before = len(piece)
    return bytes(out + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))


def unpack_frame(data: bytes) -> bytes:
    """Unpack the one frame that `data` must be, sizes checked before anything is allocated."""
    _parameters(data)
    try:
        unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_BYTES)
        return unpacker.decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise DamagedError(f"chunk: {error}") from error


@dataclass(frozen=True, slots=True)
class Walk:
    """The size of a frame as far as it was followed, and whether its end was reached (`whole`).

    `work` is the cost of following and unpacking the frame, in hashed bytes.
    """

    size: int
    whole: bool
    work: int


def walk_frame(data: bytes | memoryview) -> Walk:
    """Follow the blocks of the ordinary frame that `data` begins with, but unpack nothing.

    Raises `DamagedError` where the frame header cannot be that of a chunk.
    """
    frame = _parameters(data)
    size, blocks, known, last = zstandard.frame_header_size(data), 0, 0, 0
    while not last and size + 3 <= len(data):
        block = int.from_bytes(data[size : size + 3], "little")
        last, kind, length = block & 1, block >> 1 & 3, block >> 3
        known += length if kind in (_RAW, _REPEATED) else 0
        if kind == _RESERVED or length > _MAX_BLOCK or known > frame.content_size:
            last = 0
            break
        size += 3 + (1 if kind == _REPEATED else length)
        blocks += 1
    whole = bool(last) and size + _CHECKSUM_SIZE <= len(data)
    work = min(size, len(data)) + _BLOCK_WORK * blocks + (frame.content_size if whole else 0)
    return Walk(size + _CHECKSUM_SIZE, whole, work)


def frame_size(data: bytes | memoryview) -> int:
    """Return the size of the frame that `data` begins with, a chunk or skippable.

    Raises `DamagedError` when the frame is cut, or is neither.
    """
    if data[1:4] == b"\x2a\x4d\x18" and data[0] >> 4 == 5:
        size = 8 + int.from_bytes(data[4:8], "little")
        whole = 8 <= len(data) >= size
    else:
        walk = walk_frame(data)
        size, whole = walk.size, walk.whole
    if not whole:
        raise DamagedError("a frame is cut")
    return size


def _parameters(data: bytes | memoryview) -> zstandard.FrameParameters:
    """Return the frame header; raises `DamagedError` where it cannot be that of a chunk."""
    try:
        frame = zstandard.get_frame_parameters(data)
    except zstandard.ZstdError as error:
        raise DamagedError(f"chunk: {error}") from error
    if frame.content_size > MAX_BYTES or frame.window_size > MAX_BYTES:  # unknown is 2^64 - 1
        raise DamagedError("chunk: it claims no size, or more than 16 MiB")
    if not frame.has_checksum or frame.dict_id:
        raise DamagedError("chunk: its frame has no checksum, or asks for a dictionary")
    return frame
