"""Make the conformance files anew: `python tests/conformance/make.py`.

A maintainer runs this when FORMAT.md gains something, and commits what it writes; tests only read.
The model and the images stay as they are; every file is written anew, and its bytes may differ with
another version of Zstandard.
"""

from __future__ import annotations

import hashlib
import io
import json
import sys
import zlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import zstandard

from digitzip.archive import Writer, open
from digitzip.codec import Codec
from digitzip.entropy.residuals import apply_residual, quantise_residual
from digitzip.format import Chunk, Entry, Guard, Header, Layer, LayerType, Trailer, naming
from digitzip.format.wire import varint
from digitzip.kernels import Layer as Dense
from digitzip.kernels import Network
from digitzip.kernels.context import MAX_WEIGHT, VALUES, input_size
from digitzip.model import Model, Quantiser, Shape, read_model, write_model

HERE = Path(__file__).parent
MODEL, RESIDUAL = HERE / "tiny.safetensors", HERE / "tiny-residual.safetensors"
IMAGES = HERE / "images.npy"
DIMS, LEVELS = 3, (8, 5)


def dense(
    rng: np.random.Generator, inputs: int, outputs: int, low: int, high: int, shift: int,
    *, reach: int = 127, skip: int = 0, table: bool = False,
) -> Dense:  # fmt: skip
    """A layer of random weights, with a table that wraps a ramp where asked for."""
    kind = np.int8 if reach < 128 else np.int16
    return Dense(
        weight=rng.integers(-reach, reach + 1, (outputs, inputs)).astype(kind),
        bias=rng.integers(-(1 << shift), 1 << shift, outputs),
        shift=rng.integers(shift - 1, shift + 1, outputs),
        low=low,
        high=high,
        skip=skip,
        table=(np.arange(high - low + 1, dtype=np.int32) * 3 % 256) if table else None,
    )


