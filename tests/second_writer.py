"""Writes the layers of `.dz` files and whole files, from docs/FORMAT.md alone.

The counterpart of `second_reader`: it shares no code with digitzip, so that the conformance files
do not depend on what they test. "F 3" stands for section 3 of FORMAT.md.
"""

import hashlib
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import zstandard

from tests.second_reader import Model, seen, write_packet

Code = tuple[int, ...]
Interval = tuple[int, int]
Groups = Mapping[int, Sequence[int]]
"""By bound, the rows of the images that are corrected within it."""


def varint(value: int) -> bytes:
    """F 1."""
    more = value > 0x7F
    return bytes([value & 0x7F | 0x80 * more]) + (varint(value >> 7) if more else b"")


def crc(data: bytes) -> bytes:
    return zlib.crc32(data).to_bytes(4, "little")


def header(model: Model, levels: int, promise: bytes = b"\0", metadata: bytes = b"\0") -> bytes:
    """F 2."""
    sizes = bytes([model.height, model.width, model.dims, levels])
    payload = b"\x89DZ\r\n\x1a\n\x03" + model.id + sizes + promise + metadata
    head = b"\x5d\x2a\x4d\x18" + (len(payload) + 4).to_bytes(4, "little") + payload
    return head + crc(head)


def metadata(*items: tuple[str, str]) -> bytes:
    """F 6.2: keys in the order given, as they are given; "" stands for `digitzip`."""
    pairs = [(key.encode(), value.encode()) for key, value in items]
    fields = (bytes([len(k)]) + k + varint(len(v)) + v for k, v in pairs)
    return varint(len(items)) + b"".join(fields)


@dataclass
class Chunk:
    """F 3: a chunk, and what it decodes to."""

    codes: list[Code]
    images: list[bytes]
    layers: list[tuple[int, bytes]]
    names: list[str] | None = None
    labels: bytes | None = None
    corrected: int = 0
    crc: int | None = None

    def content(self) -> bytes:
        crc = zlib.crc32(b"".join(self.images)) if self.crc is None else self.crc
        layers = (bytes([kind]) + varint(len(body)) + body for kind, body in self.layers)
        return varint(len(self.codes)) + crc.to_bytes(4, "little") + b"".join(layers)

    def frame(self) -> bytes:
        return frame(self.content())


def frame(content: bytes) -> bytes:
    """F 3: one Zstandard frame."""
    return zstandard.ZstdCompressor(level=19, write_checksum=True).compress(content)


@dataclass
class File:
    """F 7: a file in parts, to be changed and put together with all checks made good."""

    header: bytes
    chunks: list[Chunk] = field(default_factory=list)
    frames: list[tuple[bytes, int]] = field(default_factory=list)  # and their images
    flags: int = 0
    corrected: int = 0
    copy: bytes | None = None

    def __post_init__(self) -> None:
        self.frames = self.frames or [(each.frame(), len(each.codes)) for each in self.chunks]
        self.corrected = sum(each.corrected for each in self.chunks)
        for each in self.chunks[:1]:
            self.flags = (each.names is not None) | 2 * (each.labels is not None)

    def body(self) -> bytes:
        return b"".join(data for data, _ in self.frames)

    def trailer(self, crcs: Sequence[int] | None = None) -> bytes:
        crcs = crcs or [zlib.crc32(data) for data, _ in self.frames]
        fields = bytes([self.flags | 4 * (self.copy is not None)])
        if self.copy is not None:
            fields += varint(len(self.copy)) + self.copy
        fields += varint(self.corrected) + varint(len(self.frames))
        for (data, images), crc in zip(self.frames, crcs, strict=True):
            fields += varint(len(data)) + varint(images) + crc.to_bytes(4, "little")
        size = len(fields) + 8 + 4
        signed = b"\x5e\x2a\x4d\x18" + size.to_bytes(4, "little") + fields
        digest = hashlib.sha256(self.header + signed).digest()[:8]
        return signed + digest + (size + 8).to_bytes(4, "little")

    def data(self) -> bytes:
        return self.header + self.body() + self.trailer()


def values(codes: Sequence[Code], levels: int, group: int) -> bytes:
    """F 4.1: values, `group` of them to a byte."""
    planes = b""
    for p in range(0, len(codes[0]), group):
        weights = [levels**i for i in range(group)]
        planes += bytes(
            sum(v * w for v, w in zip(code[p : p + group], weights, strict=False)) for code in codes
        )
    return bytes([group << 1]) + planes


