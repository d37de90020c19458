"""The integer forward pass equals Python integers, and refuses what it cannot hold."""

from __future__ import annotations

import re
import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitzip.errors import ModelError
from digitzip.kernels import Layer, Network, Window
from digitzip.kernels.layers import MAX_WINDOW_VALUES
from digitzip.kernels.network import float_type


def random_layer(
    rng: np.random.Generator, inputs: int, outputs: int, *, wide: bool, skip: int, table: bool
) -> Layer:
    kind, reach = (np.int16, 3000) if wide else (np.int8, 127)
    low, high = -int(rng.integers(0, 2000)), int(rng.integers(0, 2000))
    return Layer(
        weight=rng.integers(-reach, reach + 1, (outputs, inputs)).astype(kind),
        bias=rng.integers(-(2**20), 2**20, outputs),
        shift=rng.integers(0, 16, outputs),
        low=low,
        high=high,
        skip=skip,
        table=rng.integers(-500, 500, high - low + 1).astype(np.int32) if table else None,
    )


def reference(layers: list[Layer], x: npt.NDArray[Any]) -> list[list[int]]:
    """The same network on Python integers, one multiplication at a time."""
    rows = []
    for row in x.tolist():
        outputs: list[list[int]] = []
        for layer in layers:
            inputs = outputs[-1] if outputs else row
            y: list[int] = []
            weight = list(enumerate(layer.weight.tolist()))
            for seen, o, weights in ((s, o, w) for s in looks(layer, inputs) for o, w in weight):
                total = sum(w * v for w, v in zip(weights, seen, strict=True))
                value = (total + int(layer.bias[o])) >> int(layer.shift[o])
                if layer.skip:
                    value += outputs[-layer.skip][len(y)]
                value = min(max(value, layer.low), layer.high)
                y.append(value if layer.table is None else int(layer.table[value - layer.low]))
            outputs.append(y)
        rows.append(outputs[-1])
    return rows


def looks(layer: Layer, x: list[int]) -> list[list[int]]:
    """What the weight is multiplied by: `x`, or its windows, one number at a time."""
    if (window := layer.window) is None:
        return [x]
    channels = len(x) // (window.height * window.width)
    found: list[list[int]] = []
    for top in range(0, window.height - window.size + 1, window.step):
        for left in range(0, window.width - window.size + 1, window.step):
            found.append([])
            for row in range(top, top + window.size):
                for column in range(left, left + window.size):
                    for channel in range(channels):
                        found[-1].append(x[(row * window.width + column) * channels + channel])
    return found


@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_networks_equal_arithmetic_on_python_integers(seed: int, wide: bool, table: bool) -> None:
    rng = np.random.default_rng(seed)
    layers = [
        random_layer(rng, 6, 5, wide=wide, skip=0, table=table),
        random_layer(rng, 5, 5, wide=False, skip=1, table=False),
        random_layer(rng, 5, 5, wide=wide, skip=2, table=table),
        random_layer(rng, 5, 3, wide=False, skip=0, table=table),
    ]
    x = rng.integers(0, 256, (4, 6))
    assert Network(layers, 0, 255)(x).tolist() == reference(layers, x)


def test_a_network_without_inputs_gives_its_bias() -> None:
    layer = Layer(np.zeros((2, 0), np.int8), np.array([7, -8]), np.array([1, 1]), -9, 9)
    assert Network([layer], 0, 1)(np.zeros((3, 0), np.uint8)).tolist() == [[3, -4]] * 3


def test_any_number_of_rows_gives_the_same_rows() -> None:
    rng = np.random.default_rng(3)
    network = Network([random_layer(rng, 6, 5, wide=False, skip=0, table=True)], 0, 255)
    x = rng.integers(0, 256, (1300, 6))
    whole = network(x)
    np.testing.assert_array_equal(
        whole, np.concatenate([network(x[i : i + 7]) for i in range(0, 1300, 7)])
    )
    assert network(x[:0]).shape == (0, 5)


# windows


def windowed(
    rng: np.random.Generator, height: int, width: int, channels: int, outputs: int, **kinds: Any
) -> Layer:
    """A random layer that looks through a random window at images of this size."""
    size, step = (int(each) for each in rng.integers(1, (min(height, width) + 1, 5)))
    layer = random_layer(rng, size**2 * channels, outputs, **kinds)
    return replace(layer, window=Window(height, width, size, step))


