"""The training room: resumable to the bit, exact at export, and it refuses what is not."""

import importlib
import io
import math
import re
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

from digitzip.cli import digitzip as command

torch = pytest.importorskip("torch", reason="torch is not installed (extra: train)")

from digitzip import archive  # noqa: E402
from digitzip.codec import Codec  # noqa: E402
from digitzip.entropy.probability import ideal_bits  # noqa: E402
from digitzip.errors import InputError, ModelError  # noqa: E402
from digitzip.kernels import Network  # noqa: E402
from digitzip.metrics import rmse  # noqa: E402
from digitzip.model import Quantiser, read_model  # noqa: E402
from digitzip.training import (  # noqa: E402
    TOY,
    Figures,
    export_checkpoint,
    train,
)
from digitzip.training.export import verify  # noqa: E402
from digitzip.training.export.fold import Affine, run  # noqa: E402
from digitzip.training.export.integers import Output, round_chain  # noqa: E402
from digitzip.training.export.model import as_images, export_model, round_model, within  # noqa: E402
from digitzip.training.fit.checkpoint import FILE_NAME, discard_checkpoint, load_checkpoint  # noqa: E402
from digitzip.training.fit.data import prepare  # noqa: E402
from digitzip.training.fit.device import pick_device  # noqa: E402
from digitzip.training.fit.evaluate import evaluate  # noqa: E402
from digitzip.training.fit.loop import Run, fit  # noqa: E402
from digitzip.training.fit.watch import Screen  # noqa: E402
from digitzip.training.nets.activations import Activation  # noqa: E402
from digitzip.training.nets.autoencoder import Autoencoder  # noqa: E402
from digitzip.training.nets.pruning import pruned  # noqa: E402
from digitzip.training.recipe import Recipe, recipe_of  # noqa: E402

CPU = torch.device("cpu")


class Listener:
    """A watcher that remembers."""

    def __init__(self) -> None:
        self.figures: list[Figures] = []
        self.lines: list[str] = []

    def step(self, done: int, total: int, loss: float) -> None: ...

    def epoch(self, figures: Figures) -> None:
        self.figures.append(figures)

    def say(self, line: str) -> None:
        self.lines.append(line)


def blobs(n: int = 640, height: int = 12, width: int = 10) -> np.ndarray:
    """Return images uint8 [n, h, w] of one soft blob each: position, size and brightness vary."""
    random = np.random.default_rng(0)
    y, x = np.mgrid[:height, :width]
    low, high = (2, 2, 1.0, 0.5), (height - 3, width - 3, 3.0, 1.0)
    top, left, size, white = random.uniform(low, high, (n, 4)).T[..., None, None]
    square = ((y - top) ** 2 + (x - left) ** 2) / size**2
    images: np.ndarray = np.rint(255 * white * np.exp(-square)).astype(np.uint8)
    return images


class Stopping(Listener):
    """A watcher that stops a run after some epochs, as Ctrl-C does."""

    def __init__(self, after: int) -> None:
        super().__init__()
        self.after = after

    def epoch(self, figures: Figures) -> None:
        super().epoch(figures)
        if figures.epoch == self.after:
            raise KeyboardInterrupt


def fit_toy(
    folder: Path,
    recipe: Recipe = TOY,
    watcher: Listener | None = None,
    **options: bool | int | None,
) -> Run:
    resume, until = bool(options.get("resume")), options.get("until")
    return fit(
        recipe,
        blobs(),
        checkpoint=folder,
        watcher=watcher or Listener(),
        device=CPU,
        resume=resume,
        until=until,
    )


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Listener]:
    """A toy model file, the folder of its checkpoint, and what was said meanwhile."""
    folder = tmp_path_factory.mktemp("training")
    listener = Listener()
    recipe = replace(TOY, epochs=12, autocast=False, residual_steps=100)
    out = train(
        recipe, blobs(), out=folder / "toy.safetensors", checkpoint=folder, progress=listener
    )
    return out, folder, listener


def test_training_learns(trained: tuple[Path, Path, Listener]) -> None:
    rmse = [figures.quality.rmse for figures in trained[2].figures]
    assert len(rmse) == 12 + TOY.polish_epochs
    assert rmse[-1] < 0.6 * rmse[0]


