"""Scores of an entropy model -> costs, CDF tables and mean bits.

The numbers are those of `kernels.probability`, whatever the backend.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from digitzip.kernels import KERNELS
from digitzip.kernels.probability import UNIT

Integers = npt.NDArray[np.integer[Any]]
Codes = npt.NDArray[np.uint8]

__all__ = ["UNIT", "cdf", "costs", "ideal_bits"]


def costs(scores: Integers) -> Integers:
    """Scores int32 [n, levels] within ±2^15 -> the cost of each value, int32 [n, levels], >= 0."""
    return KERNELS.costs(scores)


def cdf(scores: Integers, total: int) -> Integers:
    """Scores int32 [n, levels] -> CDF tables, int64 [n, levels + 1], from 0 to `total`.

    Value v owns the slots from column v to below column v + 1, at least one (FORMAT.md section
    4.1). `total` is at most 2^24.
    """
    return KERNELS.cdf(scores, total)


def ideal_bits(entropy_model: Callable[[Codes], Integers], codes: Codes) -> float:
    """Return the mean bits of an ideal arithmetic coder for codes uint8 [n, d].

    `entropy_model` gives the scores of latent j after latents uint8 [n, j]. In floats, for reports:
    nothing that is written depends on it.
    """
    bits = 0.0
    for j, column in enumerate(codes.T):
        scores = entropy_model(codes[:, :j]) / UNIT  # nats [n, levels]
        scores -= scores.max(axis=1, keepdims=True)
        true = np.take_along_axis(scores, column[:, None].astype(np.intp), axis=1)[:, 0]
        bits += float((np.log(np.exp(scores).sum(axis=1)) - true).mean())
    return bits / math.log(2)
