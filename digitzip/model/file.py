"""Weights file <-> model: safetensors, validated against a schema and limits, never unpickled."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from digitzip.errors import ModelError
from digitzip.limits import DIMS, LEVELS, SIDES
from digitzip.model.model import Images, Integers, LevelSet, Model, Shape, Tensors
from digitzip.network import Layer, Network

FORMAT: Final = "digitzip-model"
VERSION: Final = "1"
MAX_BYTES: Final = 32 << 20
MAX_MULTIPLICATIONS: Final = 16 << 20  # of a network for one image
MAX_WIDTH: Final = 8192  # of a layer
MAX_TABLE: Final = 65_536
MAX_KNOWN: Final = 64
MAX_LAYERS: Final = 64
MAX_NAME: Final = 100
MAX_LAMBDA: Final = 1 << 20

_DECIMALS: Final = {str(number): number for number in range(LEVELS[-1] + 1)}
_KEYS: Final = {"format", "version", "name", "id", "height", "width", "levels"}
_WIDE: Final = ("I32", "I16", "I8", "U16", "U8")
_DTYPES: Final = {"weight": ("I8", "I16"), "images": ("U8",), "codes": ("U8",)}
_LENGTHS: Final[dict[str, tuple[int, ...]]] = {  # of each axis at most, by the end of a name
    "weight": (MAX_WIDTH, MAX_WIDTH),
    "bias": (MAX_WIDTH,),
    "shift": (MAX_WIDTH,),
    "clip": (2,),
    "skip": (1,),
    "table": (MAX_TABLE,),
    "thresholds": (DIMS[-1], LEVELS[-1] - 1),
    "points": (DIMS[-1], LEVELS[-1]),
    "lambda": (1,),
    "codes": (MAX_KNOWN, DIMS[-1]),
    "images": (MAX_KNOWN, SIDES[-1], SIDES[-1]),
}


def read_model(path: Path) -> Model:
    """Read, validate and try the model in the safetensors file at `path`.

    Raises `ModelError` when the file breaks the schema of docs/MODELS.md, a limit, the bound of a
    network, its own id or its known-answer vector.
    """
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise ModelError(f"{path}: {size} bytes, expected at most {MAX_BYTES}")
        with safe_open(path, framework="np") as file:
            metadata = file.metadata() or {}
            for name in file.keys():  # noqa: SIM118 - a safe_open has no iterator
                stored = file.get_slice(name)
                _check_tensor(name, stored.get_dtype(), stored.get_shape())
            tensors: Tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        model = _Builder(metadata, tensors).model()
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: not a readable model file: {error}") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error
    if metadata.get("id") != model.id.hex():
        raise ModelError(f"{path}: its id is {model.id.hex()}, not what it says of itself")
    if not np.array_equal(known_answer(model), model.known_images):
        raise ModelError(f"{path}: its known codes do not decode to its known images here")
    return model


def write_model(path: Path, model: Model) -> None:
    """Write `model` to a new safetensors file at `path`."""
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "name": model.name,
        "id": model.id.hex(),
        "height": str(model.shape.height),
        "width": str(model.shape.width),
        "levels": ",".join(str(level_set.levels) for level_set in model.level_sets),
        **{f"notes.{key}": value for key, value in model.notes.items()},
    }
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in model.tensors().items()}
    path.write_bytes(_in_order(save(tensors, metadata)))


def _in_order(data: bytes) -> bytes:
    """Sort the metadata of a safetensors file, which come in another order in each process."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]


def known_answer(model: Model) -> Images:
    """Decode the known codes of `model` at its default number of levels."""
    return model.decode_points(model.level_sets[0].dequantise(model.known_codes))


def _check_tensor(name: str, dtype: str, shape: list[int]) -> None:
    """Refuse a tensor by what the file says of it, before it is read."""
    part = name.rpartition(".")[2]
    if (lengths := _LENGTHS.get(part)) is None:
        raise ModelError(f"unknown tensor {name[:80]!r}")
    if dtype not in (allowed := _DTYPES.get(part, _WIDE)):
        raise ModelError(f"tensor {name} is {dtype}, expected {' or '.join(allowed)}")
    if len(shape) != len(lengths) or any(a > b for a, b in zip(shape, lengths, strict=True)):
        raise ModelError(f"tensor {name} is {shape}, expected up to {list(lengths)}")


