"""Weights files <-> metadata and integer tensors: safetensors, checked before they are read.

`schema` says what is allowed; what it means is for `model_file` and `classifier_file` to know.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from digitzip.errors import ModelError
from digitzip.limits import MAX_MODEL_BYTES
from digitzip.model.schema import MAX_NAME, TENSORS, VERSION, FileSchema
from digitzip.model.tensors import Tensors

_NOTE = "notes."


@contextmanager
def reading(path: Path, schema: FileSchema) -> Iterator[tuple[dict[str, str], Tensors]]:
    """Yield the checked metadata and tensors of the file at `path`; errors inside name the path.

    Raises `ModelError` for a file of another kind or version, and where it breaks the schema.
    """
    try:
        if (size := path.stat().st_size) > MAX_MODEL_BYTES:
            raise ModelError(f"{size} bytes, expected at most {MAX_MODEL_BYTES}")
        with safe_open(path, framework="np") as file:
            metadata: dict[str, str] = file.metadata() or {}
            for name in file.keys():  # noqa: SIM118 - a safe_open has no iterator
                stored = file.get_slice(name)
                _check_tensor(name, stored.get_dtype(), stored.get_shape())
            tensors: Tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        _check_metadata(metadata, schema)
        yield metadata, tensors
    except (OSError, SafetensorError) as error:
        raise ModelError(f"{path}: not a readable {schema.name} file: {error}") from error
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from error


def write(path: Path, schema: FileSchema, metadata: Mapping[str, str], tensors: Tensors) -> None:
    """Write a new safetensors file at `path`; the same input gives the same bytes."""
    tensors = {name: np.ascontiguousarray(tensor) for name, tensor in tensors.items()}
    head = {"format": schema.format, "version": VERSION}
    path.write_bytes(_in_order(save(tensors, head | dict(metadata))))


def check_id(metadata: Mapping[str, str], id_: bytes) -> None:
    """Refuse a file that claims another id than its contents give."""
    if (claimed := metadata.get("id", "none")) != id_.hex():
        raise ModelError(f"id mismatch: file claims {claimed[:40]}, contents give {id_.hex()}")


def decimal(metadata: Mapping[str, str], key: str, allowed: range) -> int:
    """Return the number that the metadata give under this key."""
    text = metadata.get(key, "")
    if text not in (known := {str(number): number for number in allowed}):
        raise ModelError(f"{key} is {text[:40]!r}, expected {allowed[0]} to {allowed[-1]}")
    return known[text]


def notes_of(metadata: Mapping[str, str]) -> dict[str, str]:
    """Return the notes among the metadata, their keys without `notes.`."""
    return {
        key.removeprefix(_NOTE): value for key, value in metadata.items() if key.startswith(_NOTE)
    }


def with_notes(metadata: Mapping[str, str], notes: Mapping[str, str]) -> dict[str, str]:
    """Return metadata with notes; `notes_of` returns them."""
    return dict(metadata) | {f"{_NOTE}{key}": value for key, value in notes.items()}


def _in_order(data: bytes) -> bytes:
    """Sort the metadata of a safetensors file: their order differs between processes."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    header["__metadata__"] = dict(sorted(header["__metadata__"].items()))
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + data[end:]


def _check_metadata(metadata: Mapping[str, str], schema: FileSchema) -> None:
    """Raise `ModelError` for another format or version, unknown keys and bad names."""
    if metadata.get("format") != schema.format:
        raise ModelError(f"not a digitzip {schema.name}: its format is not {schema.format}")
    if (found := metadata.get("version")) != VERSION:
        raise ModelError(f"{schema.name} version {found!r}; this build reads {VERSION}")
    if odd := {key for key in metadata if not key.startswith(_NOTE)} - schema.keys:
        raise ModelError(f"unknown metadata key {min(odd)[:40]!r}")
    name = metadata.get("name", "")
    if not 0 < len(name) <= MAX_NAME or not name.isprintable() or "/" in name:
        raise ModelError("its name is missing, too long or unprintable")


def _check_tensor(name: str, dtype: str, shape: list[int]) -> None:
    """Raise `ModelError` for a tensor that the schema does not allow, before it is read."""
    if (rule := TENSORS.get(name.rpartition(".")[2])) is None:
        raise ModelError(f"unknown tensor {name[:80]!r}")
    if dtype not in rule.dtypes:
        raise ModelError(f"tensor {name} is {dtype}, expected {' or '.join(rule.dtypes)}")
    limits = zip(shape, rule.lengths, strict=False)
    if len(shape) != len(rule.lengths) or any(length > most for length, most in limits):
        raise ModelError(f"tensor {name} is {shape}, expected up to {list(rule.lengths)}")
