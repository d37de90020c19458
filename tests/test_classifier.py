"""A classifier gives the same scores everywhere, comes back from its file, and is no model."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.numpy import save_file

from digitzip.errors import InputError, ModelError
from digitzip.images import read_images
from digitzip.images.labels import read_labels
from digitzip.kernels import KERNELS, Network
from digitzip.model import (
    bundled_folder,
    classifier_file,
    find_classifier,
    load_classifier,
    load_model,
    model_files,
    read_classifier,
    write_classifier,
)
from digitzip.model.classifier import Classifier
from tests.toy import make_classifier, make_images, make_pair, write_toy

Tensors = dict[str, Any]
Change = Callable[[Tensors, dict[str, str]], object]

BUNDLED = "mnist-classifier"
DATA = os.environ.get("DIGITZIP_DATA")
needs_mnist = pytest.mark.skipif(
    not DATA, reason="MNIST is not here: DIGITZIP_DATA names no folder of its IDX files"
)


def of_scores(scores: list[list[list[int]]], monkeypatch: pytest.MonkeyPatch) -> Classifier:
    """Return a classifier whose networks give these scores each, whatever they are shown."""
    classifier = make_classifier()
    classifier = replace(
        classifier, networks=tuple(Network(classifier.networks[0].layers, 0, 255) for _ in scores)
    )
    given = {id(network): each for network, each in zip(classifier.networks, scores, strict=True)}
    monkeypatch.setattr(
        KERNELS, "forward", lambda network, *_: np.array(given[id(network)], np.int32)
    )
    return classifier


def classifier_called(name: str) -> Classifier:
    makers = {"toy": make_classifier, "pair": make_pair}
    return makers[name]() if name in makers else load_classifier(name)


# what it says


def test_an_image_reads_as_the_first_class_of_the_greatest_score(
    monkeypatch: pytest.MonkeyPatch, images: npt.NDArray[np.uint8]
) -> None:
    classifier = of_scores([[[1, 5, 5, 2], [-7, -9, -8, -7]]], monkeypatch)
    assert classifier.read(images[:2]).tolist() == [[1], [0]]
    assert classifier.read(images[:2]).dtype == np.uint8


def test_each_network_reads_for_itself(
    monkeypatch: pytest.MonkeyPatch, images: npt.NDArray[np.uint8]
) -> None:
    both = [[[1, 5, 5, 2], [9, 0, 0, 0]], [[0, 0, 0, 4], [0, 0, 3, 3]]]
    classifier = of_scores(both, monkeypatch)
    assert classifier.read(images[:2]).tolist() == [[1, 3], [0, 2]]
    assert classifier.scores(images[:2]).tolist() == np.swapaxes(both, 0, 1).tolist()


def test_a_margin_is_the_score_less_the_best_other_one(
    monkeypatch: pytest.MonkeyPatch, images: npt.NDArray[np.uint8]
) -> None:
    classifier = of_scores([[[1, 5, 9, 2], [1, 5, 9, 2], [4, 4, 0, 0]]], monkeypatch)
    margins = classifier.margins(images[:3], np.array([[2], [0], [1]], np.uint8))
    assert margins.tolist() == [4, -8, 0]
    assert margins.dtype == np.int32


def test_the_margin_of_two_networks_is_the_lesser_one(
    monkeypatch: pytest.MonkeyPatch, images: npt.NDArray[np.uint8]
) -> None:
    first = [[1, 5, 9, 2], [1, 5, 9, 2], [1, 5, 9, 2]]
    second = [[0, 7, 0, 0], [3, 0, 0, 2], [0, -2, 0, 0]]
    classifier = of_scores([first, second], monkeypatch)
    labels = np.array([[2, 1], [2, 0], [2, 1]], np.uint8)  # of each network its own
    margins = classifier.margins(images[:3], labels)
    assert margins.tolist() == [4, 1, -2]
    assert margins.dtype == np.int32
    assert classifier.margins(images[:3], labels[:, ::-1]).tolist() == [-7, -8, -4]


@pytest.mark.parametrize("classifier", [make_classifier(), make_pair()], ids=lambda each: each.name)
def test_the_labels_that_are_read_have_no_margin_below_0(classifier: Classifier) -> None:
    images = make_images(200)
    margins = classifier.margins(images, classifier.read(images))
    assert int(margins.min()) >= 0
    assert len(np.unique(margins)) > 50


def test_a_pair_is_its_networks_side_by_side() -> None:
    pair, images = make_pair(), make_images(100)
    alone = [replace(pair, networks=(network,)) for network in pair.networks]
    scores = np.concatenate([each.scores(images) for each in alone], axis=1)
    np.testing.assert_array_equal(pair.scores(images), scores)
    labels = pair.read(images)
    assert labels.shape == (100, 2)
    assert labels.dtype == np.uint8
    assert (labels[:, 0] != labels[:, 1]).any()
    each = [one.margins(images, labels[:, [k]]) for k, one in enumerate(alone)]
    np.testing.assert_array_equal(pair.margins(images, labels), np.minimum(*each))
    both = pair.read_with_margins(images)
    np.testing.assert_array_equal(both[0], labels)
    np.testing.assert_array_equal(both[1], np.minimum(*each))


@pytest.mark.parametrize("name", ["toy", "pair", BUNDLED])
def test_the_same_scores_in_batches_of_any_size(name: str) -> None:
    classifier = classifier_called(name)
    images = make_images(600)
    scores = classifier.scores(images)
    for size in (1, 7, 300):
        parts = [classifier.scores(images[start : start + size]) for start in range(0, 600, size)]
        np.testing.assert_array_equal(np.concatenate(parts), scores)
    assert scores.dtype == np.int32


def in_64_bits(network: Network, images: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    """Run a network without skips and tables, one window at a time."""
    x = images.reshape(len(images), -1).astype(np.int64)
    for layer in network.layers:
        seen = [x]
        if (window := layer.window) is not None:
            pixels = x.reshape(len(x), window.height, window.width, -1)
            seen = [
                pixels[:, top : top + window.size, left : left + window.size].reshape(len(x), -1)
                for top in range(0, window.height - window.size + 1, window.step)
                for left in range(0, window.width - window.size + 1, window.step)
            ]
        weight, bias, shift = (a.astype(np.int64) for a in (layer.weight, layer.bias, layer.shift))
        sums = np.concatenate([(each @ weight.T + bias) >> shift for each in seen], axis=1)
        x = np.clip(sums, layer.low, layer.high)
    return x


@pytest.mark.parametrize("name", ["toy", "pair", BUNDLED])
def test_the_scores_are_those_of_integers_of_64_bits(name: str) -> None:
    classifier, images = classifier_called(name), make_images(100)
    expected = np.stack([in_64_bits(network, images) for network in classifier.networks], axis=1)
    np.testing.assert_array_equal(classifier.scores(images), expected)


@pytest.mark.parametrize("name", ["toy", "pair"])
def test_no_images_have_no_scores(name: str) -> None:
    classifier, none = classifier_called(name), np.zeros((0, 28, 28), np.uint8)
    count = len(classifier.networks)
    assert classifier.scores(none).shape == (0, count, 4)
    assert classifier.read(none).shape == (0, count)
    assert classifier.margins(none, np.zeros((0, count), np.uint8)).shape == (0,)


def test_other_arrays_are_refused() -> None:
    classifier, images = make_pair(), make_images(3)
    odd: Any
    for odd in (images.astype(np.float32), images[0], images[:, :27]):
        with pytest.raises(InputError, match=r"expected uint8 \[n, 28, 28\]"):
            classifier.read(odd)
    for shape in ((3,), (2, 2), (3, 1), (3, 3), (3, 2, 1)):
        with pytest.raises(InputError, match=r"labels are uint8 \[.*\], expected uint8 \[3, 2\]"):
            classifier.margins(images, np.zeros(shape, np.uint8))
    with pytest.raises(InputError, match=r"labels are int64 \[3, 2\], expected uint8 \[3, 2\]"):
        classifier.margins(images, np.zeros((3, 2), np.int64))
    with pytest.raises(InputError, match="a label is 4, expected below 4"):
        classifier.margins(images, np.array([[0, 0], [0, 4], [0, 0]], np.uint8))


# its file


def changed(path: Path, change: Change, classifier: Classifier | None = None) -> Path:
    """Write a classifier, by default the toy, with a change to its tensors and metadata."""
    write_classifier(path, classifier or make_classifier())
    with safe_open(path, framework="np") as file:
        metadata = dict(file.metadata())
        tensors = {name: file.get_tensor(name).copy() for name in file.keys()}  # noqa: SIM118
    change(tensors, metadata)
    save_file(tensors, path, metadata)
    return path


@pytest.mark.parametrize("name", ["toy", "pair"])
def test_a_classifier_comes_back_as_it_was_written(name: str, tmp_path: Path) -> None:
    classifier = replace(classifier_called(name), notes={"made": "by hand"})
    write_classifier(tmp_path / "a.safetensors", classifier)
    again = read_classifier(tmp_path / "a.safetensors")
    assert (again.id, again.name, again.notes) == (classifier.id, classifier.name, classifier.notes)
    assert again.tensors().keys() == classifier.tensors().keys()
    for name, tensor in classifier.tensors().items():
        np.testing.assert_array_equal(again.tensors()[name], tensor)
    write_classifier(tmp_path / "b.safetensors", again)
    assert (tmp_path / "a.safetensors").read_bytes() == (tmp_path / "b.safetensors").read_bytes()


def test_the_id_covers_what_reading_depends_on_and_nothing_else() -> None:
    classifier = make_classifier()
    assert replace(classifier, name="other", notes={"made": "later"}).id == classifier.id
    assert replace(classifier, known_images=classifier.known_images[:1]).id == classifier.id
    assert replace(classifier, height=14, width=56).id != classifier.id
    assert make_classifier(seed=1).id != classifier.id
    assert len(classifier.id) == 16
    pair = make_pair()
    assert replace(pair, networks=pair.networks[::-1]).id != pair.id
    assert replace(pair, networks=pair.networks[:1]).id == classifier.id
    first, last = pair.networks[1].layers
    assert first.window is not None
    window = replace(first.window, height=29)  # of which it sees the same
    other = Network([replace(first, window=window), last], 0, 255)
    assert replace(pair, networks=(pair.networks[0], other)).id != pair.id


REFUSED: dict[str, tuple[Change, str]] = {
    "a model": (lambda t, m: m.update(format="digitzip-model"), "not a digitzip classifier"),
    "another version": (lambda t, m: m.update(version="2"), "version '2'; this build reads 1"),
    "an unknown key": (lambda t, m: m.update(levels="8"), "unknown metadata key 'levels'"),
    "a path as name": (lambda t, m: m.update(name="../x"), "name is missing, too long or unprint"),
    "another id": (lambda t, m: m.update(id="00" * 16), "id mismatch"),
    "width 1000": (lambda t, m: m.update(width="1000"), "width is '1000'"),
    "another size": (lambda t, m: m.update(width="27"), "reader.0 maps 784 inputs to 4 outputs"),
    "missing tensor": (lambda t, m: t.pop("reader.0.1.bias"), "reader.0.1.bias is missing"),
    "no network": (lambda t, m: t.pop("reader.0.0.weight"), "no layers"),
    "unknown tensor": (
        lambda t, m: t.update({"known.codes": np.zeros((1, 1), np.uint8)}),
        "unknown tensor 'known.codes'",
    ),
    "float weights": (
        lambda t, m: t.update({"reader.0.0.weight": np.zeros((12, 784), np.float32)}),
        "reader.0.0.weight is F32, expected I8 or I16",
    ),
    "one class": (
        lambda t, m: [t.update({f"reader.0.1.{part}": t[f"reader.0.1.{part}"][:1]})
                      for part in ("weight", "bias", "shift")],
        "reader.0 maps 784 inputs to 1 outputs, expected 784 to 2 … 256",
    ),
    "a score out of range": (
        lambda t, m: t.update({"reader.0.1.clip": np.array([-900, 40_000], np.int32)}),
        "expected within -32768 to 32768",
    ),
    "a shift out of range": (
        lambda t, m: t.update({"reader.0.1.shift": np.full(4, 31, np.uint8)}),
        "shift outside 0 to 30",
    ),
    "too many classes": (
        lambda t, m: t.update({"known.scores": np.zeros((3, 1, 257), np.int32)}),
        "known.scores is [3, 1, 257], expected up to [64, 8, 256]",
    ),
    "the layout of one network": (
        lambda t, m: t.update({f"reader.{name[9:]}": t.pop(name) for name in list(t)
                               if name.startswith("reader.0.")}),
        "no layers",
    ),
    "a known answer of one network": (
        lambda t, m: t.update({"known.scores": t["known.scores"][:, 0]}),
        "known.scores is [3, 4], expected up to [64, 8, 256]",
    ),
    "a known answer of another shape": (
        lambda t, m: t.update({"known.scores": np.zeros((2, 1, 4), np.int32)}),
        "known answer: images (3, 28, 28) and scores (2, 1, 4)",
    ),
    "no known answer": (
        lambda t, m: t.update({"known.images": np.zeros((0, 28, 28), np.uint8),
                               "known.scores": np.zeros((0, 1, 4), np.int32)}),
        "known answer",
    ),
    "a known answer that is wrong": (
        lambda t, m: t["known.scores"].__setitem__((0, 0, 0), t["known.scores"][0, 0, 0] + 1),
        "do not get its known scores",
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", REFUSED)
def test_a_classifier_that_breaks_a_rule_is_refused_in_one_line(why: str, tmp_path: Path) -> None:
    change, words = REFUSED[why]
    path = changed(tmp_path / "bad.safetensors", change)
    with pytest.raises(ModelError, match=re.escape(words)) as caught:
        read_classifier(path)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


PAIR_REFUSED: dict[str, tuple[Change, str]] = {
    "other pixels": (
        lambda t, m: t.update({"reader.1.0.window": np.array([27, 28, 6, 4], np.int32)}),
        "reader.1 maps 756 inputs to 4 outputs, expected 784 to 4",
    ),
    "other classes": (
        lambda t, m: t.update({f"reader.1.1.{part}": t[f"reader.1.1.{part}"][:3].copy()
                               for part in ("weight", "bias", "shift")}),
        "reader.1 maps 784 inputs to 3 outputs, expected 784 to 4",
    ),
    "a score out of range": (
        lambda t, m: t.update({"reader.1.1.clip": np.array([-900, 40_000], np.int32)}),
        "expected within -32768 to 32768",
    ),
    "a gap": (
        lambda t, m: t.update({f"reader.2{name[8:]}": t.pop(name) for name in list(t)
                               if name.startswith("reader.1.")}),
        "known answer: images (3, 28, 28) and scores (3, 2, 4)",
    ),
    "known scores of one network": (
        lambda t, m: t.update({"known.scores": t["known.scores"][:, :1].copy()}),
        "known answer: images (3, 28, 28) and scores (3, 1, 4)",
    ),
    "a wrong known score of the second network": (
        lambda t, m: t["known.scores"].__setitem__((2, 1, 3), t["known.scores"][2, 1, 3] ^ 1),
        "do not get its known scores",
    ),
    "known scores in another order": (
        lambda t, m: t.update({"known.scores": t["known.scores"][:, ::-1].copy()}),
        "do not get its known scores",
    ),
}  # fmt: skip


@pytest.mark.parametrize("why", PAIR_REFUSED)
def test_a_pair_that_breaks_a_rule_is_refused_in_one_line(why: str, tmp_path: Path) -> None:
    change, words = PAIR_REFUSED[why]
    path = changed(tmp_path / "bad.safetensors", change, make_pair())
    with pytest.raises(ModelError, match=re.escape(words)) as caught:
        read_classifier(path)
    assert "\n" not in str(caught.value)


def test_networks_share_the_limit_of_multiplications(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, path = make_pair(), tmp_path / "pair.safetensors"
    write_classifier(path, pair)
    in_all = sum(network.multiplications for network in pair.networks)
    monkeypatch.setattr(classifier_file, "MAX_MULTIPLICATIONS", in_all)
    read_classifier(path)
    monkeypatch.setattr(classifier_file, "MAX_MULTIPLICATIONS", in_all - 1)
    with pytest.raises(ModelError, match=f"more than {in_all - 1} multiplications an image in all"):
        read_classifier(path)


def test_eight_networks_are_read_and_nine_refused(tmp_path: Path) -> None:
    classifier = make_classifier()
    for count in (8, 9):
        many = replace(classifier, networks=classifier.networks * count)
        many = replace(many, known_scores=many.scores(many.known_images)[:, :8])
        write_classifier(tmp_path / f"{count}.safetensors", many)
    assert len(read_classifier(tmp_path / "8.safetensors").networks) == 8
    with pytest.raises(ModelError, match=r"unknown tensor 'reader\.8\.0\.bias'"):
        read_classifier(tmp_path / "9.safetensors")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.integers(0, 2**31), st.integers(0, 7))
def test_a_flipped_bit_gives_the_same_scores_or_a_model_error(
    tmp_path: Path, offset: int, bit: int
) -> None:
    path = tmp_path / "flipped.safetensors"
    write_classifier(path, make_pair())
    data = bytearray(path.read_bytes())
    data[offset % len(data)] ^= 1 << bit
    path.write_bytes(data)
    try:
        classifier = read_classifier(path)
    except ModelError:
        return
    assert classifier.id == make_pair().id


def test_a_file_over_the_limit_is_refused_before_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.safetensors"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(ModelError, match="expected at most 33554432"):
        read_classifier(path)


# the registry


def test_classifiers_are_found_by_path_by_name_and_by_id(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    classifier = make_classifier()
    with pytest.raises(
        ModelError, match="no classifier named 'mine'; known classifiers: mnist-classifier "
    ):
        load_classifier("mine")
    with pytest.raises(ModelError, match=f"no classifier with id {classifier.id.hex()}; set"):
        find_classifier(classifier.id)
    write_classifier(tmp_path / "mine.safetensors", classifier)
    assert load_classifier(tmp_path / "mine.safetensors").id == classifier.id
    monkeypatch.setenv("DIGITZIP_MODELS", str(tmp_path))
    assert load_classifier("mine").id == classifier.id
    assert find_classifier(classifier.id).id == classifier.id


def test_a_classifier_is_no_model_and_a_model_no_classifier(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITZIP_MODELS", str(tmp_path))
    write_classifier(tmp_path / "mine.safetensors", make_classifier())
    write_toy(tmp_path / "other.safetensors")
    assert next(path.stem for path in model_files()) == "other"
    assert BUNDLED not in [path.stem for path in model_files()]
    with pytest.raises(ModelError, match="no model named 'mine'; known models: mnist-1, "):
        load_model("mine")
    with pytest.raises(
        ModelError, match="no classifier named 'other'; known classifiers: mine, mn"
    ):
        load_classifier("other")
    with pytest.raises(ModelError, match="not a digitzip model: its format is not"):
        load_model(tmp_path / "mine.safetensors")


# the bundled one


def test_every_bundled_model_names_the_bundled_classifier_and_bounds() -> None:
    classifier = load_classifier(BUNDLED)
    bundled = [path for path in model_files() if path.parent == bundled_folder()]
    assert len(bundled) == 10
    for path in bundled:
        model = load_model(path)
        assert find_classifier(model.classifier_id or b"").id == classifier.id
        assert model.margin > 0
        errors = [s.max_rmse or 0 for s in sorted(model.quantisers, key=lambda s: -s.levels)]
        assert errors[0] > 0
        assert errors == sorted(errors)  # fewer levels err more


def test_the_bundled_classifier_is_small() -> None:
    assert (bundled_folder() / f"{BUNDLED}.safetensors").stat().st_size <= 1_700_000
    networks = load_classifier(BUNDLED).networks
    assert sum(network.multiplications for network in networks) <= 2_600_000


def test_the_networks_of_the_bundled_classifier_are_unlike() -> None:
    looks = [
        {layer.window is None for layer in net.layers} for net in load_classifier(BUNDLED).networks
    ]
    assert looks == [{True}, {True, False}]


@needs_mnist
def test_the_bundled_classifier_reads_images_that_it_has_not_learned() -> None:
    folder = Path(DATA or "")
    (path,) = (folder / f"train-images-idx3-ubyte{end}" for end in ("", ".gz")
                 if (folder / f"train-images-idx3-ubyte{end}").exists())  # fmt: skip
    labels = folder / path.name.replace("images-idx3", "labels-idx1")
    last = list(read_images([path], height=28, width=28))[-3:]
    images = np.concatenate([batch for batch, _ in last])[-2000:]
    truth = read_labels(labels, 60_000)[-2000:]
    right = (load_classifier(BUNDLED).read(images) == truth[:, None]).mean(axis=0)
    assert right.shape == (2,)
    assert (right >= 0.99).all()
