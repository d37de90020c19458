"""Rates: what the probabilities say, within rounding, and the same integers everywhere."""

from __future__ import annotations

import hashlib
import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from digitzip.entropy.probability import Integers, cdf, costs
from digitzip.model import Model

SCORES = arrays(
    np.int32,
    array_shapes(min_dims=2, max_dims=2, max_side=20),
    elements=st.one_of(st.integers(-300, 300), st.integers(-(2**15), 2**15)),
)


@given(SCORES)
def test_a_cost_is_the_logarithm_of_the_probability_within_rounding(scores: Integers) -> None:
    nats = scores / 32
    top = nats.max(axis=1, keepdims=True)
    log_sum = top + np.log(np.exp(nats - top).sum(axis=1, keepdims=True))
    assert np.abs(costs(scores) - 32 * (log_sum - nats)).max() <= 0.501
    assert costs(scores).min() >= 0


def test_255_equal_scores_cost_the_logarithm_of_255() -> None:
    assert set(costs(np.zeros((1, 255), np.int32))[0].tolist()) == {177}
    assert costs(np.full((1, 1), -9, np.int32)).tolist() == [[0]]


def test_costs_are_the_ones_every_build_must_find() -> None:
    scores = (np.arange(100_000, dtype=np.int64) * 7919 % 1009 - 504).astype(np.int32)
    digest = hashlib.sha256(costs(scores.reshape(-1, 20)).astype("<i4").tobytes()).hexdigest()
    assert digest[:16] == "aa04b3775dc0ed86"


def test_the_rate_of_a_code_is_the_sum_of_what_its_numbers_cost(tiny: Model) -> None:
    quantiser = tiny.quantisers[0]
    codes = np.random.default_rng(1).integers(0, 8, (20, 3), np.uint8)
    rates = quantiser.rate(codes)
    for code, rate in zip(codes, rates, strict=True):
        parts = [quantiser.costs(code[None, :j])[0, code[j]] for j in range(3)]
        assert rate == sum(parts)
    assert quantiser.rate(codes[:0]).shape == (0,)


@given(SCORES)
def test_values_own_slots_as_the_format_page_says(scores: Integers) -> None:
    found = cdf(scores, 1 << 14)
    for row, slots in zip(scores.tolist(), found.tolist(), strict=True):
        weights = [math.floor(2**20 * math.exp((score - max(row)) / 32) + 0.5) for score in row]
        sums = [sum(weights[:v]) for v in range(len(row) + 1)]
        expected = [s * ((1 << 14) - len(row)) // sums[-1] + v for v, s in enumerate(sums)]
        assert slots == expected
        assert min(np.diff(slots)) >= 1
