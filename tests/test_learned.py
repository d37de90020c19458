"""Peers that learn decode from their bytes and a model, which is stated."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.peers import learned
from benchmarks.peers import rate as peers
from benchmarks.peers.formats import CODERS
from tests import toy

IMAGES = toy.make_images(50)


@pytest.fixture(scope="module")
def bars() -> learned.Components:
    """The components of 300 other bars."""
    return learned.components(toy.make_images(300, seed=1), 40)


def test_components_are_orthonormal_and_those_along_which_images_vary_most() -> None:
    images = toy.make_images(300, seed=1)
    found = learned.components(images, 20)
    np.testing.assert_allclose(found.axes @ found.axes.T, np.eye(20), atol=1e-5)
    along = ((images.reshape(300, -1) - found.mean) @ found.axes.T).var(axis=0)
    np.testing.assert_allclose(along, found.variances[:20], rtol=1e-3)
    assert (np.diff(found.variances) <= 0).all()


def test_more_numbers_lose_less(bars: learned.Components) -> None:
    losses = [peers.measure(learned.pca(bars, k, 50), IMAGES).rmse for k in (2, 5, 10, 20, 40)]
    assert losses == sorted(losses, reverse=True)
    assert losses[-1] < losses[0] / 2


def test_a_finer_step_loses_less_and_costs_more(bars: learned.Components) -> None:
    steps = [learned.step_of(bars, 20, fineness) for fineness in learned.FINENESS]
    coarse, middle, fine = (peers.measure(learned.pca(bars, 20, step), IMAGES) for step in steps)
    assert coarse.rmse > middle.rmse > fine.rmse
    assert coarse.bytes < middle.bytes < fine.bytes
    assert coarse.model_bytes == 4 * 784 * 21


def test_the_step_makes_as_much_noise_as_the_next_component_varies(
    bars: learned.Components,
) -> None:
    assert learned.step_of(bars, 10, 1) ** 2 / 12 == pytest.approx(bars.variances[10], rel=0.01)


def test_pca_decodes_from_its_bytes_within_half_a_step(bars: learned.Components) -> None:
    step = 60
    coder = learned.pca(bars, 10, step)
    (file,) = coder.encode(IMAGES)
    planes = learned.unpack_planes(file, 10)
    numbers = (IMAGES.reshape(50, -1) - bars.mean) @ bars.axes[:10].T
    assert np.abs(planes.T.astype(int) * step - numbers).max() <= step / 2 + 0.01
    plain = np.clip(numbers @ bars.axes[:10] + bars.mean, 0, 255).reshape(-1, 28, 28)
    away = np.linalg.norm((coder.decode([file]) - plain).reshape(50, -1), axis=1)
    rounding = math.sqrt(10) * step / 2 + math.sqrt(784) / 2  # of numbers, then of pixels
    assert (away <= rounding).all()


@pytest.mark.parametrize("k", [2, 16, 100, 256, 257, 4096])
@pytest.mark.parametrize("n", [1, 3, 1000])
def test_cells_come_back(k: int, n: int) -> None:
    cells = np.random.default_rng(k).integers(0, k, n)
    data = learned.pack_cells(cells, k)
    assert len(data) <= 5 + math.ceil(n * math.ceil(math.log2(k)) / 8)
    np.testing.assert_array_equal(learned.unpack_cells(data, k), cells)


def test_cells_take_whichever_packing_is_less() -> None:
    same = np.full(1000, 300)
    assert len(learned.pack_cells(same, 4096)) < 40
    np.testing.assert_array_equal(learned.unpack_cells(learned.pack_cells(same, 4096), 4096), same)
    noise = np.random.default_rng(0).integers(0, 4096, 1000)
    assert len(learned.pack_cells(noise, 4096)) == 5 + 1500


def test_a_codebook_that_holds_the_images_gives_them_back() -> None:
    book = toy.make_images(64, seed=5)
    images = book[np.random.default_rng(6).permutation(64)[:50]]
    peer = peers.measure(learned.codebook(book), images)
    assert peer.lossless
    assert peer.bytes == 5 + math.ceil(50 * 6 / 8)
    assert peer.model_bytes == 64 * 784


@given(st.integers(1, 3), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_planes_come_back(k: int, n: int, seed: int) -> None:
    planes = np.random.default_rng(seed).integers(-127, 128, (k, n)).astype(np.int8)
    np.testing.assert_array_equal(learned.unpack_planes(learned.pack_planes(planes), k), planes)
    planes[0] = planes[0, 0]
    np.testing.assert_array_equal(learned.unpack_planes(learned.pack_planes(planes), k), planes)


def test_planes_cost_about_their_entropy_and_a_byte_for_each_number() -> None:
    numbers = np.random.default_rng(0).normal(0, np.array([[20], [2], [0.2]]), (3, 10_000))
    planes = np.clip(np.rint(numbers), -127, 127).astype(np.int8)
    tables, bits = 0, 0.0
    for plane in planes:
        counts = np.unique(plane, return_counts=True)[1]
        tables += 2 + np.ptp(plane.astype(int)) + 1
        bits -= counts @ np.log2(counts / plane.size)
    assert len(learned.pack_planes(planes)) < 1.002 * bits / 8 + tables + 4 + 32


def test_a_dictionary_makes_digits_smaller_and_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "DICTIONARY", 4096)
    coder = learned.with_dictionary(toy.make_images(300, seed=1))
    peer = peers.measure(coder, IMAGES)
    assert (peer.lossless, peer.solid) == (True, False)
    assert 0 < peer.model_bytes <= 4096
    assert peer.bytes < peers.measure(CODERS["zstd singly, level 19"], IMAGES).bytes
