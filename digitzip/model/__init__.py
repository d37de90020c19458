"""Weights files <-> validated, identified models and readers (docs/MODELS.md).

It knows no containers. Models and readers are found by name in the shipped weights, by path, or by
id in the folders of `DIGITZIP_MODELS`.
"""

from digitzip.model.classifier_file import read_classifier, write_classifier
from digitzip.model.model import LevelSet, Model, Shape
from digitzip.model.model_file import read_model, write_model
from digitzip.model.registry import (
    DEFAULT,
    DIMS_NAME,
    find_classifier,
    find_model,
    load_classifier,
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
    "find_classifier",
    "find_model",
    "load_classifier",
    "load_model",
    "model_files",
    "read_classifier",
    "read_model",
    "shipped_folder",
    "write_classifier",
    "write_model",
]
