"""How a reader is trained and rounded, and how models learn what a guard needs."""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra: train)")

from digitzip.codec import Codec, Images  # noqa: E402
from digitzip.images import write  # noqa: E402
from digitzip.kernels import Network, Window  # noqa: E402
from digitzip.model import read_classifier, read_model, write_classifier, write_model  # noqa: E402
from digitzip.training.export.fold import run  # noqa: E402
from digitzip.training.export.verify import forward  # noqa: E402
from digitzip.training.jobs import bounds as guard  # noqa: E402
from digitzip.training.jobs import classifier as reader  # noqa: E402
from digitzip.training.nets.classifier import Labels, Reading, Recipe, batches, fold, train  # noqa: E402
from tests.toy import make_classifier, make_images, make_model, make_pair  # noqa: E402

RECIPE = Recipe(widths=(32, 24), epochs=4, batch=64, warm_up=10, average=0.9, warp_share=0.5)
RECIPES = {
    "matrices": RECIPE,
    "windows": replace(RECIPE, windows=((6, 3, 2), (8, 2, 1)), widths=(16,)),
}


def bars(n: int, seed: int) -> tuple[Images, Labels]:
    """Return images uint8 [n, 12, 12] of bars, label 0 upright and 1 level."""
    random = np.random.default_rng(seed)
    images = np.zeros((n, 12, 12), np.uint8)
    labels = random.integers(0, 2, n, np.uint8)
    for image, label, place in zip(images, labels, random.integers(3, 8, n), strict=True):
        (image if label else image.T)[place : place + 2, 2:10] = 255
    return images, labels


@pytest.fixture(scope="module")
def learned() -> dict[str, Reading]:
    data = bars(1280, 0)
    return {name: train(recipe, *data, lambda line: None) for name, recipe in RECIPES.items()}


@pytest.fixture(scope="module")
def rounded(learned: dict[str, Reading]) -> dict[str, Network]:
    images, calibration = bars(400, 1)[0], bars(1280, 0)[0]
    return {name: reader.rounded(each, calibration, images) for name, each in learned.items()}


def floats(network: Reading, images: Images) -> Images:
    with torch.no_grad():
        scores: Images = network(
            torch.from_numpy(images.reshape(len(images), -1)).float() / 255
        ).numpy()
    return scores


@pytest.mark.parametrize("name", RECIPES)
def test_a_network_learns_and_its_integers_read_as_its_floats(
    name: str, learned: dict[str, Reading], rounded: dict[str, Network]
) -> None:
    images, labels = bars(400, 1)
    scores = rounded[name](images.reshape(400, -1))
    assert (scores.argmax(axis=1) == labels).mean() >= 0.99
    expected = floats(learned[name], images)
    assert np.abs(scores / 64 - expected).max() < 0.3
    assert expected.std() > 1


def test_a_recipe_with_windows_gives_layers_with_windows(rounded: dict[str, Network]) -> None:
    layers = rounded["windows"].layers
    assert [layer.window for layer in layers] == [
        Window(12, 12, 3, 2), Window(5, 5, 2, 1), None, None
    ]  # fmt: skip
    assert [layer.weight.shape for layer in layers] == [(6, 9), (8, 24), (16, 128), (2, 16)]
    assert {layer.window for layer in rounded["matrices"].layers} == {None}


def test_networks_make_a_reader_that_its_file_keeps(
    rounded: dict[str, Network], tmp_path: Path
) -> None:
    images, labels = bars(400, 1)
    made = reader.classifier_of(list(rounded.values()), list(RECIPES.values()), images, "bars")
    assert made.known_scores.shape == (8, 2, 2)
    assert [each["seed"] for each in json.loads(made.notes["recipes"])] == [1, 1]
    shares = reader.accuracy(made, images, labels)
    for share, network in zip(shares, rounded.values(), strict=True):
        right = network(images.reshape(400, -1)).argmax(axis=1) == labels
        assert share == right.mean() >= 0.99
    write_classifier(tmp_path / "bars.safetensors", made)
    again = read_classifier(tmp_path / "bars.safetensors")
    np.testing.assert_array_equal(again.scores(images), made.scores(images))


