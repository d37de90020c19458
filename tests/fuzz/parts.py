"""A `.dz` file taken apart, to be changed and put together with all its checks made good."""

from __future__ import annotations

import hashlib
import zlib
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Final

import zstandard

from digitzip.codec import Codec
from digitzip.entropy.corrections import corrected_rows
from digitzip.errors import DigitzipError
from digitzip.format import Entry, Header, Trailer, metadata
from digitzip.format.wire import Cursor, varint
from tests.fuzz.damage import damage, number

_PACK: Final = zstandard.ZstdCompressor(level=1, write_checksum=True)
_UNPACK: Final = zstandard.ZstdDecompressor()
_TYPES: Final = (1, 2, 3, 4, 0x7F, 0x80, 0x81, 0x82, 0x83, 0xFF)
_KEYS: Final = ("a", "b", "digitzip", "source", "ü", "\0", "\x1b[2J", "x" * 255)
_TEXTS: Final = ("", "1.0.0", "a.png\nb.png", "\0", "\x1b[2J", "ü", "x" * 5000)


@dataclass
class ChunkParts:
    """A chunk, its numbers and layers open; `raw` stands for its content where it is set."""

    images: int
    crc: int
    layers: list[tuple[int, bytes]]
    raw: bytes | None = None

    @classmethod
    def of(cls, frame: bytes) -> ChunkParts:
        cursor = Cursor(_UNPACK.decompress(frame), "chunk")
        images, crc, layers = cursor.varint(), cursor.fixed(4), []
        while cursor.remaining:
            layers.append((cursor.fixed(1), cursor.take(cursor.varint())))
        return cls(images, crc, layers)

    def content(self) -> bytes:
        head = varint(self.images) + self.crc.to_bytes(4, "little")
        layers = (bytes([kind]) + varint(len(body)) + body for kind, body in self.layers)
        return self.raw if self.raw is not None else head + b"".join(layers)

    def prove(self, codec: Codec) -> None:
        """Set the pixel CRC to that of the decoder's pixels, where the codes are any."""
        try:
            codes = codec.coder.unpack(self.layers[0][1], self.images, codec.model.shape.dims)
            self.crc = zlib.crc32(codec.decode(codes).data)
        except (DigitzipError, IndexError):
            pass


@dataclass
class FileParts:
    """A file: its header, then chunks, and old trailers as bytes; whether the header is copied."""

    header: bytes
    frames: list[ChunkParts | bytes] = field(default_factory=list)
    copied: bool = False

    @classmethod
    def of(cls, data: bytes) -> FileParts:
        """Take a valid file apart."""
        header = Header.from_bytes(data).to_bytes()
        trailer = data[-int.from_bytes(data[-4:], "little") :]
        at, parts = len(header), cls(header, copied=bool(trailer[8] & 4))
        for entry in Trailer.from_bytes(trailer, header).entries:
            frame = data[at : at + entry.length]
            parts.frames.append(ChunkParts.of(frame) if entry.images else frame)
            at += entry.length
        return parts

    def copy(self) -> FileParts:
        return FileParts(
            self.header,
            [
                each if isinstance(each, bytes) else replace(each, layers=list(each.layers))
                for each in self.frames
            ],
            self.copied,
        )

    def to_bytes(self, random: Random, *, honest: bool) -> bytes:
        """Put the file together; where not `honest`, something in the trailer is not so."""
        stored: list[bytes] = []
        entries: list[Entry] = []
        for part in self.frames:
            frame = part if isinstance(part, bytes) else _PACK.compress(part.content())
            stored.append(frame)
            images = 0 if isinstance(part, bytes) else min(part.images, (1 << 53) - 1)
            entries.append(Entry(len(frame), images, zlib.crc32(frame)))
        trailer = self._trailer(entries)
        if not honest:
            trailer = _dishonest(random, trailer)
        end = trailer.to_bytes(self.header, copy=self.copied)
        if self.copied and not honest and random.random() < 0.2:
            end = resigned(self.header, damage(random, end[8:-12]))
        return self.header + b"".join(stored) + end

    def _trailer(self, entries: list[Entry]) -> Trailer:
        chunks = [each for each in self.frames if isinstance(each, ChunkParts)]
        named, labelled = (
            any(type_ == kind for each in chunks for kind, _ in each.layers)
            for type_ in (0x81, 0x82)
        )
        return Trailer(tuple(entries), named, labelled, sum(map(_corrected, chunks)))


