"""Weights file <-> reader (docs/MODELS.md section 7), validated as models are."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np

from digitzip.errors import ModelError
from digitzip.kernels import Network
from digitzip.limits import SIDES
from digitzip.model import weights_file
from digitzip.model.classifier import Classifier
from digitzip.model.tensors import MAX_MULTIPLICATIONS, Parts

FORMAT: Final = "digitzip-classifier"
VERSION: Final = "1"

_KEYS: Final = {"format", "version", "name", "id", "height", "width"}
_CLASSES: Final = range(2, weights_file.MAX_CLASSES + 1)


def read_classifier(path: Path) -> Classifier:
    """Read, validate and try the reader in the safetensors file at `path`.

    Raises `ModelError` when the file breaks the schema of docs/MODELS.md, a limit, the bound of a
    network, its own id or its known-answer vector.
    """
    with weights_file.reading(path, "classifier") as (metadata, tensors):
        weights_file.check_metadata(metadata, "classifier", VERSION, _KEYS)
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
        reader = Classifier(
            metadata["name"], height, width, networks,
            images.astype(np.uint8), scores.astype(np.int32), weights_file.notes_of(metadata),
        )  # fmt: skip
        weights_file.check_id(metadata, reader.id)
        if not np.array_equal(reader.scores(reader.known_images), reader.known_scores):
            raise ModelError("its known images do not get its known scores here")
    return reader


def _networks(parts: Parts, pixels: int) -> Iterator[Network]:
    """Yield the networks of a reader, each from pixels to scores of the same classes."""
    allowed, expected = _CLASSES, f"{_CLASSES[0]} … {_CLASSES[-1]}"
    for number in range(weights_file.MAX_NETWORKS):
        if number and not parts.has(f"reader.{number}"):
            return
        network = parts.network(f"reader.{number}", 0, 255)
        if network.inputs != pixels or network.outputs not in allowed:
            raise ModelError(
                f"network {number} maps {network.inputs} pixels to {network.outputs} scores, "
                f"expected {pixels} to {expected}"
            )
        if max(map(abs, network.range)) > 1 << 15:
            raise ModelError("a score is outside ±2^15")
        allowed, expected = range(network.outputs, network.outputs + 1), f"{network.outputs}"
        yield network


def write_classifier(path: Path, reader: Classifier) -> None:
    """Write `reader` to a new safetensors file at `path`."""
    metadata = {
        "format": FORMAT,
        "version": VERSION,
        "name": reader.name,
        "id": reader.id.hex(),
        "height": str(reader.height),
        "width": str(reader.width),
        **weights_file.noted(reader.notes),
    }
    weights_file.write(path, metadata, reader.tensors())