class _Builder:
    """Takes tensors out of a file one by one, each checked, until none is left."""

    def __init__(self, metadata: Mapping[str, str], tensors: Tensors) -> None:
        self._metadata = metadata
        self._tensors = dict(tensors)

    def model(self) -> Model:
        if self._metadata.get("format") != FORMAT:
            raise ModelError(f"not a digitzip model: its format is not {FORMAT}")
        if (version := self._metadata.get("version")) != VERSION:
            raise ModelError(f"model version {version!r}; this build reads {VERSION}")
        if odd := {key for key in self._metadata if not key.startswith("notes.")} - _KEYS:
            raise ModelError(f"unknown metadata key {min(odd)[:40]!r}")
        name = self._metadata.get("name", "")
        if not 0 < len(name) <= MAX_NAME or not name.isprintable() or "/" in name:
            raise ModelError("its name is missing, too long or unprintable")
        height, width = (self._number(side, SIDES) for side in ("height", "width"))
        encoder = self._network("encoder", 0, 255)
        shape = Shape(height, width, encoder.outputs)
        if encoder.inputs != shape.pixels or shape.dims not in DIMS:
            raise ModelError(
                f"encoder maps {encoder.inputs} pixels to {shape.dims} numbers, expected "
                f"{shape.pixels} to {DIMS[0]} … {DIMS[-1]}"
            )
        level_sets = tuple(self._level_set(levels, shape.dims) for levels in self._levels())
        points = np.concatenate([level_set.points.ravel() for level_set in level_sets])
        decoder = self._network("decoder", int(points.min()), int(points.max()))
        if (decoder.inputs, decoder.outputs) != (shape.dims, shape.pixels):
            raise ModelError(f"decoder maps {decoder.inputs} numbers to {decoder.outputs} pixels")
        if decoder.range[0] < 0 or decoder.range[1] > 255:
            raise ModelError(f"decoder gives pixels {decoder.range}, expected within 0 to 255")
        codes, images = self._take("known.codes"), self._take("known.images")
        expected = (len(codes), height, width)
        if codes.shape != (len(codes), shape.dims) or images.shape != expected:
            raise ModelError(f"known answer: codes {codes.shape} and images {images.shape}")
        if not len(codes) or int(codes.max()) >= level_sets[0].levels:
            raise ModelError("known answer: no codes, or a number out of range")
        if self._tensors:
            raise ModelError(f"unknown tensor {min(self._tensors)!r}")
        notes = {k[6:]: v for k, v in self._metadata.items() if k.startswith("notes.")}
        return Model(
            name, shape, encoder, decoder, level_sets,
            codes.astype(np.uint8), images.astype(np.uint8), notes,
        )  # fmt: skip

    def _levels(self) -> list[int]:
        text = self._metadata.get("levels", "")
        levels = [_DECIMALS.get(part, 0) for part in text.split(",")]
        if len(set(levels)) != len(levels) or not set(levels) <= set(LEVELS):
            raise ModelError(
                f"levels are {text[:40]!r}, expected numbers from {LEVELS[0]} to {LEVELS[-1]}, "
                "each once, with commas between"
            )
        return levels

    def _number(self, key: str, allowed: range) -> int:
        text = self._metadata.get(key, "")
        if (number := _DECIMALS.get(text, 0)) not in allowed:
            raise ModelError(f"{key} is {text[:40]!r}, expected {allowed[0]} to {allowed[-1]}")
        return number

    def _take(self, name: str) -> Integers:
        if name not in self._tensors:
            raise ModelError(f"tensor {name} is missing")
        return self._tensors.pop(name)

    def _level_set(self, levels: int, dims: int) -> LevelSet:
        prefix = f"levels.{levels}"
        thresholds, points = self._take(f"{prefix}.thresholds"), self._take(f"{prefix}.points")
        if thresholds.shape != (dims, levels - 1) or points.shape != (dims, levels):
            raise ModelError(f"{prefix}: thresholds {thresholds.shape}, points {points.shape}")
        if (np.diff(thresholds.astype(np.int64), axis=1) < 0).any():
            raise ModelError(f"{prefix}: thresholds descend")
        if int(np.abs(points.astype(np.int64)).max()) > 1 << 15:
            raise ModelError(f"{prefix}: a point is outside ±2^15")
        low, high = int(points.min()), int(points.max())
        predictor = tuple(self._network(f"{prefix}.predictor.{j}", low, high) for j in range(dims))
        for j, network in enumerate(predictor):
            if (network.inputs, network.outputs) != (j, levels):
                raise ModelError(f"{prefix}: predictor {j} has the wrong shape")
            if max(map(abs, network.range)) > 1 << 15:
                raise ModelError(f"{prefix}: a score is outside ±2^15")
        return LevelSet(levels, thresholds, points, predictor, self._lambda(f"{prefix}.lambda"))

    def _lambda(self, name: str) -> int:
        if name not in self._tensors:
            return 0
        stored = self._take(name)
        if stored.shape != (1,) or not 0 <= int(stored[0]) <= MAX_LAMBDA:
            raise ModelError(f"{name} is {stored.tolist()}, expected one number, 0 to 2^20")
        return int(stored[0])

    def _network(self, prefix: str, low: int, high: int) -> Network:
        layers: list[Layer] = []
        while f"{prefix}.{len(layers)}.weight" in self._tensors and len(layers) < MAX_LAYERS:
            layers.append(self._layer(f"{prefix}.{len(layers)}"))
        network = Network(layers, low, high)
        if network.multiplications > MAX_MULTIPLICATIONS:
            raise ModelError(f"{prefix}: more than {MAX_MULTIPLICATIONS} multiplications an image")
        return network

    def _layer(self, name: str) -> Layer:
        weight, bias, shift, clip = (
            self._take(f"{name}.{part}") for part in ("weight", "bias", "shift", "clip")
        )
        table = self._take(f"{name}.table") if f"{name}.table" in self._tensors else None
        skip = 0
        if f"{name}.skip" in self._tensors:
            stored = self._take(f"{name}.skip")
            if stored.shape != (1,) or (skip := int(stored[0])) < 1:
                raise ModelError(f"{name}: skip is {stored.tolist()}, expected one number above 0")
        if clip.shape != (2,):
            raise ModelError(f"{name}: clip is {clip.tolist()}, expected two numbers")
        return Layer(weight, bias, shift, int(clip[0]), int(clip[1]), skip, table)
