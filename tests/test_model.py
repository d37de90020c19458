"""Model files come back with their id; a file that breaks a rule is refused with a clear error."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from digitzip.errors import ModelError
from digitzip.model import Model, find_model, load_model, model_files, read_model, write_model
from tests.conftest import TINY

Tensors = dict[str, Any]
Change = Callable[[Tensors, dict[str, str]], object]


def changed(path: Path, change: Change) -> Path:
    """Write the tiny model with a change to its tensors and metadata."""
    with safe_open(TINY, framework="np") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name).copy() for name in file.keys()}  # noqa: SIM118
    change(tensors, metadata)
    save_file(tensors, path, metadata)
    return path


def test_a_model_comes_back_as_it_was_written(tiny: Model, tmp_path: Path) -> None:
    path = tmp_path / "again.safetensors"
    write_model(path, tiny)
    again = read_model(path)
    assert again.id == tiny.id
    assert again.tensors().keys() == tiny.tensors().keys()
    for name, tensor in tiny.tensors().items():
        np.testing.assert_array_equal(again.tensors()[name], tensor)


def test_the_id_is_the_one_every_build_must_find(tiny: Model) -> None:
    assert tiny.id.hex() == "b69b54bc59d56ef56cd2cc2307f6f524"


def test_the_id_covers_what_decoding_depends_on_and_nothing_else(tiny: Model) -> None:
    quantiser = tiny.quantisers[0]
    new_thresholds = replace(quantiser, thresholds=quantiser.thresholds + 1)
    assert replace(tiny, quantisers=(new_thresholds, *tiny.quantisers[1:])).id == tiny.id
    assert replace(tiny, name="other", notes={"made": "later"}).id == tiny.id
    dearer = replace(quantiser, lambda_=200)
    assert replace(tiny, quantisers=(dearer, *tiny.quantisers[1:])).id == tiny.id
    new_points = replace(quantiser, points=quantiser.points + 1)
    assert replace(tiny, quantisers=(new_points, *tiny.quantisers[1:])).id != tiny.id
    assert replace(tiny, quantisers=tiny.quantisers[:1]).id != tiny.id


@pytest.mark.parametrize("value", [0, 1, 1 << 20])
def test_a_model_may_say_what_a_unit_of_rate_is_worth(value: int, tmp_path: Path) -> None:
    stored = {"levels.5.lambda": np.array([value], np.int32)}
    model = read_model(changed(tmp_path / "dear.safetensors", lambda t, m: t.update(stored)))
    assert [quantiser.lambda_ for quantiser in model.quantisers] == [0, value]
    write_model(tmp_path / "again.safetensors", model)
    assert read_model(tmp_path / "again.safetensors").quantiser(5).lambda_ == value


def test_a_model_may_say_what_a_guard_needs_and_keeps_its_id(tiny: Model, tmp_path: Path) -> None:
    assert (tiny.classifier_id, tiny.margin) == (None, 0)
    assert [quantiser.max_rmse for quantiser in tiny.quantisers] == [None, None]
    stored = {
        "guard.5.max_rmse": np.array([65_535], np.uint16),
        "guard.margin": np.array([144], np.int16),
    }

    def change(tensors: Tensors, metadata: dict[str, str]) -> None:
        tensors.update(stored)
        metadata["classifier"] = "0f" * 16

    model = read_model(changed(tmp_path / "guarded.safetensors", change))
    write_model(tmp_path / "again.safetensors", model)
    again = read_model(tmp_path / "again.safetensors")
    assert (again.classifier_id, again.margin) == (b"\x0f" * 16, 144)
    assert [quantiser.max_rmse for quantiser in again.quantisers] == [None, 65_535]
    assert again.id == tiny.id


def labels(outputs: int, inputs: int = 3, high: int = 99) -> Tensors:
    """Return the tensors of a label model."""
    zeros = np.zeros(outputs, np.int32)
    return {
        "labels.0.weight": np.zeros((outputs, inputs), np.int8),
        "labels.0.bias": zeros,
        "labels.0.shift": zeros,
        "labels.0.clip": np.array([-99, high], np.int32),
    }


def test_a_model_with_a_label_model_comes_back() -> None:
    path = TINY.with_name("tiny-labels.safetensors")
    model = read_model(path)
    assert model.labels is not None
    assert (model.labels.inputs, model.labels.outputs) == (model.shape.dims, 10)
    with safe_open(path, framework="np") as file:
        assert set(model.tensors()) == set(file.keys())


REFUSED: dict[str, tuple[Change, str]] = {
    "one label": (lambda t, m: t.update(labels(1)), "to 1 outputs, expected 3 to 2 … 255"),
    "256 labels": (lambda t, m: t.update(labels(256)), "to 256 outputs, expected 3 to 2 … 255"),
    "labels of other codes": (lambda t, m: t.update(labels(9, 4)), "labels maps 4 inputs"),
    "labels with large scores": (
        lambda t, m: t.update(labels(9, high=40_000)),
        "labels gives (-99, 40000), expected within -32768 to 32768",
    ),
    "another format": (lambda t, m: m.update(format="x"), "not a digitzip model"),
    "another version": (lambda t, m: m.update(version="2"), "version '2'; this build reads 1"),
    "an unknown key": (lambda t, m: m.update(colour="red"), "unknown metadata key 'colour'"),
    "no name": (lambda t, m: m.pop("name"), "name is missing"),
    "a path as name": (lambda t, m: m.update(name="../x"), "name is missing, too long or unprint"),
    "another id": (lambda t, m: m.update(id="00" * 16), "id mismatch"),
    "height 1000": (lambda t, m: m.update(height="1000"), "height is '1000'"),
    "height in another script": (lambda t, m: m.update(height="٢٨"), "height is"),
    "levels twice": (lambda t, m: m.update(levels="8,8"), "levels are"),
    "levels 999": (lambda t, m: m.update(levels="999"), "levels are"),
    "missing tensor": (lambda t, m: t.pop("decoder.1.bias"), "decoder.1.bias is missing"),
    "missing layer": (lambda t, m: t.pop("encoder.0.weight"), "no layers"),
    "unknown tensor": (
        lambda t, m: t.update({"decoder.9.weight": np.zeros((1, 1), np.int8)}),
        "unknown tensor 'decoder.9.weight'",
    ),
    "float weights": (
        lambda t, m: t.update({"encoder.0.weight": np.zeros((8, 784), np.float32)}),
        "encoder.0.weight is F32, expected I8 or I16",
    ),
    "a clip out of range": (
        lambda t, m: t.update({"decoder.1.clip": np.array([-(2**24), 2**24], np.int32)}),
        "clips to",
    ),
    "a skip of nothing": (
        lambda t, m: t.update({"decoder.2.skip": np.array([0], np.int32)}),
        "skip is [0], expected one number, 1 to 63",
    ),
    "a height with a leading zero": (lambda t, m: m.update(height="028"), "height is '028'"),
    "a tensor without axes": (
        lambda t, m: t.update({"known.codes": np.array(1, np.uint8)}),
        "known.codes is [], expected up to [64, 10]",
    ),
    "a weight that is a vector": (
        lambda t, m: t.update({"decoder.3.weight": np.zeros(784, np.int8)}),
        "decoder.3.weight is [784]",
    ),
    "a layer that is too wide": (
        lambda t, m: t.update({"decoder.0.weight": np.zeros((8193, 3), np.int8)}),
        "decoder.0.weight is [8193, 3], expected up to [8192, 8192]",
    ),
    "too many multiplications": (
        lambda t, m: t.update(
            {
                "encoder.0.weight": np.zeros((8192, 784), np.int8),
                "encoder.0.bias": np.zeros(8192, np.int32),
                "encoder.0.shift": np.zeros(8192, np.uint8),
                "encoder.1.weight": np.zeros((1400, 8192), np.int8),
                "encoder.1.bias": np.zeros(1400, np.int32),
                "encoder.1.shift": np.zeros(1400, np.uint8),
            }
        ),
        "more than 16777216 multiplications",
    ),
    "an encoder of another image": (
        lambda t, m: t.update({"encoder.0.weight": np.zeros((8, 700), np.int8)}),
        "encoder maps 700 inputs",
    ),
    "an entropy model of another latent": (
        lambda t, m: t.update({"levels.8.predictor.1.0.weight": np.zeros((6, 2), np.int8)}),
        "predictor.1 maps 2 inputs to 8 outputs, expected 1 to 8",
    ),
    "a score out of range": (
        lambda t, m: t.update({"levels.8.predictor.0.0.clip": np.array([-40000, 9], np.int32)}),
        "predictor.0 gives (-40000, 9), expected within -32768",
    ),
    "a point out of range": (
        lambda t, m: t.update({"levels.8.points": np.full((3, 8), 40000, np.int32)}),
        "a point is outside",
    ),
    "a descending threshold": (
        lambda t, m: t["levels.8.thresholds"].__setitem__((0, 0), 32767),
        "thresholds descend",
    ),
    "a lambda below 0": (
        lambda t, m: t.update({"levels.8.lambda": np.array([-1], np.int32)}),
        "levels.8.lambda is [-1], expected one number, 0 to 1048576",
    ),
    "a lambda out of range": (
        lambda t, m: t.update({"levels.8.lambda": np.array([2**20 + 1], np.int32)}),
        "levels.8.lambda is [1048577]",
    ),
    "a lambda of no numbers": (
        lambda t, m: t.update({"levels.8.lambda": np.zeros(0, np.int32)}),
        "levels.8.lambda is []",
    ),
    "a lambda of nothing": (
        lambda t, m: t.update({"levels.9.lambda": np.array([1], np.int32)}),
        "unknown tensor 'levels.9.lambda'",
    ),
    "no classifier id": (lambda t, m: m.update(classifier="mnist"), "classifier is 'mnist'"),
    "upper case": (lambda t, m: m.update(classifier="0F" * 16), "classifier is '0F0F"),
    "a margin below 0": (
        lambda t, m: t.update({"guard.margin": np.array([-1], np.int32)}),
        "guard.margin is [-1], expected one number, 0 to 65536",
    ),
    "a bound of nothing": (
        lambda t, m: t.update({"guard.8.max_rmse": np.array([0], np.int32)}),
        "guard.8.max_rmse is [0], expected one number, 1 to 65535",
    ),
    "two bounds": (
        lambda t, m: t.update({"guard.8.max_rmse": np.array([1, 2], np.int32)}),
        "guard.8.max_rmse is [2], expected up to [1]",
    ),
    "a bound of no quantiser": (
        lambda t, m: t.update({"guard.9.max_rmse": np.array([1], np.int32)}),
        "unknown tensor 'guard.9.max_rmse'",
    ),
    "a pixel of 256": (lambda t, m: t["decoder.3.table"].__setitem__(0, 256), "within 0 to 255"),
    "a known answer that is wrong": (
        lambda t, m: t["known.images"].__setitem__((0, 0, 0), t["known.images"][0, 0, 0] ^ 1),
        "do not decode to its known images",
    ),
    "a known code out of range": (
        lambda t, m: t["known.codes"].__setitem__((0, 0), 8),
        "out of range",
    ),
    "no known answer": (
        lambda t, m: [
            t.update({"known.codes": np.zeros((0, 3), np.uint8)}),
            t.update({"known.images": np.zeros((0, 28, 28), np.uint8)}),
        ],
        "known answer",
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_a_model_that_breaks_a_rule_is_refused_in_one_line(why: str, tmp_path: Path) -> None:
    change, words = REFUSED[why]
    path = changed(tmp_path / "bad.safetensors", change)
    with pytest.raises(ModelError, match=re.escape(words)) as caught:
        read_model(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="expected at most 33554432"):
        read_model(path)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.integers(0, TINY.stat().st_size * 8 - 1))
def test_a_flipped_bit_gives_the_same_pixels_or_a_model_error(
    tiny: Model, tmp_path: Path, bit: int
) -> None:
    data = bytearray(TINY.read_bytes())
    data[bit // 8] ^= 1 << bit % 8
    path = tmp_path / "flipped.safetensors"
    path.write_bytes(data)
    try:
        model = read_model(path)
    except ModelError:
        return
    assert model.id == tiny.id  # the encoder, thresholds or a note: decoding is the same


def test_a_pickle_is_refused_and_never_loaded(tmp_path: Path) -> None:
    path = tmp_path / "evil.safetensors"
    path.write_bytes(b"cos\nsystem\n(S'touch " + str(tmp_path / "ran").encode() + b"'\ntR.")
    with pytest.raises(ModelError, match="not a readable model file"):
        read_model(path)
    assert not (tmp_path / "ran").exists()


def test_models_are_found_by_path_by_name_and_by_id(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert load_model(TINY).id == tiny.id
    with pytest.raises(ModelError, match="no model named 'mine'; known models: "):
        load_model("mine")
    with pytest.raises(ModelError, match=f"no model with id {tiny.id.hex()}"):
        find_model(tiny.id)
    write_model(tmp_path / "mine.safetensors", tiny)
    monkeypatch.setenv("DIGITZIP_MODELS", str(tmp_path))
    assert load_model("mine").id == tiny.id
    assert find_model(tiny.id).id == tiny.id
    assert tmp_path / "mine.safetensors" in model_files()


def test_a_refused_copy_does_not_hide_a_good_one(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("bad", "good"):
        (tmp_path / folder).mkdir()
        write_model(tmp_path / folder / "mine.safetensors", tiny)
    bad = tmp_path / "bad" / "mine.safetensors"
    data = bytearray(bad.read_bytes())
    data[-1] ^= 1
    bad.write_bytes(data)
    folders = [str(tmp_path / folder) for folder in ("bad", "good")]
    monkeypatch.setenv("DIGITZIP_MODELS", os.pathsep.join(folders))
    assert load_model("mine").id == tiny.id
    assert find_model(tiny.id).id == tiny.id
    monkeypatch.setenv("DIGITZIP_MODELS", folders[0])
    with pytest.raises(ModelError, match="bad"):
        load_model("mine")


def test_a_path_without_a_file_is_named(tmp_path: Path) -> None:
    for odd in ("x" * 300 + ".safetensors", "a\0b.safetensors"):
        with pytest.raises(ModelError, match="no model file at"):
            load_model(tmp_path / odd)
    (tmp_path / "nowhere.safetensors").symlink_to("gone")
    with pytest.raises(ModelError, match="no model file at"):
        load_model(tmp_path / "nowhere.safetensors")
    with pytest.raises(ModelError, match="no model file at"):
        load_model(tmp_path / "none.safetensors")
