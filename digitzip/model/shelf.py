"""Where models stand: by name in the shipped weights, by path, or by id in known folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Final

from safetensors import SafetensorError, safe_open

from digitzip.errors import ModelError
from digitzip.model.file import read_model
from digitzip.model.model import Model

DEFAULT: Final = "mnist-10"
DIMS_NAME: Final = "mnist-{}"  # of the shipped model whose codes have so many numbers
SUFFIX: Final = ".safetensors"
FOLDERS_VARIABLE: Final = "DIGITZIP_MODELS"


def load_model(model: str | Path = DEFAULT) -> Model:
    """Return the model of this name, or in the file at this path.

    Raises `ModelError` when there is none, or when the file is refused.
    """
    path = Path(model)
    if path.suffix == SUFFIX or len(path.parts) != 1:
        if not os.path.isfile(path):  # noqa: PTH113 - False for any name, however odd
            raise ModelError(f"no model file at {str(path)[:200]}")
        return _read(path)
    named = (candidate for candidate in model_files() if candidate.stem == str(model))
    if found := _first_good(named):
        return found
    known = ", ".join(sorted({candidate.stem for candidate in model_files()})) or "none"
    raise ModelError(
        f"no model named {str(model)[:80]!r}; known models: {known} "
        f"(others: give a path, or set {FOLDERS_VARIABLE} to their folder)"
    )


def find_model(id_: bytes) -> Model:
    """Return the model with this id; raises `ModelError` when no known folder holds it."""
    if found := _first_good(path for path in model_files() if _claimed_id(path) == id_.hex()):
        return found
    raise ModelError(
        f"no model with id {id_.hex()}; give its file with --model, "
        f"or set {FOLDERS_VARIABLE} to its folder"
    )


def model_files() -> Iterator[Path]:
    """Yield the model files of `DIGITZIP_MODELS`, then the shipped ones, by name."""
    for folder in _folders():
        if folder.is_dir():
            yield from sorted(path for path in folder.glob(f"*{SUFFIX}") if path.is_file())


def shipped_folder() -> Path:
    """Return the folder of the shipped weights, in an installed package or in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "weights"
    return installed if installed.is_dir() else package.parent / "weights"


def _folders() -> Iterator[Path]:
    for name in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep):
        if name:
            yield Path(name)
    yield shipped_folder()


def _claimed_id(path: Path) -> str | None:
    """Return the id a file claims, unverified; None when it is no model at all."""
    try:
        with safe_open(path, framework="np") as file:
            return (file.metadata() or {}).get("id")
    except (OSError, SafetensorError):
        return None


def _first_good(paths: Iterable[Path]) -> Model | None:
    """Return the first model that is not refused; if all are, raise why the first was."""
    refusal: ModelError | None = None
    for path in paths:
        try:
            return _read(path)
        except ModelError as error:
            refusal = refusal or error
    if refusal is not None:
        raise refusal
    return None


def _read(path: Path) -> Model:
    stat = path.stat()
    return _read_once(path.resolve(), stat.st_mtime_ns, stat.st_size)


@lru_cache(maxsize=4)
def _read_once(path: Path, _modified: int, _size: int) -> Model:
    return read_model(path)
