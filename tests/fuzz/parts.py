"""A `.dz` file taken apart, to be changed and put together with all its checks made good."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

import zstandard

from digitzip.codec import Codec
from digitzip.errors import DigitzipError
from digitzip.format import Entry, Header, Trailer
from digitzip.format.wire import Cursor, varint
from tests.fuzz.damage import damage, number

_PACK: Final = zstandard.ZstdCompressor(level=1, write_checksum=True)
_UNPACK: Final = zstandard.ZstdDecompressor()
_TYPES: Final = (1, 2, 3, 4, 0x7F, 0x80, 0x81, 0x82, 0x83, 0xFF)


@dataclass
class ChunkParts:
    """A chunk, its numbers and layers open; `raw` stands for its content where it is set."""

    first: int
    digits: int
    crc: int
    layers: list[tuple[int, bytes]]
    raw: bytes | None = None

    @classmethod
    def of(cls, frame: bytes) -> ChunkParts:
        cursor = Cursor(_UNPACK.decompress(frame), "chunk")
        first, digits, crc, layers = cursor.varint(), cursor.varint(), cursor.fixed(4), []
        while cursor.remaining:
            layers.append((cursor.fixed(1), cursor.take(cursor.varint())))
        return cls(first, digits, crc, layers)

    def content(self) -> bytes:
        head = varint(self.first) + varint(self.digits) + self.crc.to_bytes(4, "little")
        layers = (bytes([kind]) + varint(len(body)) + body for kind, body in self.layers)
        return self.raw if self.raw is not None else head + b"".join(layers)

    def prove(self, codec: Codec) -> None:
        """Set the pixel CRC to that of the decoder's pixels, where the codes are any."""
        try:
            codes = codec.coder.unpack(self.layers[0][1], self.digits, codec.model.shape.dims)
            self.crc = zlib.crc32(codec.decode(codes).data)
        except (DigitzipError, IndexError):
            pass


@dataclass
class FileParts:
    """A file: its header, then chunks, and old trailers as bytes; `None` is none to be written."""

    header: bytes
    frames: list[ChunkParts | bytes] = field(default_factory=list)

    @classmethod
    def of(cls, data: bytes) -> FileParts:
        """Take a valid file apart."""
        header = Header.from_bytes(data[:60]).to_bytes()
        size = int.from_bytes(data[-4:], "little")
        at, parts = len(header), cls(header)
        for entry in Trailer.from_bytes(data[-size:], header).entries:
            frame = data[at : at + entry.length]
            parts.frames.append(ChunkParts.of(frame) if entry.digits else frame)
            at += entry.length
        return parts

    def copy(self) -> FileParts:
        return FileParts(
            self.header,
            [
                each if isinstance(each, bytes) else replace(each, layers=list(each.layers))
                for each in self.frames
            ],
        )

    def to_bytes(self, random: Random, *, honest: bool) -> bytes:
        """Put the file together; where not `honest`, something in the trailer is not so."""
        stored: list[bytes] = []
        entries: list[Entry] = []
        for part in self.frames:
            frame = part if isinstance(part, bytes) else _PACK.compress(part.content())
            stored.append(frame)
            digits = 0 if isinstance(part, bytes) else min(part.digits, (1 << 53) - 1)
            entries.append(Entry(len(frame), digits, zlib.crc32(frame)))
        if entries and not honest:
            at = random.randrange(len(entries))
            match random.randrange(5):
                case 0:
                    entries[at] = replace(entries[at], digits=number(random))
                case 1:
                    entries[at] = replace(entries[at], length=number(random))
                case 2:
                    entries[at] = replace(entries[at], crc=number(random, 1 << 32))
                case 3:
                    entries.insert(at, entries[at])
                case _:
                    del entries[at]
        return self.header + b"".join(stored) + Trailer(tuple(entries)).to_bytes(self.header)


def sealed(header: bytes) -> bytes:
    """Make the size and the CRC of a changed header good again."""
    payload = header[8:-4]
    head = header[:4] + ((len(payload) + 4) % (1 << 32)).to_bytes(4, "little") + payload
    return head + zlib.crc32(head).to_bytes(4, "little")


def change_chunk(random: Random, chunk: ChunkParts, codec: Codec) -> None:
    """Change one thing in a chunk; its Zstandard checksum will be good."""
    at = random.randrange(len(chunk.layers)) if chunk.layers else 0
    match random.randrange(10):
        case 0:
            chunk.first = number(random)
        case 1:
            chunk.digits = number(random, 1 << random.choice((4, 15, 53)))
        case 2:
            chunk.crc = random.getrandbits(32)
        case 3:
            chunk.raw = damage(random, chunk.content())
        case 4:
            chunk.layers.insert(at, (random.choice(_TYPES), any_body(random, chunk.digits)))
            if random.random() < 0.8:
                chunk.layers.sort(key=lambda layer: layer[0])
        case 5 if chunk.layers:
            del chunk.layers[at]
        case 6 if chunk.layers:
            kind, body = chunk.layers[at]
            chunk.layers[at] = random.choice(_TYPES), body
        case 7 if random.random() < 0.02:  # digits by the thousand from a few bytes
            chunk.digits = random.choice((1025, 4096, 16_384))
            planes = -(-codec.model.shape.dims // 1)
            chunk.layers = [(1, b"\x02" + bytes([random.randrange(5)]) * (chunk.digits * planes))]
        case _ if chunk.layers:
            kind, body = chunk.layers[at]
            chunk.layers[at] = kind, damage(random, body)
    if random.random() < 0.5 and 1 <= chunk.digits <= 16_384:
        chunk.prove(codec)


def any_body(random: Random, digits: int) -> bytes:
    """Return the body of a layer: of no kind, or with listed digits and bytes for their pixels."""
    if random.random() < 0.3:
        return random.randbytes(random.choice((0, 1, 2, 9, 40, 800)))
    count = min(random.choice((1, 1, 2, digits)), 5)
    places = b"".join(varint(random.choice((0, 0, 1, number(random, 40)))) for _ in range(count))
    head = bytes([random.choice((0, 0, 0, 1, 2))])
    if random.random() < 0.5:
        head += bytes([random.choice((0, 1, 16, 127, 128))])
    pixels = random.randbytes(1) * (784 * count) if random.random() < 0.7 else random.randbytes(99)
    return head + varint(random.choice((count, count, number(random)))) + places + pixels
