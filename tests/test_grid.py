"""Codes of few latents: grids and lists, made of layers, and the search that tries their values."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from digitzip.codec import Codec, load_codec
from digitzip.errors import InputError
from digitzip.kernels import Network
from digitzip.model import Model
from digitzip.training import TOY, changed, train
from digitzip.training.export import grid
from digitzip.training.jobs.codebook import _thresholds, codebook_decoder
from tests.runs import CPU  # one thread
from tests.toy import make_images


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Two latents of two axes of six cells, trained for a moment: more codes than are all tried."""
    folder = tmp_path_factory.mktemp("grid")
    changes = {"name": "toy-grid", "code.dims": 2, "code.axes": 2, "code.levels": (36,)}
    recipe = changed(TOY, {**changes, "residual.steps": 0})
    path = folder / "toy-grid.safetensors"
    train(recipe, make_images(400), out=path, checkpoint=folder, device=CPU.type)
    return load_codec(path).model


def test_a_lookup_sums_the_rows_of_its_tables() -> None:
    random = np.random.default_rng(0)
    tables = random.integers(-300, 301, (3, 7, 5))
    values = random.integers(0, 7, (50, 3))
    network = Network(grid.lookup(tables, -900, 900), 0, 6)
    expected = sum(tables[j, values[:, j]] for j in range(3))
    np.testing.assert_array_equal(network(values), expected)


@pytest.mark.parametrize(("cells", "axes", "dims"), [(5, 2, 2), (6, 3, 1), (3, 4, 2)])
def test_values_and_coordinates_are_each_others_inverse(cells: int, axes: int, dims: int) -> None:
    each = np.arange(cells**axes)
    values = np.stack([each, each[::-1]], axis=1)[:, :dims]
    centres = grid.centres(cells)
    there = Network(grid.coordinates(cells, axes, dims), 0, cells**axes - 1)(values)
    np.testing.assert_array_equal(there[:, :axes], centres[grid.cells_of(cells, axes)])
    borders = np.tile((centres[1:] + centres[:-1]) // 2, (dims * axes, 1))
    back = Network(grid.values(borders, axes), -1000, 1000)(there)
    np.testing.assert_array_equal(back, values)


def test_a_model_of_grids_is_categorical_and_written_like_any_other(model: Model) -> None:
    assert model.categorical
    assert model.qualities == (36,)
    assert model.quantiser().lambda_ > 0
    codec = Codec(model, effort=0)
    codes = codec.encode(make_images(100, seed=1))
    assert len(np.unique(codes)) > 5
    body = b"".join(codec.coder.pack_coded(codes, 2))
    np.testing.assert_array_equal(codec.coder.unpack(body, *codes.shape), codes)


def priced(model: Model, lambda_: int) -> Model:
    """Return the model with another lambda."""
    return replace(model, quantisers=(replace(model.quantiser(), lambda_=lambda_),))


def worth(model: Model, images: np.ndarray, codes: np.ndarray) -> np.ndarray:
    """Return squared error + lambda * rate, [n], of codes."""
    quantiser = model.quantiser()
    missing = Codec(model).decode(codes).astype(np.int64) - images
    total: np.ndarray = (missing**2).sum(axis=(1, 2)) + quantiser.lambda_ * quantiser.rate(codes)
    return total


@pytest.mark.parametrize("lambda_", [0, 20_000])
def test_the_search_leaves_no_latent_that_another_value_would_better(
    model: Model, lambda_: int
) -> None:
    model, images = priced(model, lambda_), make_images(12, seed=2)
    found = Codec(model, effort=9).encode(images)
    least = worth(model, images, found)
    for j in range(2):
        for value in range(36):
            trial = found.copy()
            trial[:, j] = value
            assert (worth(model, images, trial) >= least).all()


def test_more_effort_on_a_grid_is_worth_no_less(model: Model) -> None:
    model, images = priced(model, 5000), make_images(40, seed=3)
    each = [worth(model, images, Codec(model, effort=e).encode(images)) for e in (0, 1, 4, 9)]
    assert (np.diff(each, axis=0) <= 0).all()
    assert each[-1].sum() < each[0].sum()


def test_batches_change_no_code_of_a_grid(model: Model) -> None:
    images = make_images(70, seed=4)
    codes = Codec(model, effort=1).encode(images)
    parts = [Codec(model, effort=1).encode(images[i : i + 7]) for i in range(0, 70, 7)]
    np.testing.assert_array_equal(np.concatenate(parts), codes)


@pytest.mark.parametrize(
    "changes",
    [
        {"code.levels": (24,)},
        {"code.levels": (25, 16)},
        {"plain.sizes": (8, 2)},
        {"code.axes": 0},
    ],
)
def test_a_recipe_for_no_grid_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match="axes"):
        changed(TOY, {"code.dims": 2, "code.axes": 2, "code.levels": (25,), **changes})


def test_one_latent_names_the_nearest_entry_of_a_list(tmp_path: Path) -> None:
    images = make_images(300)
    recipe = changed(
        TOY, {"name": "toy-list", "code.dims": 1, "code.levels": (9, 4), "codebook": True}
    )
    path = tmp_path / "toy-list.safetensors"
    train(recipe, images, out=path, checkpoint=tmp_path, device=CPU.type)
    codec = load_codec(path, effort=0)
    assert codec.model.categorical
    quantiser = codec.model.quantiser()
    entries = codec.decode(np.arange(9, dtype=np.uint8)[:, None]).astype(np.int64)
    worth = ((images[:, None].astype(np.int64) - entries) ** 2).sum(axis=(2, 3))
    worth = worth + quantiser.lambda_ * quantiser.costs(np.zeros((1, 0), np.uint8))
    np.testing.assert_array_equal(codec.encode(images)[:, 0], worth.argmin(axis=1))


def test_a_list_gives_its_entries() -> None:
    entries = make_images(6).reshape(6, -1)
    decoder = codebook_decoder(entries)
    np.testing.assert_array_equal(decoder(np.arange(6)[:, None]), entries)


def test_a_list_may_be_as_long_as_a_byte_can_tell() -> None:
    (thresholds,) = _thresholds(255)
    assert len(thresholds) == 254
    assert (np.diff(thresholds) >= 0).all()
    assert (thresholds[0], thresholds[-1]) == (1, 254)
