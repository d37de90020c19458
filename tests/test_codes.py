"""Codes come back from every representation, and nothing else passes for codes."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from digitzip.entropy.codes import CODED, CodeCoder, Codes
from digitzip.entropy.probability import UNIT, ideal_bits
from digitzip.errors import DamagedError


def scores(previous: Codes, levels: int) -> npt.NDArray[np.int32]:
    """Scores of values near the sum of those before, with ties and with doubt that varies."""
    centre = previous.astype(np.int32).sum(axis=1, keepdims=True) % levels
    values = np.arange(levels, dtype=np.int32)
    found: npt.NDArray[np.int32] = -(np.abs(values - centre) // 2) * (5 + 20 * (centre % 3))
    return found


def coder(levels: int) -> CodeCoder:
    return CodeCoder(levels, lambda previous: scores(previous, levels))


@st.composite
def codes_and_levels(draw: st.DrawFn) -> tuple[Codes, int]:
    levels = draw(st.integers(2, 255))
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 10)))
    return draw(hnp.arrays(np.uint8, shape, elements=st.integers(0, levels - 1))), levels


@given(codes_and_levels())
def test_codes_come_back_from_every_representation(case: tuple[Codes, int]) -> None:
    codes, levels = case
    bodies = [b"".join(pieces) for pieces in coder(levels).representations(codes)]
    groups = [g for g in range(1, 9) if levels**g <= 256]
    assert [body[0] for body in bodies] == [*(g << 1 for g in groups), CODED]
    for body in bodies:
        np.testing.assert_array_equal(coder(levels).unpack(body, *codes.shape), codes)


@given(codes_and_levels(), st.integers(0, 8))
def test_codes_come_back_from_any_number_of_lanes(case: tuple[Codes, int], log: int) -> None:
    codes, levels = case
    body = b"".join(coder(levels).pack_coded(codes, log))
    assert body[0] == CODED | log << 1
    np.testing.assert_array_equal(coder(levels).unpack(body, *codes.shape), codes)


@pytest.mark.parametrize("log", [3, 8])
def test_batches_do_not_show(log: int) -> None:
    codes = np.random.default_rng(1).integers(0, 16, (5000, 4), dtype=np.uint8)
    body = b"".join(coder(16).pack_coded(codes, log))
    np.testing.assert_array_equal(coder(16).unpack(body, *codes.shape), codes)
    together = np.array([coder(16).cdf_intervals(codes, j) for j in range(4)])
    for i in range(0, 5000, 97):
        alone = [coder(16).cdf_intervals(codes[i : i + 1], j) for j in range(4)]
        np.testing.assert_array_equal(np.array(alone), together[:, :, i : i + 1])


def test_likely_codes_cost_what_the_entropy_model_says_they_should() -> None:
    rng = np.random.default_rng(2)
    codes = np.zeros((4096, 6), np.uint8)
    for j in range(6):  # drawn as the entropy model expects them
        noise = rng.gumbel(size=(4096, 12))
        codes[:, j] = np.argmax(scores(codes[:, :j], 12) / UNIT + noise, axis=1)
    ideal = ideal_bits(lambda previous: scores(previous, 12), codes) * 4096 / 8
    assert ideal < 0.9 * 4096 * 6 * np.log2(12) / 8
    for log in (0, 2, 4):
        size = sum(map(len, coder(12).pack_coded(codes, log)))
        assert ideal < size < ideal * 1.0015 + 1 + (4 << log)


@pytest.mark.parametrize(("images", "log"), [(0, 0), (1024, 0), (1025, 1), (4096, 2), (16384, 4)])
def test_the_fewest_lanes_that_are_allowed_are_used(images: int, log: int) -> None:
    codes = np.zeros((images, 1), np.uint8)
    head, data = coder(2).pack_coded(codes)
    assert head == bytes([CODED | log << 1])
    np.testing.assert_array_equal(coder(2).unpack(head + data, images, 1), codes)
    if log:
        fewer = b"".join(coder(2).pack_coded(codes, log - 1))
        with pytest.raises(DamagedError, match="expected at most 1024 each"):
            coder(2).unpack(fewer, images, 1)


def test_planes_stand_one_after_the_other_each_of_one_or_more_numbers() -> None:
    codes = np.array([[0, 1, 4], [2, 0, 0], [0, 0, 3]], np.uint8)
    pieces = {p[0][0]: p[1:] for p in coder(5).representations(codes)}
    assert pieces[0b0010] == (bytes([0, 2, 0]), bytes([1, 0, 0]), bytes([4, 0, 3]))
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
        b"\x13" + bytes(2048),  # 512 lanes
        b"\x21" + bytes(8),  # a reserved bit
        b"\x01",
        b"\x01" + bytes(4),  # a state below 2^16
        b"\x01" + bytes([255] * 4),  # too few words
        b"\x01" + bytes([0, 0, 1, 0] * 4),  # too many, and yet as many as there may be
        b"\x01" + bytes([0, 0, 1, 0] * 9),  # more than numbers
        b"\x04" + bytes(2),
        b"\x04" + bytes([0, 0, 25]),
        b"\x06" + bytes([0, 0, 25]),  # three fit a byte, but the plane holds two
    ],
)
def test_bodies_that_break_the_format_are_refused(body: bytes) -> None:
    with pytest.raises(DamagedError):
        coder(5).unpack(body, 3, 2)


@given(st.binary(max_size=12))
@example(b"\x01" + bytes([0, 0, 1, 0, 1, 1]))
def test_arbitrary_bytes_are_codes_in_range_or_damage(body: bytes) -> None:
    try:
        codes = coder(5).unpack(body, 3, 2)
    except DamagedError:
        return
    assert codes.shape == (3, 2)
    assert codes.max() < 5
