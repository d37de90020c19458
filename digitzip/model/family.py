"""Model families: one interface over models whose latents mean different things.

Smooth latents are numbers: neighbouring values decode to similar images. In a grid a value is a
cell of several coordinates; in a codebook it is an entry of a list of images. Values of grids and
codebooks are categorical: neighbours are unrelated. `Model.categorical` tells them from smooth
latents; a categorical model with one latent is a codebook.
"""

from __future__ import annotations

from functools import cached_property
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from digitzip.kernels import KERNELS
from digitzip.model.model import Model, Quantiser
from digitzip.model.neighbours import all_values, around

Codes = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.integer[Any]]


class LatentModel(Protocol):
    """A model with one of its quantisers: all that codec and search need of it.

    Codes are uint8 [n, d], pixels uint8 [n, height * width], previous latents uint8 [n, j].
    """

    @property
    def dims(self) -> int:
        """Number of latents of a code."""

    @property
    def levels(self) -> int:
        """Number of values of a latent."""

    @property
    def lambda_(self) -> int:
        """Squared error that one unit of rate is worth; with 0 the rate is never computed."""

    @property
    def max_rmse(self) -> int | None:
        """Largest RMSE of an image that fits the model, in 1/65,535 of the pixel range."""

    @property
    def categorical(self) -> bool:
        """Whether neighbouring values of a latent are unrelated."""

    def encode(self, pixels: Pixels) -> Codes:
        """Return the codes of the encoder and the quantiser, without search."""

    def decode(self, codes: Codes) -> Pixels:
        """Return the reconstructions of codes."""

    def scores(self, previous: Codes) -> Integers:
        """Return the scores of the values of latent j, int [n, levels], by the entropy model."""

    def costs(self, previous: Codes) -> Integers:
        """Return the rate of each value of latent j, int [n, levels]."""

    def rate(self, codes: Codes) -> Integers:
        """Return the rate of codes, int64 [n]."""

    def candidates(self, codes: Codes) -> Codes:
        """Return codes near each code, uint8 [n, m, d]."""


class SmoothLatents:
    """Latents whose neighbouring values decode to similar images."""

    categorical = False

    def __init__(self, model: Model, quantiser: Quantiser) -> None:
        self._model, self._quantiser = model, quantiser
        self.dims, self.levels = model.shape.dims, quantiser.levels
        self.lambda_, self.max_rmse = quantiser.lambda_, quantiser.max_rmse
        self.scores, self.costs, self.rate = quantiser.scores, quantiser.costs, quantiser.rate

    def encode(self, pixels: Pixels) -> Codes:
        return self._quantiser.quantise(KERNELS.forward(self._model.encoder, pixels))

    def decode(self, codes: Codes) -> Pixels:
        points = self._quantiser.dequantise(codes)
        return KERNELS.forward(self._model.decoder, points, np.uint8)

    def candidates(self, codes: Codes) -> Codes:
        """Move one latent by one or two levels, or two latents by one level each."""
        return around(codes, self.levels)


class Grid(SmoothLatents):
    """Latents whose values are cells of a grid of coordinates."""

    categorical = True

    def candidates(self, codes: Codes) -> Codes:
        """Give one latent each of its values."""
        trials = [all_values(codes, self.levels, j) for j in range(self.dims)]
        return np.concatenate(trials).transpose(1, 0, 2)


class Codebook(Grid):
    """A single latent whose value is an entry of a list of images."""

    def decode(self, codes: Codes) -> Pixels:
        return self._entries[codes[:, 0]]

    @cached_property
    def _entries(self) -> Pixels:
        """All reconstructions there are, uint8 [levels, pixels]."""
        return super().decode(np.arange(self.levels, dtype=np.uint8)[:, None])


def latent_model(model: Model, levels: int | None = None) -> LatentModel:
    """Return the family of `model` with a quantiser, by default its first.

    Raises `ModelError` where the model has no quantiser with these levels.
    """
    quantiser = model.quantiser(levels)
    if not model.categorical:
        return SmoothLatents(model, quantiser)
    return (Codebook if model.shape.dims == 1 else Grid)(model, quantiser)
