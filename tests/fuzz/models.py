"""Model files: safetensors whose text and numbers are broken, with their id made good again."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from random import Random
from typing import Any, Final

import numpy as np

from digitzip import compress, decompress
from digitzip import open as open_archive
from digitzip.codec import Codec
from digitzip.model import Model, read_model
from tests.fuzz.case import Case, Target
from tests.fuzz.damage import NUMBERS, damage, number

WHOLE: Final = Path(__file__).parents[1] / "conformance" / "tiny-labels.safetensors"

_DTYPES: Final = {"U8": "u1", "I8": "i1", "U16": "<u2", "I16": "<i2", "I32": "<i4"}
_HOSTILE: Final = (
    "", " ", "\0", "a\nb", "\x1b[2J", "../x", "/etc/passwd", "CON", "٢٨", "028", "-1", "1e9", "NaN",
    "x" * 101, "y" * 100_000, "8,8", "8," * 5000, '{"a": [1, {"b": null}]}', "\u202egnp.exe",
    "𝔡", "é", "8,5", "28", "digitzip-model", "2", "0",
)  # fmt: skip
_KEYS: Final = ("format", "version", "name", "id", "height", "width", "levels")
_IMAGES: Final = np.random.default_rng(1).integers(0, 256, (2, 28, 28), dtype=np.uint8)


class Parts:
    """A safetensors file taken apart: metadata, and for each tensor its head and bytes."""

    def __init__(self, data: bytes) -> None:
        end = 8 + int.from_bytes(data[:8], "little")
        header = json.loads(data[8:end])
        self.metadata: dict[str, Any] = header.pop("__metadata__")
        self.tensors = {
            name: (head["dtype"], head["shape"], data[end:][slice(*head["data_offsets"])])
            for name, head in header.items()
        }

    def copy(self) -> Parts:
        new = object.__new__(Parts)
        new.metadata, new.tensors = dict(self.metadata), dict(self.tensors)
        return new

    def header(self) -> dict[str, Any]:
        header: dict[str, Any] = {"__metadata__": self.metadata}
        at = 0
        for name, (dtype, shape, data) in self.tensors.items():
            header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [at, at + len(data)]}
            at += len(data)
        return header

    def to_bytes(self, text: bytes) -> bytes:
        body = b"".join(data for _, _, data in self.tensors.values())
        return len(text).to_bytes(8, "little") + text + body

    def seal(self) -> None:
        """Make the id good again: FORMAT.md section 8, over whatever tensors there are."""
        numbers = [self.metadata.get(side, "") for side in ("height", "width")]
        if not all(isinstance(each, str) and each.isdecimal() for each in numbers):
            return
        dims = self.tensors.get("known.codes", ("", [0, 0], b""))[1][-1:] or [0]
        sizes = [int(each) % (1 << 32) for each in numbers] + [dims[0] % (1 << 32)]
        digest = hashlib.sha256(b"digitzip-model-1" + np.array(sizes, "<u4").tobytes())
        for name in sorted(self.tensors):
            dtype, shape, data = self.tensors[name]
            decodes = name.startswith(("decoder.", "labels.", "levels."))
            if not decodes or name.endswith((".thresholds", ".lambda")):
                continue
            axes = [len(shape), *(axis % (1 << 32) for axis in shape)]
            digest.update(len(name).to_bytes(4, "little") + name.encode("utf-8", "replace"))
            digest.update(np.array(axes, "<u4").tobytes())
            if dtype in _DTYPES and len(data) % np.dtype(_DTYPES[dtype]).itemsize == 0:
                digest.update(np.frombuffer(data, _DTYPES[dtype]).astype("<i4").tobytes())
        self.metadata["id"] = digest.digest()[:16].hex()


def target(folder: Path) -> Target:
    """Return the target; `folder` holds the file that is read."""
    original = WHOLE.read_bytes()
    whole = Parts(original)
    path = folder / "fuzz.safetensors"

    def case(random: Random) -> Case:
        match random.randrange(5):
            case 0:
                data = damage(random, original)
            case 1:
                end = 8 + int.from_bytes(original[:8], "little")
                text = damage(random, original[8:end])
                data = len(text).to_bytes(8, "little") + text + original[end:]
            case _:
                data = _rebuilt(random, whole.copy())

        def read() -> None:
            path.write_bytes(data)
            _use(read_model(path), random)

        return Case("read", data, read)

    return case


def _rebuilt(random: Random, parts: Parts) -> bytes:
    for _ in range(random.choice((1, 1, 2, 3))):
        name = random.choice(list(parts.tensors)) if parts.tensors else ""
        match random.randrange(8):
            case 0:
                parts.metadata[random.choice(_KEYS)] = random.choice(_HOSTILE)
            case 1:
                key = random.choice(("notes.", "", "notes.\n", "NAME")) + random.choice(_HOSTILE)
                parts.metadata[key] = random.choice((*_HOSTILE, 7, None, ["x"]))
            case 2 if name:
                parts.tensors[
                    random.choice(
                        (
                            name + "x",
                            "decoder.9.weight",
                            name.replace("0", "1"),
                            random.choice(_HOSTILE),
                        )
                    )
                ] = parts.tensors.pop(name)
            case 3 if name:
                del parts.tensors[name]
            case 4 if name:
                dtype, shape, data = parts.tensors[name]
                shape = [*shape]
                if shape and random.random() < 0.8:
                    shape[random.randrange(len(shape))] = number(random)
                else:
                    dtype = random.choice((*_DTYPES, "F32", "BF16", "BOOL", "I64", "X"))
                parts.tensors[name] = dtype, shape, data
            case 5 if name:
                parts.tensors[f"{name.rpartition('.')[0]}.window"] = _window(random)
            case _ if name:
                parts.tensors[name] = _other_numbers(random, *parts.tensors[name])
    if random.random() < 0.8:
        parts.seal()
    text = json.dumps(parts.header(), ensure_ascii=random.random() < 0.5)
    if random.random() < 0.05:  # a key twice, or brackets without end
        text = text.replace('"format"', '"name": "twice", "format"', 1) + "[" * random.choice(
            (0, 9)
        )
    return parts.to_bytes(text.encode("utf-8", "surrogatepass"))


def _window(random: Random) -> tuple[str, list[int], bytes]:
    """Return a window: one that gives a layer one number a pixel or all of them, or nearly such."""
    window = random.choice(([28, 28, 28, 1], [1, 1, 1, 1], [28, 28, 1, 1]))
    for _ in range(random.choice((0, 1, 1, 4))):
        window[random.randrange(4)] = random.choice((-1, 1)) * number(random, 1 << 31)
    if random.random() < 0.1:
        window.append(1)
    return "I32", [len(window)], np.array(window, "<i4").tobytes()


def _other_numbers(random: Random, dtype: str, shape: list[int], data: bytes) -> Any:
    """Change some numbers of a tensor, to such as lie at the ends of ranges."""
    if dtype not in _DTYPES or len(data) % np.dtype(_DTYPES[dtype]).itemsize:
        return dtype, shape, damage(random, data)
    values = np.frombuffer(data, _DTYPES[dtype]).astype(np.int64)
    info = np.iinfo(_DTYPES[dtype])
    ends = [each for n in NUMBERS for each in (n, -n) if info.min <= each <= info.max]
    if values.size and random.random() < 0.2:
        values[:] = random.choice(ends)
    elif values.size:
        for _ in range(random.choice((1, 1, 3, 20))):
            values[random.randrange(values.size)] = random.choice(ends)
    return dtype, shape, values.astype(_DTYPES[dtype]).tobytes()


def _use(model: Model, random: Random) -> None:
    """Use a model that was not refused: what it writes, it must read."""
    codec = Codec(model, random.choice(model.qualities), random.choice((0, 0, 0, 1)))
    images = _IMAGES[:, : model.shape.height, : model.shape.width]
    if images.shape[1:] == (model.shape.height, model.shape.width):
        decoded = codec.decode(codec.encode(images))
        data = compress(images, model=model, labels=[1, 9], quality=1, effort=codec.effort)
        again = decompress(data, model=model)
        labels = open_archive(data, model=model).labels
        assert labels is not None
        assert labels[:].tolist() == [1, 9]
        assert codec.levels != model.qualities[0] or (again == decoded).all()