def _corrected(chunk: ChunkParts) -> int:
    """Return how many images a chunk says it corrects, or 0 where it cannot be told."""
    with suppress(DigitzipError, IndexError):
        return sum(
            len(corrected_rows(body, chunk.images)) for kind, body in chunk.layers if kind == 2
        )
    return 0


def _dishonest(random: Random, trailer: Trailer) -> Trailer:
    """Change one thing that a trailer says."""
    entries = list(trailer.entries)
    at = random.randrange(len(entries)) if entries else 0
    match random.randrange(9):
        case 0 if entries:
            entries[at] = replace(entries[at], images=number(random))
        case 1 if entries:
            entries[at] = replace(entries[at], length=number(random))
        case 2 if entries:
            entries[at] = replace(entries[at], crc=number(random, 1 << 32))
        case 3 if entries:
            entries.insert(at, entries[at])
        case 4 if entries:
            del entries[at]
        case 5:
            return replace(trailer, named=not trailer.named)
        case 6:
            return replace(trailer, labelled=not trailer.labelled)
        case _:
            return replace(trailer, corrected=number(random))
    return replace(trailer, entries=tuple(entries))


def resigned(header: bytes, fields: bytes) -> bytes:
    """Return a trailer with these fields, its sizes and digest made good."""
    size = len(fields) + 12
    signed = b"\x5e\x2a\x4d\x18" + size.to_bytes(4, "little") + fields
    digest = hashlib.sha256(header + signed).digest()[:8]
    return signed + digest + (size + 8).to_bytes(4, "little")


def with_metadata(random: Random, header: bytes) -> bytes:
    """Return a header with other metadata, some of which no writer writes."""
    items = [(random.choice(_KEYS), random.choice(_TEXTS)) for _ in range(random.randrange(4))]
    if random.random() < 0.7:
        field_ = metadata.pack(dict(items))
    else:
        pairs = [(key.encode(), text.encode()) for key, text in items]
        field_ = varint(random.choice((len(pairs), number(random)))) + b"".join(
            bytes([len(key)]) + key + varint(random.choice((len(text), number(random, 200)))) + text
            for key, text in pairs
        )
    with suppress(DigitzipError):
        promise = Header.from_bytes(header).promise.to_bytes()
        return sealed(header[: 36 + len(promise)] + field_ + bytes(4))
    return header


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
            labels = random.randbytes(chunk.images) if chunk.images < 100 else b""
            chunk.layers = [each for each in chunk.layers if each[0] != 0x82]
            chunk.layers.append((0x82, bytes([random.random() < 0.1]) + labels))
        case 1:
            chunk.images = number(random, 1 << random.choice((4, 15, 53)))
        case 2:
            chunk.crc = random.getrandbits(32)
        case 3:
            chunk.raw = damage(random, chunk.content())
        case 4:
            chunk.layers.insert(at, (random.choice(_TYPES), any_body(random, chunk.images)))
            if random.random() < 0.8:
                chunk.layers.sort(key=lambda layer: layer[0])
        case 5 if chunk.layers:
            del chunk.layers[at]
        case 6 if chunk.layers:
            kind, body = chunk.layers[at]
            chunk.layers[at] = random.choice(_TYPES), body
        case 7 if random.random() < 0.02:  # images by the thousand from a few bytes
            chunk.images = random.choice((1025, 4096, 16_384))
            planes = -(-codec.model.shape.dims // 1)
            chunk.layers = [(1, b"\x02" + bytes([random.randrange(5)]) * (chunk.images * planes))]
        case _ if chunk.layers:
            kind, body = chunk.layers[at]
            chunk.layers[at] = kind, damage(random, body)
    if random.random() < 0.5 and 1 <= chunk.images <= 16_384:
        chunk.prove(codec)


def any_body(random: Random, images: int) -> bytes:
    """Return the body of a layer: of no kind, or of corrections in groups of bounds."""
    if random.random() < 0.3:
        return random.randbytes(random.choice((0, 1, 2, 9, 40, 800)))
    groups = random.choice((1, 1, 2, 3))
    body, count = bytearray([random.choice((0, 0, 0, 1, 2))]), 0
    body += varint(random.choice((groups, groups, number(random))))
    bounds = sorted(random.choice((0, 1, 2, 16, 127, 128)) for _ in range(groups))
    for bound in bounds:
        mine = min(random.choice((1, 1, 2, images)), 5)
        body += bytes([bound]) + varint(random.choice((mine, mine, number(random))))
        for _ in range(mine):
            body += varint(random.choice((0, 0, 1, number(random, 40))))
        count += mine
    pixels = random.randbytes(1) * (784 * count) if random.random() < 0.7 else random.randbytes(99)
    return bytes(body) + pixels
