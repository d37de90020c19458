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
    return -(np.abs(values - centre) // 2) * (5 + 20 * (centre % 3))


def packer(levels: int) -> Packer:
    return Packer(levels, 44, lambda previous: predict(previous, levels))


@st.composite
def codes_and_levels(draw: st.DrawFn) -> tuple[Codes, int]:
    levels = draw(st.integers(2, 64))
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 10)))
    return draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, levels - 1))), levels


@given(codes_and_levels())
def test_codes_come_back_from_every_representation(case: tuple[Codes, int]) -> None:
    codes, levels = case
    bodies = [b"".join(pieces) for pieces in packer(levels).representations(codes)]
    assert sorted(body[0] for body in bodies) == [0, 1, 2, 3]
    for body in bodies:
        np.testing.assert_array_equal(packer(levels).unpack(body, *codes.shape), codes)


def test_batches_do_not_show_in_the_ranks() -> None:
    rng = np.random.default_rng(1)
    codes = rng.integers(0, 16, (5000, 4), dtype=np.uint8)
    ranks, _ = packer(16).rank(codes)
    alone = np.concatenate([packer(16).rank(codes[i : i + 1])[0] for i in range(0, 5000, 97)])
    np.testing.assert_array_equal(ranks[::97], alone)


def test_rank_0_is_the_value_expected_most_and_the_smaller_of_equals() -> None:
    tie = Packer(4, 0, lambda previous: np.tile(np.int32([5, 9, 9, 1]), (len(previous), 1)))
    ranks, _ = tie.rank(np.uint8([[0], [1], [2], [3]]))
    assert ranks[:, 0].tolist() == [2, 0, 1, 3]


def test_planes_of_ranks_go_by_spread_and_keep_their_order_between_equals() -> None:
    def sure_after_one(previous: Codes) -> npt.NDArray[np.int32]:
        if previous.shape[1] == 0:
            return np.zeros((len(previous), 2), np.int32)
        return np.where(previous[:, :1] == 1, np.int32([[100, 0]]), np.int32([[0, 0]]))

    codes = np.uint8([[0, 1], [1, 0], [0, 0], [1, 1]])
    packer = Packer(2, 44, sure_after_one)
    ranks = next(p for p in packer.representations(codes) if p[0] == b"\x01")
    assert ranks[1] == bytes([0, 1, 0, 1])  # number 0: all alike, digits in order
    assert ranks[2] == bytes([0, 1, 1, 0])  # number 1: digits 1, 3 (sure), then 0, 2


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\x04" + bytes(6),
        b"\x00" + bytes(5),
        b"\x00" + bytes(7),
        b"\x01" + bytes([0, 0, 0, 0, 0, 5]),
        b"\x02" + bytes(2),
        b"\x02" + bytes([0, 0, 0xFC]),
        b"\x03" + b"\xff\xff\x03",
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