def tiny_model() -> Model:
    """A model of random weights that uses all a model may: skip, table, int16, both floats."""
    rng = np.random.default_rng(2016)
    encoder = Network(
        [dense(rng, 784, 8, 0, 1023, 11), dense(rng, 8, DIMS, -9999, 9999, 3)], 0, 255
    )
    decoder = Network(
        [
            dense(rng, DIMS, 12, -1023, 1023, 4),
            dense(rng, 12, 12, -1023, 1023, 12, reach=9000),
            dense(rng, 12, 12, 0, 1023, 8, skip=2),
            dense(rng, 12, 784, -128, 127, 8, table=True),
        ],
        -127,
        127,
    )
    images = rng.integers(0, 256, (500, 28, 28), dtype=np.uint8)
    outputs = encoder(images.reshape(-1, 784))
    quantisers = []
    for levels in LEVELS:
        cuts = np.quantile(outputs, np.arange(1, levels) / levels, axis=0).T
        predictor = [
            Network([dense(rng, 0, levels, -1024, 1023, 5)], -127, 127),
            *(Network([dense(rng, j, 6, 0, 255, 4), dense(rng, 6, levels, -1024, 1023, 6)], -127, 127) for j in range(1, DIMS)),
        ]  # fmt: skip
        points = np.tile((2 * np.arange(levels) + 1 - levels) * 127 // levels, (DIMS, 1))
        quantisers.append(
            Quantiser(levels, cuts.astype(np.int16), points.astype(np.int16), tuple(predictor))
        )
    codes = rng.integers(0, LEVELS[0], (2, DIMS), dtype=np.uint8)
    model = Model(
        "tiny",
        Shape(28, 28, DIMS),
        encoder,
        decoder,
        tuple(quantisers),
        codes,
        np.empty(0, np.uint8),
    )
    known = model.decode_points(quantisers[0].dequantise(codes))
    return replace(model, known_images=known, notes={"made by": "tests/conformance/make.py"})


def residual_network() -> Network:
    """A network of random weights that tell of pixels, of which those of the last column get none.

    In that column the last of the hidden numbers is 255, and takes what every value has.
    """
    rng = np.random.default_rng(2026)
    inputs = input_size(28, 28)
    hidden, last = dense(rng, inputs, 8, 0, 255, 10), dense(rng, 8, VALUES, -256, 255, 7)
    hidden.weight[-1], hidden.bias[-1], hidden.shift[-1] = 0, 0, 6
    hidden.weight[-1, inputs - 2] = 127
    weight = last.weight.astype(np.int16)
    weight[:, -1], last.shift[:] = -4000, 6
    halvings = (255 - np.arange(-256, 256)) // 16
    table = (MAX_WEIGHT >> halvings).astype(np.int32)
    return Network([hidden, replace(last, weight=weight, table=table)], 0, 255)


def images(n: int) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.random.default_rng(n).integers(0, 256, (n, 28, 28), dtype=np.uint8)


def fixed_images() -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """The images of `images.npy`, uint8 [20, 28, 28]: ten strokes, then ten of noise."""
    n, y, x = np.ogrid[:20, :28, :28]
    distance = np.abs((x - 14) * np.cos(n / 3) + (y - 14) * np.sin(n / 3))
    strokes = np.clip(255 - 60 * distance, 0, 255).astype(np.uint8)
    noise = ((n * 784 + y * 28 + x + 1).astype(np.uint32) * np.uint32(2654435761) >> 13) % 256
    images: np.ndarray[tuple[int, ...], np.dtype[np.uint8]] = np.where(
        n < 10, strokes, noise.astype(np.uint8)
    )
    return images


def written(codec: Codec, n: int, names: list[str] | None = None) -> bytes:
    out = io.BytesIO()
    with Writer(out, codec) as writer:
        writer.append(images(n), names)
    return out.getvalue()


class Parts:
    """A file taken apart, to be changed and put together again with all its checks made good."""

    def __init__(self, codec: Codec, chunks: list[Chunk], guard: Guard | None = None) -> None:
        model = codec.model
        self.header = Header(
            model.id, model.shape.height, model.shape.width, model.shape.dims, codec.levels,
            guard or Guard(),
        )  # fmt: skip
        self.frames = [(chunk.to_bytes(), chunk.digits) for chunk in chunks]

    def to_bytes(self, header: bytes | None = None) -> bytes:
        head = header or self.header.to_bytes()
        entries = [Entry(len(data), digits, zlib.crc32(data)) for data, digits in self.frames]
        body = b"".join(data for data, _ in self.frames)
        return head + body + Trailer(tuple(entries)).to_bytes(head)


def chunk(codec: Codec, first: int, n: int, kind: int = 2, *layers: Layer) -> Chunk:
    codes = np.random.default_rng(first + n).integers(0, codec.levels, (n, DIMS), dtype=np.uint8)
    coded = codec.coder.pack_coded(codes, kind >> 1)
    bodies = [*codec.coder.representations(codes), coded]
    body = next(pieces for pieces in bodies if pieces[0][0] == kind)
    pixels = codec.decode(codes)
    return Chunk(first, n, zlib.crc32(pixels.data), (Layer(LayerType.CODES, body), *layers))


@dataclass(frozen=True)
class Correcting:
    """A layer: which digits it corrects, and how; coded in `2^log` lanes where there is a log."""

    type: LayerType
    bound: int
    places: Sequence[int]
    log: int | None = None

    def correct(
        self, codec: Codec, pixels: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]
    ) -> Layer:
        """Return the layer of what the decoder gave, `pixels`, which it changes."""
        rows = np.array(self.places)
        wanted, decoded = fixed_images()[(rows + 7) % 20], pixels[rows]
        steps = quantise_residual(wanted, decoded, self.bound)
        pixels[rows] = apply_residual(decoded, steps, self.bound)
        kind = 0 if self.log is None else 1 | self.log << 1
        head = bytes([kind, self.bound]) + listed(*self.places)
        if self.log is None:
            signed = steps.astype(np.int8).astype(np.int16).reshape(len(rows), -1)
            body = (signed << 1 ^ signed >> 15).astype(np.uint8).T.tobytes()
        else:
            assert codec.residual is not None
            body = codec.residual.encode(wanted, decoded, self.bound, 1 << self.log)
        return Layer(self.type, (head, body))


