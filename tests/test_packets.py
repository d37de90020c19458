"""Packets: one code in as few bytes as its probability allows, and nothing else passes for one."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitzip.codec import load_codec
from digitzip.entropy.codes import CodeCoder
from digitzip.entropy.packets import pack_code, unpack_code
from digitzip.entropy.probability import ideal_bits
from digitzip.errors import DamagedError
from digitzip.model import load_model
from tests.fingerprint import IMAGES
from tests.test_codes import scores

TOTAL = 1 << 14


def coder(levels: int) -> CodeCoder:
    return CodeCoder(levels, lambda previous: scores(previous, levels))


@st.composite
def codes_and_levels(draw: st.DrawFn) -> tuple[npt.NDArray[np.uint8], int]:
    levels = draw(st.integers(2, 255))
    values = draw(st.lists(st.integers(0, levels - 1), min_size=1, max_size=10))
    return np.array(values, np.uint8), levels


def interval(code: npt.NDArray[np.uint8], cdf: CodeCoder) -> tuple[Fraction, Fraction]:
    """The interval of a code, in exact fractions."""
    low, size = Fraction(0), Fraction(1)
    for j, value in enumerate(code.tolist()):
        row = cdf.cdf(code[None, :j])[0].tolist()
        low += size * Fraction(row[value], TOTAL)
        size *= Fraction(row[value + 1] - row[value], TOTAL)
    return low, low + size


@given(codes_and_levels())
def test_a_packet_is_the_shortest_then_smallest_inside_the_interval(
    case: tuple[npt.NDArray[np.uint8], int],
) -> None:
    code, levels = case
    packet = pack_code(code, coder(levels).cdf)
    np.testing.assert_array_equal(unpack_code(packet, len(code), coder(levels).cdf), code)
    low, high = interval(code, coder(levels))

    def inside(value: int, length: int) -> bool:
        unit = Fraction(1, 256**length)
        return low <= value * unit and (value + 1) * unit <= high

    length, value = len(packet), int.from_bytes(packet, "big")
    assert inside(value, length)
    assert not value or not inside(value - 1, length)
    for shorter in range(length):
        nearest = -(-low * 256**shorter // 1)  # the first that is not below
        assert not inside(int(nearest), shorter)


@settings(max_examples=200)
@given(st.binary(max_size=8), st.integers(1, 4))
def test_bytes_are_the_packet_of_their_code_or_damage(data: bytes, dims: int) -> None:
    try:
        code = unpack_code(data, dims, coder(5).cdf)
    except DamagedError:
        return
    assert pack_code(code, coder(5).cdf) == data


@pytest.mark.parametrize("change", [b"\0", b"\0" * 20, b"\xff"])
def test_a_packet_that_goes_on_is_refused(change: bytes) -> None:
    packet = pack_code(np.array([1, 2, 3], np.uint8), coder(5).cdf)
    with pytest.raises(DamagedError, match="packet"):
        unpack_code(packet + change, 3, coder(5).cdf)


# FORMAT.md gives the same vectors.
VECTORS: dict[str, dict[str, list[int]]] = {
    "mnist-10": {
        "39927eda": [3, 10, 4, 6, 9, 14, 3, 9, 8, 2],
        "86cc00b5878a": [7] * 10,
        "0065a666e1": list(range(10)),
        "00" * 9: [0] * 10,
        "fffffffffffffff7": [14] * 10,
    },
}


@pytest.mark.parametrize("name", VECTORS)
def test_packets_of_bundled_models_never_change(name: str) -> None:
    cdf = load_codec(name).coder.cdf
    for packet, code in VECTORS[name].items():
        assert pack_code(np.array(code, np.uint8), cdf).hex() == packet
        assert unpack_code(bytes.fromhex(packet), len(code), cdf).tolist() == code


def test_packets_cost_at_most_six_bits_more_than_the_ideal() -> None:
    model = load_model()
    codec = load_codec(model)
    codes = codec.encode(np.load(IMAGES))
    sizes = [len(pack_code(code, codec.coder.cdf)) for code in codes]
    assert 8 * np.mean(sizes) <= ideal_bits(model.quantiser().scores, codes) + 6