def test_a_trained_model_round_trips_through_its_file(
    trained: tuple[Path, Path, Listener],
) -> None:
    model = read_model(trained[0])
    assert (model.shape.height, model.shape.width, model.shape.dims) == (12, 10, TOY.dims)
    assert tuple(quantiser.levels for quantiser in model.quantisers) == TOY.levels
    assert np.array_equal(Codec(model).decode(model.known_codes), model.known_images)


def test_a_trained_model_codes_corrections_with_a_network_of_its_own(
    trained: tuple[Path, Path, Listener],
) -> None:
    model, images = read_model(trained[0]), blobs()[:100]
    assert model.residual is not None
    coded = archive.compress(images, model=model, lossless=True)
    plain = archive.compress(images, model=replace(model, residual=None), lossless=True)
    assert np.array_equal(archive.decompress(coded, model=model), images)
    assert len(coded) < 0.9 * len(plain), (len(coded), len(plain))


def test_integers_cost_next_to_nothing(trained: tuple[Path, Path, Listener]) -> None:
    stored = load_checkpoint(trained[1])
    restored = Run(stored.recipe, prepare(blobs(), stored.recipe, CPU), CPU)
    restored.restore(stored)
    held_out = blobs()[: TOY.held_out]
    for levels in TOY.levels:
        codec = Codec(read_model(trained[0]), levels, 0)
        floats = evaluate(restored.finished_model(), restored.data.held_out, levels).rmse
        assert abs(rmse(held_out, codec.decode(codec.encode(held_out))) - floats) < 0.0005


def test_a_checkpoint_exports_to_the_same_model(
    trained: tuple[Path, Path, Listener], tmp_path: Path
) -> None:
    again = export_checkpoint(
        blobs(), out=tmp_path / "again.safetensors", checkpoint=trained[1], progress=Listener()
    )
    assert read_model(again).id == read_model(trained[0]).id


def test_resuming_gives_the_weights_of_an_uninterrupted_run(tmp_path: Path) -> None:
    whole = fit_toy(tmp_path / "whole", TOY)
    fit_toy(tmp_path / "parts", TOY, until=2)
    parts = fit_toy(tmp_path / "parts", TOY, resume=True)
    for model, other in ((whole.model, parts.model), (whole.average.model, parts.average.model)):
        weights, others = model.state_dict(), other.state_dict()
        assert all(torch.equal(weights[name], others[name]) for name in weights)


def test_another_seed_gives_other_weights_and_the_callers_generator_stays(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    one, two = (fit_toy(tmp_path, replace(TOY, seed=seed), until=1) for seed in (0, 1))
    ones, twos = (list(run.model.parameters()) for run in (one, two))
    assert not torch.equal(ones[0], twos[0])
    assert torch.equal(torch.get_rng_state(), state)


def test_a_checkpoint_of_another_recipe_is_refused(tmp_path: Path) -> None:
    fit_toy(tmp_path, until=1)
    with pytest.raises(InputError, match="another recipe: it has seed 0"):
        fit_toy(tmp_path, replace(TOY, seed=3), resume=True)


def test_resuming_from_nothing_or_from_garbage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"no {FILE_NAME}"):
        fit_toy(tmp_path, resume=True)
    for garbage in (b"", b"nothing of the kind", b"\x80\x02cos\nsystem\n(S'true'\ntR."):
        (tmp_path / FILE_NAME).write_bytes(garbage)
        with pytest.raises(InputError, match="not a readable checkpoint"):
            load_checkpoint(tmp_path)


@pytest.mark.parametrize(
    ("images", "message"),
    [
        (blobs()[:50], "at least 100"),
        (blobs().astype(np.float32), "expected uint8"),
        (np.zeros((200, 28, 28), np.uint8), "the same"),
        (np.zeros((200, 7, 28), np.uint8), "8 to 64"),
    ],
)
def test_images_that_cannot_be_learned_from_are_refused(
    images: np.ndarray, message: str, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=message):
        train(TOY, images, out=tmp_path / "x", checkpoint=tmp_path, progress=Listener())


