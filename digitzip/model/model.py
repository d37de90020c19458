"""What a model is: two networks, and for each number of levels a quantiser and a predictor."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from digitzip.entropy.probability import costs
from digitzip.errors import InputError, ModelError
from digitzip.kernels import Network
from digitzip.model.tensors import Integers, Tensors, identify, network_tensors

Codes = npt.NDArray[np.uint8]
Images = npt.NDArray[np.uint8]

_ID_TEXT: Final = b"digitzip-model-1"


@dataclass(frozen=True, slots=True)
class Shape:
    """Height and width of an image in pixels, and how many numbers its code has."""

    height: int
    width: int
    dims: int

    @property
    def pixels(self) -> int:
        return self.height * self.width


@dataclass(frozen=True, slots=True, eq=False)
class LevelSet:
    """A quantiser to `levels` values a number, and the predictor that goes with it.

    `thresholds` int [d, levels - 1] ascending, and `points` int [d, levels]: an encoder output
    above exactly `k` thresholds has the value `k`, for which the decoder gets point `k`.
    `predictor` has d networks; network `j` maps the points of numbers 0 … j-1 to a score for each
    value of number `j`, in 1/32 of a nat. `lambda_` is the squared error of an image, on pixels
    0 … 255, that a search gives for one such unit of rate. `max_rmse`, in 1/65535 of the range of
    pixels, is the RMSE of an image above which it is not what the model was made for.
    """

    levels: int
    thresholds: Integers
    points: Integers
    predictor: tuple[Network, ...]
    lambda_: int = 0
    max_rmse: int | None = None

    def quantise(self, outputs: Integers) -> Codes:
        """Encoder outputs int [n, d] -> codes uint8 [n, d]."""
        codes = np.empty(outputs.shape, np.uint8)
        for j, thresholds in enumerate(self.thresholds):
            codes[:, j] = np.searchsorted(thresholds, outputs[:, j], side="left")
        return codes

    def dequantise(self, codes: Codes) -> Integers:
        """Codes uint8 [n, j] -> the points of numbers 0 … j-1, int [n, j]."""
        return self.points[np.arange(codes.shape[1]), codes]

    def predict(self, previous: Codes) -> Integers:
        """Numbers 0 … j-1 as uint8 [n, j] -> int32 scores [n, levels] of number j."""
        return self.predictor[previous.shape[1]](self.dequantise(previous))

    def costs(self, previous: Codes) -> Integers:
        """Numbers 0 … j-1 as uint8 [n, j] -> the rate of each value of number j, int [n, levels].

        In 1/32 of a nat, as `predict` scores; docs/MODELS.md section 3.
        """
        return costs(self.predict(previous))

    def rate(self, codes: Codes) -> Integers:
        """Codes uint8 [n, d] -> the sum of what their numbers cost, int64 [n]."""
        total = np.zeros(len(codes), np.int64)
        for j in range(codes.shape[1]):
            chosen = codes[:, j : j + 1].astype(np.intp)
            total += np.take_along_axis(self.costs(codes[:, :j]), chosen, axis=1)[:, 0]
        return total


@dataclass(frozen=True, eq=False)
class Model:
    """A trained, validated codec: everything that a model file holds.

    `residual` codes the corrections of digits that its codes alone do not do justice. `reader` is
    the id of the reader that a guard asks, and `margin` the least margin, in its units, with which
    it must read an original and what its code gives alike.
    """

    name: str
    shape: Shape
    encoder: Network
    decoder: Network
    level_sets: tuple[LevelSet, ...]
    known_codes: Codes
    known_images: Images
    notes: Mapping[str, str] = field(default_factory=dict)
    reader: bytes | None = None
    margin: int = 0
    residual: Network | None = None

    def level_set(self, levels: int | None = None) -> LevelSet:
        """Return the quantiser and predictor for `levels`, by default the model's first.

        Raises `ModelError` when the model has none for that number.
        """
        for level_set in self.level_sets:
            if levels in (None, level_set.levels):
                return level_set
        known = ", ".join(str(level_set.levels) for level_set in self.level_sets)
        raise ModelError(f"model {self.name} has no quantiser of {levels} levels, only of {known}")

    @property
    def nominal(self) -> bool:
        """Whether the decoder begins by telling values apart, so that none is near another."""
        return self.decoder.layers[0].range == (0, 1)

    @property
    def qualities(self) -> tuple[int, ...]:
        """The numbers of levels, ascending: quality 1 has the fewest."""
        return tuple(sorted(level_set.levels for level_set in self.level_sets))

    def levels_of(self, quality: int | None = None) -> int:
        """Return the number of levels of a quality, by default the model's first.

        Raises `InputError` when the model has no such quality.
        """
        if quality is None:
            return self.level_sets[0].levels
        count = len(self.qualities)
        if not isinstance(quality, int) or not 1 <= quality <= count:
            known = f"qualities 1 to {count}" if count > 1 else "only quality 1"
            raise InputError(f"model {self.name} has {known}, not {quality}")
        return self.qualities[quality - 1]

    def decode_points(self, points: Integers) -> Images:
        """Decoder inputs int [n, d] -> images uint8 [n, height, width]."""
        images: Images = self.decoder(points, np.uint8).astype(np.uint8, copy=False)
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
        for level_set in self.level_sets:
            prefix = f"levels.{level_set.levels}"
            tensors[f"{prefix}.thresholds"] = level_set.thresholds
            if level_set.lambda_:
                tensors[f"{prefix}.lambda"] = np.array([level_set.lambda_], np.int32)
            if level_set.max_rmse is not None:
                name = f"guard.{level_set.levels}.max_rmse"
                tensors[name] = np.array([level_set.max_rmse], np.int32)
        if self.margin:
            tensors["guard.margin"] = np.array([self.margin], np.int32)
        return tensors | {"known.codes": self.known_codes, "known.images": self.known_images}


def _decoding_tensors(model: Model) -> Iterator[tuple[str, Integers]]:
    yield from network_tensors("decoder", model.decoder)
    if model.residual is not None:
        yield from network_tensors("residual", model.residual)
    for level_set in model.level_sets:
        prefix = f"levels.{level_set.levels}"
        yield f"{prefix}.points", level_set.points
        for j, network in enumerate(level_set.predictor):
            yield from network_tensors(f"{prefix}.predictor.{j}", network)
