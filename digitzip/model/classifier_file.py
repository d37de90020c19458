"""Weights file <-> classifier (docs/MODELS.md section 7)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from digitzip.errors import ModelError
from digitzip.kernels import Network
from digitzip.limits import SIDES
from digitzip.model import weights_file
from digitzip.model.classifier import Classifier
from digitzip.model.schema import CLASSIFIER, MAX_CLASSES, MAX_MULTIPLICATIONS, MAX_NETWORKS
from digitzip.model.tensors import Parts


def read_classifier(path: Path) -> Classifier:
    """Read, validate and try the classifier in the safetensors file at `path`.

    Raises `ModelError` when the file breaks the schema of docs/MODELS.md, a limit, the bound of a
    network, its own id or its known-answer vector.
    """
    with weights_file.reading(path, CLASSIFIER) as (metadata, tensors):
        height, width = (
            weights_file.decimal(metadata, side, SIDES) for side in ("height", "width")
        )
        parts = Parts(tensors)
        networks = tuple(_networks(parts, height * width))
        if sum(each.multiplications for each in networks) > MAX_MULTIPLICATIONS:
            raise ModelError(f"more than {MAX_MULTIPLICATIONS} multiplications an image in all")
        images, scores = parts.take("known.images"), parts.take("known.scores")
        expected = (len(images), len(networks), networks[0].outputs)
        if not len(images) or images.shape[1:] != (height, width) or scores.shape != expected:
            raise ModelError(f"known answer: images {images.shape} and scores {scores.shape}")
        parts.end()
        classifier = Classifier(
            metadata["name"], height, width, networks,
            images.astype(np.uint8), scores.astype(np.int32), weights_file.notes_of(metadata),
        )  # fmt: skip
        weights_file.check_id(metadata, classifier.id)
        if not np.array_equal(classifier.scores(classifier.known_images), classifier.known_scores):
            raise ModelError("its known images do not get its known scores here")
    return classifier


def write_classifier(path: Path, classifier: Classifier) -> None:
    """Write `classifier` to a new safetensors file at `path`."""
    metadata = {
        "name": classifier.name,
        "id": classifier.id.hex(),
        "height": str(classifier.height),
        "width": str(classifier.width),
    }
    metadata = weights_file.with_notes(metadata, classifier.notes)
    weights_file.write(path, CLASSIFIER, metadata, classifier.tensors())


def _networks(parts: Parts, pixels: int) -> Iterator[Network]:
    """Yield the networks of a classifier, each from pixels to scores of the same classes."""
    classes = range(2, MAX_CLASSES + 1)
    for number in range(MAX_NETWORKS):
        if number and not parts.has(f"reader.{number}"):
            return
        network = parts.network(f"reader.{number}", pixels, classes)
        classes = range(network.outputs, network.outputs + 1)
        yield network