def test_a_recipe_survives_its_text_and_a_strange_one_is_refused() -> None:
    assert Recipe.from_json(TOY.to_json()) == TOY
    with pytest.raises(InputError, match="lacks: colour"):
        Recipe.from_json('{"name": "x", "colour": 1}')
    with pytest.raises(InputError, match="each must be 2 to 255"):
        replace(TOY, levels=(16, 256))


def test_figures_and_labelled_codes_reach_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed (extra: train)")
    images, listener = blobs(), Listener()
    train(
        replace(TOY, epochs=1, polish_epochs=0),
        images,
        out=tmp_path / "toy.safetensors",
        checkpoint=tmp_path,
        logdir=tmp_path / "log",
        progress=listener,
        labels=np.zeros(len(images), np.uint8),
    )
    assert len(listener.figures) == 1
    (labels,) = (tmp_path / "log").rglob("metadata.tsv")
    assert labels.read_text().split() == ["0"] * TOY.held_out
    found = accumulated(tmp_path / "log")
    tags = found.Tags()
    assert "inputs_and_reconstructions" in tags["images"]
    assert {f"code/number_{j}" for j in range(TOY.dims)} <= set(tags["histograms"])
    statistics = {
        f"code_{name}/number_{j}"
        for name in ("mean", "deviation", "least", "greatest")
        for j in range(TOY.dims)
    }
    assert statistics | {"rmse/train", "rmse/evaluation"} <= set(tags["scalars"])
    (rate,) = found.Scalars("run/learning_rate")
    assert 0 < rate.value < TOY.learning_rate / 10  # a cosine near its end, not the polish's


def accumulated(folder: Path) -> Any:
    """Return what TensorBoard finds in a folder."""
    accumulator = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(folder))
    found.Reload()
    return found


def test_a_run_that_diverges_says_so_and_keeps_the_state_before(tmp_path: Path) -> None:
    run = fit_toy(tmp_path, until=1)
    kept = (tmp_path / FILE_NAME).read_bytes()
    with torch.no_grad():
        next(run.model.parameters()).fill_(math.nan)
    with pytest.raises(InputError, match="diverged in epoch 2"):
        run.train_epoch(Listener())
    assert (tmp_path / FILE_NAME).read_bytes() == kept


