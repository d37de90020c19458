"""Layers of corrections: what is packed comes back, is divided and merged, and no damage passes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitzip.codec import Codec
from digitzip.entropy.corrections import Corrections, merged, of_chunk, unpack
from digitzip.entropy.residuals import Residual
from digitzip.errors import DamagedError
from digitzip.format import Chunk, Layer, LayerType
from tests.toy import make_model, make_residual

Images = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.integer[Any]]

SIDE, DIGITS = 8, 40
DECODED: Images = np.random.default_rng(5).integers(0, 256, (DIGITS, SIDE, SIDE), np.uint8)
CODER = Residual(make_residual(side=SIDE), SIDE, SIDE)


@st.composite
def corrections(draw: st.DrawFn, least: int = 1) -> Corrections:
    """Corrections of some of 40 digits, to images of noise."""
    places = draw(st.sets(st.integers(0, DIGITS - 1), min_size=least))
    random = np.random.default_rng(draw(st.integers(0, 999)))
    images = random.integers(0, 256, (len(places), SIDE, SIDE), dtype=np.uint8)
    return Corrections(draw(st.integers(0, 127)), np.array(sorted(places), np.intp), images)


def decode(places: Integers) -> Images:
    return DECODED[places]


def same(one: Corrections, other: Corrections) -> None:
    assert one.bound == other.bound
    np.testing.assert_array_equal(one.places, other.places)
    np.testing.assert_array_equal(one.images, other.images)


@settings(max_examples=30)
@given(corrections(), st.booleans())
def test_every_representation_gives_back_what_the_steps_lead_to(
    given_: Corrections, coded: bool
) -> None:
    decoded = DECODED[given_.places]
    bodies = list(given_.representations(decoded, CODER if coded else None))
    assert [pieces[0][0] & 1 for pieces in bodies] == [0, 1][: 1 + coded]
    for pieces in bodies:
        found = unpack(b"".join(pieces), DIGITS, decode, CODER)
        same(found, given_.back(decoded))
        errors = np.abs(found.images.astype(np.int16) - given_.images)
        assert int(errors.max()) <= given_.bound


def test_what_is_packed_is_the_smallest_representation() -> None:
    blank = Corrections(0, np.arange(DIGITS), np.zeros_like(DECODED))
    packed = blank.pack(np.zeros_like(DECODED), CODER)
    assert packed[0][0] == 0  # zstd packs steps of nothing better than the toy network
    noise = Corrections(30, np.arange(DIGITS), DECODED[::-1].copy())
    sizes = [len(b"".join(body)) for body in noise.representations(DECODED, CODER)]
    assert len(b"".join(noise.pack(DECODED, CODER))) == min(sizes)


@settings(max_examples=20)
@given(corrections(), st.integers(1, 8).map(lambda log: 1 << log))
def test_digits_come_back_from_any_number_of_lanes(given_: Corrections, lanes: int) -> None:
    decoded = DECODED[given_.places]
    pieces = next(given_.representations(decoded, None))
    coded = CODER.encode(given_.images, decoded, given_.bound, lanes)
    head = bytes([1 | (lanes.bit_length() - 1) << 1]) + pieces[0][1:]
    same(unpack(head + coded, DIGITS, decode, CODER), given_.back(decoded))


@settings(max_examples=60)
@given(st.binary(max_size=20), st.sampled_from([b"", bytes(64), bytes(128), b"\0\0\1\0"]))
def test_arbitrary_bytes_give_corrections_or_an_error(head: bytes, rest: bytes) -> None:
    for coder in (None, CODER):
        try:
            found = unpack(head + rest, DIGITS, decode, coder)
        except DamagedError:
            continue
        assert found.images.shape == (len(found.places), SIDE, SIDE)
        assert 0 <= found.bound <= 127
        assert all(a < b for a, b in pairwise(found.places.tolist()))
        assert set(found.places.tolist()) <= set(range(DIGITS))


@pytest.mark.parametrize("which", [0, 1])
def test_a_body_that_is_cut_or_too_long_is_refused(which: int) -> None:
    noise = Corrections(3, np.array([0, 7]), DECODED[[9, 10]])
    body = b"".join(list(noise.representations(DECODED[[0, 7]], CODER))[which])
    for wrong in (*(body[:size] for size in range(len(body))), body + b"\0", body + b"\0\1"):
        with pytest.raises(DamagedError, match="corrections"):
            unpack(wrong, DIGITS, decode, CODER)


def test_coded_corrections_need_a_residual_network() -> None:
    noise = Corrections(3, np.array([0]), DECODED[[9]])
    body = b"".join(list(noise.representations(DECODED[[0]], CODER))[1])
    with pytest.raises(DamagedError, match="the model has no residual network"):
        unpack(body, DIGITS, decode, None)


@settings(max_examples=40)
@given(corrections(), st.integers(0, DIGITS), st.integers(0, DIGITS))
def test_those_between_two_digits_are_those_of_them(
    given_: Corrections, start: int, stop: int
) -> None:
    found = given_.between(start, stop)
    inside = [place for place in given_.places.tolist() if start <= place < stop]
    if found is None:
        assert not inside
        return
    assert (found.places + start).tolist() == inside
    mine = [given_.places.tolist().index(place) for place in inside]
    np.testing.assert_array_equal(found.images, given_.images[mine])
    assert found.bound == given_.bound


@settings(max_examples=40)
@given(corrections(), st.lists(st.integers(0, DIGITS - 1), max_size=60))
def test_those_of_digits_in_any_order_change_what_applying_them_changes(
    given_: Corrections, digits: list[int]
) -> None:
    places = np.array(digits, np.intp)
    whole = DECODED.copy()
    whole[given_.places] = given_.images
    images = given_.applied(places, DECODED[places])
    np.testing.assert_array_equal(images, whole[places])
    again = DECODED[places]
    for each in given_.of(places, np.arange(len(places))):
        assert each.bound == given_.bound
        again[each.places] = each.images
    np.testing.assert_array_equal(again, images)


@settings(max_examples=40)
@given(corrections(), st.integers(1, 5))
def test_parts_in_any_order_merge_to_the_whole(given_: Corrections, count: int) -> None:
    owner = np.random.default_rng(len(given_.places)).integers(0, count, len(given_.places))
    parts = [
        Corrections(given_.bound, given_.places[owner == part], given_.images[owner == part])
        for part in range(count)
        if (owner == part).any()
    ]
    for order in (parts, parts[::-1]):
        same(merged(order), given_)


@pytest.fixture(scope="module")
def codec() -> Codec:
    return Codec(make_model(side=SIDE), effort=0)


@pytest.mark.parametrize(
    ("refined", "exact", "fine"),
    [([1, 2], [0, 3], True), ([1, 2], [2], False), ([0], [0, 1, 2, 3], False), ([], [3], True)],
)
def test_no_digit_of_a_chunk_is_corrected_twice(
    refined: list[int], exact: list[int], fine: bool, codec: Codec
) -> None:
    codes = np.random.default_rng(6).integers(0, codec.levels, (4, 4), dtype=np.uint8)
    decoded = codec.decode(codes)

    def layer(type_: LayerType, bound: int, places: list[int]) -> Layer:
        given_ = Corrections(bound, np.array(places, np.intp), DECODED[places])
        return Layer(type_, given_.pack(decoded[places], codec.residual))

    layers = [Layer(LayerType.CODES, (b"",))]
    layers += [layer(LayerType.REFINE, 40, refined)] if refined else []
    layers.append(layer(LayerType.EXACT, 0, exact))
    chunk = Chunk(0, 4, 0, tuple(layers))
    if not fine:
        with pytest.raises(DamagedError, match="both refined and exact"):
            of_chunk(chunk, codes, codec)
        return
    found = of_chunk(chunk, codes, codec)
    np.testing.assert_array_equal(found[LayerType.EXACT].images, DECODED[exact])
    assert (LayerType.REFINE in found) == bool(refined)