def listed(*places: int) -> bytes:
    gaps = np.diff(places, prepend=-1) - 1
    return varint(len(places)) + b"".join(map(varint, gaps.tolist()))


def corrected(codec: Codec, n: int, *correcting: Correcting, names: bool = False) -> Chunk:
    """A chunk from digit 0 on, some of whose digits are corrected."""
    plain = chunk(codec, 0, n)
    pixels = codec.decode(codec.coder.unpack(plain.layers[0].body, n, DIMS))
    layers = [*plain.layers, *(each.correct(codec, pixels) for each in correcting)]
    if names:
        layers.append(Layer(LayerType.NAMES, (naming.pack([f"{i}.png" for i in range(n)]),)))
    return replace(plain, pixel_crc=zlib.crc32(pixels.data), layers=tuple(layers))


def corrected_files(codec: Codec) -> dict[str, bytes]:
    refine, exact = LayerType.REFINE, LayerType.EXACT

    def file(n: int, *correcting: Correcting, names: bool = False) -> bytes:
        return Parts(codec, [corrected(codec, n, *correcting, names=names)]).to_bytes()

    if codec.residual is None:
        return {
            "refine-plain": file(6, Correcting(refine, 10, (0, 2, 5))),
            "exact-plain": file(6, Correcting(exact, 0, (1, 2))),
            "exact-within-a-bound": file(3, Correcting(exact, 2, (0, 1, 2))),
            "refine-and-exact-plain": file(9, Correcting(refine, 40, (0, 8)), Correcting(exact, 0, (3,))),
            "refine-and-exact-with-names": file(9, Correcting(refine, 40, (1, 2)), Correcting(exact, 0, (0, 4)), names=True),
            "refine-with-n-of-127": file(4, Correcting(refine, 127, (0, 1, 3))),
            "refine-with-far-places": file(300, Correcting(refine, 20, (150, 299))),
        }  # fmt: skip
    return {
        "refine-coded": file(4, Correcting(refine, 10, (3,), 0)),
        "exact-coded": file(4, Correcting(exact, 0, (0, 3), 0)),
        "refine-coded-in-two-lanes": file(4, Correcting(refine, 40, (0, 1, 3), 1)),
        "exact-coded-in-more-lanes-than-digits": file(4, Correcting(exact, 3, (1, 2), 3)),
        "refine-coded-with-n-of-127": file(4, Correcting(refine, 127, (1,), 0)),
        "refine-plain-and-exact-coded": file(6, Correcting(refine, 40, (0, 2)), Correcting(exact, 0, (4,), 0)),
        "refine-and-exact-coded-with-names": file(9, Correcting(refine, 40, (1,), 0), Correcting(exact, 0, (0,), 0), names=True),
    }  # fmt: skip


