"""Networks come back from their tensors, and tensors that make none are refused at once."""

from __future__ import annotations

import re
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from digitzip.errors import ModelError
from digitzip.kernels import Layer, Network, Window
from digitzip.model import read_classifier
from digitzip.model.tensors import Parts, network_tensors
from tests.test_classifier import changed
from tests.toy import make_images, make_pair

MOST = 2**31 - 1


@given(st.integers(0, 2**32 - 1))
def test_a_network_comes_back_from_its_tensors(seed: int) -> None:
    random = np.random.default_rng(seed)
    height, width, channels, step = (int(each) for each in random.integers(1, 6, 4))
    window = Window(height, width, int(random.integers(1, min(height, width) + 1)), step)
    weight = random.integers(-99, 99, (channels, window.size**2 * 2), np.int8)
    bias, shift = random.integers(-999, 999, channels), random.integers(0, 9, channels)
    table = random.integers(-9, 9, 401).astype(np.int32)
    first = Layer(weight, bias, shift, -200, 200, 0, table, window)
    weight = random.integers(-99, 99, (first.outputs,) * 2, np.int8)
    zeros = np.zeros(first.outputs, int)
    network = Network([first, Layer(weight, zeros, zeros + 3, -400, 400, 1)], 0, 255)
    parts = Parts(dict(network_tensors("encoder", network)))
    again = parts.network("encoder", first.inputs, range(first.outputs, first.outputs + 1))
    parts.end()
    assert again.layers[0].window == window
    assert again.layers[1].window is None
    x = random.integers(0, 256, (5, first.inputs))
    np.testing.assert_array_equal(again(x), network(x))


def test_a_window_is_stored_as_four_numbers() -> None:
    tensors = dict(network_tensors("a", make_pair().networks[1]))
    assert [name for name in tensors if name.endswith(".window")] == ["a.0.window"]
    assert tensors["a.0.window"].tolist() == [28, 28, 6, 4]
    assert tensors["a.0.window"].dtype == np.int32


REFUSED: dict[str, tuple[Any, str]] = {
    "no number": ([], "reader.1.0.window is [], expected four numbers"),
    "three numbers": ([28, 28, 6], "reader.1.0.window is [28, 28, 6], expected four numbers"),
    "five numbers": ([28, 28, 6, 4, 1], "reader.1.0.window is [5], expected up to [4]"),
    "a matrix": ([[28, 28, 6, 4]], "reader.1.0.window is [1, 4], expected up to [4]"),
    "fractions": ([28.0, 28.0, 6.0, 4.0], "reader.1.0.window is F64"),
    "no height": ([0, 28, 6, 4], "does not fit its image"),
    "no width": ([28, 0, 6, 4], "does not fit its image"),
    "no size": ([28, 28, 0, 4], "does not fit its image"),
    "no step": ([28, 28, 6, 0], "does not fit its image"),
    "a height below 0": ([-28, 28, 6, 4], "does not fit its image"),
    "sides below 0": ([-28, -28, -6, 4], "does not fit its image"),
    "a size below 0": ([28, 28, -6, 4], "does not fit its image"),
    "a step below 0": ([28, 28, 6, -4], "does not fit its image"),
    "the least number": ([-MOST - 1] * 4, "does not fit its image"),
    "larger than its image": ([28, 28, 29, 1], "does not fit its image"),
    "of a size that the weight has not": ([28, 28, 5, 4], "36 weights, expected a multiple of 5^2"),
    "no channel": ([28, 28, 7, 4], "36 weights, expected a multiple of 7^2"),
    "more windows": ([28, 28, 6, 3], "for 108 inputs, expected 192"),
    "fewer windows": ([28, 28, 6, 5], "for 108 inputs, expected 75"),
    "another image": ([26, 26, 6, 4], "reader.1 maps 676 inputs to 4 outputs"),
    "more channels": ([28, 28, 3, 5], "reader.1 maps 3136 inputs to 4 outputs"),
    "too many numbers": ([48, 48, 6, 1], "66564 values in its windows, expected at most 65536"),
    "too many multiplications": ([400, 400, 6, 1], "more than 16777216 multiplications an image"),
    "windows without end": ([MOST, MOST, 6, 1], "more than 16777216 multiplications an image"),
    "pixels without end": ([MOST, MOST, 6, MOST // 6], "reader.1 maps 4611686014132420609 inputs"),
    "one number, the greatest": ([MOST] * 4, "36 weights, expected a multiple of 2147483647^2"),
}


@pytest.mark.parametrize("why", REFUSED)
def test_a_window_that_breaks_a_rule_is_refused_at_once_in_one_line(
    why: str, tmp_path: Path
) -> None:
    numbers, words = REFUSED[why]
    kind = np.float64 if why == "fractions" else np.int32
    window = np.array(numbers, kind)
    path = changed(
        tmp_path / "bad.safetensors",
        lambda t, m: t.update({"reader.1.0.window": window}),
        make_pair(),
    )
    tracemalloc.start()
    try:
        with pytest.raises(ModelError, match=re.escape(words)) as caught:
            read_classifier(path)
        assert tracemalloc.get_traced_memory()[1] < 4 << 20
    finally:
        tracemalloc.stop()
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_window_of_no_layer_is_an_unknown_tensor(tmp_path: Path) -> None:
    window = np.array([28, 28, 6, 4], np.int32)
    for name in ("reader.1.2.window", "reader.2.0.window", "window"):
        path = tmp_path / f"{name}.safetensors"
        changed(path, lambda t, m, name=name: t.update({name: window}), make_pair())  # type: ignore[misc]
        with pytest.raises(ModelError, match=f"unknown tensor '{name}'"):
            read_classifier(path)


def test_a_plain_window_reads_as_the_matrix_but_has_another_id() -> None:
    pair, images = make_pair(), make_images(50)
    first, last = pair.networks[0].layers
    same = Network([replace(first, window=Window(28, 28, 28, 1)), last], 0, 255)
    other = replace(pair, networks=(same, pair.networks[1]))
    np.testing.assert_array_equal(other.scores(images), pair.scores(images))
    assert other.id != pair.id
