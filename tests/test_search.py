"""The search never makes a code worse, and it is exact whatever the batch."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitzip.codec import EFFORT, Codec
from digitzip.codec import search as room
from digitzip.codec.candidates import Codes, Pixels, rd_cost
from digitzip.entropy.probability import Integers
from digitzip.kernels import KERNELS, Kernels, NumPyKernels
from digitzip.limits import EFFORTS
from digitzip.model import Grid, Model, SmoothLatents
from digitzip.model.neighbours import around, moves
from tests.toy import make_images, make_model

IMAGES = make_images(40, seed=4)


def with_lambda(model: Model, lambda_: int) -> Model:
    """Return `model` with another lambda at every number of levels."""
    quantisers = (replace(quantiser, lambda_=lambda_) for quantiser in model.quantisers)
    return replace(model, quantisers=tuple(quantisers))


def cost(model: Model, images: Pixels, codes: Codes) -> Integers:
    """Return squared error + lambda * rate, [n], of codes at the default number of levels."""
    quantiser = model.quantisers[0]
    residual = images.astype(np.int64) - Codec(model).decode(codes)
    found: Integers = (residual**2).sum(axis=(1, 2)) + quantiser.lambda_ * quantiser.rate(codes)
    return found


def few_codes(lambda_: int) -> Model:
    """Return a model of 5 levels and 4 latents: 625 codes."""
    model = with_lambda(make_model(seed=7), lambda_)
    codes = np.zeros((1, 4), np.uint8)
    images = model.decode_points(model.quantisers[1].dequantise(codes))
    return replace(model, quantisers=model.quantisers[1:], known_codes=codes, known_images=images)


@settings(max_examples=40)
@given(st.integers(0, 50), st.sampled_from([0, 1, 300, 50_000, 1 << 20]), st.integers(1, 9))
def test_a_search_never_ends_with_a_higher_cost(seed: int, lambda_: int, effort: int) -> None:
    model = with_lambda(make_model(seed=seed), lambda_)
    images = make_images(5, seed=seed)
    found, start = (Codec(model, effort=e).encode(images) for e in (effort, 0))
    assert (cost(model, images, found) <= cost(model, images, start)).all()


@pytest.mark.parametrize("lambda_", [0, 5000])
def test_more_effort_never_costs_more_in_all(lambda_: int) -> None:
    model = with_lambda(make_model(seed=2), lambda_)
    totals = [cost(model, IMAGES, Codec(model, effort=e).encode(IMAGES)).sum() for e in EFFORTS]
    assert len(EFFORT) == len(EFFORTS)
    assert all(more <= less for less, more in pairwise(totals))
    assert totals[-1] < totals[0]


@pytest.mark.parametrize("effort", [1, 9])
@pytest.mark.parametrize("lambda_", [0, 5000])
def test_batches_change_no_code(effort: int, lambda_: int) -> None:
    model = with_lambda(make_model(seed=3), lambda_)
    images = make_images(600 if effort == 1 else 20, seed=3)
    codes = Codec(model, effort=effort).encode(images)
    for batch in (1, 7):
        for start in range(0, 14, batch):
            part = slice(start, start + batch)
            np.testing.assert_array_equal(
                Codec(model, effort=effort).encode(images[part]), codes[part]
            )


def test_a_higher_lambda_buys_a_lower_rate() -> None:
    model = make_model(seed=5)
    rates = []
    for lambda_ in (0, 2000, 1 << 20):
        codes = Codec(with_lambda(model, lambda_), effort=9).encode(IMAGES)
        rates.append(model.quantisers[0].rate(codes).sum())
    assert rates[0] > rates[1] > rates[2]


@pytest.mark.parametrize("lambda_", [0, 3000])
def test_a_model_of_few_codes_finds_the_best_of_them_all(lambda_: int) -> None:
    model = few_codes(lambda_)
    images = IMAGES
    every = np.indices((5,) * 4).reshape(4, -1).T.astype(np.uint8)
    every_cost = np.stack(
        [cost(model, images, np.tile(code, (len(images), 1))) for code in every], axis=1
    )
    for effort in (1, 9):
        found = Codec(model, effort=effort).encode(images)
        np.testing.assert_array_equal(found, every[np.argmin(every_cost, axis=1)])


def test_without_lambda_the_rate_is_never_computed() -> None:
    model = make_model(seed=6)
    silent = tuple(replace(quantiser, entropy_model=()) for quantiser in model.quantisers)
    without = Codec(replace(model, quantisers=silent), effort=9)
    np.testing.assert_array_equal(
        without.encode(IMAGES), Codec(with_lambda(model, 0), effort=9).encode(IMAGES)
    )


@pytest.mark.parametrize("side", [8, 28, 64])
@pytest.mark.parametrize("kernels", [KERNELS, NumPyKernels()], ids=["in use", "NumPy"])
def test_slopes_and_their_products_are_exact_whatever_the_size(side: int, kernels: Kernels) -> None:
    random = np.random.default_rng(side)
    here, recon = random.integers(0, 256, (2, 6, side**2)).astype(np.uint8)
    stepped = random.integers(0, 256, (6, 4, side**2)).astype(np.uint8)
    steps = random.choice(np.array([-1, 1], np.int16), (6, 4))
    stepped[0], here[0], here[1], recon[1] = 255, 0, 255, 0  # the largest there are
    slopes, curvature = kernels.slopes_and_curvature(stepped, here, steps)
    halves = stepped.astype(np.int64) // 2 - here[:, None] // 2
    expected = halves * steps[:, :, None]
    np.testing.assert_array_equal(curvature, 4 * np.einsum("njp,nkp->jkn", expected, expected))
    residual = here.astype(np.int64) - recon
    expected_gradient = 4 * np.einsum("njp,np->nj", expected, np.trunc(residual / 2))
    np.testing.assert_array_equal(kernels.gradient(slopes, here, recon), expected_gradient)
    np.testing.assert_array_equal(kernels.squared_errors(here, recon), (residual**2).sum(axis=1))


def test_no_effort_takes_the_encoders_code_without_decoding(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = make_model(seed=3)
    codec, calls = Codec(model, effort=0), list[Codes]()
    monkeypatch.setattr(codec._latents, "decode", calls.append)
    outputs = model.encoder(IMAGES.reshape(len(IMAGES), -1))
    np.testing.assert_array_equal(codec.encode(IMAGES), model.quantisers[0].quantise(outputs))
    assert not calls


@pytest.mark.parametrize("few", [False, True])
def test_a_code_without_error_is_the_best_whatever_its_rate(few: bool) -> None:
    model = few_codes(1 << 20) if few else with_lambda(make_model(seed=3), 1 << 20)
    codes = np.random.default_rng(3).integers(0, 5, (50, model.shape.dims), np.uint8)
    codec = Codec(model, effort=1)
    images = codec.decode(codes)
    quantiser = model.quantisers[0]

    def found(images: Pixels) -> Codes:
        pixels = images.reshape(50, -1)
        return room.search(pixels, codes, codec._latents, EFFORT[1])

    np.testing.assert_array_equal(codec.decode(found(images)), images)
    lower = quantiser.rate(found(255 - images)) < quantiser.rate(codes)
    assert lower.mean() > 0.5  # so high is lambda
    assert rd_cost(np.array([0.0, 1.0]), np.array([9.0, 9.0])).tolist() == [-1, 10]


@pytest.mark.parametrize("dims", [1, 4, 10])
def test_moves_are_all_of_one_latent_and_of_two_by_a_level(dims: int) -> None:
    for reach in (1, 2):
        steps = moves(dims, reach)
        assert (
            len(np.unique(steps, axis=0)) == len(steps) == 2 * reach * dims + 2 * dims * (dims - 1)
        )
        moved = np.abs(steps)
        assert ((moved > 0).sum(axis=1) <= 2).all()
        assert (moved.max(axis=1) <= np.where((moved > 0).sum(axis=1) == 1, reach, 1)).all()
    codes = np.random.default_rng(dims).integers(0, 5, (9, dims), np.uint8)
    near = around(codes, 5)
    assert near.shape == (9, len(moves(dims, 2)), dims)
    assert near.max() <= 4


@pytest.mark.parametrize("lambda_", [0, 3000])
@pytest.mark.parametrize("categorical", [False, True])
def test_a_search_nearby_keeps_the_best_code_that_is_allowed(
    categorical: bool, lambda_: int
) -> None:
    model, images = with_lambda(make_model(seed=8), lambda_), IMAGES[:12]
    codec = Codec(model, effort=0)
    family = Grid if categorical else SmoothLatents
    codec._latents = family(model, model.quantiser())
    codes = codec.encode(images)
    dark = np.quantile(codec.decode(codes).mean(axis=(1, 2)), 0.4)

    def allowed(rows: Integers, recon: Pixels) -> npt.NDArray[np.bool_]:
        assert recon.shape == (len(rows), 28, 28)
        passed: npt.NDArray[np.bool_] = (recon.mean(axis=(1, 2)) < dark) & (rows != 3)
        return passed

    found, passed = codec.search_near(images, codes, allowed, nearest=20)
    near = codec._latents.candidates(codes)
    assert not passed[3]
    assert 2 < passed.sum() < 12
    for i, image in enumerate(images):
        recon = codec.decode(near[i])
        error = ((recon.astype(np.int64) - image) ** 2).sum(axis=(1, 2))
        tried = np.argsort(error, kind="stable")[:20]
        good = tried[allowed(np.full(20, i), recon[tried])]
        assert passed[i] == bool(good.size)
        if not good.size:
            np.testing.assert_array_equal(found[i], codes[i])
            continue
        costs = cost(model, np.repeat(image[None], len(good), axis=0), near[i][good])
        mine = cost(model, image[None], found[i : i + 1])
        assert mine[0] == costs.min()