def uncorrected_files(codec: Codec, residual: Codec) -> dict[str, tuple[bytes, str, str]]:
    """Files to refuse for their corrections, of models without and with a residual network."""
    refine, exact = LayerType.REFINE, LayerType.EXACT
    none = bytes(784)  # no steps of one digit

    def layer(*pieces: bytes, model: Codec = codec, digits: int = 4) -> bytes:
        given = chunk(model, 0, digits, 2, Layer(exact, pieces))
        return Parts(model, [given]).to_bytes()

    def coded(*pieces: bytes, digits: int = 4) -> bytes:
        return layer(b"\x01\0\x01\0", *pieces, model=residual, digits=digits)

    twice = chunk(
        codec, 0, 4, 2, *(Layer(type_, (b"\0\0" + listed(1), none)) for type_ in (refine, exact))
    )
    unproved = replace(corrected(codec, 4, Correcting(exact, 0, (1,))), pixel_crc=twice.pixel_crc)
    good = corrected(residual, 4, Correcting(exact, 0, (0,), 0)).layers[1].body[4:]
    unused = corrected(residual, 4, Correcting(exact, 0, (0,), 1)).layers[1].body[4:]
    unused = unused[:4] + b"\1\0\1\0" + unused[8:]
    damaged, unknown = "DamagedError", "corrections: unknown representation"
    return {
        "corrections-empty": (layer(b""), damaged, "corrections ends early"),
        "corrections-plain-in-two-lanes": (layer(b"\x02\0" + listed(0), none), damaged, f"{unknown} 0x02"),
        "corrections-reserved-bit": (layer(b"\x20\0" + listed(0), none), damaged, f"{unknown} 0x20"),
        "corrections-coded-reserved-bit": (layer(b"\x21\0" + listed(0), good, model=residual), damaged, f"{unknown} 0x21"),
        "corrections-coded-in-512-lanes": (layer(b"\x13\0" + listed(0), bytes(4096), model=residual), damaged, f"{unknown} 0x13"),
        "corrections-with-n-of-128": (layer(b"\0\x80" + listed(0), none), damaged, "with bound 128"),
        "corrections-of-no-digits": (layer(b"\0\0\0"), damaged, "number of digits is 0"),
        "corrections-of-5-digits-of-4": (layer(b"\0\0\5" + bytes(5), none * 5), damaged, "number of digits is 5"),
        "corrections-of-digit-4-of-4": (layer(b"\0\0\2\0\3", none * 2), damaged, "digit 4 of a chunk of 4"),
        "corrections-begin-with-digit-4-of-4": (layer(b"\0\0\1\4", none), damaged, "distance of two digits is 4"),
        "corrections-places-cut": (layer(b"\0\0\2\0"), damaged, "corrections ends early"),
        "corrections-twice-of-a-digit": (Parts(codec, [twice]).to_bytes(), damaged, "both refined and exact"),
        "corrections-steps-cut": (layer(b"\0\0" + listed(0, 2), bytes(1567)), damaged, "1567 bytes of steps, expected 1568"),
        "corrections-steps-too-long": (layer(b"\0\0" + listed(0), bytes(785)), damaged, "785 bytes of steps, expected 784"),
        "corrections-pixel-crc": (Parts(codec, [unproved]).to_bytes(), damaged, "do not decode"),
        "corrections-coded-without-a-network": (layer(b"\1\0" + listed(0), good), damaged, "no residual network"),
        "corrections-coded-without-all-states": (layer(b"\3\0" + listed(0), bytes(6), model=residual), damaged, "6 bytes, expected an even number from 8 to 1576"),
        "corrections-coded-in-half-a-word": (coded(good, b"\0"), damaged, "expected an even number"),
        "corrections-coded-with-a-state-too-small": (coded(b"\xff\xff\0\0", good[4:]), damaged, "a state is 65535"),
        "corrections-coded-with-more-words-than-pixels": (coded(bytes([0, 0, 1, 0]) + bytes(1570)), damaged, "1574 bytes, expected an even number from 4 to 1572"),
        "corrections-coded-a-word-less": (coded(good[:-2]), damaged, "corrections: they end early"),
        "corrections-coded-a-word-more": (coded(good, b"\1\0"), damaged, "corrections: something is left"),
        "corrections-coded-a-lane-not-used": (layer(b"\3\0" + listed(0), unused, model=residual), damaged, "corrections: something is left"),
        "corrections-coded-with-1025-digits-in-a-lane": (layer(b"\1\0" + listed(*range(1025)), bytes([0, 0, 1, 0]), model=residual, digits=1025), damaged, "1025 digits in 1 lanes"),
    }  # fmt: skip


def appended(codec: Codec) -> bytes:
    old = Parts(codec, [chunk(codec, 0, 5)])
    head, first = old.header.to_bytes(), old.to_bytes()
    (data, digits), trailer = old.frames[0], first[len(head) + len(old.frames[0][0]) :]
    more = chunk(codec, 5, 3).to_bytes()
    entries = (
        Entry(len(data), digits, zlib.crc32(data)),
        Entry(len(trailer), 0, zlib.crc32(trailer)),
        Entry(len(more), 3, zlib.crc32(more)),
    )
    return first + more + Trailer(entries).to_bytes(head)


