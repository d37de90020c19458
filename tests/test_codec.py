"""Codes are exact whatever the batch and better with effort; other arrays are refused."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitzip.codec import Codec, load_codec
from digitzip.errors import DamagedError, InputError, ModelError
from digitzip.model import Model
from tests.toy import make_images, make_model

Images = npt.NDArray[np.uint8]


def squared_errors(images: Images, decoded: Images) -> npt.NDArray[np.int64]:
    difference = images.astype(np.int64) - decoded
    errors: npt.NDArray[np.int64] = (difference**2).sum(axis=(1, 2))
    return errors


@pytest.mark.parametrize("batch", [1, 7, 50])
@pytest.mark.parametrize("effort", [0, 2])
def test_batches_change_nothing(tiny: Model, images: Images, batch: int, effort: int) -> None:
    codec = Codec(tiny, effort=effort)
    codes = codec.encode(images)
    decoded = codec.decode(codes)
    for start in range(0, len(images), batch):
        part = slice(start, start + batch)
        np.testing.assert_array_equal(codec.encode(images[part]), codes[part])
        np.testing.assert_array_equal(codec.decode(codes[part]), decoded[part])


def test_effort_never_makes_an_image_worse(tiny: Model, images: Images) -> None:
    errors = []
    for effort in (0, 1, 2, 9):
        codec = Codec(tiny, effort=effort)
        errors.append(squared_errors(images, codec.decode(codec.encode(images))))
    for less, more in pairwise(errors):
        assert (more <= less).all()
    assert errors[-1].sum() < errors[0].sum()


def test_the_highest_effort_ends_where_no_neighbour_is_better() -> None:
    images = make_images(20, seed=1)
    codec = Codec(make_model(seed=1), effort=9)
    codes = codec.encode(images)
    least = squared_errors(images, codec.decode(codes))
    for j in range(codes.shape[1]):
        for step in (-1, 1):
            moved = codes.astype(int)
            moved[:, j] = np.clip(moved[:, j] + step, 0, codec.levels - 1)
            errors = squared_errors(images, codec.decode(moved.astype(np.uint8)))
            assert (errors >= least).all()


def test_no_images_give_no_codes_and_the_other_way_round(codec: Codec) -> None:
    assert codec.encode(np.empty((0, 28, 28), np.uint8)).shape == (0, 3)
    assert codec.decode(np.empty((0, 3), np.uint8)).shape == (0, 28, 28)


@pytest.mark.parametrize(
    "images",
    [
        np.zeros((2, 28, 28)),
        np.zeros((2, 28, 27), np.uint8),
        np.zeros((28, 27), np.uint8),
        np.zeros((784, 2), np.uint8),
    ],
)
def test_other_images_are_refused(codec: Codec, images: npt.NDArray[Any]) -> None:
    with pytest.raises(InputError, match=r"expected uint8 \[n, 28, 28\]"):
        codec.encode(images)


@pytest.mark.parametrize(
    "codes",
    [np.zeros((2, 3)), np.zeros((2, 4), np.uint8), np.full((1, 3), 8, np.uint8)],
)
def test_other_codes_are_refused(codec: Codec, codes: npt.NDArray[Any]) -> None:
    with pytest.raises(InputError, match="expected"):
        codec.decode(codes)


@given(st.lists(st.integers(0, 7), min_size=3, max_size=3))
def test_a_packet_gives_its_code_back(codec: Codec, values: list[int]) -> None:
    code = np.array(values, np.uint8)
    packet = codec.pack(code)
    assert type(packet) is bytes
    for data in (packet, bytearray(packet), memoryview(packet)):
        np.testing.assert_array_equal(codec.unpack(data), code)


@given(st.binary(max_size=12))
def test_bytes_are_the_packet_of_a_code_or_damaged(codec: Codec, data: bytes) -> None:
    try:
        code = codec.unpack(data)
    except DamagedError:
        return
    assert codec.pack(code) == data


def test_only_a_code_is_packed_and_only_bytes_are_unpacked(codec: Codec) -> None:
    for code in (np.zeros(4, np.uint8), np.zeros((1, 3), np.uint8), np.zeros(3), [0, 0, 0]):
        with pytest.raises(InputError, match=r"expected uint8 \[3\]"):
            codec.pack(code)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="a latent of a code is 8, expected below 8"):
        codec.pack(np.array([0, 8, 0], np.uint8))
    for data in ("abc", 5, None):
        with pytest.raises(InputError, match=f"data is of type {type(data).__name__}, expected b"):
            codec.unpack(data)  # type: ignore[arg-type]


def test_efforts_and_levels_that_are_not_there_are_refused(tiny: Model) -> None:
    with pytest.raises(InputError, match="effort is 10, expected 0 to 9"):
        Codec(tiny, effort=10)
    with pytest.raises(InputError, match=r"effort is 1.0, expected 0 to 9"):
        Codec(tiny, effort=1.0)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="effort is True, expected 0 to 9"):
        Codec(tiny, effort=True)
    with pytest.raises(ModelError, match="has 8, 5 levels, not 16"):
        Codec(tiny, levels=16)
    with pytest.raises(InputError, match=r"levels is 5\.0, expected 2 to 255"):
        Codec(tiny, levels=5.0)  # type: ignore[arg-type]


def test_qualities_count_levels_from_the_fewest(tiny: Model) -> None:
    assert [load_codec(tiny, quality=quality).levels for quality in (1, 2, None)] == [5, 8, 8]
    for quality in (0, 3, 1.5, True):
        with pytest.raises(InputError, match=f"has qualities 1 to 2, not {quality}"):
            load_codec(tiny, quality=quality)  # type: ignore[arg-type]


@pytest.mark.parametrize("type_", [np.uint8, np.int64, np.array])
def test_any_integer_type_is_an_integer(tiny: Model, type_: Any) -> None:
    codec = Codec(tiny, levels=type_(5), effort=type_(2))
    assert codec.effort == 2
    assert type(codec.effort) is int
    assert load_codec(tiny, quality=type_(1)).levels == 5


def test_a_model_and_dims_together_are_refused(tiny: Model) -> None:
    with pytest.raises(InputError, match="both model and dims are given"):
        load_codec(tiny, dims=3)
    with pytest.raises(InputError, match="dims is 0, expected 1 to 10"):
        load_codec(dims=0)
