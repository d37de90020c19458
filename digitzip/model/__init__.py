"""Weights files <-> validated, identified models and readers (docs/MODELS.md).

It knows no containers. Models and readers are found by name in the shipped weights, by path, or by
id in the folders of `DIGITZIP_MODELS`.
"""

from digitzip.model.file import read_model, write_model
from digitzip.model.model import LevelSet, Model, Shape
from digitzip.model.reader_file import read_reader, write_reader
from digitzip.model.shelf import (
    DEFAULT,
    DIMS_NAME,
    find_model,
    find_reader,
    load_model,
    load_reader,
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
    "find_reader",
    "load_model",
    "load_reader",
    "model_files",
    "read_model",
    "read_reader",
    "shipped_folder",
    "write_model",
    "write_reader",
]