def valid_files(codec: Codec, five: Codec) -> dict[str, bytes]:
    names = Layer(LayerType.NAMES, (naming.pack(["a/1.png", "a/10.png", "ü.png", "z"]),))
    counter = Layer(LayerType.NAMES, (naming.pack([f"scan-{i:04d}.png" for i in range(8, 12)]),))
    guard = Guard(on=True, max_error=9, max_rmse=6554, reader=bytes(range(4)))
    return {
        "empty": written(codec, 0),
        "one": written(codec, 1),
        "thousand": written(codec, 1000),
        "five-levels": written(five, 60),
        "values": Parts(codec, [chunk(codec, 0, 40, 0b010)]).to_bytes(),
        "coded": Parts(codec, [chunk(codec, 0, 40, 0b001)]).to_bytes(),
        "values-in-pairs": Parts(codec, [chunk(codec, 0, 40, 0b100)]).to_bytes(),
        "values-in-triples": Parts(five, [chunk(five, 0, 40, 0b110)]).to_bytes(),
        "coded-in-two-lanes": Parts(codec, [chunk(codec, 0, 41, 0b011)]).to_bytes(),
        "coded-in-more-lanes-than-digits": Parts(codec, [chunk(codec, 0, 5, 0b111)]).to_bytes(),
        "coded-in-sixteen-lanes": Parts(codec, [chunk(codec, 0, 300, 0b1001)]).to_bytes(),
        "coded-in-256-lanes": Parts(codec, [chunk(codec, 0, 2500, 0b10001)]).to_bytes(),
        "coded-with-five-levels": Parts(five, [chunk(five, 0, 40, 0b101)]).to_bytes(),
        "three-chunks": Parts(codec, [chunk(codec, f, 7) for f in (0, 7, 14)]).to_bytes(),
        "names-front-coded": Parts(codec, [chunk(codec, 0, 4, 0b001, names)]).to_bytes(),
        "names-counter": Parts(codec, [chunk(codec, 0, 4, 0b001, counter)]).to_bytes(),
        "labels": Parts(codec, [chunk(codec, 0, 4, 0b010, Layer(LayerType.LABELS, (bytes(5),)))]).to_bytes(),
        "unknown-ancillary-layer": Parts(codec, [chunk(codec, 0, 4, 0b010, Layer(0xF0, (b"?",)))]).to_bytes(),
        "guard-fields": Parts(codec, [chunk(codec, 0, 4)], guard).to_bytes(),
        "appended": appended(codec),
    }  # fmt: skip


