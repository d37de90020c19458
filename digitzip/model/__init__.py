"""Weights file <-> validated, identified model (docs/MODELS.md). It knows no containers.

Models are found by name in the shipped weights, by path, or by id in the folders of
`DIGITZIP_MODELS`.
"""

from digitzip.model.file import read_model, write_model
from digitzip.model.model import LevelSet, Model, Shape
from digitzip.model.shelf import (
    DEFAULT,
    DIMS_NAME,
    find_model,
    load_model,
    model_files,
    shipped_folder,
)

__all__ = [
    "DEFAULT",
    "DIMS_NAME",
    "LevelSet",
    "Model",
    "Shape",
    "find_model",
    "load_model",
    "model_files",
    "read_model",
    "shipped_folder",
    "write_model",
]
