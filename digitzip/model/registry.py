"""The registry: models and classifiers by name, by path, or by id.

Names and ids are looked up in the folders of `DIGITZIP_MODELS`, then in the bundled weights.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Final, Generic, TypeVar

from safetensors import SafetensorError, safe_open

from digitzip.errors import ModelError
from digitzip.model import classifier_file, model_file, schema
from digitzip.model.classifier import Classifier
from digitzip.model.model import Model

DEFAULT: Final = "mnist-10"
DIMS_NAME: Final = "mnist-{}"  # of the bundled model with so many latents
SUFFIX: Final = ".safetensors"
FOLDERS_VARIABLE: Final = "DIGITZIP_MODELS"

T = TypeVar("T")


def load_model(model: str | Path = DEFAULT) -> Model:
    """Return the model with this name, or in the file at this path.

    Raises `ModelError` when there is none, or when the file is refused.
    """
    return _load(_MODEL, model)


def find_model(id_: bytes) -> Model:
    """Return the model with this id; raises `ModelError` when there is none."""
    return _find(_MODEL, id_, "give its file as model=, or ")


def model_files() -> Iterator[Path]:
    """Yield the model files of `DIGITZIP_MODELS`, then the bundled ones, in natural order.

    A file without readable metadata counts as one; classifiers do not.
    """
    return _files(_MODEL)


def load_classifier(classifier: str | Path) -> Classifier:
    """Return the classifier with this name, or in the file at this path; errors as `load_model`."""
    return _load(_CLASSIFIER, classifier)


def find_classifier(id_: bytes) -> Classifier:
    """Return the classifier whose id begins with `id_`; raises `ModelError` when there is none."""
    return _find(_CLASSIFIER, id_)


def classifier_name(id_: bytes) -> str | None:
    """Return the name of the classifier whose id begins with `id_`; its file is not read."""
    return next((path.stem for path in _files(_CLASSIFIER) if _claims(path, id_)), None)


def bundled_folder() -> Path:
    """Return the folder of the bundled weights, in an installed package or in a checkout."""
    package = Path(__file__).parents[1]
    installed = package / "weights"
    return installed if installed.is_dir() else package.parent / "weights"


@lru_cache(maxsize=4)
def _read_model(path: Path, _modified: int, _size: int) -> Model:
    return model_file.read_model(path)


@lru_cache(maxsize=4)
def _read_classifier(path: Path, _modified: int, _size: int) -> Classifier:
    return classifier_file.read_classifier(path)


@dataclass(frozen=True, slots=True)
class _WeightsReader(Generic[T]):
    """How models, or classifiers, are found and read."""

    name: str
    other_format: str  # of the files beside them
    read_once: Callable[[Path, int, int], T]  # path, time and size: a changed file is read again

    def read(self, path: Path) -> T:
        stat = path.stat()
        return self.read_once(path.resolve(), stat.st_mtime_ns, stat.st_size)


_MODEL: Final = _WeightsReader(schema.MODEL.name, schema.CLASSIFIER.format, _read_model)
_CLASSIFIER: Final = _WeightsReader(schema.CLASSIFIER.name, schema.MODEL.format, _read_classifier)

_Search = tuple[str, bytes, str, str]  # kind, id, `DIGITZIP_MODELS`, working directory
_LAST: Final[dict[_Search, Path]] = {}
"""The file that a search ended with. It is tried first, so that folders are listed once."""


def _load(kind: _WeightsReader[T], named: str | Path) -> T:
    path = Path(named)
    if path.suffix == SUFFIX or len(path.parts) != 1:
        if not os.path.isfile(path):  # noqa: PTH113 - False for any name, however odd
            raise ModelError(f"no {kind.name} file at {str(path)[:200]}")
        return kind.read(path)
    if found := _first_good(kind, _files(kind, str(named))):
        return found[1]
    known = ", ".join(sorted({candidate.stem for candidate in _files(kind)}, key=natural)) or "none"
    raise ModelError(
        f"no {kind.name} named {str(named)[:80]!r}; known {kind.name}s: {known} "
        f"(others: give a path, or set {FOLDERS_VARIABLE} to their folder)"
    )


def _find(kind: _WeightsReader[T], id_: bytes, advice: str = "") -> T:
    search = (kind.name, id_, os.environ.get(FOLDERS_VARIABLE, ""), str(Path.cwd()))
    paths = itertools.chain(filter(None, [_LAST.get(search)]), _files(kind))  # the last one first
    if found := _first_good(kind, (path for path in paths if _claims(path, id_))):
        _LAST[search], model = found
        return model
    raise ModelError(
        f"no {kind.name} with id {id_.hex()}; {advice}set {FOLDERS_VARIABLE} to its folder"
    )


def _files(kind: _WeightsReader[T], name: str | None = None) -> Iterator[Path]:
    """Yield the files of a kind in the known folders, only those with `name` if one is given."""
    for folder in _folders():
        if folder.is_dir():
            for path in sorted(folder.glob(f"*{SUFFIX}"), key=lambda path: natural(path.stem)):
                wanted = name in (None, path.stem) and path.is_file()
                if wanted and _claimed(path).get("format") != kind.other_format:
                    yield path


def _folders() -> Iterator[Path]:
    for name in os.environ.get(FOLDERS_VARIABLE, "").split(os.pathsep):
        if name:
            yield Path(name)
    yield bundled_folder()


def _claims(path: Path, id_: bytes) -> bool:
    return _claimed(path).get("id", "").startswith(id_.hex())


def _claimed(path: Path) -> dict[str, str]:
    """Return the metadata of a file, unverified; empty where there are none."""
    try:
        stat = path.stat()
        return _read_claimed(path.absolute(), stat.st_mtime_ns, stat.st_size)
    except (OSError, SafetensorError):
        return {}


@lru_cache(maxsize=256)
def _read_claimed(path: Path, _modified: int, _size: int) -> dict[str, str]:
    with safe_open(path, framework="np") as stored:
        return stored.metadata() or {}


def _first_good(kind: _WeightsReader[T], paths: Iterable[Path]) -> tuple[Path, T] | None:
    """Return the first that is not refused, and its path; if all are, raise the first error."""
    refusal: ModelError | None = None
    for path in paths:
        try:
            return path, kind.read(path)
        except ModelError as error:
            refusal = refusal or error
    if refusal is not None:
        raise refusal
    return None


def natural(name: str) -> tuple[list[tuple[int, str]], str]:
    """Return a key that sorts the name mnist-2 before mnist-10."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts], name
