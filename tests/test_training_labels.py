"""How a label model is trained, whatever the latents mean."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("torch", reason="torch is not installed (extra: train)")

import digitzip
from digitzip.codec import Codec
from digitzip.errors import InputError, ModelError
from digitzip.kernels import Network
from digitzip.model import Model
from digitzip.training import Labels, changed, with_label_model
from digitzip.training.export import verify
from digitzip.training.fit.data import prepare
from digitzip.training.fit.device import pick_device
from digitzip.training.recipes import TOY as RECIPE
from tests.runs import Listener, blobs
from tests.toy import make_images
from tests.toy_policies import SIDE, TOY, categorical

QUICK = changed(
    Labels(),
    {"steps": 250, "width": 16, "copies": 0, "learning.batch": 64, "learning.average": 0.9},
)
IMAGES = make_images(600, side=SIDE)
MODELS = {"smooth": TOY, "categorical": categorical()}


def labels_of(model: Model) -> np.ndarray:
    """Return labels that the codes of the images tell."""
    return Codec(model, effort=0).encode(IMAGES)[:, 0] // 2


@pytest.mark.parametrize("name", MODELS)
def test_labels_that_codes_tell_take_few_bits(name: str) -> None:
    model, told = MODELS[name], Listener()
    labels = labels_of(model)
    assert np.bincount(labels).max() < 400
    learned = with_label_model(model, IMAGES, labels, QUICK, told, held_out=100)
    assert learned.id != model.id
    assert replace(learned, labels=None).id == model.id
    assert [line.split()[0] for line in told.lines] == ["5", "8"]
    assert all("levels: a held-out label takes" in line for line in told.lines)
    data = [
        digitzip.compress(IMAGES, model=each, labels=labels, effort=0, guard=False)
        for each in (model, learned)
    ]
    assert len(data[1]) < len(data[0]) - 75  # of 150 bytes for plain labels
    with digitzip.open(data[1], model=learned) as dz:
        assert dz.labels is not None
        np.testing.assert_array_equal(dz.labels[:], labels)


def test_one_different_score_keeps_a_label_model_back(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = verify.forward

    def dishonest(network: Network, x: np.ndarray) -> np.ndarray:
        result = honest(network, x).copy()
        result[-1, -1] += result.shape[1] == 4 and network.outputs == 4
        return result

    monkeypatch.setattr(verify, "forward", dishonest)
    quick = replace(QUICK, steps=1, copies=1)
    labels = labels_of(TOY)
    with pytest.raises(ModelError, match="NumPy and PyTorch differ on 1 of"):
        with_label_model(TOY, IMAGES, labels, quick, Listener(), held_out=0)


def test_labels_that_cannot_be_learned_are_refused_at_once() -> None:
    recipe, images = changed(RECIPE, {"labels.steps": 9}), blobs()
    device = pick_device("cpu")
    for labels, message in (
        (None, "found no labels; a label model needs one for each"),
        (np.zeros(7, np.uint8), "found 7 labels"),
        (np.full(len(images), 255, np.uint8), "found label 255; a label model knows labels 0 to"),
    ):
        with pytest.raises(InputError, match=message):
            prepare(images, recipe, device, labels)
    labels = np.arange(len(images)).astype(np.uint8) % 7
    data = prepare(images, recipe, device, labels)
    assert data.labels is not None
    rows = [data.train.numpy(), data.held_out.numpy()]
    ordered = np.concatenate(rows).reshape(images.shape)
    held_out = len(data.held_out)
    np.testing.assert_array_equal(ordered, np.roll(images, -held_out, axis=0))
    np.testing.assert_array_equal(data.labels, np.roll(labels, -held_out))
    with pytest.raises(InputError, match="found 600 images, of which 600 are held out"):
        with_label_model(TOY, IMAGES, labels_of(TOY), QUICK, Listener(), held_out=600)
