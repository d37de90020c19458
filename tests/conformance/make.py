"""Make the conformance files anew: `python -m tests.conformance.make`.

A maintainer runs this when FORMAT.md gains something, and commits what it writes; tests only read.
Every file is written by `tests/second_writer.py`, so none depends on the code that it tests. The
models and images stay as they are (`models.py`), and so do the codes of `encoded` and the file of
version 2.
"""

from __future__ import annotations

import hashlib
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import zstandard

from tests import second_writer as second
from tests.second_reader import Model
from tests.second_writer import Chunk, Code, File, Groups, varint

HERE = Path(__file__).parent
MODELS = {
    name: Model((HERE / f"{name}.safetensors").read_bytes())
    for name in ("tiny", "tiny-residual", "tiny-labels")
}
TINY, RESIDUAL, LABELS = MODELS.values()
NAMES = {model.id: name for name, model in MODELS.items()}
IMAGES = [image.tobytes() for image in np.load(HERE / "images.npy")]
NONE = bytes(784)
"""Plain steps of one image that is not changed."""
VERSION = ("", "1.0.0")

Refused = tuple[bytes, str, str]
"""The bytes of a file, the error, and words of its message."""


def codes(seed: int, n: int, levels: int = 8) -> list[Code]:
    return [tuple(map(int, row)) for row in np.random.default_rng(seed).integers(0, levels, (n, 3))]


def chunk(
    n: int, kind: int = 0b010, *, seed: int = 0, levels: int = 8, model: Model = TINY
) -> Chunk:
    """A chunk of random codes; `kind` is the representation of the codes layer."""
    found = codes(seed or n, n, levels)
    wide = kind >> 1
    coded = kind & 1
    body = second.coded(found, levels, wide, model) if coded else second.values(found, levels, wide)
    return Chunk(found, [model.decode(levels, code) for code in found], [(1, body)])


def corrected(
    n: int, groups: Groups, k: int | None = None, *, seed: int = 0, model: Model = TINY
) -> Chunk:
    made = chunk(n, seed=seed, model=model)
    wanted = [IMAGES[(row + 7) % 20] for row in range(n)]
    made.layers.append((2, second.correct(made.images, wanted, groups, k, model)))
    made.corrected = sum(map(len, groups.values()))
    return made


def named(made: Chunk, names: list[str], body: bytes | None = None) -> Chunk:
    made.names = names
    made.layers.append((0x81, second.front_coded(names) if body is None else body))
    return made


def labelled(made: Chunk, labels: bytes) -> Chunk:
    made.labels = labels
    made.layers.append((0x82, b"\0" + labels))
    return made


def with_coded_labels(made: Chunk, labels: bytes, levels: int = 8) -> Chunk:
    made.labels = labels
    made.layers.append((0x82, second.coded_labels(labels, made.codes, levels, LABELS)))
    return made


def with_layer(made: Chunk, kind: int, body: bytes) -> Chunk:
    made.layers.append((kind, body))
    return made


def file(
    *chunks: Chunk,
    levels: int = 8,
    model: Model = TINY,
    copy: bool = False,
    promise: bytes = b"\0",
    metadata: bytes = b"\0",
) -> File:
    head = second.header(model, levels, promise, metadata)
    return File(head, list(chunks), copy=head[16:-4] if copy else None)


def appended(copy: bool = False) -> File:
    """A file that was appended to in place."""
    first = file(chunk(5), copy=copy)
    more = chunk(3, seed=8)
    both = file(first.chunks[0], more, copy=copy)
    both.frames = [first.frames[0], (first.trailer(), 0), (more.frame(), 3)]
    return both


def example() -> File:
    """The file of section 11."""
    names = named(chunk(2, 0b100), ["a/1.png", "a/2.png"], second.counter("a/", 1, ".png", 1))
    return file(labelled(names, bytes([7, 2])), metadata=second.metadata(VERSION))