def coded(codes: Sequence[Code], levels: int, k: int, model: Model) -> bytes:
    """F 4.1: coded in `2^k` lanes."""
    intervals = []
    for j in range(model.dims):
        for code in codes:
            cdf = model.cdf(levels, code[:j])
            intervals.append((cdf[code[j]], cdf[code[j] + 1]))
    return bytes([1 | k << 1]) + rans(intervals, len(codes), 1 << k, 14)


def rans(intervals: Sequence[Interval], images: int, lanes: int, bits: int) -> bytes:
    """F 4.1: states and words, from the intervals in the order of decoding."""
    states, words = [1 << 16] * lanes, []
    for i in reversed(range(len(intervals))):
        begin, end = intervals[i]
        lane, size = i % images % lanes, end - begin
        x = states[lane]
        if x >= size << 32 - bits:
            words.append(x & 0xFFFF)
            x >>= 16
        states[lane] = (x // size << bits) + x % size + begin
    out = b"".join(x.to_bytes(4, "little") for x in states)
    return out + b"".join(word.to_bytes(2, "little") for word in reversed(words))


def listed(groups: Groups) -> bytes:
    """F 4.2: the groups and their rows."""
    out = varint(len(groups))
    for bound, rows in groups.items():
        gaps = [b - a - 1 for a, b in zip([-1, *rows], rows, strict=False)]
        out += bytes([bound]) + varint(len(rows)) + b"".join(map(varint, gaps))
    return out


def correct(
    recon: list[bytes], wanted: Sequence[bytes], groups: Groups, k: int | None, model: Model
) -> bytes:
    """F 4.2: the body that brings images near those wanted; `recon` gets their final pixels.

    Plain where `k` is None, otherwise coded in `2^k` lanes.
    """
    pairs = [(n, row) for n, rows in groups.items() for row in rows]
    steps: list[list[int]] = []
    before, originals = [recon[row] for _, row in pairs], [wanted[row] for _, row in pairs]
    for (n, row), was, original in zip(pairs, before, originals, strict=True):
        steps.append([(v - p + n) // (2 * n + 1) for p, v in zip(was, original, strict=True)])
        final = [p + q * (2 * n + 1) for p, q in zip(was, steps[-1], strict=True)]
        recon[row] = bytes(min(max(p, 0), 255) for p in final)
    if k is None:
        signed = [[(q + 128) % 256 - 128 for q in mine] for mine in steps]
        bytes_ = [[2 * q if q >= 0 else -2 * q - 1 for q in mine] for mine in signed]
        return (
            b"\0" + listed(groups) + bytes(s for pixel in zip(*bytes_, strict=True) for s in pixel)
        )
    intervals = []
    images = [bytearray(recon[row]) for _, row in pairs]
    for pixel in range(len(before[0])):
        for (n, _), was, mine, image in zip(pairs, before, steps, images, strict=True):
            cdf = model.pixel_cdf(seen(image, was, pixel, n, model))
            middle = was[pixel] + mine[pixel] * (2 * n + 1)
            intervals.append((cdf[max(middle - n, 0)], cdf[min(middle + n, 255) + 1]))
    return bytes([1 | k << 1]) + listed(groups) + rans(intervals, len(pairs), 1 << k, 16)


def coded_labels(labels: bytes, codes: Sequence[Code], levels: int, model: Model) -> bytes:
    """F 5.2: coded."""
    cdfs = (model.label_cdf(levels, code) for code in codes)
    intervals = [(cdf[v], cdf[v + 1]) for cdf, v in zip(cdfs, labels, strict=True)]
    return b"\1" + rans(intervals, len(codes), 1, 14)


def zigzag(q: int) -> int:
    """F 4.2: the byte of a plain step, modulo 256."""
    q = (q + 128) % 256 - 128
    return 2 * q if q >= 0 else -2 * q - 1


def front_coded(names: Sequence[str]) -> bytes:
    """F 5.1: each name without what it shares with the one before."""
    out, before = b"\0", b""
    for name in (name.encode() for name in names):
        shared = next(
            i for i in range(len(name) + 1) if i == len(name) or name[: i + 1] != before[: i + 1]
        )
        out += varint(shared) + varint(len(name) - shared) + name[shared:]
        before = name
    return out


def counter(prefix: str, start: int, suffix: str, width: int) -> bytes:
    """F 5.1: prefix, number, suffix."""
    ends = (varint(len(end.encode())) + end.encode() for end in (prefix, suffix))
    return b"\1" + b"".join(ends) + bytes([width]) + varint(start)


def packet(code: Code, levels: int, model: Model) -> bytes:
    """F 10."""
    return write_packet(code, levels, model)
