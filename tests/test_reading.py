"""How a reader is trained and rounded, and how models learn what a guard needs."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra: train)")

from digitzip.codec import Codec, Images  # noqa: E402
from digitzip.images import write  # noqa: E402
from digitzip.model import read_model, write_model, write_reader  # noqa: E402
from digitzip.training import guard, reader  # noqa: E402
from digitzip.training.fold import run  # noqa: E402
from digitzip.training.reading import Labels, Reading, Recipe, batches, fold, train  # noqa: E402
from tests.toy import make_images, make_model, make_reader  # noqa: E402

RECIPE = Recipe(widths=(32, 24), epochs=4, batch=64, warm_up=10, average=0.9, warp_share=0.5)


def bars(n: int, seed: int) -> tuple[Images, Labels]:
    """Return images uint8 [n, 12, 12] of bars, label 0 upright and 1 level."""
    random = np.random.default_rng(seed)
    images = np.zeros((n, 12, 12), np.uint8)
    labels = random.integers(0, 2, n, np.uint8)
    for image, label, place in zip(images, labels, random.integers(3, 8, n), strict=True):
        (image if label else image.T)[place : place + 2, 2:10] = 255
    return images, labels


@pytest.fixture(scope="module")
def learned() -> Reading:
    return train(RECIPE, *bars(1280, 0), lambda line: None)


def test_a_reader_learns_and_its_integers_read_as_its_floats(learned: Reading) -> None:
    images, labels = bars(400, 1)
    integer = reader.round_reader(learned, RECIPE, bars(1280, 0)[0], images)
    assert reader.accuracy(integer, images, labels) >= 0.99
    with torch.no_grad():
        floats = learned(torch.from_numpy(images.reshape(400, -1)).float() / 255).numpy()
    assert np.abs(integer.scores(images) / 64 - floats).max() < 0.3
    assert integer.known_scores.shape == (8, 2)


def test_the_same_recipe_gives_the_same_reader(learned: Reading) -> None:
    again = train(RECIPE, *bars(1280, 0), lambda line: None)
    for mine, theirs in zip(learned.parameters(), again.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_the_folded_chain_is_the_network(learned: Reading) -> None:
    x = np.random.default_rng(2).random((50, 144))
    with torch.no_grad():
        scores = learned(torch.from_numpy(x).float()).numpy()
    np.testing.assert_allclose(run(fold(learned), x)[-1], scores, atol=1e-4)


def test_a_share_of_each_batch_is_warped_and_the_rest_is_as_it_was() -> None:
    images, _ = bars(256, 3)
    for x, rows in batches(RECIPE, images, torch.Generator().manual_seed(0)):
        same = [bool((a.numpy() == b.ravel() / np.float32(255)).all())
                for a, b in zip(x, images[rows.numpy()], strict=True)]  # fmt: skip
        assert same == [False] * 32 + [True] * 32


def test_a_guarded_model_refuses_one_image_in_a_thousand_and_keeps_its_id() -> None:
    model, digits = make_model(), make_images(1000)
    known = guard.guarded(model, make_reader(), 7, digits)
    assert (known.id, known.reader, known.margin) == (model.id, make_reader().id, 7)
    for level_set in known.level_sets:
        codec = Codec(model, level_set.levels)
        difference = (codec.decode(codec.encode(digits)).astype(np.int64) - digits) / 255
        over = np.sqrt((difference**2).mean(axis=(1, 2))) > (level_set.max_rmse or 0) / 65_535
        assert over.sum() == 1


def test_the_door_of_the_guard_keeps_notes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    model, path = replace(make_model(), notes={"made": "by hand"}), tmp_path / "toy.safetensors"
    write_model(path, model)
    write_reader(tmp_path / "reader.safetensors", make_reader())
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
    assert "not a digitzip reader" in capsys.readouterr().err