def valid_files() -> dict[str, File]:
    several = ["a/1.png", "a/10.png", "ü.png", "z"]
    scans = [f"scan-{i:04d}.png" for i in range(8, 12)]
    texts = second.metadata(("a", "first"), VERSION, ("source", "a.png\nü.png"), ("ключ", ""))
    promise = b"\x0f\x09" + (6554).to_bytes(2, "little") + bytes(range(4))
    return {
        "example": example(),
        "empty": file(),
        "one": file(chunk(1)),
        "thousand": file(chunk(1000, 0b1001), copy=True),
        "thousand-without-a-copy-of-the-header": file(chunk(1000, 0b100)),
        "values": file(chunk(40, 0b010)),
        "values-in-pairs": file(chunk(40, 0b100)),
        "values-in-triples": file(chunk(40, 0b110, levels=5), levels=5),
        "coded": file(chunk(40, 0b001)),
        "coded-in-two-lanes": file(chunk(41, 0b011)),
        "coded-in-more-lanes-than-images": file(chunk(5, 0b111)),
        "coded-in-sixteen-lanes": file(chunk(300, 0b1001)),
        "coded-in-256-lanes": file(chunk(2500, 0b10001)),
        "coded-with-five-levels": file(chunk(40, 0b101, levels=5), levels=5),
        "three-chunks": file(*(chunk(7, seed=seed) for seed in (7, 14, 21))),
        "a-chunk-three-times": file(*[chunk(7)] * 3),
        "names-front-coded": file(named(chunk(4, 0b001), several)),
        "names-counter": file(named(chunk(4, 0b001), scans, second.counter("scan-", 8, ".png", 4))),
        "names-no-file-can-have": file(named(chunk(4), ["a\n", "CON", "c:\\x", "z. "])),
        "labels": file(labelled(chunk(4), bytes([0, 9, 255, 9]))),
        "labels-and-names-in-two-chunks": file(*(labelled(named(chunk(2, seed=s), ["a", "b"]), bytes([s, 7])) for s in (2, 3))),
        "unknown-ancillary-layer": file(with_layer(chunk(4), 0xF0, b"?")),
        "promise": file(chunk(4), promise=promise),
        "metadata": file(chunk(4), metadata=texts),
        "metadata-and-promise-copied": file(chunk(4), promise=promise, metadata=texts, copy=True),
        "metadata-digitzip-alone": file(chunk(4), metadata=second.metadata(VERSION)),
        "appended": appended(),
        "appended-with-copies-of-the-header": appended(copy=True),
        "corrections-plain": file(corrected(6, {10: (0, 2, 5)})),
        "corrections-plain-lossless": file(corrected(6, {0: (1, 2)})),
        "corrections-plain-of-every-image": file(corrected(3, {2: (0, 1, 2)})),
        "corrections-plain-in-three-groups": file(corrected(9, {0: (3,), 2: (1, 7), 40: (0, 8)})),
        "corrections-plain-with-names-and-labels": file(labelled(named(corrected(9, {0: (0, 4), 40: (1, 2)}), [f"{i}.png" for i in range(9)]), bytes(range(9)))),
        "corrections-within-127": file(corrected(4, {127: (0, 1, 3)})),
        "corrections-far-apart": file(corrected(300, {20: (150, 299)})),
        "corrections-in-the-second-chunk-only": file(chunk(4), corrected(4, {9: (1, 2)}, seed=5)),
    }  # fmt: skip


def files_with_coded_corrections() -> dict[str, File]:
    def made(n: int, groups: Groups, k: int, *, names: bool = False) -> File:
        one = corrected(n, groups, k, model=RESIDUAL)
        return file(named(one, [f"{i}.png" for i in range(n)]) if names else one, model=RESIDUAL)

    return {
        "corrections-coded": made(4, {10: (3,)}, 0),
        "corrections-coded-lossless": made(4, {0: (0, 3)}, 0),
        "corrections-coded-in-two-lanes": made(4, {40: (0, 1, 3)}, 1),
        "corrections-coded-in-more-lanes-than-images": made(4, {3: (1, 2)}, 3),
        "corrections-coded-within-127": made(4, {127: (1,)}, 0),
        "corrections-coded-in-three-groups": made(9, {0: (4,), 3: (2, 8), 40: (1,)}, 1),
        "corrections-coded-with-names": made(9, {0: (0,), 40: (1,)}, 0, names=True),
    }


def likely(made: Chunk, levels: int = 8) -> bytes:
    """The likeliest label of each image but every seventh."""
    cdfs = [LABELS.label_cdf(levels, code) for code in made.codes]
    best = [max(range(10), key=lambda v: cdf[v + 1] - cdf[v]) for cdf in cdfs]
    return bytes(i % 10 if i % 7 == 6 else v for i, v in enumerate(best))


