"""The body of the corrections layer: what is packed comes back, and no damage passes."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitzip.entropy.corrections import (
    Corrections,
    corrected_rows,
    unpack_corrections,
)
from digitzip.entropy.residuals import ResidualModel, round_to_bounds
from digitzip.errors import DamagedError
from tests.toy import make_residual

Images = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.integer[Any]]

SIDE, IMAGES = 8, 40
RECON: Images = np.random.default_rng(5).integers(0, 256, (IMAGES, SIDE, SIDE), np.uint8)
MODEL = ResidualModel(make_residual(side=SIDE))


def decode(rows: Integers) -> Images:
    return RECON[rows]


def corrections(rows: list[int], bounds: list[int], seed: int = 1) -> Corrections:
    """Return corrections of these images to noise within their bounds."""
    noise = np.random.default_rng(seed).integers(0, 256, (len(rows), SIDE, SIDE), np.uint8)
    each = np.array(bounds, np.uint8)
    return Corrections(np.array(rows, np.intp), each, round_to_bounds(noise, RECON[rows], each))


@st.composite
def some_corrections(draw: st.DrawFn) -> Corrections:
    rows = sorted(draw(st.sets(st.integers(0, IMAGES - 1), min_size=1)))
    bounds = draw(
        st.lists(st.sampled_from([0, 1, 40, 127]), min_size=len(rows), max_size=len(rows))
    )
    return corrections(rows, bounds, draw(st.integers(0, 999)))


def assert_same(one: Corrections, other: Corrections) -> None:
    np.testing.assert_array_equal(one.rows, other.rows, strict=True)
    np.testing.assert_array_equal(one.bounds, other.bounds, strict=True)
    np.testing.assert_array_equal(one.images, other.images, strict=True)


def body_of(given_: Corrections, model: ResidualModel | None) -> bytes:
    return b"".join(given_.pack(RECON[given_.rows], model).pieces)


@settings(max_examples=30)
@given(some_corrections(), st.booleans())
def test_corrections_come_back_plain_and_coded(given_: Corrections, coded: bool) -> None:
    body = body_of(given_, MODEL if coded else None)
    assert body[0] & 1 == coded or len(body) < 1000  # few noisy images may be smaller plain
    assert_same(unpack_corrections(body, IMAGES, decode, MODEL), given_)
    np.testing.assert_array_equal(corrected_rows(body, IMAGES), given_.rows)


def test_groups_stand_by_bound_and_rows_as_distances() -> None:
    blank = Corrections(
        np.array([1, 2, 5, 9]), np.array([3, 0, 3, 0], np.uint8), RECON[[1, 2, 5, 9]]
    )
    head = bytes([0, 2, 0, 2, 2, 6, 3, 2, 1, 3])
    assert body_of(blank, None) == head + bytes(4 * SIDE * SIDE)


def test_plain_residuals_stand_by_position_even_up_odd_down() -> None:
    final = RECON[:2].copy()
    final[:, 0, 0] += np.array([100, 200], np.uint8)  # modulo 256: up by 100, down by 56
    body = body_of(Corrections(np.arange(2), np.zeros(2, np.uint8), final), None)
    assert body == bytes([0, 1, 0, 2, 0, 0, 200, 111]) + bytes(2 * SIDE * SIDE - 2)


def test_the_smaller_representation_is_packed() -> None:
    rows, none = np.arange(IMAGES), np.zeros(IMAGES, np.uint8)
    blank = Corrections(rows, none, np.zeros_like(RECON))
    packed = blank.pack(np.zeros_like(RECON), MODEL)
    assert packed.pieces[0] == b"\0"  # Zstandard packs runs of 0 better
    noise = corrections(list(rows), [30] * IMAGES)
    bodies = [noise.pack(RECON, model) for model in (MODEL, None)]
    assert bodies[0].pieces[0] != b"\0"
    assert bodies[0].size < bodies[1].size


@pytest.mark.parametrize("log", range(9))
def test_corrections_come_back_from_any_number_of_lanes(log: int) -> None:
    given_ = corrections([1, 2, 30], [0, 7, 7])
    listed, recon = given_.pack(RECON[[1, 2, 30]], None).pieces[1], RECON[[1, 2, 30]]
    data = MODEL.encode(given_.images, recon, given_.bounds, 1 << log)
    body = bytes([1 | log << 1]) + listed + data
    assert_same(unpack_corrections(body, IMAGES, decode, MODEL), given_)


@settings(max_examples=60)
@given(st.binary(max_size=20), st.sampled_from([b"", bytes(64), bytes(128), b"\0\0\1\0"]))
def test_arbitrary_bytes_give_corrections_or_an_error(head: bytes, rest: bytes) -> None:
    for model in (None, MODEL):
        try:
            found = unpack_corrections(head + rest, IMAGES, decode, model)
        except DamagedError:
            continue
        assert found.images.shape == (len(found), SIDE, SIDE)
        assert int(found.bounds.max()) <= 127
        assert all(a < b for a, b in pairwise(found.rows.tolist()))
        assert set(found.rows.tolist()) <= set(range(IMAGES))


@pytest.mark.parametrize("model", [MODEL, None])
def test_a_body_that_is_cut_or_too_long_is_refused(model: ResidualModel | None) -> None:
    given_ = corrections([0, 7], [3, 5])
    body = body_of(given_, model)
    for wrong in (*(body[:size] for size in range(len(body))), body + b"\0", body + b"\0\1"):
        with pytest.raises(DamagedError, match="corrections"):
            unpack_corrections(wrong, IMAGES, decode, MODEL)


@pytest.mark.parametrize(
    ("listed", "message"),
    [
        (b"\0", "number of bounds is 0"),
        (b"\x81\x01", "number of bounds is 129"),
        (b"\1\x80\1\0", "bound 128, expected 0 to 127"),
        (b"\1\0\0", "number of images is 0"),
        (b"\1\0\x29", "number of images is 41"),
        (b"\1\0\1\x28", "distance of two images is 40"),
        (b"\1\0\2\x27\0", "image 40 of a chunk of 40"),
        (b"\2\5\1\0\5\1\1", "bound 5, expected 6 to 127"),
        (b"\2\5\1\0\4\1\1", "bound 4, expected 6 to 127"),
        (b"\2\0\1\7\1\1\7", "an image has two bounds"),
    ],
)
def test_rows_and_bounds_that_break_the_format_are_refused(listed: bytes, message: str) -> None:
    body = b"\0" + listed + bytes(2 * SIDE * SIDE)
    with pytest.raises(DamagedError, match=message):
        unpack_corrections(body, IMAGES, decode, MODEL)
    with pytest.raises(DamagedError, match=message):
        corrected_rows(body, IMAGES)


@pytest.mark.parametrize("kind", [0x02, 0x13, 0x20, 0x21])
def test_unknown_representations_are_refused(kind: int) -> None:
    body = bytes([kind, 1, 0, 1, 0]) + bytes(SIDE * SIDE)
    with pytest.raises(DamagedError, match="unknown representation"):
        unpack_corrections(body, IMAGES, decode, MODEL)


def test_coded_corrections_need_a_residual_model() -> None:
    body = body_of(corrections([0], [30]), MODEL)
    assert body[0] & 1
    with pytest.raises(DamagedError, match="the model has no residual model"):
        unpack_corrections(body, IMAGES, decode, None)


@settings(max_examples=40)
@given(some_corrections(), st.data())
def test_apply_corrects_the_listed_images_in_any_order(
    given_: Corrections, data: st.DataObject
) -> None:
    whole = given_.apply(RECON)
    np.testing.assert_array_equal(whole[given_.rows], given_.images)
    others = np.setdiff1d(np.arange(IMAGES), given_.rows)
    np.testing.assert_array_equal(whole[others], RECON[others])
    rows = np.array(data.draw(st.permutations(given_.rows.tolist())), np.intp)
    assert_same(
        given_.at(rows, np.sort(rows)),
        Corrections(np.sort(rows), given_.bounds[np.searchsorted(given_.rows, rows)], whole[rows]),
    )
