"""Residual coding: pixels come back within the bound of their image, and no damage passes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitzip.entropy.residuals import (
    ResidualModel,
    apply_residual,
    quantise_residual,
    round_to_bounds,
)
from digitzip.errors import DamagedError
from digitzip.kernels import Layer, Network
from digitzip.kernels import residuals as kernel
from digitzip.kernels.context import MAX_WEIGHT, VALUES, input_size
from digitzip.kernels.residuals import step_interval
from tests.toy import make_residual

Images = npt.NDArray[np.uint8]
Bounds = npt.NDArray[np.uint8]

SIDE = 8
MODEL = ResidualModel(make_residual(side=SIDE))
LANES = st.integers(0, 8).map(lambda log: 1 << log)


@st.composite
def batches(draw: st.DrawFn) -> tuple[Images, Images, Bounds]:
    """Images, reconstructions, uint8 [0 … 5, 8, 8], and bounds: noise, blanks, or nearly alike."""
    n, random = draw(st.integers(0, 5)), np.random.default_rng(draw(st.integers(0, 999)))
    images, recon = random.integers(0, 256, (2, n, SIDE, SIDE), dtype=np.uint8)
    how = draw(st.sampled_from(["noise", "alike", "blank", "faint", "inverted"]))
    if how == "alike":
        recon = np.clip(images.astype(np.int16) + random.integers(-9, 10), 0, 255)
    elif how == "blank":
        images = np.zeros_like(images)
    elif how == "faint":
        recon = recon % 10
    elif how == "inverted":
        recon = 255 - images
    bounds = draw(st.lists(st.sampled_from([0, 0, 1, 40, 127]), min_size=n, max_size=n))
    return images, recon.astype(np.uint8), np.array(bounds, np.uint8)


def flat(weights: int | npt.NDArray[np.int32]) -> ResidualModel:
    """Return a model that gives the same weights in every context."""
    bias = np.broadcast_to(np.asarray(weights, np.int32), (VALUES,))
    weight = np.zeros((VALUES, input_size(SIDE, SIDE)), np.int8)
    layer = Layer(weight, bias, np.zeros(VALUES, np.uint8), 0, MAX_WEIGHT)
    return ResidualModel(Network([layer], 0, 255))


@settings(max_examples=30)
@given(batches(), LANES)
def test_images_come_back_within_the_bound_of_each(
    batch: tuple[Images, Images, Bounds], lanes: int
) -> None:
    images, recon, bounds = batch
    data = MODEL.encode(images, recon, bounds, lanes)
    final = MODEL.decode(data, recon, bounds, lanes)
    np.testing.assert_array_equal(final, round_to_bounds(images, recon, bounds), strict=True)
    errors = np.abs(final.astype(np.int16) - images)
    assert (errors <= bounds[:, None, None]).all()
    assert MODEL.encode(final, recon, bounds, lanes) == data


@settings(max_examples=15)
@given(batches(), st.sampled_from([2, 4]))
def test_the_bytes_are_the_same_in_batches_of_any_size(
    batch: tuple[Images, Images, Bounds], size: int
) -> None:
    images, recon, bounds = batch
    data = MODEL.encode(images, recon, bounds, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel, "_BATCH", size)
        patch.setattr(kernel, "_BLANKS", 3 * size)
        assert MODEL.encode(images, recon, bounds, 2) == data
        final = MODEL.decode(data, recon, bounds, 2)
    np.testing.assert_array_equal(final, MODEL.decode(data, recon, bounds, 2))


@settings(max_examples=30)
@given(batches(), LANES, st.binary(max_size=200))
def test_arbitrary_bytes_give_images_or_an_error(
    batch: tuple[Images, Images, Bounds], lanes: int, data: bytes
) -> None:
    _, recon, bounds = batch
    try:
        final = MODEL.decode(b"\x00\x00\x01\x00" * lanes + data, recon, bounds, lanes)
    except DamagedError:
        return
    assert final.dtype == np.uint8
    assert final.shape == recon.shape


@settings(max_examples=30)
@given(batches(), st.integers(0, 1 << 16), st.integers(1, 255))
def test_a_changed_byte_gives_other_images_or_an_error(
    batch: tuple[Images, Images, Bounds], at: int, change: int
) -> None:
    images, recon, bounds = batch
    data = bytearray(MODEL.encode(images, recon, bounds, 1))
    final = MODEL.decode(bytes(data), recon, bounds, 1)
    data[at % len(data)] ^= change
    try:
        other = MODEL.decode(bytes(data), recon, bounds, 1)
    except DamagedError:
        return
    assert (other != final).any()


def test_residuals_are_rounded_to_within_every_bound() -> None:
    images, recon = np.indices((256, 256)).astype(np.uint8)
    for bound in range(128):
        final = round_to_bounds(images[None], recon[None], bound)
        assert int(np.abs(final.astype(np.int16) - images).max()) <= bound


@pytest.mark.parametrize("bound", [0, 1, 2, 20, 40, 64, 126, 127])
def test_the_values_of_a_step_are_an_interval(bound: int) -> None:
    values, recon = (each.reshape(-1) for each in np.indices((256, 256)))
    first, last, final = step_interval(values, recon, bound)
    as_image = recon.astype(np.uint8)[None, None]
    steps = quantise_residual(values.astype(np.uint8)[None, None], as_image, bound)
    np.testing.assert_array_equal(final, apply_residual(as_image, steps, bound)[0, 0])
    assert ((first <= values) & (values <= last)).all()
    for value in (first, last, final):
        np.testing.assert_array_equal(step_interval(value, recon, bound)[0], first)
        np.testing.assert_array_equal(step_interval(value, recon, bound)[1], last)
    inner = first > 0
    below = step_interval(first[inner] - 1, recon[inner], bound)[1]
    assert (below == first[inner] - 1).all()


@pytest.mark.parametrize("weights", [0, 1, MAX_WEIGHT, np.arange(VALUES, dtype=np.int32)])
def test_any_weights_will_do(weights: int | npt.NDArray[np.int32]) -> None:
    model, bounds = flat(weights), np.array([0, 5, 127] * 2, np.uint8)
    images, recon = np.random.default_rng(1).integers(0, 256, (2, 6, SIDE, SIDE), dtype=np.uint8)
    final = model.decode(model.encode(images, recon, bounds, 2), recon, bounds, 2)
    np.testing.assert_array_equal(final, round_to_bounds(images, recon, bounds))


def test_likely_pixels_cost_little_and_unlikely_ones_more() -> None:
    expects_blank = np.zeros(VALUES, np.int32)
    expects_blank[0] = MAX_WEIGHT
    model, recon = flat(expects_blank), np.zeros((20, SIDE, SIDE), np.uint8)
    noise = np.random.default_rng(2).integers(1, 256, recon.shape, np.uint8)
    assert len(model.encode(recon, recon, 0, 1)) <= 4 + 2
    assert len(model.encode(noise, recon, 0, 1)) == 4 + 2 * noise.size
    assert len(flat(1).encode(noise, recon, 0, 1)) == pytest.approx(noise.size, rel=0.05)


def test_a_wider_bound_costs_less() -> None:
    images, recon = np.random.default_rng(3).integers(0, 256, (2, 9, SIDE, SIDE), dtype=np.uint8)
    sizes = [len(MODEL.encode(images, recon, bound, 1)) for bound in (0, 4, 16, 64)]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)
