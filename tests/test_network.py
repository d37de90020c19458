"""The integer forward pass equals Python integers, and refuses what it cannot hold."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitzip.errors import ModelError
from digitzip.network import Layer, Network, float_type


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
            y = []
            for o, weights in enumerate(layer.weight.tolist()):
                total = sum(w * v for w, v in zip(weights, inputs, strict=True))
                value = (total + int(layer.bias[o])) >> int(layer.shift[o])
                if layer.skip:
                    value += outputs[-layer.skip][o]
                value = min(max(value, layer.low), layer.high)
                y.append(value if layer.table is None else int(layer.table[value - layer.low]))
            outputs.append(y)
        rows.append(outputs[-1])
    return rows


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
    table: npt.NDArray[Any] | None = None,
) -> Layer:  # fmt: skip
    zeros = np.zeros(shape, np.int8)
    return Layer(zeros, np.zeros(bias, int), np.zeros(shift, int), low, high, skip, table)


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