def files_with_coded_labels() -> dict[str, File]:
    def made(*chunks: Chunk, levels: int = 8) -> File:
        for each in chunks:
            with_coded_labels(each, likely(each, levels), levels)
        return file(*chunks, levels=levels, model=LABELS)

    def some(n: int, kind: int = 0b010, **more: int) -> Chunk:
        return chunk(n, kind, model=LABELS, **more)

    two = (named(some(2, seed=s), ["a", "b"]) for s in (2, 3))
    every = with_coded_labels(some(10), bytes(range(10)))
    return {
        "labels-coded": made(some(4)),
        "labels-coded-each-once": file(every, model=LABELS),
        "labels-coded-of-1100-images": made(some(1100, 0b101)),
        "labels-coded-with-five-levels": made(some(40, levels=5), levels=5),
        "labels-coded-with-names-in-two-chunks": made(*two),
        "labels-coded-with-corrections": made(corrected(6, {10: (0, 2, 5)}, model=LABELS)),
        "labels-plain-beside-a-label-model": file(labelled(some(4), bytes([0, 9, 255, 9])), model=LABELS),
    }  # fmt: skip


def damaged_labels() -> dict[str, Refused]:
    """Files to refuse for their labels, of models without and with a label model."""

    def labels(body: bytes, model: Model = LABELS) -> bytes:
        made = labelled(chunk(4, model=model), b"")
        made.layers[-1] = 0x82, body
        return file(made, model=model).data()

    made = with_coded_labels(chunk(4, model=LABELS), bytes([3, 1, 4, 1]))
    good = made.layers[-1][1]
    of_others = second.coded_labels(bytes([3, 1, 4, 1]), codes(9, 4), 8, LABELS)
    damaged, number = "DamagedError", "expected an even number from 4 to 12"
    return {
        "labels-too-few": (labels(b"\0abc", TINY), damaged, "3 labels, expected 4"),
        "labels-too-many": (labels(b"\0abcde", TINY), damaged, "5 labels, expected 4"),
        "labels-representation-2": (labels(b"\2abcd"), damaged, "labels: unknown representation 02"),
        "labels-empty": (labels(b"", TINY), damaged, "labels: unknown representation"),
        "labels-coded-without-a-label-model": (labels(b"\1abcd", TINY), damaged, "labels: .* no label model"),
        "labels-coded-of-no-bytes": (labels(b"\1"), damaged, f"labels: 0 bytes, {number}"),
        "labels-coded-without-a-whole-state": (labels(good[:3]), damaged, f"labels: 2 bytes, {number}"),
        "labels-coded-in-half-a-word": (labels(good + b"\0"), damaged, f"labels: .*{number}"),
        "labels-coded-with-a-state-too-small": (labels(b"\1\xff\xff\0\0" + good[5:]), damaged, "labels: a state is 65535"),
        "labels-coded-with-more-words-than-images": (labels(b"\1" + bytes([0, 0, 1, 0]) + bytes(10)), damaged, f"labels: 14 bytes, {number}"),
        "labels-coded-a-word-less": (labels(good[:-2]), damaged, "labels: "),
        "labels-coded-a-word-more": (labels(good + b"\1\0"), damaged, "labels: something is left"),
        "labels-coded-for-other-codes": (labels(of_others), damaged, "labels: "),
    }  # fmt: skip


