"""Chunks: one Zstandard frame with the layers of up to 16,384 images (FORMAT.md section 3)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from digitzip.errors import DamagedError, UnsupportedError
from digitzip.format.frames import pack_frame, unpack_frame
from digitzip.format.wire import Cursor, varint
from digitzip.limits import MAX_CHUNK_IMAGES

LEVEL: Final = 1  # codes hold no matches to search for
TEXT_LEVEL: Final = 19

_FIRST_ANCILLARY: Final = 0x80


class LayerType(IntEnum):
    """The layers of FORMAT.md; those below 0x80 change pixels."""

    CODES = 0x01
    CORRECTIONS = 0x02
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
    """A run of images with their layers; it does not depend on its position in the file."""

    images: int
    pixel_crc: int
    layers: tuple[Layer, ...]

    def layer(self, type_: LayerType) -> Layer | None:
        """Return the layer of this type, or None where the chunk has none."""
        return next((layer for layer in self.layers if layer.type == type_), None)

    def to_bytes(self) -> bytes:
        """Return the chunk as one Zstandard frame, a block to each large piece."""
        level = TEXT_LEVEL if self.layer(LayerType.NAMES) else LEVEL
        pieces = [varint(self.images) + self.pixel_crc.to_bytes(4, "little")]
        for layer in self.layers:
            length = sum(map(len, layer.pieces))
            pieces += [bytes([layer.type]) + varint(length), *layer.pieces]
        return pack_frame(pieces, level)

    @classmethod
    def from_bytes(cls, data: bytes) -> Chunk:
        """Read `data`, one whole chunk.

        Raises `DamagedError` for anything else, `UnsupportedError` for a critical layer that this
        build does not know.
        """
        cursor = Cursor(unpack_frame(data), "chunk")
        images = cursor.bounded(1, MAX_CHUNK_IMAGES, "number of images")
        pixel_crc = cursor.fixed(4)
        layers: list[Layer] = []
        while cursor.remaining:
            type_ = cursor.fixed(1)
            if type_ <= (layers[-1].type if layers else 0):
                raise DamagedError("chunk: its layers are not in ascending order of type")
            if type_ < _FIRST_ANCILLARY and type_ not in set(LayerType):
                raise UnsupportedError(
                    f"chunk needs layer {type_:#04x}, unknown to this build: update digitzip"
                )
            layers.append(Layer(type_, (cursor.take(cursor.varint()),)))
        if not layers or layers[0].type != LayerType.CODES:
            raise DamagedError("chunk: it has no codes")
        return cls(images, pixel_crc, tuple(layers))
