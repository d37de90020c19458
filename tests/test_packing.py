"""Codes come back from every representation, and nothing else passes for codes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digitzip.errors import DamagedError
from digitzip.packing import Codes, Packer


def predict(previous: Codes, levels: int) -> npt.NDArray[np.int32]:
    """Expect values near the sum of those before, with ties and with doubt that varies."""
    centre = previous.astype(np.int32).sum(axis=1, keepdims=True) % levels
    values = np.arange(levels, dtype=np.int32)
    scores: npt.NDArray[np.int32] = -(np.abs(values - centre) // 2) * (5 + 20 * (centre % 3))
    return scores


def packer(levels: int) -> Packer:
    return Packer(levels, lambda previous: predict(previous, levels))


@st.composite
def codes_and_levels(draw: st.DrawFn) -> tuple[Codes, int]:
    levels = draw(st.integers(2, 255))
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 10)))
    return draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, levels - 1))), levels


@given(codes_and_levels())
def test_codes_come_back_from_every_representation(case: tuple[Codes, int]) -> None:
    codes, levels = case
    bodies = [b"".join(pieces) for pieces in packer(levels).representations(codes)]
    groups = [g for g in range(1, 9) if levels**g <= 256]
    assert sorted(body[0] for body in bodies) == [g << 1 | k for g in groups for k in (0, 1)]
    for body in bodies:
        np.testing.assert_array_equal(packer(levels).unpack(body, *codes.shape), codes)


def test_batches_do_not_show_in_the_ranks() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 16, (5000, 4), dtype=np.uint8)
    ranks = packer(16).rank(codes)
    alone = np.concatenate([packer(16).rank(codes[i : i + 1]) for i in range(0, 5000, 97)])
    np.testing.assert_array_equal(ranks[::97], alone)


def test_rank_0_is_the_value_expected_most_and_the_smaller_of_equals() -> None:
    tie = Packer(4, lambda previous: np.tile(np.array([5, 9, 9, 1], np.int32), (len(previous), 1)))
    ranks = tie.rank(np.array([[0], [1], [2], [3]], np.uint8))
    assert ranks[:, 0].tolist() == [2, 0, 1, 3]


def test_planes_stand_one_after_the_other_each_of_one_or_more_numbers() -> None:
    codes = np.array([[0, 1, 4], [2, 0, 0], [0, 0, 3]], np.uint8)
    pieces = {p[0][0]: p[1:] for p in packer(5).representations(codes)}
    assert pieces[0b0010] == (bytes([0, 2, 0]), bytes([1, 0, 0]), bytes([4, 0, 3]))
    assert pieces[0b0011] == tuple(plane.tobytes() for plane in packer(5).rank(codes).T)
    assert pieces[0b0100] == (bytes([0 + 1 * 5, 2, 0]), bytes([4, 0, 3]))
    assert pieces[0b0110] == (bytes([0 + 1 * 5 + 4 * 25, 2, 3 * 25]),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x00" + bytes(6),  # no numbers to a byte
        b"\x08" + bytes(3),  # four of five levels exceed a byte
        b"\x22" + bytes(6),  # a reserved bit
        b"\x02" + bytes(5),
        b"\x02" + bytes(7),
        b"\x02" + bytes([0, 0, 0, 0, 0, 5]),
        b"\x03" + bytes([0, 0, 0, 0, 0, 5]),
        b"\x04" + bytes(2),
        b"\x04" + bytes([0, 0, 25]),
        b"\x06" + bytes([0, 0, 25]),  # three fit a byte, but the plane holds two
    ],
)
def test_bodies_that_break_the_format_are_refused(body: bytes) -> None:
    with pytest.raises(DamagedError):
        packer(5).unpack(body, 3, 2)


@given(st.binary(max_size=12))
def test_arbitrary_bytes_are_codes_in_range_or_damage(body: bytes) -> None:
    try:
        codes = packer(5).unpack(body, 3, 2)
    except DamagedError:
        return
    assert codes.shape == (3, 2)
    assert codes.max() < 5
