"""How a classifier is trained and rounded, and what models get for the guard."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra: train)")

from digitzip.codec import Codec, Images  # noqa: E402
from digitzip.errors import InputError  # noqa: E402
from digitzip.kernels import Network, Window  # noqa: E402
from digitzip.model import read_classifier  # noqa: E402
from digitzip.training import SILENT, changed, train_classifier, with_bounds  # noqa: E402
from digitzip.training.export.affine import run  # noqa: E402
from digitzip.training.export.fold import fold_classifier  # noqa: E402
from digitzip.training.jobs.classifier import (  # noqa: E402
    Labels,
    batches_of,
    learn_labels,
    round_classifier,
)
from digitzip.training.nets.classifier import ClassifierNetwork  # noqa: E402
from digitzip.training.recipe import Classifier  # noqa: E402
from tests.runs import Listener  # noqa: E402
from tests.toy import make_classifier, make_images, make_model  # noqa: E402

RECIPE = changed(
    Classifier(),
    {"widths": (32, 24), "epochs": 4, "warp_share": 0.5, "learning.batch": 64,
     "learning.warm_up": 10, "learning.average": 0.9},
)  # fmt: skip
WINDOWS = ((6, 3, 2), (8, 2, 1))
RECIPES = {"matrices": RECIPE, "windows": changed(RECIPE, {"windows": WINDOWS, "widths": (16,)})}


def bars(n: int, seed: int) -> tuple[Images, Labels]:
    """Return images uint8 [n, 12, 12] of bars, label 0 upright and 1 level."""
    random = np.random.default_rng(seed)
    images = np.zeros((n, 12, 12), np.uint8)
    labels = random.integers(0, 2, n, np.uint8)
    for image, label, left in zip(images, labels, random.integers(3, 8, n), strict=True):
        (image if label else image.T)[left : left + 2, 2:10] = 255
    return images, labels


@pytest.fixture(scope="module")
def learned() -> dict[str, ClassifierNetwork]:
    data = bars(1280, 0)
    return {name: learn_labels(recipe, *data, SILENT) for name, recipe in RECIPES.items()}


@pytest.fixture(scope="module")
def rounded(learned: dict[str, ClassifierNetwork]) -> dict[str, Network]:
    images, calibration = bars(400, 1)[0], bars(1280, 0)[0]
    return {name: round_classifier(each, calibration, images) for name, each in learned.items()}


def floats(network: ClassifierNetwork, images: Images) -> Images:
    x = torch.from_numpy(images.reshape(len(images), -1)).float() / 255
    scores: Images = network(x).detach().numpy()
    return scores


@pytest.mark.parametrize("name", RECIPES)
def test_a_network_learns_and_its_integers_read_as_its_floats(
    name: str, learned: dict[str, ClassifierNetwork], rounded: dict[str, Network]
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


def test_the_networks_become_a_classifier_in_a_file(
    rounded: dict[str, Network], tmp_path: Path
) -> None:
    images, labels = bars(1280, 0)
    more, of_more = bars(400, 1)
    images, labels = np.concatenate([images, more]), np.concatenate([labels, of_more])
    out, told = tmp_path / "bars.safetensors", Listener()
    recipes = [RECIPES["windows"]]
    train_classifier(images, labels, out=out, watcher=told, recipes=recipes, held_out=400)
    made = read_classifier(out)
    assert (made.name, made.known_scores.shape) == ("bars", (8, 1, 2))
    assert [each["seed"] for each in json.loads(made.notes["recipes"])] == [1]
    for layer, expected in zip(made.networks[0].layers, rounded["windows"].layers, strict=True):
        np.testing.assert_array_equal(layer.weight, expected.weight)
    share = (made.read(more)[:, 0] == of_more).mean()
    assert share >= 0.99
    assert told.lines[-1].startswith(f"{share:.2%} of the held-out images")
    with pytest.raises(InputError, match="1680 images and 1680 labels, of which 1680"):
        train_classifier(images, labels, out=out, watcher=told, held_out=1680)


def test_the_folded_chain_is_the_network_for_images_that_are_no_squares() -> None:
    torch.manual_seed(3)
    network = ClassifierNetwork(
        9, 14, 5, changed(RECIPE, {"windows": ((3, 4, 2), (4, 2, 1)), "widths": (7,)})
    )
    with torch.no_grad():
        for _ in range(9):  # statistics of its own
            network(torch.rand(64, 126))
    network.eval()
    x = np.random.default_rng(2).random((50, 126))
    with torch.no_grad():
        scores = network(torch.from_numpy(x).float()).numpy()
    np.testing.assert_allclose(run(fold_classifier(network), x)[-1], scores, atol=1e-4)


def test_a_share_of_each_batch_is_warped_and_the_rest_is_as_it_was() -> None:
    images, _ = bars(256, 3)
    for x, rows in batches_of(RECIPE, images, torch.Generator().manual_seed(0)):
        same = [bool((a.numpy() == b.ravel() / np.float32(255)).all())
                for a, b in zip(x, images[rows.numpy()], strict=True)]  # fmt: skip
        assert same == [False] * 32 + [True] * 32


def test_a_guarded_model_has_bounds_four_deviations_above_the_mean_and_keeps_its_id() -> None:
    model, images = make_model(), make_images(200)
    known = with_bounds(model, make_classifier(), 7, images)
    assert (known.id, known.classifier_id, known.margin) == (model.id, make_classifier().id, 7)
    bounds = []
    for quantiser in known.quantisers:
        codec = Codec(model, quantiser.levels)
        difference = (codec.decode(codec.encode(images)).astype(np.int64) - images) / 255
        rmse = np.sqrt((difference**2).mean(axis=(1, 2)))
        bounds.append(quantiser.max_rmse or 0)
        assert 0 <= bounds[-1] - (rmse.mean() + 4 * rmse.std()) * 65_535 < 1.001
    assert len(set(bounds)) == len(bounds)