def test_a_new_run_does_not_leave_the_state_of_the_old(tmp_path: Path) -> None:
    fit_toy(tmp_path, until=1)
    fit_toy(tmp_path, until=0)
    assert not (tmp_path / FILE_NAME).exists()


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"batch": 1}, "BatchNorm needs 2"),
        ({"most_bits": (9.0,)}, "bits of 1 level counts; it has 2"),
        ({"light_decoder_hidden": 99}, "greater decoder_hidden"),
        ({"light_decoder_rank": 9, "decoder_rank": 8}, "decoder_rank before"),
        ({"light_decoder_hidden": 9, "light_epochs": 0}, "at least one epoch"),
        ({"learning_rate": math.nan}, "learning rate of nan"),
        ({"seed": 1 << 64}, "seed"),
        ({"codebook": True}, "codebook"),
    ],
)
def test_a_recipe_that_cannot_be_trained_is_refused(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        replace(TOY, **changes)


@pytest.mark.parametrize("dims", [1, 3, 5, 9])
@pytest.mark.parametrize("name", ["own", "mnist"])
def test_few_numbers_are_cells_of_grids(dims: int, name: str) -> None:
    recipe = recipe_of(name, dims)
    assert recipe.dims == dims
    assert recipe.lighter is None
    if recipe.codebook:
        return
    assert recipe.axes > 1
    assert recipe.noise * recipe.cells(recipe.levels[0]) == pytest.approx(0.6, abs=0.1)


LIGHTER = replace(
    TOY,
    light_encoder_rank=24,
    light_encoder_hidden=8,
    light_decoder_hidden=16,
    light_decoder_rank=20,
    light_epochs=4,
    light_polish_epochs=1,
)


def test_lighter_networks_lose_little(tmp_path: Path) -> None:
    whole = fit_toy(tmp_path / "whole", TOY)
    run = fit_toy(tmp_path / "light", LIGHTER)
    assert run.epoch == 5
    model = export_model(run.finished_model(), LIGHTER, run.data, tmp_path / "light.st", Listener())
    widths = [[len(layer.weight) for layer in net.layers] for net in (model.encoder, model.decoder)]
    assert widths == [[24, 32, 8, 32, TOY.dims], [32, 16, 32, 16, 32, 20, 120]]
    first = round_model(whole.finished_model(), TOY, whole.data)
    held_out = as_images(run.data.held_out, run.data)
    before, after = (
        rmse(held_out, one.decode(one.encode(held_out)))
        for one in (Codec(first, effort=0), Codec(model, effort=0))
    )
    assert after < 1.1 * before


def test_pruning_to_the_same_sizes_changes_nothing(tmp_path: Path) -> None:
    run = fit_toy(tmp_path, TOY)
    model = run.finished_model()
    assert isinstance(model, Autoencoder)
    x = run.data.held_out.float() / 255
    for recipe in (TOY, replace(TOY, encoder_rank=120, decoder_rank=32)):
        same = pruned(model, recipe, x)
        torch.testing.assert_close(same.encode(x), model.encode(x), rtol=0, atol=1e-3)
        z = model.encode(x)
        torch.testing.assert_close(same.decode(z), model.decode(z), rtol=0, atol=1e-3)


@pytest.mark.parametrize("into", [0, 2, 4])  # epochs of the lighter networks: none, some, all but 1
def test_lighter_networks_resume_to_the_same_bytes(into: int, tmp_path: Path) -> None:
    whole = fit_toy(tmp_path / "whole", LIGHTER)
    stopping = Stopping(after=LIGHTER.epochs + LIGHTER.polish_epochs + into)
    with pytest.raises(KeyboardInterrupt):
        fit_toy(tmp_path / "cut", LIGHTER, watcher=stopping)
    resumed = fit_toy(tmp_path / "cut", LIGHTER, resume=True)
    mine, theirs = (run.finished_model().state_dict() for run in (whole, resumed))
    torch.testing.assert_close(mine, theirs, rtol=0, atol=0)
    first = export_model(
        resumed.finished_model(), LIGHTER, resumed.data, tmp_path / "a.st", Listener()
    )
    export_checkpoint(
        blobs(), out=tmp_path / "b.st", checkpoint=tmp_path / "cut", progress=Listener()
    )
    assert read_model(tmp_path / "b.st").id == first.id
    discard_checkpoint(tmp_path / "cut")
    assert not (tmp_path / "cut").exists()


def test_half_the_epochs_have_their_warps_and_the_others_fewer() -> None:
    recipe = replace(TOY, epochs=10, warp_share=0.8, warp_share_end=0.2)
    shares = [recipe.warp_share_at(epoch) for epoch in (0, 5, 10, 12)]
    assert shares == pytest.approx([0.8, 0.8, 0.2, 0.2])


def test_a_device_that_is_not_there_is_refused() -> None:
    for name in ("abacus", "cuda:99"):
        with pytest.raises(InputError, match="cannot be used here"):
            pick_device(name)


def test_one_different_byte_keeps_a_model_from_being_written(
    trained: tuple[Path, Path, Listener], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = verify.forward

    def dishonest(*arguments: object) -> np.ndarray:
        result = honest(*arguments).copy()  # type: ignore[arg-type]
        result[-1, -1] += 1
        return result

    monkeypatch.setattr(verify, "forward", dishonest)
    out = tmp_path / "never.safetensors"
    with pytest.raises(ModelError, match="encoder: NumPy and PyTorch differ on 1 of"):
        export_checkpoint(blobs(), out=out, checkpoint=trained[1], progress=Listener())
    assert not out.exists()


def test_a_residual_network_that_differs_is_refused_too(
    trained: tuple[Path, Path, Listener], monkeypatch: pytest.MonkeyPatch
) -> None:
    model, honest = read_model(trained[0]), verify.forward

    def dishonest(network: Network, x: np.ndarray) -> np.ndarray:
        return honest(network, x) + (network is model.residual)

    verify.verify(model, blobs())
    monkeypatch.setattr(verify, "forward", dishonest)
    with pytest.raises(ModelError, match="residual: NumPy and PyTorch differ on 512 of 512"):
        verify.verify(model, blobs())


def test_rows_whose_sums_would_be_inexact_get_smaller_weights() -> None:
    random = np.random.default_rng(0)
    inputs = random.integers(0, 256, (400, 1500))
    chain = [Affine(random.choice([-1.0, 1.0], (3, 1500)), np.zeros(3), Activation.NONE)]
    network = round_chain(chain, inputs, 1.0, (0, 255), Output(1.0, -(1 << 20), 1 << 20))
    sums = np.abs(network.layers[0].weight.astype(np.int64)).sum(axis=1) * 255
    assert sums.max() < 1 << 24
    assert np.allclose(network(inputs), run(chain, inputs.astype(np.float64))[0], atol=2)


def test_a_codec_of_ones_own_is_three_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images = blobs(height=16, width=16)
    np.save("mine.npy", images)

    def works(*arguments: str) -> None:
        result = CliRunner().invoke(command, arguments)
        assert result.exit_code == 0, result.output

    options = ("--recipe", "toy", "--size", "16x16", "--device", "cpu")
    works("train", "--data", "mine.npy", "-o", "mine.safetensors", *options)
    works("compress", "mine.npy", "-o", "mine.dz", "--model", "mine.safetensors")
    works("decompress", "mine.dz", "-o", "back.npy", "--model", "mine.safetensors")
    assert np.load("back.npy").shape == images.shape
    assert rmse(np.load("back.npy"), images) < rmse(np.full_like(images, images.mean()), images)


def test_a_terminal_gets_a_bar_with_loss_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = io.StringIO()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with Screen() as screen:
        screen.step(30, 100, 0.25)
        screen.bar.refresh()
    shown = terminal.getvalue()
    assert "30 %" in shown
    assert "rmse 0.5000" in shown
    assert re.search(r"[0-9-]:[0-9-]{2}:[0-9-]{2}", shown)


def test_a_pipe_gets_no_bar(capsys: pytest.CaptureFixture[str]) -> None:
    with Screen() as screen:
        screen.step(30, 100, 0.25)
    assert "rmse" not in capsys.readouterr().err


def test_the_automatic_device_is_one_that_works() -> None:
    assert torch.ones(2, device=pick_device("auto")).sum().item() == 2


def test_the_bits_of_a_recipe_decide_lambda(
    tmp_path: Path,
) -> None:
    free, bound = fit_toy(tmp_path), Listener()
    model = export_model(free.finished_model(), TOY, free.data, tmp_path / "a.st", bound)
    held_out = as_images(free.data.held_out, free.data)

    def bits(quantiser: Quantiser) -> float:
        priced = replace(model, quantisers=(quantiser, *model.quantisers[1:]))
        codec = Codec(priced)
        return ideal_bits(quantiser.scores, codec.encode(held_out))

    now = bits(model.quantiser())
    cheaper = within(model.quantiser(), model, now - 0.2, held_out)
    assert cheaper.lambda_ > model.quantiser().lambda_
    assert bits(cheaper) <= now - 0.2
    assert within(model.quantiser(), model, 99.0, held_out).lambda_ == 0
    exact = bits(within(model.quantiser(), model, 99.0, held_out))
    assert within(model.quantiser(), model, exact - 1e-6, held_out).lambda_ < 1 << 20


def test_a_recipe_bounds_the_bits_of_a_level_count(tmp_path: Path) -> None:
    recipe = replace(TOY, most_bits=(0.0, 5.0))
    run = fit_toy(tmp_path, TOY)
    free = export_model(run.finished_model(), TOY, run.data, tmp_path / "a.st", Listener())
    model = export_model(run.finished_model(), recipe, run.data, tmp_path / "b.st", Listener())
    assert model.quantisers[0].lambda_ == free.quantisers[0].lambda_
    assert model.quantisers[1].lambda_ > free.quantisers[1].lambda_