@given(st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_windows_equal_arithmetic_on_python_integers(seed: int, wide: bool, table: bool) -> None:
    rng = np.random.default_rng(seed)
    height, width, channels, outputs = (int(each) for each in rng.integers(1, [9, 9, 4, 5]))
    first = windowed(rng, height, width, channels, outputs, wide=wide, skip=0, table=table)
    assert first.window is not None
    rows, columns = (
        len(range(0, side - first.window.size + 1, first.window.step)) for side in (height, width)
    )
    assert (first.inputs, first.outputs) == (height * width * channels, rows * columns * outputs)
    second = windowed(rng, rows, columns, outputs, 3, wide=False, skip=0, table=not table)
    layers = [first, second, random_layer(rng, second.outputs, 4, wide=wide, skip=0, table=False)]
    x = rng.integers(0, 256, (3, first.inputs))
    for depth in (1, 2, 3):
        assert Network(layers[:depth], 0, 255)(x).tolist() == reference(layers[:depth], x)


def test_a_window_counts_pixels_row_by_row_and_channels_first() -> None:
    window = Window(2, 3, 2, 1)  # two windows, of two channels
    layer = Layer(
        np.eye(8, dtype=np.int8), np.zeros(8, int), np.zeros(8, int), 0, 99, 0, None, window
    )
    (y,) = Network([layer], 0, 99)(np.arange(12)[None])
    assert y.tolist() == [0, 1, 2, 3, 6, 7, 8, 9, 2, 3, 4, 5, 8, 9, 10, 11]


def test_a_window_as_large_as_the_image_is_a_plain_matrix() -> None:
    rng = np.random.default_rng(5)
    plain = random_layer(rng, 32, 5, wide=False, skip=0, table=True)
    x = rng.integers(0, 256, (20, 32))
    expected = Network([plain], 0, 255)(x)
    assert len(np.unique(expected)) > 10
    network = Network([replace(plain, window=Window(4, 4, 4, 3))], 0, 255)
    np.testing.assert_array_equal(network(x), expected)


def lively(rng: np.random.Generator, inputs: int, outputs: int, **others: Any) -> Layer:
    """A random layer whose outputs mostly lie within its clip."""
    layer = random_layer(rng, inputs, outputs, wide=False, skip=0, table=False)
    shift = np.full(outputs, 11)
    return replace(layer, shift=shift, low=-500, high=500, **others)


def test_windows_give_the_same_rows_in_any_number() -> None:
    rng = np.random.default_rng(3)
    first = lively(rng, 18, 3, window=Window(9, 9, 3, 2))
    network = Network([first, lively(rng, 48, 5)], 0, 255)
    x = rng.integers(0, 256, (600, 162), np.uint8)
    whole = network(x)
    assert len(np.unique(whole, axis=0)) == 600
    for size in (1, 7, 256, 257):
        parts = [network(x[start : start + size]) for start in range(0, 600, size)]
        np.testing.assert_array_equal(np.concatenate(parts), whole)
    assert network(x[:0]).shape == (0, 5)


def test_outputs_of_windows_are_skipped_to_place_by_place() -> None:
    rng = np.random.default_rng(4)
    layers = [
        lively(rng, 5, 32),
        lively(rng, 2, 2, skip=1, window=Window(4, 4, 1, 1)),
        lively(rng, 8, 8, skip=2, window=Window(4, 4, 2, 2)),
        lively(rng, 32, 32, skip=3),
    ]
    x = rng.integers(0, 256, (9, 5))
    y = Network(layers, 0, 255)(x)
    assert y.tolist() == reference(layers, x)
    assert len(np.unique(y)) > 100
    plain = [replace(layer, skip=0) for layer in layers]
    assert Network(plain, 0, 255)(x).tolist() != y.tolist()


def test_very_wide_layers_hold_few_rows_at_a_time() -> None:
    window = Window(256, 256, 1, 1)
    one = Layer(np.ones((1, 1), np.int8), np.ones(1, int), np.zeros(1, int), 0, 255, window=window)
    network = Network([one] * 40, 0, 255)
    x = np.random.default_rng(0).integers(0, 256, (16, MAX_WINDOW_VALUES), np.uint8)
    tracemalloc.start()
    try:
        y = network(x)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    np.testing.assert_array_equal(y, np.minimum(x.astype(int) + 40, 255))
    assert peak < 64 << 20  # all outputs of all rows have 168 MB


def single(weight: int, bias: int, *, inputs: int = 1, shift: int = 0) -> Layer:
    kind = np.int8 if abs(weight) < 128 else np.int16
    return Layer(np.full((1, inputs), weight, kind), np.array([bias]), np.array([shift]), 0, 9)


def test_each_layer_uses_the_float_in_which_it_is_exact() -> None:
    assert float_type(single(1, 2**24 - 256), (0, 255)) is np.float32
    assert float_type(single(1, 2**24 - 255), (0, 255)) is np.float64
    assert float_type(single(-1, -(2**24) + 255), (-255, 0)) is np.float64


def test_a_sum_that_no_float_holds_is_refused() -> None:
    with pytest.raises(ModelError, match="expected below 2\\^52"):
        Network([single(30000, 2**52 - 1)], 0, 1)


def blank(
    *shape: int, bias: int = 1, shift: int = 1, low: int = 0, high: int = 1, skip: int = 0,
    table: npt.NDArray[Any] | None = None, window: Window | None = None,
) -> Layer:  # fmt: skip
    zeros = np.zeros(shape, np.int8)
    return Layer(zeros, np.zeros(bias, int), np.zeros(shift, int), low, high, skip, table, window)


@pytest.mark.parametrize(
    ("why", "layers"),
    [
        ("no layers", []),
        ("weight not a matrix", [blank(1)]),
        ("bias too long", [blank(2, 3, bias=3, shift=2)]),
        ("shift too short", [blank(2, 3, bias=2, shift=1)]),
        ("shift too large", [single(1, 0, shift=31)]),
        ("inputs not the outputs before", [single(1, 0), single(1, 0, inputs=2)]),
        ("empty clip", [blank(1, 1, low=1, high=0)]),
        ("clip too wide", [blank(1, 1, high=2**23 + 1)]),
        ("skip before the first layer", [blank(1, 1, skip=1)]),
        ("table too long", [blank(1, 1, table=np.zeros(3, int))]),
        ("table entry too large", [blank(1, 1, high=0, table=np.array([2**24]))]),
    ],
)
def test_layers_that_do_not_fit_are_refused(why: str, layers: list[Layer]) -> None:
    with pytest.raises(ModelError):
        pytest.fail(f"{why}: {Network(layers, 0, 255)}")


@pytest.mark.parametrize(
    "window",
    [(0, 4, 1, 1), (4, 0, 1, 1), (4, 4, 0, 1), (4, 4, 1, 0), (-4, -4, 1, 1), (4, 4, -1, 1),
     (4, 4, 1, -1), (4, 4, 5, 1), (4, 9, 5, 1), (9, 4, 5, 1)],
)  # fmt: skip
def test_a_window_that_no_image_has_is_refused(window: tuple[int, int, int, int]) -> None:
    with pytest.raises(ModelError, match="does not fit its image"):
        Window(*window)


FOUR = Window(4, 4, 2, 2)


@pytest.mark.parametrize(
    ("words", "layers"),
    [
        ("has 5 weights, expected a multiple of 2^2", [blank(1, 5, window=FOUR)]),
        ("has 0 weights, expected a multiple of 2^2", [blank(1, 0, window=FOUR)]),
        ("has a weight of (4,), expected [out, in]", [blank(4, window=FOUR)]),
        ("has a bias of (4,), expected [1]", [blank(1, 4, bias=4, window=FOUR)]),
        ("for 3 inputs, expected 4", [blank(1, 4, window=FOUR), blank(1, 3)]),
        ("for 16 inputs, expected 1", [blank(1, 4), blank(1, 4, window=FOUR)]),
        ("for 32 inputs, expected 16", [blank(1, 1, window=Window(4, 4, 1, 1)),
                                        blank(1, 8, window=FOUR)]),
        ("skips 1 layers back", [blank(1, 1, window=Window(4, 4, 1, 1)),
                                 blank(1, 4, skip=1, window=FOUR)]),
        ("131072 values in its windows, expected at most 65536",
         [blank(2, 1, bias=2, shift=2, window=Window(256, 256, 1, 1))]),
        ("65792 values in its windows", [blank(1, 1, window=Window(256, 257, 1, 1))]),
        ("254016 values in its windows", [blank(1, 81, window=Window(64, 64, 9, 1))]),
    ],
)  # fmt: skip
def test_windows_that_do_not_fit_are_refused(words: str, layers: list[Layer]) -> None:
    with pytest.raises(ModelError, match=re.escape(words)):
        Network(layers, 0, 255)


def test_as_many_numbers_as_allowed_are_seen() -> None:
    assert (
        Network([blank(1, 1, window=Window(256, 256, 1, 1))], 0, 255).outputs == MAX_WINDOW_VALUES
    )
    assert Network([blank(1, 64, window=Window(39, 39, 8, 1))], 0, 255).outputs == 1024
    few = Network([blank(1, 1, window=Window(2000, 2000, 1, 999))], 0, 255)
    assert (few.inputs, few.outputs) == (4_000_000, 9)
