"""The models that can be named: those of `DIGITZIP_MODELS` and the bundled ones."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from digitzip.errors import ModelError
from digitzip.model.registry import DEFAULT, load_model, model_files, natural


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """A model that can be named, from its file.

    `id` is in hexadecimal; `qualities` are the numbers of levels of quality 1, 2, ...;
    `default_levels` is that of the default quality; `bytes` is the size of the file. `default`
    marks the default model. `error` says why a file was refused; figures are then 0.
    """

    name: str
    path: str
    id: str = ""
    height: int = 0
    width: int = 0
    dims: int = 0
    qualities: tuple[int, ...] = ()
    default_levels: int = 0
    bytes: int = 0
    default: bool = False
    error: str | None = None


def list_models() -> list[ModelInfo]:
    """Return the models that can be named, folder by folder, in natural order of their names.

    The folders of `DIGITZIP_MODELS` come first, then the bundled models.
    """
    paths = list(model_files())
    folders = list(dict.fromkeys(path.parent for path in paths))
    paths.sort(key=lambda path: (folders.index(path.parent), natural(path.stem)))
    first = next((path for path in paths if path.stem == DEFAULT), None)  # it hides later ones
    return [_info(path, default=path == first) for path in paths]


def _info(path: Path, *, default: bool) -> ModelInfo:
    try:
        model, size = load_model(path), path.stat().st_size
    except (ModelError, OSError) as error:
        return ModelInfo(path.stem, str(path), default=default, error=str(error))
    shape = model.shape
    return ModelInfo(
        path.stem, str(path), model.id.hex(), shape.height, shape.width, shape.dims,
        model.qualities, model.levels_of(), size, default,
    )  # fmt: skip
