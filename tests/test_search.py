"""The search: never worse than its start, exact whatever the batch, and what lambda asks for."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitzip.codec import EFFORT, Codec
from digitzip.codec import search as room
from digitzip.codec.search import Codes, Pixels, Target, search
from digitzip.entropy.probability import Integers
from digitzip.limits import EFFORTS
from digitzip.model import Model
from tests.toy import make_images, make_model

IMAGES = make_images(40, seed=4)


def priced(model: Model, lambda_: int) -> Model:
    """Return `model` with another lambda at every number of levels."""
    level_sets = (replace(level_set, lambda_=lambda_) for level_set in model.level_sets)
    return replace(model, level_sets=tuple(level_sets))


def worth(model: Model, images: Pixels, codes: Codes) -> Integers:
    """Return squared error + lambda * rate, [n], of codes at the default number of levels."""
    level_set = model.level_sets[0]
    missing = images.astype(np.int64) - Codec(model).decode(codes)
    found: Integers = (missing**2).sum(axis=(1, 2)) + level_set.lambda_ * level_set.rate(codes)
    return found


def few_codes(lambda_: int) -> Model:
    """Return a model of 5 levels and 4 numbers: 625 codes."""
    model = priced(make_model(seed=7), lambda_)
    codes = np.zeros((1, 4), np.uint8)
    images = model.decode_points(model.level_sets[1].dequantise(codes))
    return replace(model, level_sets=model.level_sets[1:], known_codes=codes, known_images=images)


@given(st.integers(0, 50), st.sampled_from([0, 1, 300, 50_000, 1 << 20]), st.integers(1, 9))
def test_a_code_is_never_worth_less_than_where_its_search_began(
    seed: int, lambda_: int, effort: int
) -> None:
    model = priced(make_model(seed=seed), lambda_)
    images = make_images(5, seed=seed)
    found, start = (Codec(model, effort=e).encode(images) for e in (effort, 0))
    assert (worth(model, images, found) <= worth(model, images, start)).all()


@pytest.mark.parametrize("lambda_", [0, 5000])
def test_more_effort_is_worth_no_less(lambda_: int) -> None:
    model = priced(make_model(seed=2), lambda_)
    totals = [worth(model, IMAGES, Codec(model, effort=e).encode(IMAGES)).sum() for e in EFFORTS]
    assert len(EFFORT) == len(EFFORTS)
    assert all(more <= less for less, more in pairwise(totals))
    assert totals[-1] < totals[0]


@pytest.mark.parametrize("effort", [1, 9])
@pytest.mark.parametrize("lambda_", [0, 5000])
def test_batches_and_threads_change_no_code(effort: int, lambda_: int) -> None:
    model = priced(make_model(seed=3), lambda_)
    images = make_images(600 if effort == 1 else 40, seed=3)
    codes = Codec(model, effort=effort).encode(images)
    np.testing.assert_array_equal(Codec(model, effort=effort, threads=3).encode(images), codes)
    for batch in (1, 7):
        for start in range(0, 35, batch):
            part = slice(start, start + batch)
            np.testing.assert_array_equal(
                Codec(model, effort=effort).encode(images[part]), codes[part]
            )


def test_a_higher_lambda_buys_a_lower_rate() -> None:
    model = make_model(seed=5)
    rates = []
    for lambda_ in (0, 2000, 1 << 20):
        codes = Codec(priced(model, lambda_), effort=9).encode(IMAGES)
        rates.append(model.level_sets[0].rate(codes).sum())
    assert rates[0] > rates[1] > rates[2]


@pytest.mark.parametrize("lambda_", [0, 3000])
def test_a_model_of_few_codes_finds_the_best_of_them_all(lambda_: int) -> None:
    model = few_codes(lambda_)
    images = IMAGES
    every = np.indices((5,) * 4).reshape(4, -1).T.astype(np.uint8)
    worths = np.stack(
        [worth(model, images, np.tile(code, (len(images), 1))) for code in every], axis=1
    )
    for effort in (1, 9):
        found = Codec(model, effort=effort).encode(images)
        np.testing.assert_array_equal(found, every[np.argmin(worths, axis=1)])


def test_a_rate_that_weighs_nothing_is_never_asked_for() -> None:
    model = make_model(seed=6)
    silent = tuple(replace(level_set, predictor=()) for level_set in model.level_sets)
    without = Codec(replace(model, level_sets=silent), effort=9)
    np.testing.assert_array_equal(
        without.encode(IMAGES), Codec(priced(model, 0), effort=9).encode(IMAGES)
    )


@pytest.mark.parametrize("side", [8, 28, 64])
def test_slopes_and_their_products_are_exact_whatever_the_size(side: int) -> None:
    random = np.random.default_rng(side)
    here, stepped = random.integers(0, 256, (6, side**2)), random.integers(0, 256, (6, 4, side**2))
    steps = random.choice([-1.0, 1.0], (6, 4))
    slopes = room._slopes(stepped.astype(np.uint8), here / 1.0, steps)
    expected = (stepped // 2 - here[:, None] // 2) * steps[:, :, None]
    np.testing.assert_array_equal(slopes, expected)
    missing = random.integers(-255, 256, (6, side**2))
    descent = 4 * (expected * np.trunc(missing / 2)[:, None]).sum(axis=2)
    np.testing.assert_array_equal(room._times(slopes, missing / 1.0), descent)
    most = np.full((1, 1, side**2), 127, slopes.dtype)
    assert room._products(most, most.transpose(0, 2, 1))[0, 0, 0] == 4 * side**2 * 127**2


def test_no_effort_decodes_nothing() -> None:
    def never(codes: Codes) -> Pixels:
        raise AssertionError(f"{len(codes)} codes were decoded")

    codes = np.zeros((3, 4), np.uint8)
    pixels = IMAGES[:3].reshape(3, -1)
    target = Target(8, never, never)
    np.testing.assert_array_equal(search(pixels, codes, target, EFFORT[0]), codes)


@pytest.mark.parametrize("few", [False, True])
def test_no_price_leads_away_from_a_code_that_gives_the_image_itself(few: bool) -> None:
    model = few_codes(1 << 20) if few else priced(make_model(seed=3), 1 << 20)
    codes = np.random.default_rng(3).integers(0, 5, (50, model.shape.dims), np.uint8)
    decoded = Codec(model).decode(codes)
    level_set = model.level_sets[0]
    target = Target(
        level_set.levels,
        lambda codes: Codec(model).decode(codes).reshape(len(codes), -1),
        level_set.costs,
        level_set.lambda_,
    )
    found, other = (
        search(images.reshape(50, -1), codes, target, EFFORT[1])
        for images in (decoded, 255 - decoded)
    )
    np.testing.assert_array_equal(Codec(model).decode(found), decoded)
    assert (level_set.rate(other) < level_set.rate(codes)).mean() > 0.5  # so strong is the price
