"""Chunks: one Zstandard frame with the layers of up to 16,384 digits (FORMAT.md section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

import zstandard

from digitzip.errors import DamagedError, LimitError, UnsupportedError
from digitzip.format.wire import Cursor, varint

MAX_DIGITS: Final = 16_384
MAX_BYTES: Final = 16 << 20
LEVEL: Final = 1  # codes hold no matches to search for
TEXT_LEVEL: Final = 19

_FIRST_ANCILLARY: Final = 0x80
_KNOWN_CRITICAL: Final = frozenset({0x01, 0x02, 0x03})
_RAW, _REPEATED, _RESERVED = 0, 1, 3  # kinds of Zstandard blocks, RFC 8878 section 3.1.1.2
_MAX_BLOCK: Final = 128 << 10
_CHECKSUM_SIZE: Final = 4
_BLOCK_WORK: Final = 32  # bytes that are hashed while one block is followed
_BLOCK_FROM: Final = 512  # a piece smaller than this shares its Zstandard block with the next


class LayerType(IntEnum):
    """The layers of FORMAT.md; those below 0x80 change pixels."""

    CODES = 0x01
    REFINE = 0x02
    EXACT = 0x03
    NAMES = 0x81
    LABELS = 0x82


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: a type and its body, in pieces of different statistics."""

    type: int
    pieces: Sequence[bytes]

    @property
    def body(self) -> bytes:
        return b"".join(self.pieces)


@dataclass(frozen=True, slots=True)
class Chunk:
    """The digits `first` … `first + digits - 1` of a file."""

    first: int
    digits: int
    pixel_crc: int
    layers: tuple[Layer, ...]

    def layer(self, type_: LayerType) -> Layer | None:
        """Return the layer of this type, or None where the chunk has none."""
        return next((layer for layer in self.layers if layer.type == type_), None)

    def to_bytes(self) -> bytes:
        """Return the chunk as one Zstandard frame, a block to each large piece."""
        level = TEXT_LEVEL if self.layer(LayerType.NAMES) else LEVEL
        head = varint(self.first) + varint(self.digits) + self.pixel_crc.to_bytes(4, "little")
        pieces = [head]
        for layer in self.layers:
            length = sum(map(len, layer.pieces))
            pieces += [bytes([layer.type]) + varint(length), *layer.pieces]
        return _compress_pieces(pieces, level)

    @classmethod
    def from_bytes(cls, data: bytes) -> Chunk:
        """Read one chunk that is all of `data`.

        Raises `DamagedError` for anything but a chunk, `UnsupportedError` for a critical layer
        this build does not know.
        """
        content = _decompress_frame(data)
        cursor = Cursor(content, "chunk")
        first = cursor.varint()
        digits = cursor.bounded(1, MAX_DIGITS, "number of digits")
        pixel_crc = cursor.fixed(4)
        layers: list[Layer] = []
        while cursor.remaining:
            type_ = cursor.fixed(1)
            if type_ <= (layers[-1].type if layers else 0):
                raise DamagedError("chunk: its layers are not in ascending order of type")
            if type_ < _FIRST_ANCILLARY and type_ not in _KNOWN_CRITICAL:
                raise UnsupportedError(
                    f"chunk needs layer {type_:#04x}, unknown to this build: update digitzip"
                )
            layers.append(Layer(type_, (cursor.take(cursor.varint()),)))
        if not layers or layers[0].type != LayerType.CODES:
            raise DamagedError("chunk: it has no codes")
        return cls(first, digits, pixel_crc, tuple(layers))


def _compress_pieces(pieces: Sequence[bytes], level: int) -> bytes:
    size = sum(map(len, pieces))
    if size > MAX_BYTES:
        raise LimitError(f"chunk of {size} bytes, expected at most {MAX_BYTES}")
    compressor = zstandard.ZstdCompressor(
        level=level, write_checksum=True, write_content_size=True, write_dict_id=False
    ).compressobj(size=size)
    out, pending = bytearray(), 0
    for piece in pieces:
        if pending and len(piece) >= _BLOCK_FROM:
            out += compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            pending = 0
        out += compressor.compress(piece)
        pending += len(piece)
        if len(piece) >= _BLOCK_FROM:
            out += compressor.flush(zstandard.COMPRESSOBJ_FLUSH_BLOCK)
            pending = 0
    return bytes(out + compressor.flush(zstandard.COMPRESSOBJ_FLUSH_FINISH))


def _decompress_frame(data: bytes) -> bytes:
    """Unpack the one frame that `data` must be, sizes checked before anything is allocated."""
    _parameters(data)
    try:
        unpacker = zstandard.ZstdDecompressor(max_window_size=MAX_BYTES)
        return unpacker.decompress(data, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise DamagedError(f"chunk: {error}") from error


def _parameters(data: bytes | memoryview) -> zstandard.FrameParameters:
    """Return what the head of a frame says; raises `DamagedError` where it is no chunk's."""
    try:
        frame = zstandard.get_frame_parameters(data)
    except zstandard.ZstdError as error:
        raise DamagedError(f"chunk: {error}") from error
    if frame.content_size > MAX_BYTES or frame.window_size > MAX_BYTES:  # unknown is 2^64 - 1
        raise DamagedError("chunk: it claims no size, or more than 16 MiB")
    if not frame.has_checksum or frame.dict_id:
        raise DamagedError("chunk: its frame has no checksum, or asks for a dictionary")
    return frame


@dataclass(frozen=True, slots=True)
class Walk:
    """How far a frame was followed, and whether that is to its end.

    `work` is what it cost, and what unpacking it would, counted as bytes that are hashed.
    """

    size: int
    whole: bool
    work: int


def walk_frame(data: bytes | memoryview) -> Walk:
    """Follow the blocks of the ordinary frame that `data` begins with, but unpack nothing.

    Raises `DamagedError` where already its head is no chunk's.
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