def damaged_corrections() -> dict[str, Refused]:
    """Files to refuse for their corrections, of models without and with a residual model."""

    def layer(*pieces: bytes, model: Model = TINY, n: int = 4) -> bytes:
        return file(with_layer(chunk(n, model=model), 2, b"".join(pieces)), model=model).data()

    def coded(*pieces: bytes) -> bytes:
        return layer(b"\x01" + one, *pieces, model=RESIDUAL)

    listed = second.listed
    one = listed({0: (0,)})
    good = corrected(4, {0: (0,)}, 0, model=RESIDUAL).layers[1][1][1 + len(one) :]
    unused = corrected(4, {0: (0,)}, 1, model=RESIDUAL).layers[1][1][1 + len(one) :]
    unused = unused[:4] + b"\1\0\1\0" + unused[8:]
    unverified = corrected(4, {0: (1,)})
    unverified.crc = 1
    miscounted = file(corrected(4, {0: (1,)}))
    miscounted.corrected = 2
    damaged, unknown = "DamagedError", "corrections: unknown representation"
    return {
        "corrections-empty": (layer(b""), damaged, "corrections ends early"),
        "corrections-plain-in-two-lanes": (layer(b"\x02", one, NONE), damaged, f"{unknown} 0x02"),
        "corrections-reserved-bit": (layer(b"\x20", one, NONE), damaged, f"{unknown} 0x20"),
        "corrections-coded-reserved-bit": (layer(b"\x21", one, good, model=RESIDUAL), damaged, f"{unknown} 0x21"),
        "corrections-coded-in-512-lanes": (layer(b"\x13", one, bytes(4096), model=RESIDUAL), damaged, f"{unknown} 0x13"),
        "corrections-without-groups": (layer(b"\0\0"), damaged, "number of bounds is 0"),
        "corrections-of-129-groups": (layer(b"\0", varint(129), b"\0\1\0" * 129, NONE * 129), damaged, "number of bounds is 129"),
        "corrections-within-128": (layer(b"\0", listed({128: (0,)}), NONE), damaged, "bound (is )?128"),
        "corrections-bounds-descend": (layer(b"\0", listed({3: (0,), 2: (1,)}), NONE * 2), damaged, "bound 2, expected 4 to 127"),
        "corrections-bound-twice": (layer(b"\0\2", *[b"\3\1\0", b"\3\1\1"], NONE * 2), damaged, "bound 3, expected 4 to 127"),
        "corrections-image-in-two-groups": (layer(b"\0", listed({2: (0, 1), 3: (1,)}), NONE * 3), damaged, "an image has two bounds"),
        "corrections-of-no-images": (layer(b"\0\1\0\0"), damaged, "number of images is 0"),
        "corrections-of-5-images-of-4": (layer(b"\0\1\0\5" + bytes(5), NONE * 5), damaged, "number of images is 5"),
        "corrections-of-image-4-of-4": (layer(b"\0\1\0\2\0\3", NONE * 2), damaged, "image 4 of a chunk of 4|row 4"),
        "corrections-begin-with-image-4-of-4": (layer(b"\0\1\0\1\4", NONE), damaged, "is 4, expected 0 to 3"),
        "corrections-rows-cut": (layer(b"\0\1\0\2\0"), damaged, "corrections ends early"),
        "corrections-steps-cut": (layer(b"\0", listed({0: (0, 2)}), bytes(1567)), damaged, "1567 bytes of residuals, expected 1568"),
        "corrections-steps-too-long": (layer(b"\0", one, bytes(785)), damaged, "785 bytes of residuals, expected 784"),
        "corrections-pixel-crc": (file(unverified).data(), damaged, "do not decode"),
        "corrections-not-as-many-as-the-trailer-says": (miscounted.data(), damaged, "corrected"),
        "corrections-coded-without-a-residual-model": (layer(b"\1", one, good), damaged, "no residual (model|network)"),
        "corrections-coded-without-all-states": (layer(b"\3", one, bytes(6), model=RESIDUAL), damaged, "6 bytes, expected an even number from 8 to 1576"),
        "corrections-coded-in-half-a-word": (coded(good, b"\0"), damaged, "expected an even number"),
        "corrections-coded-with-a-state-too-small": (coded(b"\xff\xff\0\0", good[4:]), damaged, "state is 65535"),
        "corrections-coded-with-more-words-than-pixels": (coded(bytes([0, 0, 1, 0]) + bytes(1570)), damaged, "1574 bytes, expected an even number from 4 to 1572"),
        "corrections-coded-a-word-less": (coded(good[:-2]), damaged, "corrections: "),
        "corrections-coded-a-word-more": (coded(good, b"\1\0"), damaged, "corrections: "),
        "corrections-coded-a-lane-not-used": (layer(b"\3", one, unused, model=RESIDUAL), damaged, "corrections: "),
        "corrections-coded-with-1025-images-in-a-lane": (layer(b"\1", listed({0: range(1025)}), bytes([0, 0, 1, 0]), model=RESIDUAL, n=1025), damaged, "1025 images in 1 lane"),
    }  # fmt: skip


