"""A second reader of `.dz` files, written from docs/FORMAT.md and docs/MODELS.md alone.

It shares no code with digitzip and uses Python integers throughout: slow, and easy to compare with
the pages. "F 3" stands for section 3 of FORMAT.md, "M 2" for section 2 of MODELS.md.
"""

import hashlib
import json
import math
import struct
import zlib
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal, localcontext
from fractions import Fraction
from itertools import accumulate, pairwise
from operator import mul
from typing import Any, NamedTuple

import zstandard

MIB = 1 << 20


class Refused(Exception):  # noqa: N818
    """The file is not as the pages say."""


def need(condition: bool, otherwise: str) -> None:
    if not condition:
        raise Refused(otherwise)


class Cursor:
    """F 1: integers, and runs of bytes that must be there."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at = data, 0

    def take(self, size: int) -> bytes:
        need(size <= len(self.data) - self.at, f"{size} bytes are not there")
        self.at += size
        return self.data[self.at - size : self.at]

    def fixed(self, size: int) -> int:
        return int.from_bytes(self.take(size), "little")

    def varint(self) -> int:
        value, shift, byte = 0, 0, 0x80
        while byte & 0x80:
            byte = self.fixed(1)
            value |= (byte & 0x7F) << shift
            shift += 7
            need(value < 1 << 53 and shift <= 56, "varint: too large")
        need(byte != 0 or shift == 7, "varint: not canonical")
        return value

    def end(self, of: str) -> None:
        need(self.at == len(self.data), f"{of}: bytes left over")


# --------------------------------------------------------------------------------- M: the model


class Tensor(NamedTuple):
    dtype: str
    shape: tuple[int, ...]
    values: tuple[int, ...]

    def rows(self) -> list[tuple[int, ...]]:
        out, size = self.shape
        return [self.values[i * size : (i + 1) * size] for i in range(out)]


class Layer(NamedTuple):
    weight: list[tuple[int, ...]]
    bias: Sequence[int]
    shift: Sequence[int]
    low: int
    high: int
    skip: int | None
    table: Sequence[int] | None
    window: tuple[int, ...] | None
    outputs: int


Shape = tuple[int, ...]
Pair = tuple[int, int]
INTEGERS = {"U8": "B", "I8": "b", "U16": "H", "I16": "h", "I32": "i"}
ANY = " ".join(INTEGERS)
I32, CLIP, POINT = (-(1 << 31), (1 << 31) - 1), (-(1 << 23), 1 << 23), (-(1 << 15), 1 << 15)


def read_tensors(data: bytes) -> tuple[dict[str, str], dict[str, Tensor]]:
    """The safetensors container: u64 length of a JSON header, the header, the tensors' bytes."""
    need(len(data) <= 32 * MIB, "model: above 32 MiB")  # M 5
    file = Cursor(data)

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        need(len({key for key, _ in pairs}) == len(pairs), "model: a key stands twice")
        return dict(pairs)

    try:
        header = json.loads(file.take(file.fixed(8)), object_pairs_hook=unique)
        metadata = header.pop("__metadata__")
        need(all(isinstance(v, str) for v in metadata.values()), "metadata: not text")
        found, at = {}, 0
        for name, entry in sorted(header.items(), key=lambda item: item[1]["data_offsets"]):
            dtype, shape, (start, stop) = entry["dtype"], entry["shape"], entry["data_offsets"]
            need(dtype in INTEGERS, f"{name}: type {dtype}")
            need(all(type(n) is int and n >= 0 for n in [*shape, start, stop]), f"{name}: shape")
            letter, count = INTEGERS[dtype], math.prod(shape)
            need(start == at and stop - at == count * struct.calcsize(letter), f"{name}: size")
            at = stop
            values = struct.unpack(f"<{count}{letter}", file.take(stop - start))
            found[name] = Tensor(dtype, tuple(shape), values)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise Refused(f"model: not a safetensors file: {error}") from error
    file.end("model")
    return metadata, found


