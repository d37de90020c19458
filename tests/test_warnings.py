"""Warnings of the library: the model, the guard and the promise."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest

import digitzip
from digitzip.model import Model
from tests.toy import make_images, write_guarded


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model with a bound on the RMSE that no image of the toy codec keeps, and its classifier."""
    monkeypatch.setenv("DIGITZIP_MODELS", str(tmp_path))
    return write_guarded(tmp_path, max_rmse=6_000)


@pytest.mark.parametrize("guard", [True, False])
@pytest.mark.parametrize("n", [1, 20])
def test_a_model_that_does_not_fit_is_told(n: int, guard: bool, model: Model) -> None:
    with pytest.warns(digitzip.DigitzipWarning, match="does not fit these images"):
        digitzip.compress(make_images(n), model=model, effort=0, guard=guard)


def test_a_model_that_fits_is_not_told(model: Model) -> None:
    codec = digitzip.load_codec(model, effort=0)
    codes = np.random.default_rng(1).integers(0, 5, (10, 4), dtype=np.uint8)
    digitzip.compress(codec.decode(codes), model=model, effort=9, guard=False)
    digitzip.compress(make_images(0), model=model)


def test_a_guard_that_verifies_nothing_is_told(tiny: Model, images: np.ndarray) -> None:
    with pytest.warns(digitzip.DigitzipWarning, match="guard=True verifies nothing"):
        digitzip.compress(images, model=tiny)
    digitzip.compress(images, model=tiny, guard=False)
    digitzip.compress(images, model=tiny, max_error=9)


def test_a_promise_that_join_drops_is_told(tiny: Model, images: np.ndarray) -> None:
    kept = digitzip.compress(images, model=tiny, max_error=9)
    none = digitzip.compress(images, model=tiny, guard=False)
    with pytest.warns(digitzip.DigitzipWarning, match="archive 2 promises nothing"):
        digitzip.join([kept, none], io.BytesIO())
    digitzip.join([kept, kept], io.BytesIO())
    digitzip.join([none, none], io.BytesIO())


@pytest.mark.filterwarnings("ignore:model mnist-10 does not fit:digitzip.DigitzipWarning")
def test_info_is_json_and_reads_no_chunk(model: Model) -> None:
    data = digitzip.compress(
        make_images(70), model=model, effort=0, labels=[7] * 70, metadata={"who": "me"}
    )
    with digitzip.open(data) as dz:
        found = json.loads(json.dumps(dataclasses.asdict(dz.info)))
        stats = dz.stats()
        slot = dz._store.index.slots[0]
    assert found["images"] == 70
    assert found["model_id"] == model.id.hex()
    assert found["promise"]["max_rmse"] == 6_000 / 65_535
    assert found["promise"]["classifier"] == "toy-classifier"
    assert found["promise"]["classifier_id"] == found["promise"]["classifier_id"].lower()
    assert (found["names"], found["labels"], found["metadata"]) == (False, True, {"who": "me"})
    assert found["corrections"] == stats.images > 0
    assert stats.bytes > stats.images
    broken = bytearray(data)
    broken[slot.offset + 20] ^= 1
    with digitzip.open(bytes(broken)) as dz:
        assert dataclasses.asdict(dz.info) == found
        with pytest.raises(digitzip.DamagedError, match=r"digitzip\.recover"):
            dz.stats()
