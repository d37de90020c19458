"""Weights files <-> validated, identified models and classifiers (docs/MODELS.md).

The registry finds them by name, path or id. This room knows no archives.
"""

from digitzip.model.classifier_file import read_classifier, write_classifier
from digitzip.model.family import Codebook, Grid, LatentModel, SmoothLatents, latent_model
from digitzip.model.model import Model, Quantiser, Shape
from digitzip.model.model_file import read_model, write_model
from digitzip.model.registry import (
    DEFAULT,
    DIMS_NAME,
    bundled_folder,
    classifier_name,
    find_classifier,
    find_model,
    load_classifier,
    load_model,
    model_files,
)

__all__ = [
    "DEFAULT",
    "DIMS_NAME",
    "Codebook",
    "Grid",
    "LatentModel",
    "Model",
    "Quantiser",
    "Shape",
    "SmoothLatents",
    "bundled_folder",
    "classifier_name",
    "find_classifier",
    "find_model",
    "latent_model",
    "load_classifier",
    "load_model",
    "model_files",
    "read_classifier",
    "read_model",
    "write_classifier",
    "write_model",
]
