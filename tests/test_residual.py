"""Pixels come back within their bound from what a network expects, however they are dealt out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitzip.entropy import residuals as room
from digitzip.entropy.residuals import VALUES, Residual, inputs_of, same, stepped, steps_of
from digitzip.errors import DamagedError
from digitzip.kernels.network import Layer, Network
from tests.toy import make_residual

Images = npt.NDArray[np.uint8]

SIDE = 8
CODER = Residual(make_residual(side=SIDE), SIDE, SIDE)
BOUNDS = st.integers(0, 127)
LANES = st.integers(0, 8).map(lambda log: 1 << log)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Images, Images]:
    """Images and their reconstructions, uint8 [0 … 5, 8, 8]: noise, blanks, or nearly alike."""
    n, random = draw(st.integers(0, 5)), np.random.default_rng(draw(st.integers(0, 999)))
    images, decoded = random.integers(0, 256, (2, n, SIDE, SIDE), dtype=np.uint8)
    how = draw(st.sampled_from(["noise", "alike", "blank", "faint", "inverted"]))
    if how == "alike":
        decoded = np.clip(images.astype(np.int16) + random.integers(-9, 10), 0, 255)
    elif how == "blank":
        images = np.zeros_like(images)
    elif how == "faint":
        decoded = decoded % 10
    elif how == "inverted":
        decoded = 255 - images
    return images, decoded.astype(np.uint8)


def flat(weights: int | npt.NDArray[np.int32]) -> Residual:
    """Return a coder whose network gives the same weights wherever it looks."""
    inputs = inputs_of(SIDE, SIDE)
    bias = np.broadcast_to(np.asarray(weights, np.int32), (VALUES,))
    shift = np.zeros(VALUES, np.uint8)
    layer = Layer(np.zeros((VALUES, inputs), np.int8), bias, shift, 0, room.MAX_WEIGHT)
    return Residual(Network([layer], 0, 255), SIDE, SIDE)


@settings(max_examples=40)
@given(pairs(), BOUNDS, LANES)
def test_images_come_back_a_whole_number_of_steps_from_their_reconstructions(
    pair: tuple[Images, Images], bound: int, lanes: int
) -> None:
    images, decoded = pair
    back = CODER.decode(CODER.encode(images, decoded, bound, lanes), decoded, bound, lanes)
    np.testing.assert_array_equal(
        back, stepped(decoded, steps_of(images, decoded, bound), bound), strict=True
    )
    assert (np.abs(back.astype(np.int16) - images) <= bound).all()
    if bound == 0:
        np.testing.assert_array_equal(back, images)


@settings(max_examples=15)
@given(pairs(), BOUNDS, st.sampled_from([1, 2, 3]))
def test_the_bytes_are_the_same_in_batches_of_any_size(
    pair: tuple[Images, Images], bound: int, batch: int
) -> None:
    images, decoded = pair
    data = CODER.encode(images, decoded, bound, 2)
    back = CODER.decode(data, decoded, bound, 2)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room, "_BATCH", batch)
        if batch % 2 == 0:  # decoding takes whole rounds of its lanes
            np.testing.assert_array_equal(CODER.decode(data, decoded, bound, 2), back)
        assert CODER.encode(images, decoded, bound, 2) == data


@settings(max_examples=40)
@given(pairs(), BOUNDS, LANES, st.binary(max_size=200))
def test_arbitrary_bytes_give_images_or_an_error(
    pair: tuple[Images, Images], bound: int, lanes: int, data: bytes
) -> None:
    _, decoded = pair
    try:
        back = CODER.decode(b"\x00\x00\x01\x00" * lanes + data, decoded, bound, lanes)
    except DamagedError:
        return
    assert back.dtype == np.uint8
    assert back.shape == decoded.shape


@settings(max_examples=40)
@given(pairs(), BOUNDS, st.integers(0, 1 << 16), st.integers(1, 255))
def test_a_changed_byte_gives_other_images_or_an_error(
    pair: tuple[Images, Images], bound: int, at: int, change: int
) -> None:
    images, decoded = pair
    data = bytearray(CODER.encode(images, decoded, bound, 1))
    back = CODER.decode(bytes(data), decoded, bound, 1)
    data[at % len(data)] ^= change
    try:
        other = CODER.decode(bytes(data), decoded, bound, 1)
    except DamagedError:
        return
    assert (other != back).any()


@pytest.mark.parametrize("bound", range(128))
def test_steps_lead_to_within_the_bound(bound: int) -> None:
    images, decoded = np.indices((256, 256)).astype(np.uint8)
    back = stepped(decoded, steps_of(images, decoded, bound), bound)
    assert int(np.abs(back.astype(np.int16) - images).max()) <= bound


@pytest.mark.parametrize("bound", [0, 1, 2, 20, 40, 64, 126, 127])
def test_the_values_that_come_back_alike_stand_side_by_side(bound: int) -> None:
    values, decoded = (each.reshape(-1) for each in np.indices((256, 256)))
    first, last, back = same(values, decoded, bound)
    as_bytes = decoded.astype(np.uint8)
    steps = steps_of(values.astype(np.uint8), as_bytes, bound)
    np.testing.assert_array_equal(back, stepped(as_bytes, steps, bound))
    assert ((first <= values) & (values <= last)).all()
    for value in (first, last):
        np.testing.assert_array_equal(same(value, decoded, bound)[0], first)
        np.testing.assert_array_equal(same(value, decoded, bound)[1], last)
    inner = first > 0
    assert (same(first[inner] - 1, decoded[inner], bound)[1] == first[inner] - 1).all()


@pytest.mark.parametrize("weights", [0, 1, room.MAX_WEIGHT, np.arange(VALUES, dtype=np.int32)])
@pytest.mark.parametrize("bound", [0, 5, 127])
def test_any_weights_will_do(weights: int | npt.NDArray[np.int32], bound: int) -> None:
    coder = flat(weights)
    images, decoded = np.random.default_rng(1).integers(0, 256, (2, 6, SIDE, SIDE), dtype=np.uint8)
    back = coder.decode(coder.encode(images, decoded, bound, 2), decoded, bound, 2)
    assert int(np.abs(back.astype(np.int16) - images).max()) <= bound


def test_what_is_expected_costs_little_and_what_is_not_costs_more() -> None:
    expects_blank = np.zeros(VALUES, np.int32)
    expects_blank[0] = room.MAX_WEIGHT
    coder, decoded = flat(expects_blank), np.zeros((20, SIDE, SIDE), np.uint8)
    blank, noise = decoded, np.random.default_rng(2).integers(1, 256, decoded.shape, np.uint8)
    assert len(coder.encode(blank, decoded, 0, 1)) <= 4 + 2
    assert len(coder.encode(noise, decoded, 0, 1)) == 4 + 2 * noise.size
    assert len(flat(1).encode(noise, decoded, 0, 1)) == pytest.approx(noise.size, rel=0.05)


def test_a_wider_bound_costs_less() -> None:
    images, decoded = np.random.default_rng(3).integers(0, 256, (2, 9, SIDE, SIDE), dtype=np.uint8)
    sizes = [len(CODER.encode(images, decoded, bound, 1)) for bound in (0, 4, 16, 64)]
    assert sizes == sorted(sizes, reverse=True)
    assert len(set(sizes)) == len(sizes)