def damaged_headers() -> dict[str, Refused]:
    good = file(chunk(7), chunk(7, seed=14))
    head, data = good.header, good.data()

    def resealed(header: bytes) -> bytes:
        """The file behind another header; its size and CRC are made good."""
        payload = header[8:-4]
        changed = header[:4] + (len(payload) + 4).to_bytes(4, "little") + payload
        good.header = changed + second.crc(changed)
        return good.data()

    def header(offset: int, value: int) -> bytes:
        return resealed(head[:offset] + bytes([value]) + head[offset + 1 :])

    def metadata(field: bytes) -> bytes:
        return resealed(head[:37] + field + head[-4:])

    damaged, unsupported, unknown = "DamagedError", "UnsupportedError", "ModelError"
    text = second.metadata
    return {
        "no-bytes": (b"", damaged, "not a .dz file"),
        "another-format": (b"\x89PNG\r\n\x1a\n" + bytes(60), damaged, "not a .dz file"),
        "text-mode": (data.replace(b"\r\n", b"\n", 1), damaged, "text-mode"),
        "version-1": (header(15, 1), unsupported, "container version 1, .* this build reads 3"),
        "version-2": ((HERE / "invalid" / "version-2.dz").read_bytes(), unsupported, "container version 2, .* this build reads 3"),
        "version-4": (header(15, 4), unsupported, "container version 4; this build reads 3: update"),
        "header-crc": (head[:20] + b"?" + data[21:], damaged, "CRC"),
        "header-size": (data[:4] + b"\xff\xff\xff\x7f" + data[8:], damaged, "header: claims"),
        "header-too-long": (resealed(head[:-4] + b"\0" + head[-4:]), damaged, "1 bytes too many"),
        "unknown-model": (header(16, head[16] ^ 1), unknown, "no model with id|file needs model"),
        "height-7": (header(32, 7), damaged, "height is 7"),
        "height-not-the-models": (header(32, 30), damaged, "not those of its model"),
        "dims-11": (header(34, 11), damaged, "dims is 11"),
        "levels-1": (header(35, 1), damaged, "levels is 1"),
        "levels-unknown-to-the-model": (header(35, 16), unknown, "8, 5 levels, not 16"),
        "promise-reserved-bit": (header(36, 0x10), damaged, "promise flags"),
        "promise-of-a-bound-without-a-check": (header(36, 2), damaged, "promise flags"),
        "metadata-cut": (metadata(b"\1\1a\5abc"), damaged, "ends early"),
        "metadata-digitzip-spelled-out": (metadata(text(("digitzip", "1.0.0"))), damaged, "spelled out"),
        "metadata-keys-descend": (metadata(text(("b", ""), ("a", ""))), damaged, "ascending"),
        "metadata-digitzip-out-of-order": (metadata(text(VERSION, ("a", ""))), damaged, "ascending"),
        "metadata-key-twice": (metadata(text(("a", "1"), ("a", "2"))), damaged, "ascending"),
        "metadata-more-keys-than-there-are": (metadata(b"\2\1a\0"), damaged, "number of metadata keys|ends early"),
        "metadata-with-nul": (metadata(text(("a", "\0"))), damaged, "NUL"),
        "metadata-key-with-nul": (metadata(text(("\0", "a"))), damaged, "NUL"),
        "metadata-not-utf-8": (metadata(b"\1\1a\1\xff"), damaged, "UTF-8"),
        "metadata-key-not-utf-8": (metadata(b"\1\1\xff\0"), damaged, "UTF-8"),
        "metadata-count-not-canonical": (metadata(b"\x80\0"), damaged, "useless last byte"),
    }  # fmt: skip