@pytest.mark.parametrize("name", RECIPES)
def test_the_same_recipe_gives_the_same_network(name: str, learned: dict[str, Reading]) -> None:
    again = train(RECIPES[name], *bars(1280, 0), lambda line: None)
    for mine, theirs in zip(learned[name].parameters(), again.parameters(), strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("name", RECIPES)
def test_the_folded_chain_is_the_network(name: str, learned: dict[str, Reading]) -> None:
    x = np.random.default_rng(2).random((50, 144))
    with torch.no_grad():
        scores = learned[name](torch.from_numpy(x).float()).numpy()
    assert scores.std() > 0.3
    np.testing.assert_allclose(run(fold(learned[name]), x)[-1], scores, atol=1e-4)


def test_the_folded_chain_is_the_network_for_images_that_are_no_squares() -> None:
    torch.manual_seed(3)
    network = Reading(9, 14, 5, replace(RECIPE, windows=((3, 4, 2), (4, 2, 1)), widths=(7,)))
    with torch.no_grad():
        for _ in range(9):  # statistics of its own
            network(torch.rand(64, 126))
    network.eval()
    x = np.random.default_rng(2).random((50, 126))
    with torch.no_grad():
        scores = network(torch.from_numpy(x).float()).numpy()
    np.testing.assert_allclose(run(fold(network), x)[-1], scores, atol=1e-4)


def test_pytorch_gives_the_integers_of_numpy_for_windows(rounded: dict[str, Network]) -> None:
    noise = np.random.default_rng(4).integers(0, 256, (200, 144), np.uint8)
    pairs = [(rounded["windows"], noise)]
    pairs.append((make_pair().networks[1], make_images(100).reshape(100, -1)))
    for network, x in pairs:
        scores = network(x)
        assert len(np.unique(scores)) > 50
        np.testing.assert_array_equal(forward(network, x), scores)


def test_a_share_of_each_batch_is_warped_and_the_rest_is_as_it_was() -> None:
    images, _ = bars(256, 3)
    for x, rows in batches(RECIPE, images, torch.Generator().manual_seed(0)):
        same = [bool((a.numpy() == b.ravel() / np.float32(255)).all())
                for a, b in zip(x, images[rows.numpy()], strict=True)]  # fmt: skip
        assert same == [False] * 32 + [True] * 32


def test_a_guarded_model_has_bounds_four_deviations_above_the_mean_and_keeps_its_id() -> None:
    model, digits = make_model(), make_images(1000)
    known = guard.guarded(model, make_classifier(), 7, digits)
    assert (known.id, known.classifier_id, known.margin) == (model.id, make_classifier().id, 7)
    bounds = []
    for quantiser in known.quantisers:
        codec = Codec(model, quantiser.levels)
        difference = (codec.decode(codec.encode(digits)).astype(np.int64) - digits) / 255
        rmse = np.sqrt((difference**2).mean(axis=(1, 2)))
        bounds.append(quantiser.max_rmse or 0)
        assert 0 <= bounds[-1] - (rmse.mean() + 4 * rmse.std()) * 65_535 < 1.001
    assert len(set(bounds)) == len(bounds)


def test_the_door_of_the_guard_keeps_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, path = replace(make_model(), notes={"made": "by hand"}), tmp_path / "toy.safetensors"
    write_model(path, model)
    write_classifier(tmp_path / "reader.safetensors", make_classifier())
    digits = make_images(50)
    write(str(tmp_path / "digits.npy"), [(digits, None)], count=50, height=28, width=28)
    arguments = [str(path), "--data", str(tmp_path / "digits.npy"), "--margin", "9"]
    arguments += ["--reader", str(tmp_path / "reader.safetensors")]
    monkeypatch.setattr(sys, "argv", ["guard", *arguments])
    assert guard.main() == 0
    known = read_model(path)
    assert (known.id, known.notes, known.margin) == (model.id, model.notes, 9)
    assert capsys.readouterr().out.startswith("toy: RMSE at most 0.")
    monkeypatch.setattr(sys, "argv", ["guard", *arguments[:-1], str(path)])
    assert guard.main() == 1
    assert "not a digitzip classifier" in capsys.readouterr().err
