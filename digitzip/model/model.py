"""Models: an encoder, a decoder, and for each number of levels a quantiser and entropy model."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from digitzip.arguments import whole
from digitzip.entropy.probability import costs
from digitzip.errors import InputError, ModelError
from digitzip.kernels import KERNELS, Network
from digitzip.model.tensors import Integers, Tensors, identify, network_tensors

Codes = npt.NDArray[np.uint8]
Images = npt.NDArray[np.uint8]

_ID_TEXT: Final = b"digitzip-model-1"


@dataclass(frozen=True, slots=True)
class Shape:
    """Height and width of an image in pixels, and the number of latents of its code."""

    height: int
    width: int
    dims: int

    @property
    def pixels(self) -> int:
        """The number of pixels of an image."""
        return self.height * self.width


@dataclass(frozen=True, slots=True, eq=False)
class Quantiser:
    """A quantiser to `levels` values a latent, and its entropy model.

    `thresholds` are int [d, levels - 1], ascending, and `points` int [d, levels]. The value of a
    latent is the number of thresholds below the encoder output; the decoder input for value `k` is
    point `k`.
    `entropy_model` has d networks; network `j` maps the points of latents 0 … j-1 to a score for
    each value of latent `j`, in 1/32 of a nat. `lambda_` is the squared error, on pixels 0 … 255,
    that one such unit of rate is worth. `max_rmse` is the largest RMSE of an image that fits the
    model, in 1/65,535 of the pixel range.
    """

    levels: int
    thresholds: Integers
    points: Integers
    entropy_model: tuple[Network, ...]
    lambda_: int = 0
    max_rmse: int | None = None

    def quantise(self, outputs: Integers) -> Codes:
        """Encoder outputs int [n, d] -> codes uint8 [n, d]."""
        codes = np.empty(outputs.shape, np.uint8)
        for j, thresholds in enumerate(self.thresholds):
            codes[:, j] = np.searchsorted(thresholds, outputs[:, j], side="left")
        return codes

    def dequantise(self, codes: Codes) -> Integers:
        """Latents 0 … j-1 uint8 [n, j] -> their points, int [n, j]."""
        return self.points[np.arange(codes.shape[1]), codes]

    def scores(self, previous: Codes) -> Integers:
        """Latents 0 … j-1 uint8 [n, j] -> the scores of latent j, int32 [n, levels]."""
        return KERNELS.forward(self.entropy_model[previous.shape[1]], self.dequantise(previous))

    def costs(self, previous: Codes) -> Integers:
        """Latents 0 … j-1 uint8 [n, j] -> the rate of each value of latent j, int [n, levels].

        In 1/32 of a nat; docs/MODELS.md section 3.
        """
        return costs(self.scores(previous))

    def rate(self, codes: Codes) -> Integers:
        """Codes uint8 [n, d] -> the rate of each, the sum over its latents, int64 [n]."""
        total = np.zeros(len(codes), np.int64)
        for j in range(codes.shape[1]):
            chosen = codes[:, j : j + 1].astype(np.intp)
            total += np.take_along_axis(self.costs(codes[:, :j]), chosen, axis=1)[:, 0]
        return total


@dataclass(frozen=True, eq=False)
class Model:
    """A trained, validated model: everything that a model file holds.

    `residual` is the network of the residual model, which codes corrections, and `labels` that of
    the label model, which codes labels. `classifier_id` names the classifier of the fidelity
    checks; `margin` is the least margin, in its units, at which it must give a reconstruction the
    label of the original.
    """

    name: str
    shape: Shape
    encoder: Network
    decoder: Network
    quantisers: tuple[Quantiser, ...]
    known_codes: Codes
    known_images: Images
    notes: Mapping[str, str] = field(default_factory=dict)
    classifier_id: bytes | None = None
    margin: int = 0
    residual: Network | None = None
    labels: Network | None = None

    def quantiser(self, levels: int | None = None) -> Quantiser:
        """Return the quantiser with `levels`, by default the model's first.

        Raises `ModelError` when the model has none for that number.
        """
        for quantiser in self.quantisers:
            if levels in (None, quantiser.levels):
                return quantiser
        known = ", ".join(str(quantiser.levels) for quantiser in self.quantisers)
        raise ModelError(f"model {self.name} has {known} levels, not {levels}")

    @property
    def categorical(self) -> bool:
        """Whether neighbouring values of a latent are unrelated (docs/MODELS.md section 3)."""
        return self.decoder.layers[0].range == (0, 1)

    @property
    def qualities(self) -> tuple[int, ...]:
        """The numbers of levels, ascending: quality 1 has the fewest."""
        return tuple(sorted(quantiser.levels for quantiser in self.quantisers))

    def levels_of(self, quality: int | None = None) -> int:
        """Return the number of levels of a quality, by default the model's first.

        Raises `InputError` when the model has no such quality.
        """
        if quality is None:
            return self.quantisers[0].levels
        count = len(self.qualities)
        number = whole(quality)
        if number is None or not 1 <= number <= count:
            known = f"qualities 1 to {count}" if count > 1 else "only quality 1"
            raise InputError(f"model {self.name} has {known}, not {quality}")
        return self.qualities[number - 1]

    def decode_points(self, points: Integers) -> Images:
        """Decoder inputs int [n, d] -> images uint8 [n, height, width]."""
        images: Images = KERNELS.forward(self.decoder, points, np.uint8)
        return images.reshape(-1, self.shape.height, self.shape.width)

    @cached_property
    def id(self) -> bytes:
        """The model id of FORMAT.md section 8: 16 bytes over all that decoding depends on."""
        sizes = (self.shape.height, self.shape.width, self.shape.dims)
        return identify(_ID_TEXT, sizes, _decoding_tensors(self))

    def tensors(self) -> Tensors:
        """Return every tensor of the model file by its name (docs/MODELS.md)."""
        tensors = dict(network_tensors("encoder", self.encoder))
        tensors |= dict(_decoding_tensors(self))
        for quantiser in self.quantisers:
            prefix = f"levels.{quantiser.levels}"
            tensors[f"{prefix}.thresholds"] = quantiser.thresholds
            if quantiser.lambda_:
                tensors[f"{prefix}.lambda"] = np.array([quantiser.lambda_], np.int32)
            if quantiser.max_rmse is not None:
                name = f"guard.{quantiser.levels}.max_rmse"
                tensors[name] = np.array([quantiser.max_rmse], np.int32)
        if self.margin:
            tensors["guard.margin"] = np.array([self.margin], np.int32)
        return tensors | {"known.codes": self.known_codes, "known.images": self.known_images}


def _decoding_tensors(model: Model) -> Iterator[tuple[str, Integers]]:
    yield from network_tensors("decoder", model.decoder)
    if model.residual is not None:
        yield from network_tensors("residual", model.residual)
    if model.labels is not None:
        yield from network_tensors("labels", model.labels)
    for quantiser in model.quantisers:
        prefix = f"levels.{quantiser.levels}"
        yield f"{prefix}.points", quantiser.points
        for j, network in enumerate(quantiser.entropy_model):
            yield from network_tensors(f"{prefix}.predictor.{j}", network)