def invalid_files(codec: Codec) -> dict[str, tuple[bytes, str, str]]:
    """Files to refuse: bytes, the error, and words its message must have."""
    three = [chunk(codec, f, 7) for f in (0, 7, 14)]
    good = Parts(codec, three)
    data, head = good.to_bytes(), good.header.to_bytes()
    body = sum(len(frame) for frame, _ in good.frames)

    def frames(change: Callable[[list[tuple[bytes, int]]], object]) -> bytes:
        parts = Parts(codec, three)
        change(parts.frames)
        return parts.to_bytes()

    def header(offset: int, value: int) -> bytes:
        changed = bytearray(head[:-4])
        changed[offset] = value
        return good.to_bytes(bytes(changed) + zlib.crc32(changed).to_bytes(4, "little"))

    def layer(*layers: Layer) -> bytes:
        return Parts(codec, [chunk(codec, 0, 4, 0b010, *layers)]).to_bytes()

    def codes(*pieces: bytes) -> bytes:
        return Parts(codec, [replace(three[0], layers=(Layer(1, pieces),))]).to_bytes()

    def names(stored: bytes) -> bytes:
        return layer(Layer(LayerType.NAMES, (stored,)))

    def framed(frame: bytes, digits: int = 40) -> bytes:
        parts = Parts(codec, [])
        parts.frames = [(frame, digits)]
        return parts.to_bytes()

    coded = chunk(codec, 0, 7, 0b001).layers[0].body
    unused = chunk(codec, 0, 7, 0b1001).layers[0].body  # of 16 lanes, of which 7 are used
    unused = unused[1:61] + b"\1\0\1\0" + unused[65:]
    large = chunk(codec, 0, 200, 0b010).to_bytes()  # long enough for a content size of two bytes
    content = zstandard.ZstdDecompressor().decompress(large)
    plain = zstandard.ZstdCompressor(write_checksum=True)
    unsized = plain.compressobj()
    unsized_frame = unsized.compress(content) + unsized.flush()
    no_sum = zstandard.ZstdCompressor(write_checksum=False).compress(content)
    wide = large[:4] + bytes([large[4] & ~0x20, 15 << 3]) + large[5:]  # a window of 2^25
    with_dictionary = large[:4] + bytes([large[4] | 1, 7]) + large[5:]
    no_digits = plain.compress(varint(0) + varint(0) + bytes(4) + b"\x01\x01\x00")
    long_varint = plain.compress(b"\x80\x00" + content[1:])
    descending = chunk(codec, 0, 4)
    descending = replace(descending, layers=(Layer(0x82, (bytes(5),)), *descending.layers))
    unnamed = chunk(codec, 4, 4)
    named = chunk(codec, 0, 4, 0b010, Layer(LayerType.NAMES, (naming.pack(list("abcd")),)))
    old_trailer = bytearray(appended(codec))
    old_trailer[len(head) + len(chunk(codec, 0, 5).to_bytes()) + 12] ^= 1

    text_mode = data.replace(b"\r\n", b"\n", 1)
    other_trailer = Parts(codec, three[:2]).to_bytes()[len(head) + sum(len(f) for f, _ in good.frames[:2]) :]  # fmt: skip
    flipped = bytearray(data)
    flipped[len(head) + 20] ^= 1
    wrong_entries = [Entry(len(frame), 7, 0) for frame, _ in good.frames]
    damaged, unsupported, unknown = "DamagedError", "UnsupportedError", "ModelError"
    return {
        "no-bytes": (b"", damaged, "not a .dz file"),
        "another-format": (b"\x89PNG\r\n\x1a\n" + bytes(60), damaged, "not a .dz file"),
        "text-mode": (text_mode, damaged, "text-mode"),
        "version-1": (header(15, 1), unsupported, "container version 1; this build reads 2"),
        "version-3": (header(15, 3), unsupported, "container version 3; this build reads 2"),
        "header-crc": (head[:20] + b"?" + data[21:], damaged, "CRC"),
        "header-size": (data[:4] + b"\xff\xff\xff\x7f" + data[8:], damaged, "header: claims"),
        "unknown-model": (header(16, head[16] ^ 1), unknown, "no model with id|file needs model"),
        "height-7": (header(32, 7), damaged, "height is 7"),
        "height-not-the-models": (header(32, 30), damaged, "not those of its model"),
        "dims-11": (header(34, 11), damaged, "dims is 11"),
        "levels-1": (header(35, 1), damaged, "levels is 1"),
        "levels-unknown-to-the-model": (header(35, 16), unknown, "no quantiser of 16"),
        "guard-reserved-bit": (header(36, 0x10), damaged, "guard flags"),
        "guard-bound-without-guard": (header(36, 2), damaged, "guard flags"),
        "no-trailer": (data[: len(head) + body], damaged, "no trailer"),
        "cut": (data[: len(data) // 2], damaged, "no trailer"),
        "trailer-of-another-file": (data[: len(head) + body] + other_trailer, damaged, "accounts for"),
        "trailer-digest": (data[:-5] + bytes([data[-5] ^ 1]) + data[-4:], damaged, "digest"),
        "back-pointer": (data[:-4] + b"\xff\xff\xff\xff", damaged, "no trailer"),
        "joined-by-cat": (data + data, damaged, "one after another, as plain cat"),
        "trailing-bytes": (data + b"\n", damaged, "no trailer"),
        "entry-crc": (head + data[len(head) : len(head) + body] + Trailer(tuple(wrong_entries)).to_bytes(head), damaged, "stored bytes are damaged"),
        "chunk-bit-flipped": (bytes(flipped), damaged, "stored bytes are damaged"),
        "chunks-swapped": (frames(lambda f: f.reverse()), damaged, "expected 7 from 0"),
        "chunk-missing": (frames(lambda f: f.pop(1)), damaged, "expected 7 from 7"),
        "chunk-repeated": (frames(lambda f: f.append(f[2])), damaged, "expected 7 from 21"),
        "digits-not-the-entrys": (frames(lambda f: f.__setitem__(2, (f[2][0], 6))), damaged, "expected 6 from 14"),
        "frame-without-checksum": (framed(no_sum, 200), damaged, "no checksum"),
        "frame-without-size": (framed(unsized_frame, 200), damaged, "claims no size"),
        "frame-with-a-dictionary": (framed(with_dictionary, 200), damaged, "asks for a dictionary"),
        "frame-with-a-window-of-32-mib": (framed(wide, 200), damaged, "more than 16 MiB"),
        "frame-twice-in-one-entry": (framed(large + large, 200), damaged, "chunk"),
        "chunk-of-no-digits": (framed(no_digits, 1), damaged, "number of digits is 0"),
        "varint-not-canonical": (framed(long_varint, 200), damaged, "useless last byte"),
        "layers-descending": (Parts(codec, [descending]).to_bytes(), damaged, "ascending"),
        "names-in-the-first-chunk-only": (Parts(codec, [named, unnamed]).to_bytes(), damaged, "some digits have names"),
        "names-in-the-second-chunk-only": (Parts(codec, [chunk(codec, 0, 4), replace(named, first=4)]).to_bytes(), damaged, "some digits have names"),
        "replaced-trailer-crc": (bytes(old_trailer), damaged, "an old trailer"),
        "pixel-crc": (Parts(codec, [replace(three[0], pixel_crc=1)]).to_bytes(), damaged, "do not decode"),
        "skippable-frame-as-chunk": (frames(lambda f: f.insert(0, (bytes.fromhex("502a4d1801000000ff"), 7))), damaged, "chunk"),
        "critical-layer-unknown": (layer(Layer(0x7F, (b"\0",))), unsupported, "layer 0x7f"),
        "layers-doubled": (layer(Layer(LayerType.CODES, (b"\0",))), damaged, "ascending"),
        "codes-no-numbers-to-a-byte": (codes(b"\x00", bytes(21)), damaged, "unknown representation 00"),
        "codes-three-numbers-of-8-levels-to-a-byte": (codes(b"\x06", bytes(7)), damaged, "unknown representation 06"),
        "codes-reserved-bit": (codes(b"\x22", bytes(21)), damaged, "unknown representation 22"),
        "codes-too-few": (codes(b"\x02", bytes(20)), damaged, "20 bytes, expected 7 x 3"),
        "codes-too-many": (codes(b"\x04", bytes(15)), damaged, "15 bytes, expected 7 x 2"),
        "codes-value-8": (codes(b"\x02", bytes(20) + b"\x08"), damaged, "a byte is 8, expected below 8"),
        "coded-in-512-lanes": (codes(b"\x13", bytes(4096)), damaged, "unknown representation 13"),
        "coded-without-all-states": (codes(b"\x03", bytes(6)), damaged, "6 bytes, expected an even number from 8 to 50"),
        "coded-in-half-a-word": (codes(coded[:1], coded[1:] + b"\0"), damaged, "expected an even number"),
        "coded-with-a-state-too-small": (codes(b"\x01", b"\xff\xff\0\0"), damaged, "a state is 65535"),
        "coded-with-more-words-than-numbers": (codes(b"\x01", bytes([0, 0, 1, 0]) + bytes(44)), damaged, "48 bytes, expected an even number from 4 to 46"),
        "coded-with-1025-digits-in-a-lane": (Parts(codec, [chunk(codec, 0, 1025, 0b1)]).to_bytes(), damaged, "1025 images in 1 lanes"),
        "coded-a-word-less": (codes(coded[:1], coded[1:-2]), damaged, "they end early"),
        "coded-a-word-more": (codes(coded[:1], coded[1:] + b"\1\0"), damaged, "something is left"),
        "coded-a-lane-not-used": (codes(b"\x09", unused), damaged, "something is left"),
        "codes-pair-64": (codes(b"\x04", b"\x40" + bytes(13)), damaged, "a byte is 64, expected below 64"),
        "codes-last-of-pairs-8": (codes(b"\x04", bytes(13) + b"\x08"), damaged, "a byte is 8, expected below 8"),
        "name-leaves-the-folder": (names(b"\0" + b"\0\x04../a" + b"\0\x01b" * 3), damaged, "relative path"),
        "name-absolute": (names(b"\0" + b"\0\x02/a" + b"\0\x01b" * 3), damaged, "relative path"),
        "name-with-nul": (names(b"\0" + b"\0\x02a\0" + b"\0\x01b" * 3), damaged, "NUL"),
        "name-not-utf-8": (names(b"\0" + b"\0\x01\xff" + b"\0\x01b" * 3), damaged, "UTF-8"),
        "names-cut": (names(b"\0" + b"\0\x01a"), damaged, "ends early"),
        "names-too-many": (names(b"\0" + b"\0\x01a" * 5), damaged, "too many"),
        "names-representation-2": (names(b"\x02"), damaged, "unknown representation"),
        "names-counter-21-wide": (names(b"\x01\0\0\x15\0"), damaged, "21 digits wide"),
    }  # fmt: skip


def sha256(array: np.ndarray[tuple[int, ...], np.dtype[np.uint8]]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def model_at(path: Path, made: Callable[[], Model]) -> Model:
    """Return the model at `path`, which stays as it is; make it where there is none."""
    if not path.exists():
        write_model(path, made())
    return read_model(path)


def main() -> int:
    model = model_at(MODEL, tiny_model)
    notes = {"made by": "tests/conformance/make.py"}
    with_residual = model_at(
        RESIDUAL,
        lambda: replace(model, name=RESIDUAL.stem, notes=notes, residual=residual_network()),
    )
    codec, five, residual = Codec(model, 8, 0), Codec(model, 5, 1), Codec(with_residual, 8, 0)
    manifest: dict[str, dict[str, object]] = {"valid": {}, "invalid": {}, "encoded": {}}
    for kind in ("valid", "invalid"):
        (HERE / kind).mkdir(exist_ok=True)
    if not IMAGES.exists():
        np.save(IMAGES, fixed_images())
    for effort in (0, 1, 3):
        codes = Codec(model, 8, effort).encode(np.load(IMAGES))
        manifest["encoded"][f"effort-{effort}"] = sha256(codes)
    plain = valid_files(codec, five) | corrected_files(codec)
    for name, data in (plain | corrected_files(residual)).items():
        store("valid", name, data)
        read_with = model if name in plain else with_residual
        with open(data, model=read_with) as dz:
            manifest["valid"][name] = {
                "model": read_with.name,
                "digits": len(dz),
                "levels": dz.header.levels,
                "codes": sha256(dz.codes[:]),
                "pixels": sha256(dz[:]),
                "names": None if dz.names is None else dz.names[:],
            }
    refused = invalid_files(codec) | uncorrected_files(codec, residual)
    for name, (data, error, match) in refused.items():
        store("invalid", name, data)
        read_with = with_residual if data[16:32] == with_residual.id else model
        manifest["invalid"][name] = {"model": read_with.name, "error": error, "match": match}
    text = json.dumps(manifest, indent=1, ensure_ascii=False) + "\n"
    (HERE / "manifest.json").write_text(text, encoding="utf-8")
    return 0


def store(kind: str, name: str, data: bytes) -> None:
    (HERE / kind / f"{name}.dz").write_bytes(data)


if __name__ == "__main__":
    sys.exit(main())
