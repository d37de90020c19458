"""Weights file <-> model (docs/MODELS.md), validated against the schema."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from digitzip.errors import ModelError
from digitzip.kernels import Network
from digitzip.kernels.context import VALUES, input_size
from digitzip.limits import DIMS, LEVELS, SIDES
from digitzip.model import weights_file
from digitzip.model.model import Images, Model, Quantiser, Shape
from digitzip.model.schema import LABELS, MAX_POINT, MODEL, Range
from digitzip.model.tensors import ID_SIZE, Parts, Tensors


def read_model(path: Path) -> Model:
    """Read, validate and try the model in the safetensors file at `path`.

    Raises `ModelError` when the file breaks the schema of docs/MODELS.md, a limit, the bound of a
    network, its own id or its known-answer vector.
    """
    with weights_file.reading(path, MODEL) as (metadata, tensors):
        model = _Builder(metadata, tensors).model()
        weights_file.check_id(metadata, model.id)
        if not np.array_equal(known_answer(model), model.known_images):
            raise ModelError("its known codes do not decode to its known images here")
    return model


def write_model(path: Path, model: Model) -> None:
    """Write `model` to a new safetensors file at `path`."""
    metadata = {
        "name": model.name,
        "id": model.id.hex(),
        "height": str(model.shape.height),
        "width": str(model.shape.width),
        "levels": ",".join(str(quantiser.levels) for quantiser in model.quantisers),
    }
    if model.classifier_id is not None:
        metadata["classifier"] = model.classifier_id.hex()
    metadata = weights_file.with_notes(metadata, model.notes)
    weights_file.write(path, MODEL, metadata, model.tensors())


def known_answer(model: Model) -> Images:
    """Decode the known codes of `model` at its default number of levels."""
    return model.decode_points(model.quantisers[0].dequantise(model.known_codes))


class _Builder:
    """Makes a model of what a file holds, each part checked, until none is left."""

    def __init__(self, metadata: Mapping[str, str], tensors: Tensors) -> None:
        self._metadata = metadata
        self._parts = Parts(tensors)

    def model(self) -> Model:
        height, width = (
            weights_file.decimal(self._metadata, side, SIDES) for side in ("height", "width")
        )
        encoder = self._parts.network("encoder", height * width, DIMS)
        shape = Shape(height, width, encoder.outputs)
        quantisers = tuple(self._quantiser(levels, shape.dims) for levels in self._levels())
        points = np.concatenate([quantiser.points.ravel() for quantiser in quantisers])
        within = int(points.min()), int(points.max())
        decoder = self._parts.network("decoder", shape.dims, _just(shape.pixels), within)
        codes, images = self._parts.take("known.codes"), self._parts.take("known.images")
        expected = (len(codes), height, width)
        if codes.shape != (len(codes), shape.dims) or images.shape != expected:
            raise ModelError(f"known answer: codes {codes.shape} and images {images.shape}")
        if not len(codes) or int(codes.max()) >= quantisers[0].levels:
            raise ModelError("known answer: no codes, or a number out of range")
        residual = self._optional("residual", input_size(height, width), _just(VALUES))
        labels = self._optional("labels", shape.dims, LABELS, within)
        margin = self._parts.number("guard.margin") or 0
        self._parts.end()
        return Model(
            self._metadata["name"], shape, encoder, decoder, quantisers,
            codes.astype(np.uint8), images.astype(np.uint8), weights_file.notes_of(self._metadata),
            self._classifier_id(), margin, residual, labels,
        )  # fmt: skip

    def _optional(
        self, name: str, inputs: int, outputs: range, points: Range | None = None
    ) -> Network | None:
        if not self._parts.has(name):
            return None
        return self._parts.network(name, inputs, outputs, points)

    def _levels(self) -> list[int]:
        text = self._metadata.get("levels", "")
        known = {str(number): number for number in LEVELS}
        levels = [known.get(part, 0) for part in text.split(",")]
        if len(set(levels)) != len(levels) or 0 in levels:
            raise ModelError(
                f"levels are {text[:40]!r}, expected numbers from {LEVELS[0]} to {LEVELS[-1]}, "
                "each once, with commas between"
            )
        return levels

    def _classifier_id(self) -> bytes | None:
        if (text := self._metadata.get("classifier")) is None:
            return None
        if len(text) != 2 * ID_SIZE or not set(text) <= set("0123456789abcdef"):
            raise ModelError(
                f"classifier is {text[:40]!r}, expected {2 * ID_SIZE} hexadecimal digits"
            )
        return bytes.fromhex(text)

    def _quantiser(self, levels: int, dims: int) -> Quantiser:
        prefix = f"levels.{levels}"
        thresholds = self._parts.take(f"{prefix}.thresholds")
        points = self._parts.take(f"{prefix}.points")
        if thresholds.shape != (dims, levels - 1) or points.shape != (dims, levels):
            raise ModelError(f"{prefix}: thresholds {thresholds.shape}, points {points.shape}")
        if (np.diff(thresholds.astype(np.int64), axis=1) < 0).any():
            raise ModelError(f"{prefix}: thresholds descend")
        if int(np.abs(points.astype(np.int64)).max()) > MAX_POINT:
            raise ModelError(f"{prefix}: a point is outside ±2^15")
        within = int(points.min()), int(points.max())
        entropy_model = tuple(
            self._parts.network(f"{prefix}.predictor.{j}", j, _just(levels), within)
            for j in range(dims)
        )
        lambda_ = self._parts.number(f"{prefix}.lambda") or 0
        max_rmse = self._parts.number(f"guard.{levels}.max_rmse")
        return Quantiser(levels, thresholds, points, entropy_model, lambda_, max_rmse)


def _just(count: int) -> range:
    return range(count, count + 1)