def damaged_trailers() -> dict[str, Refused]:
    three = [chunk(7, seed=seed) for seed in (7, 14, 21)]
    good = file(*three)
    head, body, data = good.header, good.body(), good.data()

    def changed(change: Callable[[File], object], *chunks: Chunk, copy: bool = False) -> bytes:
        found = file(*(chunks or three), copy=copy)
        change(found)
        return found.data()

    def without_chunks(made: File) -> None:
        made.frames.clear()
        set_(flags=1)(made)

    def set_(**values: Any) -> Callable[[File], object]:
        return lambda found: found.__dict__.update(values)

    other = file(*three[:2])
    flipped = bytearray(data)
    flipped[len(head) + 20] ^= 1
    old = bytearray(appended().data())
    old[len(head) + len(chunk(5).frame()) + 12] ^= 1
    entry = good.frames[2]
    damaged = "DamagedError"
    return {
        "no-trailer": (head + body, damaged, "no trailer"),
        "cut": (data[: len(data) // 2], damaged, "no trailer"),
        "trailer-of-another-file": (head + body + other.trailer(), damaged, "accounts for"),
        "trailer-digest": (data[:-5] + bytes([data[-5] ^ 1]) + data[-4:], damaged, "digest"),
        "trailer-reserved-flag": (changed(set_(flags=8)), damaged, "flags are 0x08"),
        "trailer-says-names-where-none-are": (changed(set_(flags=1)), damaged, "names"),
        "trailer-says-labels-where-none-are": (changed(set_(flags=2)), damaged, "labels"),
        "trailer-hides-names": (changed(set_(flags=0), named(chunk(2), ["a", "b"])), damaged, "names"),
        "trailer-hides-labels": (changed(set_(flags=0), labelled(chunk(2), b"ab")), damaged, "labels"),
        "trailer-names-of-no-images": (changed(without_chunks), damaged, "of no images"),
        "trailer-more-corrected-than-images": (changed(set_(corrected=22)), damaged, "22 of 21 images"),
        "trailer-copy-of-another-header": (changed(set_(copy=bytes([head[16] ^ 1]) + head[17:-4])), damaged, "copy of the header"),
        "trailer-copy-cut": (changed(set_(copy=head[16:-5])), damaged, "copy of the header"),
        "trailer-copy-empty": (changed(set_(copy=b"")), damaged, "length of the header copy is 0"),
        "back-pointer": (data[:-4] + b"\xff\xff\xff\xff", damaged, "no trailer"),
        "joined-by-cat": (data + data, damaged, "one after another, as plain cat"),
        "trailing-bytes": (data + b"\n", damaged, "no trailer"),
        "entry-crc": (head + body + good.trailer([0, 0, 0]), damaged, "stored bytes are damaged"),
        "chunk-bit-flipped": (bytes(flipped), damaged, "stored bytes are damaged"),
        "images-not-the-entrys": (changed(lambda f: f.frames.__setitem__(2, (entry[0], 6))), damaged, "7 images.* expected 6"),
        "replaced-trailer-crc": (bytes(old), damaged, "an old trailer"),
        "skippable-frame-as-chunk": (changed(lambda f: f.frames.insert(0, (bytes.fromhex("502a4d1801000000ff"), 7))), damaged, "chunk"),
    }  # fmt: skip


def damaged_chunks() -> dict[str, Refused]:
    def framed(frame: bytes, images: int = 200) -> bytes:
        found = file()
        found.frames = [(frame, images)]
        return found.data()

    def layer(kind: int, body: bytes) -> bytes:
        return file(with_layer(chunk(4), kind, body)).data()

    def only(body: bytes) -> bytes:
        made = chunk(7)
        made.layers = [(1, body)]
        return file(made).data()

    def names(body: bytes) -> bytes:
        made = named(chunk(4), [], body)
        return file(made).data()

    coded = chunk(7, 0b001).layers[0][1]
    unused = chunk(7, 0b1001).layers[0][1]  # 16 lanes, of which 7 are used
    unused = unused[1:61] + b"\1\0\1\0" + unused[65:]
    content = chunk(200).content()
    large = second.frame(content)  # long enough for a content size of two bytes
    unsized = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    unsized_frame = unsized.compress(content) + unsized.flush()
    no_sum = zstandard.ZstdCompressor(write_checksum=False).compress(content)
    wide = large[:4] + bytes([large[4] & ~0x20, 15 << 3]) + large[5:]  # a window of 2^25
    with_dictionary = large[:4] + bytes([large[4] | 1, 7]) + large[5:]
    descending, unverified, twice = labelled(chunk(4), bytes(4)), chunk(7), chunk(4)
    descending.layers.reverse()
    unverified.crc = 1
    twice.layers *= 2
    damaged, unsupported = "DamagedError", "UnsupportedError"
    two_names = named(chunk(2), ["a", "b"])
    return {
        "frame-without-checksum": (framed(no_sum), damaged, "no checksum"),
        "frame-without-size": (framed(unsized_frame), damaged, "claims no size"),
        "frame-with-a-dictionary": (framed(with_dictionary), damaged, "asks for a dictionary"),
        "frame-with-a-window-of-32-mib": (framed(wide), damaged, "more than 16 MiB"),
        "frame-twice-in-one-entry": (framed(large + large), damaged, "chunk"),
        "chunk-of-no-images": (framed(second.frame(varint(0) + bytes(4) + b"\x01\x01\x00"), 1), damaged, "number of images is 0"),
        "chunk-of-16385-images": (framed(second.frame(varint(16385) + bytes(4) + b"\x01\x01\x00"), 16384), damaged, "number of images is 16385"),
        "varint-not-canonical": (framed(second.frame(b"\xc8\x81\x00" + content[2:])), damaged, "useless last byte"),
        "chunk-of-version-2": (framed(second.frame(b"\0" + content)), damaged, "chunk|number of images"),
        "layers-descending": (file(descending).data(), damaged, "ascending"),
        "layers-doubled": (file(twice).data(), damaged, "ascending"),
        "layer-03": (layer(3, b"\0\0\1\0" + NONE), unsupported, "layer 0x03"),
        "critical-layer-unknown": (layer(0x7F, b"\0"), unsupported, "layer 0x7f"),
        "pixel-crc": (file(unverified).data(), damaged, "do not decode"),
        "codes-no-latents-to-a-byte": (only(b"\x00" + bytes(21)), damaged, "unknown representation 00"),
        "codes-three-latents-of-8-levels-to-a-byte": (only(b"\x06" + bytes(7)), damaged, "unknown representation 06"),
        "codes-reserved-bit": (only(b"\x22" + bytes(21)), damaged, "unknown representation 22"),
        "codes-too-few": (only(b"\x02" + bytes(20)), damaged, "20 bytes, expected 7 x 3"),
        "codes-too-many": (only(b"\x04" + bytes(15)), damaged, "15 bytes, expected 7 x 2"),
        "codes-value-8": (only(b"\x02" + bytes(20) + b"\x08"), damaged, "a byte is 8, expected below 8"),
        "codes-pair-64": (only(b"\x04" + b"\x40" + bytes(13)), damaged, "a byte is 64, expected below 64"),
        "codes-last-of-pairs-8": (only(b"\x04" + bytes(13) + b"\x08"), damaged, "a byte is 8, expected below 8"),
        "coded-in-512-lanes": (only(b"\x13" + bytes(4096)), damaged, "unknown representation 13"),
        "coded-without-all-states": (only(b"\x03" + bytes(6)), damaged, "6 bytes, expected an even number from 8 to 50"),
        "coded-in-half-a-word": (only(coded + b"\0"), damaged, "expected an even number"),
        "coded-with-a-state-too-small": (only(b"\x01\xff\xff\0\0"), damaged, "state is 65535"),
        "coded-with-more-words-than-latents": (only(b"\x01" + bytes([0, 0, 1, 0]) + bytes(44)), damaged, "48 bytes, expected an even number from 4 to 46"),
        "coded-with-1025-images-in-a-lane": (file(chunk(1025, 0b1)).data(), damaged, "1025 .* in"),
        "coded-a-word-less": (only(coded[:-2]), damaged, "codes: "),
        "coded-a-word-more": (only(coded + b"\1\0"), damaged, "codes: "),
        "coded-a-lane-not-used": (only(b"\x09" + unused), damaged, "codes: "),
        "name-leaves-the-folder": (names(b"\0" + b"\0\x04../a" + b"\0\x01b" * 3), damaged, "relative path"),
        "name-absolute": (names(b"\0" + b"\0\x02/a" + b"\0\x01b" * 3), damaged, "relative path"),
        "name-empty": (names(b"\0" + b"\0\0" + b"\0\x01b" * 3), damaged, "relative path"),
        "name-with-nul": (names(b"\0" + b"\0\x02a\0" + b"\0\x01b" * 3), damaged, "NUL"),
        "name-not-utf-8": (names(b"\0" + b"\0\x01\xff" + b"\0\x01b" * 3), damaged, "UTF-8"),
        "names-cut": (names(b"\0" + b"\0\x01a"), damaged, "ends early"),
        "names-too-many": (names(b"\0" + b"\0\x01a" * 5), damaged, "too many"),
        "names-representation-2": (names(b"\x02"), damaged, "unknown representation"),
        "names-counter-21-wide": (names(b"\x01\0\0\x15\0"), damaged, "21 digits wide"),
        "names-in-the-first-chunk-only": (file(two_names, chunk(4)).data(), damaged, "names"),
        "names-in-the-second-chunk-only": (file(chunk(4), two_names).data(), damaged, "names"),
        "labels-in-the-first-chunk-only": (file(labelled(chunk(4), bytes(4)), chunk(5)).data(), damaged, "labels"),
    }  # fmt: skip


def packets() -> dict[str, list[dict[str, object]]]:
    """Codes and their packets, and packets to refuse."""
    cases = [("tiny", levels, code) for levels in (8, 5) for code in codes(99, 12, levels)]
    valid: list[dict[str, object]] = []
    for name, levels, code in [*cases, ("tiny", 8, (0, 0, 0)), ("tiny", 8, (7, 7, 7))]:
        packet = second.packet(code, levels, MODELS[name]).hex()
        valid.append({"model": name, "levels": levels, "code": list(code), "packet": packet})
    good = bytes.fromhex(str(valid[0]["packet"]))
    refused = {
        "empty": b"",
        "cut": good[:-1],
        "a byte more": good + b"\0",
        "another": good[:-1] + bytes([good[-1] + 1 & 255]),
    }
    return {
        "valid": valid,
        "invalid": [
            {"model": "tiny", "levels": 8, "packet": data.hex(), "why": why}
            for why, data in refused.items()
        ],
    }  # fmt: skip


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def expected(made: File, texts: dict[str, str]) -> dict[str, object]:
    """What the manifest says of a valid file."""
    levels, chunks = made.header[35], made.chunks
    return {
        "model": NAMES[made.header[16:32]],
        "images": sum(len(each.codes) for each in chunks),
        "levels": levels,
        "codes": sha256(bytes(v for each in chunks for code in each.codes for v in code)),
        "pixels": sha256(b"".join(image for each in chunks for image in each.images)),
        "names": [n for each in chunks for n in each.names or ()] if made.flags & 1 else None,
        "labels": [n for each in chunks for n in each.labels or ()] if made.flags & 2 else None,
        "corrected": made.corrected,
        "metadata": texts,
    }


METADATA: dict[str, dict[str, str]] = {
    "example": {"digitzip": "1.0.0"},
    "metadata-digitzip-alone": {"digitzip": "1.0.0"},
    "metadata": {"a": "first", "digitzip": "1.0.0", "source": "a.png\nü.png", "ключ": ""},
}
METADATA["metadata-and-promise-copied"] = METADATA["metadata"]


def main() -> int:
    old = json.loads((HERE / "manifest.json").read_text("utf-8"))
    manifest: dict[str, dict[str, object]] = {"valid": {}, "invalid": {}, "encoded": old["encoded"]}
    valid = valid_files() | files_with_coded_corrections() | files_with_coded_labels()
    refused = damaged_headers() | damaged_trailers() | damaged_chunks() | damaged_corrections()
    refused |= damaged_labels()
    for kind in ("valid", "invalid"):
        for path in (HERE / kind).glob("*.dz"):
            path.unlink()
    for name, made in valid.items():
        store("valid", name, made.data())
        manifest["valid"][name] = expected(made, METADATA.get(name, {}))
    for name, (data, error, match) in refused.items():
        store("invalid", name, data)
        model = NAMES.get(data[16:32], "tiny")
        manifest["invalid"][name] = {"model": model, "error": error, "match": match}
    write("manifest", manifest)
    write("packets", packets())
    return 0


def store(kind: str, name: str, data: bytes) -> None:
    (HERE / kind / f"{name}.dz").write_bytes(data)


def write(name: str, found: object) -> None:
    text = json.dumps(found, indent=1, ensure_ascii=False) + "\n"
    text = re.sub(r"\[[\s\d,]+\]", lambda numbers: " ".join(numbers[0].split()), text)
    (HERE / f"{name}.json").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