@dataclass
class Quantiser:
    points: list[tuple[int, ...]]
    predictors: list[list[Layer]]
    cdfs: dict[tuple[int, ...], list[int]] = field(default_factory=dict)


class Model:
    def __init__(self, data: bytes) -> None:
        self.metadata, self.tensors = read_tensors(data)
        self.unused = set(self.tensors)
        # M 1: metadata
        told = {k: v for k, v in self.metadata.items() if not k.startswith("notes.")}
        keys = {"format", "version", "name", "id", "height", "width", "levels"}
        need(keys <= told.keys() <= keys | {"classifier"}, "metadata: other keys than the page's")
        classifier = told.get("classifier", "0" * 32)
        need(len(classifier) == 32, "classifier: no id")
        need(set(classifier) <= set("0123456789abcdef"), "classifier: no id")
        need(told["format"] == "digitzip-model" and told["version"] == "1", "not a model, 1")
        name = told["name"]
        need(1 <= len(name) <= 100 and name.isprintable() and "/" not in name, "name")
        self.height, self.width = (decimal(told[key], 8, 64) for key in ("height", "width"))
        self.levels = [decimal(number, 2, 255) for number in told["levels"].split(",")]
        need(len(set(self.levels)) == len(self.levels), "levels: one stands twice")
        # M 2, 3: networks and quantisers
        size = self.height * self.width
        self.dims = self.network("encoder", size, 255)[-1].outputs
        need(1 <= self.dims <= 10, "dims")
        self.decoder = self.network("decoder", self.dims, POINT[1], (0, 255))
        need(self.decoder[-1].outputs == size, "decoder: outputs")
        self.residual: list[Layer] | None = None
        if "residual.0.weight" in self.unused:
            inputs = 110 + self.height + self.width
            self.residual = self.network("residual", inputs, 255, (0, 65_536))
            need(self.residual[-1].outputs == 256, "residual: outputs")
        self.labels: list[Layer] | None = None
        if "labels.0.weight" in self.unused:
            self.labels = self.network("labels", self.dims, POINT[1], POINT)
            need(2 <= self.labels[-1].outputs <= 255, "labels: outputs")
        self.quantisers: dict[int, Quantiser] = {}
        for count in self.levels:
            prefix = f"levels.{count}."
            thresholds = self.tensor(prefix + "thresholds", (self.dims, count - 1)).rows()
            need(all(list(row) == sorted(row) for row in thresholds), "thresholds: descend")
            points = self.tensor(prefix + "points", (self.dims, count), POINT).rows()
            names = [f"{prefix}predictor.{j}" for j in range(self.dims)]
            predictors = [self.network(n, j, POINT[1], POINT) for j, n in enumerate(names)]
            need(all(p[-1].outputs == count for p in predictors), "predictor: outputs")
            if (name := prefix + "lambda") in self.unused:
                self.tensor(name, (1,), (0, 1 << 20))
            if (name := f"guard.{count}.max_rmse") in self.unused:  # M 6
                self.tensor(name, (1,), (1, 65535))
            self.quantisers[count] = Quantiser(points, predictors)
        if "guard.margin" in self.unused:  # M 6
            self.tensor("guard.margin", (1,), (0, 1 << 16))
        # M 4: known answer
        self.images: dict[tuple[int, tuple[int, ...]], bytes] = {}
        rows = (self.tensors["known.codes"].shape or (0,))[0] if "known.codes" in self.unused else 0
        need(rows >= 1, "no known answer")
        codes = self.tensor("known.codes", (rows, self.dims), (0, self.levels[0] - 1), "U8")
        images = self.tensor("known.images", (rows, self.height, self.width), types="U8")
        need(not self.unused, f"unknown tensors {self.unused}")
        self.id = self.identity()
        need(told["id"] == self.id.hex(), "id: not the model's")
        decoded = b"".join(self.decode(self.levels[0], code) for code in codes.rows())
        need(decoded == bytes(images.values), "does not decode the known answer")

    def tensor(self, name: str, shape: Shape, within: Pair = I32, types: str = ANY) -> Tensor:
        """M 5: a tensor that must be there, of this type, shape and range."""
        need(name in self.unused, f"{name}: missing")
        self.unused.remove(name)
        found = self.tensors[name]
        need(found.shape == shape and found.dtype in types.split(), f"{name}: type or shape")
        need(all(within[0] <= v <= within[1] for v in found.values), f"{name}: out of range")
        return found

    def network(self, name: str, inputs: int, largest: int, within: Pair = I32) -> list[Layer]:
        """M 2. `largest`: of the absolute values of the inputs; `within`: limits of the outputs."""
        layers: list[Layer] = []
        products, low, high = 0, 0, 0
        while (prefix := f"{name}.{len(layers)}.") + "weight" in self.unused:
            out = (self.tensors[prefix + "weight"].shape or (0,))[0]
            windows, columns, window = 1, inputs, None
            if prefix + "window" in self.unused:
                window = self.tensor(prefix + "window", (4,), (1, I32[1])).values
                windows, columns = seen_by(window, inputs)
                need(windows * max(out, columns) <= 65_536, f"{prefix}window: sees too much")
            weight = self.tensor(prefix + "weight", (out, columns), types="I8 I16").rows()
            bias = self.tensor(prefix + "bias", (out,)).values
            shift = self.tensor(prefix + "shift", (out,), (0, 30)).values
            low, high = self.tensor(prefix + "clip", (2,), CLIP).values
            need(low <= high, f"{prefix}clip: empty")
            skip = table = None
            if prefix + "skip" in self.unused:
                (skip,) = self.tensor(prefix + "skip", (1,), (1, len(layers))).values
                need(layers[-skip].outputs == windows * out, f"{prefix}skip: another size")
            if prefix + "table" in self.unused:
                table = self.tensor(prefix + "table", (high - low + 1,), CLIP).values
            for row, b in zip(weight, bias, strict=True):
                need(sum(map(abs, row)) * largest + abs(b) < 1 << 52, f"{prefix}: not exact")
            outputs, products = windows * out, products + windows * out * columns
            layers.append(Layer(weight, bias, shift, low, high, skip, table, window, outputs))
            low, high = (min(table), max(table)) if table else (low, high)
            largest, inputs = max(abs(low), abs(high)), outputs
        need(1 <= len(layers) <= 64, f"{name}: {len(layers)} layers")
        need(products <= 16 * MIB, f"{name}: too large")
        need(within[0] <= low and high <= within[1], f"{name}: outputs {low} … {high}")
        return layers

    def identity(self) -> bytes:
        """F 8."""
        hashed = b"digitzip-model-1" + struct.pack("<3I", self.height, self.width, self.dims)
        for name, (_, shape, values) in sorted(self.tensors.items()):
            written = name.endswith((".thresholds", ".lambda"))  # a matter of writing alone
            if name.startswith(("decoder.", "labels.", "levels.", "residual.")) and not written:
                hashed += struct.pack("<I", len(name.encode())) + name.encode()
                hashed += struct.pack(f"<I{len(shape)}I{len(values)}i", len(shape), *shape, *values)
        return hashlib.sha256(hashed).digest()[:16]

    def point(self, levels: int, code: Sequence[int]) -> list[int]:
        points = self.quantisers[levels].points
        return [row[value] for row, value in zip(points, code, strict=False)]

    def decode(self, levels: int, code: tuple[int, ...]) -> bytes:
        if (levels, code) not in self.images:
            self.images[levels, code] = bytes(run(self.decoder, self.point(levels, code)))
        return self.images[levels, code]

    def cdf(self, levels: int, before: tuple[int, ...]) -> list[int]:
        """F 4.1: the intervals of the values of the next latent."""
        quantiser = self.quantisers[levels]
        if before not in quantiser.cdfs:
            scores = run(quantiser.predictors[len(before)], self.point(levels, before))
            quantiser.cdfs[before] = cdf_of(scores)
        return quantiser.cdfs[before]

    def label_cdf(self, levels: int, code: tuple[int, ...]) -> list[int]:
        """F 5.2: the intervals of the labels of an image."""
        assert self.labels is not None
        return cdf_of(run(self.labels, self.point(levels, code)))

    def pixel_cdf(self, inputs: list[int]) -> list[int]:
        """F 4.2: the intervals of the values of a pixel."""
        assert self.residual is not None
        weights = run(self.residual, inputs)
        if not any(weights):
            weights[255] = 1
        sums = [0, *accumulate(weights)]
        return [each * 65_280 // sums[-1] + v for v, each in enumerate(sums)]


def cdf_of(scores: list[int]) -> list[int]:
    """F 4.1: B, from scores."""
    with localcontext(Context(prec=40)):
        share = [2**20 * (Decimal(score - max(scores)) / 32).exp() for score in scores]
        weights = [int(w.to_integral_value()) for w in share]
    room = 16_384 - len(scores)
    sums = [0, *accumulate(weights)]
    return [each * room // sums[-1] + v for v, each in enumerate(sums)]


def decimal(text: str, low: int, high: int) -> int:
    need(text in map(str, range(low, high + 1)), f"{text!r} is not {low} … {high}")
    return int(text)


def seen_by(window: tuple[int, ...], inputs: int) -> Pair:
    """M 2: how many windows there are, and how many numbers each has."""
    height, width, size, step = window
    need(size <= min(height, width), "window: larger than its image")
    channels, left = divmod(inputs, height * width)
    need(channels > 0 and left == 0, "window: of another image")
    return ((height - size) // step + 1) * ((width - size) // step + 1), size**2 * channels


def windows(window: tuple[int, ...], x: list[int]) -> list[list[int]]:
    """M 2: what each window sees: of a row of an image, `size` pixels stand side by side."""
    height, width, size, step = window
    channels = len(x) // (height * width)
    pitch = width * channels
    tops, lefts = (range(0, side - size + 1, step) for side in (height, width))
    starts = [top * pitch + left * channels for top in tops for left in lefts]
    return [
        [v for row in range(size) for v in x[start + row * pitch :][: size * channels]]
        for start in starts
    ]


def run(network: list[Layer], x: list[int]) -> list[int]:
    """M 2. `>>` of Python's integers is the floor of the division."""
    outputs: list[list[int]] = []
    for weight, bias, shift, low, high, skip, table, window, _ in network:
        rows = list(zip(weight, bias, shift, strict=True))
        seen = [x] if window is None else windows(window, x)
        y = [(sum(map(mul, row, w)) + b) >> k for w in seen for row, b, k in rows]
        if skip is not None:
            y = [a + b for a, b in zip(y, outputs[-skip], strict=True)]
        y = [min(max(value, low), high) for value in y]
        x = y if table is None else [table[value - low] for value in y]
        outputs.append(x)
    return x


# ----------------------------------------------------------------------------- F: the container


@dataclass
class Content:
    levels: int
    codes: list[list[int]] = field(default_factory=list)
    pixels: bytes = b""
    names: list[str] | None = None
    labels: bytes | None = None
    corrected: int = 0
    metadata: dict[str, str] = field(default_factory=dict)

    @property
    def images(self) -> int:
        return len(self.codes)


class Entry(NamedTuple):
    start: int
    length: int
    images: int
    crc: int


class Header(NamedTuple):
    data: bytes
    levels: int
    metadata: dict[str, str]


class Trailer(NamedTuple):
    entries: list[Entry]
    flags: int
    corrected: int


def text(data: bytes) -> str:
    """F 1: UTF-8 without NUL."""
    need(b"\0" not in data, "text: NUL")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise Refused("text: not UTF-8") from error


def read_header(data: bytes, model: Model) -> Header:
    """F 2, 6."""
    file = Cursor(data)
    need(file.take(4) == b"\x5d\x2a\x4d\x18", "header: frame magic")
    size = file.fixed(4)
    need(file.take(7) == b"\x89DZ\r\n\x1a\n", "header: signature")
    need((version := file.fixed(1)) == 3, f"version {version} is unknown")
    need(34 <= size <= 65_576, "header: size")
    need(len(data) >= 8 + size, "header: cut")
    crc = int.from_bytes(data[4 + size : 8 + size], "little")
    need(crc == zlib.crc32(data[: 4 + size]), "header: CRC")
    file = Cursor(data[: 4 + size])
    file.take(16)
    identity, (height, width, dims, levels) = file.take(16), file.take(4)
    need(8 <= height <= 64 and 8 <= width <= 64, "header: height or width")
    need(1 <= dims <= 10 and 2 <= levels <= 255, "header: dims or levels")
    flags = file.fixed(1)
    need(flags < 16 and (flags == 0 or flags & 1 == 1), "promise: flags")
    file.take((flags >> 1 & 1) + 2 * (flags >> 2 & 1) + 4 * (flags >> 3 & 1))
    metadata = read_metadata(file)
    file.end("header")
    need(identity == model.id, f"the file needs model {identity.hex()}")
    need((height, width, dims) == (model.height, model.width, model.dims), "not the model's size")
    need(levels in model.levels, f"the model has no quantiser of {levels} levels")
    return Header(data[: 8 + size], levels, metadata)


def read_metadata(file: Cursor) -> dict[str, str]:
    """F 6.2."""
    start, keys, values = file.at, [], []
    for _ in range(file.varint()):
        key = file.take(file.fixed(1))
        need(key != b"digitzip", "metadata: a key is spelled out")
        keys.append(key or b"digitzip")
        values.append(text(file.take(file.varint())))
    need(file.at - start <= 65_536, "metadata: too long")
    need(all(a < b for a, b in pairwise(keys)), "metadata: keys do not ascend")
    return dict(zip(map(text, keys), values, strict=True))


def read_trailer(data: bytes, end: int, header: bytes) -> Trailer:
    """F 7: the trailer that ends at `end`; its entries must account for the file so far."""
    need(end >= len(header) + 23, "trailer: cut")
    back = int.from_bytes(data[end - 4 : end], "little")
    need(23 <= back <= min(32 * MIB, end - len(header)), "trailer: back-pointer")
    file = Cursor(data[end - back : end])
    need(file.take(4) == b"\x5e\x2a\x4d\x18", "trailer: frame magic")
    need(file.fixed(4) == back - 8, "trailer: frame size")
    need((flags := file.fixed(1)) < 8, "trailer: flags")
    if flags & 4:
        need(file.take(file.varint()) == header[16:-4], "trailer: copy of the header")
    corrected, count = file.varint(), file.varint()
    at, entries = len(header), []
    need(count <= min(1 << 20, back // 6), "trailer: too many entries")
    for _ in range(count):
        entry = Entry(at, file.varint(), file.varint(), file.fixed(4))
        need(entry.length >= 1 and entry.images <= 16384, "trailer: entry")
        entries.append(entry)
        at += entry.length
    need(at == end - back, "trailer: does not account for the file")
    digest = hashlib.sha256(header + file.data[: file.at]).digest()[:8]
    need(file.take(8) == digest, "trailer: digest")
    file.take(4)
    file.end("trailer")
    return Trailer(entries, flags, corrected)


def unpack_frame(frame: bytes) -> bytes:
    """F 3: one Zstandard frame (RFC 8878, 3.1.1.1) with a size, a checksum and a small window."""
    file = Cursor(frame)
    need(len(frame) <= 16 * MIB, "chunk: above 16 MiB")
    need(file.take(4) == b"\x28\xb5\x2f\xfd", "chunk: not an ordinary frame")
    flags = file.fixed(1)
    single, wide = flags >> 5 & 1, flags >> 6
    need(flags & 0b1011 == 0 and flags & 4 == 4, "chunk: dictionary or no checksum")
    need(wide > 0 or single == 1, "chunk: no content size")
    window = 0 if single else file.fixed(1)
    size = file.fixed(1 << wide) + (256 if wide == 1 else 0)
    window = size if single else (1 << 10 + (window >> 3)) // 8 * (8 + (window & 7))
    need(size <= 16 * MIB and window <= 16 * MIB, "chunk: size or window above 16 MiB")
    try:
        content = zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)
    except zstandard.ZstdError as error:
        raise Refused(f"chunk: {error}") from error
    need(len(content) == size, "chunk: content size")
    return content


def read_codes(body: Cursor, images: int, levels: int, model: Model) -> list[tuple[int, ...]]:
    """F 4.1."""
    representation, dims = body.fixed(1), model.dims
    if representation & 1:
        need(representation >> 1 <= 8, "codes: unknown representation")
        return read_coded(body, 1 << (representation >> 1), images, levels, model)
    group = representation >> 1
    need(1 <= group <= 8 and levels**group <= 256, "codes: unknown representation")
    planes: list[list[int]] = []
    for first in range(0, dims, group):
        held = min(group, dims - first)
        joined = list(body.take(images))
        need(max(joined) < levels**held, "codes: a byte too large")
        planes += [[byte // levels**i % levels for byte in joined] for i in range(held)]
    body.end("codes")
    codes: list[tuple[int, ...]] = [()] * images
    for plane in planes:
        codes = [(*code, value) for code, value in zip(codes, plane, strict=True)]
    return codes


def read_coded(
    body: Cursor, lanes: int, images: int, levels: int, model: Model
) -> list[tuple[int, ...]]:
    """F 4.1: coded."""
    need(images <= 1024 * lanes, "codes: too many images for the lanes")
    need(len(body.data) - body.at <= 4 * lanes + 2 * images * model.dims, "codes: too many words")
    states = [body.fixed(4) for _ in range(lanes)]
    need(min(states) >= 1 << 16, "codes: a state too small")
    codes: list[tuple[int, ...]] = [()] * images
    for _ in range(model.dims):
        for i, code in enumerate(codes):
            v, states[i % lanes] = step(model.cdf(levels, code), states[i % lanes], body)
            codes[i] = (*code, v)
    body.end("codes")
    need(states == [1 << 16] * lanes, "codes: a state at the end")
    return codes


def step(cdf: list[int], x: int, body: Cursor) -> Pair:
    """F 4.1: decode one value; return it and the next state."""
    r = x % 16_384
    v = bisect_right(cdf, r) - 1
    x = (cdf[v + 1] - cdf[v]) * (x // 16_384) + r - cdf[v]
    return v, x << 16 | body.fixed(2) if x < 1 << 16 else x


def apply_corrections(body: Cursor, images: list[bytearray], model: Model) -> int:
    """F 4.2: correct the reconstructions `images`; return how many."""
    representation, groups = body.fixed(1), body.varint()
    coded, k = representation & 1, representation >> 1
    need(k <= (8 if coded else 0), "corrections: unknown representation")
    need(1 <= groups <= 128, "corrections: groups")
    rows: dict[int, int] = {}  # the bound of each listed row, in the order of the steps
    last = -1
    for _ in range(groups):
        n, count, row = body.fixed(1), body.varint(), -1
        need(last < n <= 127, "corrections: N")
        last = n
        need(1 <= count <= len(images), "corrections: count")
        for _ in range(count):
            row += body.varint() + 1
            need(row < len(images) and row not in rows, "corrections: no such image, or again")
            rows[row] = n
    listed, bounds = [images[row] for row in rows], list(rows.values())
    if coded:
        need(model.residual is not None, "corrections: the model has no residual model")
        correct_coded(body, 1 << k, bounds, listed, model)
    else:
        correct_plain(body, bounds, listed)
    body.end("corrections")
    return len(rows)


def correct_plain(body: Cursor, bounds: list[int], images: list[bytearray]) -> None:
    """F 4.2: plain."""
    for pixel in range(len(images[0])):
        for image, n, s in zip(images, bounds, body.take(len(images)), strict=True):
            value = image[pixel] + (-(s + 1) // 2 if s & 1 else s // 2) * (2 * n + 1)
            image[pixel] = min(max(value, 0), 255) if n else value % 256


def correct_coded(
    body: Cursor, lanes: int, bounds: list[int], images: list[bytearray], model: Model
) -> None:
    """F 4.2: coded."""
    size = len(images[0])
    need(len(images) <= 1024 * lanes and len(images) * size <= 1 << 24, "corrections: too many")
    most = 4 * lanes + 2 * len(images) * size
    need(len(body.data) - body.at <= most, "corrections: too many words")
    states = [body.fixed(4) for _ in range(lanes)]
    need(min(states) >= 1 << 16, "corrections: a state too small")
    decoded = [bytes(image) for image in images]
    for pixel in range(size):
        for i, (image, before, n) in enumerate(zip(images, decoded, bounds, strict=True)):
            cdf = model.pixel_cdf(seen(image, before, pixel, n, model))
            x, p = states[i % lanes], before[pixel]
            r = x % 65_536
            v = bisect_right(cdf, r) - 1
            middle = p + (v - p + n) // (2 * n + 1) * (2 * n + 1)
            a, b = cdf[max(middle - n, 0)], cdf[min(middle + n, 255) + 1]
            x = (b - a) * (x // 65_536) + r - a
            if x < 1 << 16:
                x = x << 16 | body.fixed(2)
            image[pixel], states[i % lanes] = min(max(middle, 0), 255), x
    need(states == [1 << 16] * lanes, "corrections: a state at the end")


def seen(image: bytearray, decoded: bytes, pixel: int, n: int, model: Model) -> list[int]:
    """M 2: the inputs of the residual model. `image` is corrected up to `pixel`."""
    y, x = divmod(pixel, model.width)

    def at(pixels: bytes | bytearray, row: int, column: int) -> int:
        inside = 0 <= row < model.height and 0 <= column < model.width
        return pixels[row * model.width + column] if inside else 0

    inputs = [at(image, row, x + c) for row in range(y - 5, y) for c in range(-5, 6)]
    inputs += [at(image, y, x + c) for c in range(-5, 0)]
    near = [at(decoded, y + r, x + c) for r in range(-3, 4) for c in range(-3, 4)]
    inputs += [0 if value < 8 else value for value in near]
    inputs += [255 * (row == y) for row in range(model.height)]
    inputs += [255 * (column == x) for column in range(model.width)]
    return [*inputs, n]


def read_names(body: Cursor, images: int) -> list[str]:
    """F 5.1."""
    representation, names = body.fixed(1), []
    need(representation <= 1, "names: unknown representation")
    if representation == 0:
        name = b""
        for _ in range(images):
            need((shared := body.varint()) <= len(name), "names: shared")
            name = name[:shared] + body.take(body.varint())
            need(len(name) <= 1024, "names: too long")
            names.append(name)
    else:
        prefix, suffix = body.take(body.varint()), body.take(body.varint())
        width, start = body.fixed(1), body.varint()
        need(len(prefix) + len(suffix) < 1024 and width <= 20, "names: too long")
        for i in range(start, start + images):
            names.append(prefix + f"{i:0{width}d}".encode() + suffix)
    body.end("names")
    for name in names:
        need(len(name) <= 1024, "names: too long")
        need(not {b"", b".", b".."} & set(name.split(b"/")), "names: not a relative path")
    return [text(name) for name in names]


def read_labels(body: Cursor, codes: Sequence[tuple[int, ...]], levels: int, model: Model) -> bytes:
    """F 5.2."""
    need((representation := body.fixed(1)) <= 1, "labels: unknown representation")
    if representation == 0:
        labels = body.take(len(codes))
    else:
        need(model.labels is not None, "labels: the model has no label model")
        need(len(body.data) - body.at <= 4 + 2 * len(codes), "labels: too many words")
        need((x := body.fixed(4)) >= 1 << 16, "labels: a state too small")
        found = bytearray()
        for code in codes:
            v, x = step(model.label_cdf(levels, code), x, body)
            found.append(v)
        need(x == 1 << 16, "labels: a state at the end")
        labels = bytes(found)
    body.end("labels")
    return labels


def read_chunk(content: bytes, count: int, levels: int, model: Model) -> Content:
    """F 3."""
    file = Cursor(content)
    need(file.varint() == count and 1 <= count <= 16384, "chunk: images")
    crc, last = file.fixed(4), 0
    result, images = Content(levels), [bytearray()]
    while file.at < len(content) or last == 0:
        kind, body = file.fixed(1), Cursor(file.take(file.varint()))
        need(kind > last if last else kind == 1, "chunk: layers do not ascend from codes")
        last = kind
        if kind == 0x01:
            codes = read_codes(body, count, levels, model)
            result.codes = [list(code) for code in codes]
            images = [bytearray(model.decode(levels, code)) for code in codes]
        elif kind == 0x02:
            result.corrected = apply_corrections(body, images, model)
        elif kind == 0x81:
            result.names = read_names(body, count)
        elif kind == 0x82:
            result.labels = read_labels(body, codes, levels, model)
        else:
            need(kind >= 0x80, f"chunk: unknown critical layer {kind}")
    result.pixels = b"".join(images)
    need(zlib.crc32(result.pixels) == crc, "chunk: pixel CRC")
    return result


def read(data: bytes, model: Model) -> Content:
    """F 7, 9: open a file and decode all of it."""
    header = read_header(data, model)
    trailer = read_trailer(data, len(data), header.data)
    result = Content(header.levels, metadata=header.metadata)
    names: list[str] = []
    labels = b""
    for start, length, images, crc in trailer.entries:
        stored = data[start : start + length]
        need(zlib.crc32(stored) == crc, "entry CRC")
        if images == 0:  # a replaced trailer is not interpreted
            continue
        chunk = read_chunk(unpack_frame(stored), images, header.levels, model)
        need((chunk.names is not None) == bool(trailer.flags & 1), "names: not as the flags say")
        need((chunk.labels is not None) == bool(trailer.flags & 2), "labels: not as the flags say")
        names += chunk.names or []
        labels += chunk.labels or b""
        result.codes += chunk.codes
        result.pixels += chunk.pixels
        result.corrected += chunk.corrected
    need(result.corrected == trailer.corrected, "trailer: number of corrected images")
    need(bool(result.codes) or trailer.flags & 3 == 0, "trailer: flags of a file without images")
    result.names = names if trailer.flags & 1 else None
    result.labels = labels if trailer.flags & 2 else None
    return result


# ------------------------------------------------------------------------------- F 10: packets


def write_packet(code: Sequence[int], levels: int, model: Model) -> bytes:
    """F 10: the shortest byte string, and the smallest of those, within the interval."""
    low, size, total = 0, 1, 1
    for j, value in enumerate(code):
        cdf = model.cdf(levels, tuple(code[:j]))
        low = low * 16_384 + size * cdf[value]
        size *= cdf[value + 1] - cdf[value]
        total *= 16_384
    scale, k = 1, 0
    while (-(-low * scale // total) + 1) * total > (low + size) * scale:
        scale, k = scale * 256, k + 1
    return (-(-low * scale // total)).to_bytes(k, "big")


def read_packet(packet: bytes, levels: int, model: Model) -> list[int]:
    """F 10."""
    x = Fraction(int.from_bytes(packet, "big"), 256 ** len(packet))
    code: tuple[int, ...] = ()
    for _ in range(model.dims):
        cdf = model.cdf(levels, code)
        v = bisect_right(cdf, int(x * 16_384)) - 1
        x = (x * 16_384 - cdf[v]) / (cdf[v + 1] - cdf[v])
        code = (*code, v)
    need(write_packet(code, levels, model) == packet, "packet: not canonical")
    return list(code)
