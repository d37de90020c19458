"""The factorised prior: its density is one, its latents survive the bytes, its training is kept."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from benchmarks.peers import factorised, prior
from digitzip.errors import DamagedError
from digitzip.kernels import rans
from tests import toy

IMAGES = toy.make_images(40)
CHANNELS = 6
LOW = np.array([-3, 0, -20, -1, 5, -300])
HIGH = np.array([3, 0, 25, 0, 9, 300])


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Threads that wait for each other are slow beside other work."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def density() -> prior.Density:
    """A density some values wide, whose channels differ and whose gates are open."""
    torch.manual_seed(5)
    density = prior.Density(CHANNELS)
    with torch.no_grad():
        for parameter in density.parameters():
            parameter.add_(0.3 * torch.randn(parameter.shape))
        density.matrices[0].add_(2)
    return density


def drawn(density: prior.Density, n: int) -> prior.Latents:
    """Draw rounded latents [n, channels, positions]: the values at which the cumulative is u."""
    random = np.random.default_rng(7)
    values = np.arange(-400, 401)
    edges = torch.from_numpy(values + 0.5).float().expand(CHANNELS, -1)
    with torch.no_grad():
        less = torch.sigmoid(density.logits(edges)).numpy()
    return np.stack([values[row.searchsorted(random.random((n, 4)))] for row in less], axis=1)


def test_the_cumulative_rises_from_0_to_1(density: prior.Density) -> None:
    values = torch.linspace(-3000, 3000, 6001).expand(CHANNELS, -1)
    with torch.no_grad():
        logits = density.logits(values)
        chances = 2 ** -density.bits(values)
    assert (logits.diff() > 0).all()
    less = torch.sigmoid(logits)
    assert (less[:, 0] < 1e-6).all()
    assert (less[:, -1] > 1 - 1e-6).all()
    torch.testing.assert_close(chances.sum(dim=1), torch.ones(CHANNELS), atol=1e-4, rtol=0)


def test_every_value_of_a_table_has_a_frequency_and_they_fill_the_total(
    density: prior.Density,
) -> None:
    tables = prior.tables_of(density, LOW, HIGH)
    frequencies = np.diff(tables.cdf)
    counts = HIGH - LOW + 1
    for row, count in zip(frequencies, counts, strict=True):
        assert (row[:count] > 0).all()
        assert not row[count:].any()
    assert (frequencies.sum(axis=1) == rans.TOTAL).all()
    middle = torch.arange(-2, 3).expand(CHANNELS, -1).float()
    with torch.no_grad():
        chances = 2 ** -density.bits(middle)[0]
    np.testing.assert_allclose(frequencies[0, 1:6] / rans.TOTAL, chances, atol=4e-4)


@pytest.mark.parametrize("n", [1, 63, 200])
def test_latents_come_back_exactly(density: prior.Density, n: int) -> None:
    tables = prior.tables_of(density, LOW, HIGH)
    random = np.random.default_rng(n)
    latents = random.integers(LOW[:, None], HIGH[:, None] + 1, (n, CHANNELS, prior.POSITIONS))
    np.testing.assert_array_equal(tables.clipped(latents), latents)
    data = prior.pack(latents, tables)
    np.testing.assert_array_equal(prior.unpack(data, tables), latents)
    with pytest.raises(DamagedError):
        prior.unpack(data[:-2], tables)


def test_what_no_table_has_is_clipped_to_the_nearest_that_it_has(density: prior.Density) -> None:
    tables = prior.tables_of(density, LOW, HIGH)
    beyond = np.full((2, CHANNELS, prior.POSITIONS), 1000)
    beyond[1] = -1000
    clipped = tables.clipped(beyond)
    assert (clipped[0] == HIGH[:, None]).all()
    assert (clipped[1] == LOW[:, None]).all()
    np.testing.assert_array_equal(prior.unpack(prior.pack(clipped, tables), tables), clipped)


def test_the_bytes_are_what_the_density_says(density: prior.Density) -> None:
    latents = drawn(density, 1500)
    tables = prior.tables_of(density, latents.min(axis=(0, 2)), latents.max(axis=(0, 2)))
    values = torch.from_numpy(latents).float().transpose(0, 1).flatten(1)
    with torch.no_grad():
        expected = float(density.bits(values).sum()) / 8
    heads = 4 + 4 * prior.LANES
    assert len(prior.pack(latents, tables)) - heads == pytest.approx(expected, rel=0.01)


def test_a_network_round_trips_images_through_bytes_and_twice_to_the_same() -> None:
    torch.manual_seed(3)
    network = prior.Network(8)
    weight, _ = list(network.analysis.parameters())[-2:]
    weight.data *= 40  # so that latents have many values before any training
    stored = factorised.finished(network, IMAGES)
    coder = prior.coder("λ 1", *factorised.restored(stored))
    other = prior.coder("λ 1", *factorised.restored(stored))
    latents = prior.latents_of(network, IMAGES)
    assert len(np.unique(latents)) > 5
    with torch.no_grad():
        exact = network.analysis(prior.pixels_of(IMAGES)).flatten(2).numpy()
    assert np.abs(exact - latents).max() <= 0.5
    files = coder.encode(IMAGES)
    assert files == other.encode(IMAGES)
    _, tables = factorised.restored(stored)
    np.testing.assert_array_equal(prior.unpack(files[0], tables), latents)
    decoded = coder.decode(files)
    np.testing.assert_array_equal(decoded, other.decode(files))
    np.testing.assert_array_equal(decoded, prior.images_of(network, latents))
    assert (len(files), coder.solid, coder.lossless) == (1, True, False)
    synthesis = sum(p.numel() for p in network.synthesis.parameters())
    assert coder.model_bytes == 4 * (synthesis + stored["low"].numel() + stored["cdf"].numel())


def test_training_lowers_what_it_counts() -> None:
    torch.manual_seed(4)
    network, recipe = prior.Network(8), factorised.Recipe(batch=8, learning_rate=5e-3)
    images = toy.make_images(400, seed=1)

    @torch.no_grad()
    def cost() -> float:
        random = torch.Generator().manual_seed(0)
        return factorised.cost(network, prior.pixels_of(IMAGES), 0.01, random).item()

    before = cost()
    factorised.train(network, images, 0.01, 2, recipe)
    assert cost() < 0.7 * before


@pytest.fixture
def tiny(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    """What trains two λ of a tiny network on bars, and keeps them elsewhere."""
    recipe = factorised.Recipe(
        lambdas=(0.5, 0.25), epochs=(1, 1), channels=4, held_out=20, batch=20
    )
    monkeypatch.setattr(factorised, "RECIPE", recipe)
    monkeypatch.setattr(factorised, "CACHED", tmp_path / "runs" / "factorised.pt")
    images = toy.make_images(80, seed=1)
    return lambda: factorised.run(images, recipe, factorised.CACHED)


def test_before_training_nothing_is_a_peer_and_the_run_says_how_to_train(
    tiny: Callable[[], None],
) -> None:
    assert not list(factorised.coders())
    assert factorised.left_out() == [
        "factorised prior, λ 0.5: `python -m benchmarks factorised` trains it",
        "factorised prior, λ 0.25: `python -m benchmarks factorised` trains it",
    ]


def test_each_lambda_is_kept_as_it_is_done_and_a_stopped_run_goes_on(
    tiny: Callable[[], None],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    train = factorised.train
    trained: list[float] = []

    def stopping(*given: object) -> None:
        trained.append(given[2])  # type: ignore[arg-type]
        if len(trained) == 2:
            raise KeyboardInterrupt
        train(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(factorised, "train", stopping)
    with pytest.raises(KeyboardInterrupt):
        tiny()
    assert [coder.setting for coder in factorised.coders()] == ["λ 0.5"]
    assert len(factorised.left_out()) == 1
    tiny()
    assert trained == [0.5, 0.25, 0.25]
    assert not factorised.left_out()
    sizes = [coder.encode(IMAGES) for coder in factorised.coders()]
    assert [coder.encode(IMAGES) for coder in factorised.coders()] == sizes
    assert "factorised prior, λ 0.25: " in capsys.readouterr().out


def test_another_recipe_is_refused(
    tiny: Callable[[], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny()
    monkeypatch.setattr(factorised, "RECIPE", factorised.Recipe())
    with pytest.raises(SystemExit, match="another recipe"):
        list(factorised.coders())
