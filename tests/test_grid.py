"""Codes of few numbers: grids and lists, told apart by layers, and the search that tries them."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from digitzip.codec import Codec, load_codec
from digitzip.errors import InputError
from digitzip.model import Model
from digitzip.network import Network
from digitzip.training import TOY, grid, train
from digitzip.training.codebook import codebook_decoder
from tests.toy import make_images


class Silence:
    """A watcher that says nothing."""

    def step(self, done: int, total: int, loss: float) -> None: ...

    def epoch(self, figures: object) -> None: ...

    def say(self, line: str) -> None: ...


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Model:
    """Two numbers of two axes of five cells, trained for a moment."""
    folder = tmp_path_factory.mktemp("grid")
    recipe = replace(TOY, name="toy-grid", dims=2, axes=2, levels=(25,))
    path = train(
        recipe, make_images(400), out=folder / "toy-grid.safetensors",
        checkpoint=folder / "checkpoint", device="cpu", progress=Silence(),
    )  # fmt: skip
    return load_codec(Path(path)).model


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
    np.testing.assert_array_equal(there[:, :axes], centres[grid.places(cells, axes)])
    borders = np.tile((centres[1:] + centres[:-1]) // 2, (dims * axes, 1))
    back = Network(grid.values(borders, axes), -1000, 1000)(there)
    np.testing.assert_array_equal(back, values)


def test_a_model_of_grids_is_nominal_and_written_like_any_other(model: Model) -> None:
    assert model.nominal
    assert model.qualities == (25,)
    codec = Codec(model, effort=0)
    codes = codec.encode(make_images(100, seed=1))
    assert len(np.unique(codes)) > 5
    np.testing.assert_array_equal(codec.packer.unrank(codec.packer.rank(codes)), codes)


def test_the_search_leaves_no_number_that_another_value_would_better(model: Model) -> None:
    images = make_images(12, seed=2)
    codec = Codec(model, effort=9)
    found = codec.encode(images)

    def error(codes: np.ndarray) -> np.ndarray:
        missing = codec.decode(codes).astype(np.int64) - images
        total: np.ndarray = np.einsum("nhw,nhw->n", missing, missing)
        return total

    least = error(found)
    for j in range(2):
        for value in range(25):
            trial = found.copy()
            trial[:, j] = value
            assert (error(trial) >= least).all()
    assert least.sum() < error(Codec(model, effort=0).encode(images)).sum()


@pytest.mark.parametrize(
    "changes",
    [{"levels": (24,)}, {"levels": (25, 16)}, {"encoder_network": (8, 2)}, {"axes": 0}],
)
def test_a_recipe_for_no_grid_is_refused(changes: dict[str, object]) -> None:
    with pytest.raises(InputError, match="axes"):
        replace(TOY, **{"dims": 2, "axes": 2, "levels": (25,), **changes})  # type: ignore[arg-type]


def test_one_number_names_the_nearest_entry_of_a_list(tmp_path: Path) -> None:
    images = make_images(300)
    recipe = replace(TOY, name="toy-list", dims=1, levels=(9, 4), codebook=True)
    path = train(
        recipe, images, out=tmp_path / "toy-list.safetensors", checkpoint=tmp_path / "checkpoint",
        device="cpu", progress=Silence(),
    )  # fmt: skip
    codec = load_codec(path, effort=0)
    assert codec.model.nominal
    level_set = codec.model.level_set()
    entries = codec.decode(np.arange(9, dtype=np.uint8)[:, None]).astype(np.int64)
    worth = ((images[:, None].astype(np.int64) - entries) ** 2).sum(axis=(2, 3))
    worth = worth + level_set.lambda_ * level_set.costs(np.zeros((1, 0), np.uint8))
    np.testing.assert_array_equal(codec.encode(images)[:, 0], worth.argmin(axis=1))


def test_a_list_gives_its_entries() -> None:
    entries = make_images(6).reshape(6, -1)
    decoder = codebook_decoder(entries)
    np.testing.assert_array_equal(decoder(np.arange(6)[:, None]), entries)
