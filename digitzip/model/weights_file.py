"""Weights files <-> metadata and integer tensors: safetensors, checked before they are read.

What the metadata and tensors mean is for `file` and `reader` to know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from digitzip.errors import ModelError
from digitzip.limits import DIMS, LEVELS, SIDES
from digitzip.model.tensors import Tensors

MAX_BYTES: Final = 32 << 20
MAX_WIDTH: Final = 8192  # of a layer
MAX_TABLE: Final = 65_536
MAX_KNOWN: Final = 64
MAX_CLASSES: Final = 256
MAX_NETWORKS: Final = 8  # of a reader
MAX_NAME: Final = 100

DECIMALS: Final = {str(number): number for number in range(LEVELS[-1] + 1)}
_WIDE: Final = ("I32", "I16", "I8", "U16", "U8")
_DTYPES: Final = {"weight": ("I8", "I16"), "images": ("U8",), "codes": ("U8",)}
_LENGTHS: Final[dict[str, tuple[int, ...]]] = {  # of each axis at most, by the end of a name
    "weight": (MAX_WIDTH, MAX_WIDTH),
    "bias": (MAX_WIDTH,),
    "shift": (MAX_WIDTH,),
    "clip": (2,),
    "skip": (1,),
    "table": (MAX_TABLE,),
    "window": (4,),
    "thresholds": (DIMS[-1], LEVELS[-1] - 1),
    "points": (DIMS[-1], LEVELS[-1]),
    "lambda": (1,),
    "max_rmse": (1,),
    "margin": (1,),
    "codes": (MAX_KNOWN, DIMS[-1]),
    "images": (MAX_KNOWN, SIDES[-1], SIDES[-1]),
    "scores": (MAX_KNOWN, MAX_NETWORKS, MAX_CLASSES),
}


@contextmanager
def reading(path: Path, what: str) -> Iterator[tuple[dict[str, str], Tensors]]:
    """Give the metadata and tensors of the file at `path`; errors inside name the path.

    Raises `ModelError` when it is no safetensors file, or when a tensor is over a limit.
    """
    try:
        if (size := path.stat().st_size) > MAX_BYTES:
            raise ModelError(f"{size} bytes, expected at most {MAX_BYTES}")
        with safe_open(path, framework="np") as file:
            metadata: dict[str, str] = file.metadata() or {}
            for name in file.keys():  # noqa: SIM118 - a safe_open has no iterator
                stored = file.get_slice(name)
                _check_tensor(name, stored.get_dtype(), stored.get_shape())
            tensors: Tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        yield metadata, tensors
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: not a readable {what} file: {error}") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def write(path: Path, metadata: Mapping[str, str], tensors: Tensors) -> None:
    """Write a new safetensors file at `path`; the same input gives the same bytes."""
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    path.write_bytes(_in_order(save(tensors, dict(metadata))))


def check_metadata(metadata: Mapping[str, str], what: str, version: str, keys: set[str]) -> None:
    """Refuse another format than that of `what`, another version, odd keys and bad names."""
    if metadata.get("format") != (expected := f"digitzip-{what}"):
        raise ModelError(f"not a digitzip {what}: its format is not {expected}")
    if (found := metadata.get("version")) != version:
        raise ModelError(f"{what} version {found!r}; this build reads {version}")
    if odd := {key for key in metadata if not key.startswith("notes.")} - keys:
        raise ModelError(f"unknown metadata key {min(odd)[:40]!r}")
    name = metadata.get("name", "")
    if not 0 < len(name) <= MAX_NAME or not name.isprintable() or "/" in name:
        raise ModelError("its name is missing, too long or unprintable")


def check_id(metadata: Mapping[str, str], id_: bytes) -> None:
    """Refuse a file that claims another id than its contents give."""
    if (claimed := metadata.get("id", "none")) != id_.hex():
        raise ModelError(f"id mismatch: file claims {claimed[:40]}, contents give {id_.hex()}")


def decimal(metadata: Mapping[str, str], key: str, allowed: range) -> int:
    """Return the number that the metadata have under this key."""
    text = metadata.get(key, "")
    if (number := DECIMALS.get(text, 0)) not in allowed:
        raise ModelError(f"{key} is {text[:40]!r}, expected {allowed[0]} to {allowed[-1]}")
    return number


def notes_of(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the notes among the metadata, by their keys without `notes.`."""
    return {key[6:]: value for key, value in metadata.items() if key.startswith("notes.")}


def noted(notes: Mapping[str, str]) -> dict[str, str]:
    """Return notes as they stand in metadata."""
    return {f"notes.{key}": value for key, value in notes.items()}


def _in_order(data: bytes) -> bytes:
    """Sort the metadata of a safetensors file, which come in another order in each process."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]


def _check_tensor(name: str, dtype: str, shape: list[int]) -> None:
    """Refuse a tensor by what the file says of it, before it is read."""
    part = name.rpartition(".")[2]
    if (lengths := _LENGTHS.get(part)) is None:
        raise ModelError(f"unknown tensor {name[:80]!r}")
    if dtype not in (allowed := _DTYPES.get(part, _WIDE)):
        raise ModelError(f"tensor {name} is {dtype}, expected {' or '.join(allowed)}")
    if len(shape) != len(lengths) or any(a > b for a, b in zip(shape, lengths, strict=True)):
        raise ModelError(f"tensor {name} is {shape}, expected up to {list(lengths)}")
