"""The training room: resumable to the bit, exact at export, and it refuses what is not."""

import importlib
import math
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra: train)")

import digitzip  # noqa: E402
from digitzip.codec import Codec  # noqa: E402
from digitzip.errors import InputError, ModelError  # noqa: E402
from digitzip.kernels import Network  # noqa: E402
from digitzip.metrics import rmse  # noqa: E402
from digitzip.model import Model, read_model  # noqa: E402
from digitzip.training import SILENT, TOY, Screen, adapted, changed, recipe_of, train  # noqa: E402
from digitzip.training.export import verify  # noqa: E402
from digitzip.training.export.affine import Affine, run  # noqa: E402
from digitzip.training.export.integers import Output, round_chain  # noqa: E402
from digitzip.training.export.lambdas import measured, within  # noqa: E402
from digitzip.training.export.rounding import round_model  # noqa: E402
from digitzip.training.fit.checkpoint import FILE_NAME, load_checkpoint  # noqa: E402
from digitzip.training.fit.data import split  # noqa: E402
from digitzip.training.fit.device import pick_device  # noqa: E402
from digitzip.training.fit.evaluate import evaluate  # noqa: E402
from digitzip.training.fit.loop import Average, Learner, fit  # noqa: E402
from digitzip.training.fit.optimisers import rate_at  # noqa: E402
from digitzip.training.jobs.export import export_model, finish  # noqa: E402
from digitzip.training.jobs.model import learn, learned_so_far  # noqa: E402
from digitzip.training.nets import FloatModel  # noqa: E402
from digitzip.training.nets.activations import Activation  # noqa: E402
from digitzip.training.nets.autoencoder import Autoencoder  # noqa: E402
from digitzip.training.nets.pruning import pruned  # noqa: E402
from digitzip.training.recipe import EntropyModel, Learning  # noqa: E402
from digitzip.training.recipes import OWN  # noqa: E402
from digitzip.training.settings import differences, to_json  # noqa: E402
from tests.runs import (  # noqa: E402
    LIGHTER,
    STAGES,
    Listener,
    Stopping,
    blobs,
    data_of,
    learn_toy,
    same_weights,
)  # fmt: skip

RECIPE = changed(
    TOY,
    {"epochs": 12, "autocast": False, "residual.steps": 100, "residual.width": 64,
     "residual.learning.batch": 1024, "residual.learning.rate": 5e-3},
)  # fmt: skip
QUICK = changed(TOY, {"epochs": 1, "polish.epochs": 0, "entropy.steps": 1, "residual.steps": 0})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a toy model and the checkpoint of its run."""
    return tmp_path_factory.mktemp("training")


@pytest.fixture(scope="module")
def told(folder: Path) -> Listener:
    """What was reported while the model was trained."""
    listener = Listener()
    out = folder / "toy.safetensors"
    train(RECIPE, blobs(), out=out, checkpoint=folder, watcher=listener)
    return listener


@pytest.fixture(scope="module")
def model(folder: Path, told: Listener) -> Model:
    return read_model(folder / "toy.safetensors")


@pytest.fixture(scope="module")
def networks(tmp_path_factory: pytest.TempPathFactory) -> tuple[Autoencoder, Autoencoder]:
    """The networks of a run before and after they were pruned and learned on."""
    folder = tmp_path_factory.mktemp("networks")
    with pytest.raises(KeyboardInterrupt):
        learn_toy(folder, LIGHTER, Stopping(TOY.epochs + TOY.polish.epochs))
    wide = learned_so_far(LIGHTER, data_of(LIGHTER), folder)
    light = learn_toy(folder, LIGHTER, resume=True)
    assert isinstance(wide, Autoencoder)
    assert isinstance(light, Autoencoder)
    return wide, light


# A run from images to a file.


def test_training_learns(told: Listener) -> None:
    rmse = [figures.quality.rmse for figures in told.figures]
    assert len(rmse) == RECIPE.epochs + RECIPE.polish.epochs
    assert rmse[-1] < 0.6 * rmse[0]


def test_a_trained_model_round_trips_through_its_file(model: Model) -> None:
    assert (model.shape.height, model.shape.width, model.shape.dims) == (12, 10, TOY.code.dims)
    assert tuple(quantiser.levels for quantiser in model.quantisers) == TOY.code.levels
    assert np.array_equal(Codec(model).decode(model.known_codes), model.known_images)
    assert '"decoder.width": 32' in model.notes["recipe"]


def test_a_trained_model_codes_corrections_with_its_own_residual_model(model: Model) -> None:
    images = blobs()[:100]
    assert model.residual is not None
    coded = digitzip.compress(images, model=model, lossless=True)
    plain = digitzip.compress(images, model=replace(model, residual=None), lossless=True)
    assert np.array_equal(digitzip.decompress(coded, model=model), images)
    assert len(coded) < 0.9 * len(plain), (len(coded), len(plain))


def test_integers_cost_next_to_nothing(folder: Path, model: Model) -> None:
    data, held_out = data_of(RECIPE), blobs()[: TOY.images.held_out]
    floats = learned_so_far(RECIPE, data, folder)
    for levels in TOY.code.levels:
        codec = Codec(model, levels, 0)
        expected = evaluate(floats, data.held_out, levels).rmse
        assert abs(rmse(held_out, codec.decode(codec.encode(held_out))) - expected) < 0.0005


def test_figures_and_labelled_codes_reach_tensorboard(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is not installed (extra: train)")
    images, listener = blobs(), Listener()
    train(QUICK, images, out=tmp_path / "toy.safetensors", checkpoint=tmp_path, watcher=listener,
          logdir=tmp_path / "log", labels=np.zeros(len(images), np.uint8))  # fmt: skip
    assert len(listener.figures) == 1
    (labels,) = (tmp_path / "log").rglob("metadata.tsv")
    assert labels.read_text().split() == ["0"] * TOY.images.held_out
    accumulator = importlib.import_module("tensorboard.backend.event_processing.event_accumulator")
    found = accumulator.EventAccumulator(str(tmp_path / "log"))
    found.Reload()
    tags = found.Tags()
    assert "inputs_and_reconstructions" in tags["images"]
    latents = range(TOY.code.dims)
    assert {f"code/latent_{j}" for j in latents} <= set(tags["histograms"])
    names = ("mean", "deviation", "least", "greatest")
    statistics = {f"code_{name}/latent_{j}" for name in names for j in latents}
    assert statistics | {"rmse/train", "rmse/evaluation"} <= set(tags["scalars"])
    (rate,) = found.Scalars("run/learning_rate")
    assert 0 < rate.value < TOY.learning.rate / 10  # a cosine near its end, not the polish's


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
        train(TOY, images, out=tmp_path / "x", checkpoint=tmp_path)


# The loop.


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> FloatModel:
    """The networks of a run of four stages that was never stopped."""
    return learn_toy(tmp_path_factory.mktemp("whole"), STAGES)


@pytest.mark.parametrize("after", [1, 2, 3, 5])  # in each of the four stages, or at its end
def test_a_stopped_run_resumes_to_the_same_weights(
    after: int, whole: FloatModel, tmp_path: Path
) -> None:
    with pytest.raises(KeyboardInterrupt):
        learn_toy(tmp_path, STAGES, Stopping(after))
    stored = load_checkpoint(tmp_path)
    assert (stored.epoch, stored.epochs) == (after, 6)
    assert same_weights(learn_toy(tmp_path, STAGES, resume=True), whole)
    assert load_checkpoint(tmp_path).epoch == 6


def test_another_seed_gives_other_weights_and_the_callers_generator_stays(tmp_path: Path) -> None:
    state = torch.get_rng_state()
    one, two, again = (learn_toy(tmp_path, changed(QUICK, {"seed": n})) for n in (0, 1, 0))
    assert same_weights(one, again)
    assert not same_weights(one, two)
    assert torch.equal(torch.get_rng_state(), state)


def test_a_checkpoint_of_another_run_is_refused(folder: Path, model: Model) -> None:
    before = (folder / FILE_NAME).read_bytes()
    with pytest.raises(InputError, match=r"another recipe: it has seed 0, decoder\.width 32$"):
        learn_toy(folder, changed(RECIPE, {"seed": 3, "decoder.width": 40}), resume=True)
    others = data_of(changed(RECIPE, {"images.held_out": 10}))
    with pytest.raises(InputError, match="other images"):
        learn(RECIPE, replace(others, fingerprint="x"), SILENT, folder, resume=True)
    assert (folder / FILE_NAME).read_bytes() == before


def test_resuming_from_nothing_or_from_garbage_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=f"no {FILE_NAME}"):
        learn_toy(tmp_path, resume=True)
    for garbage in (b"", b"nothing of the kind", b"\x80\x02cos\nsystem\n(S'true'\ntR."):
        (tmp_path / FILE_NAME).write_bytes(garbage)
        with pytest.raises(InputError, match="not a readable checkpoint"):
            load_checkpoint(tmp_path)
    torch.save({"version": 1}, tmp_path / FILE_NAME)
    with pytest.raises(InputError, match="version 1; this build reads 2"):
        load_checkpoint(tmp_path)


def test_a_run_that_diverges_says_so_and_keeps_the_state_before(tmp_path: Path) -> None:
    learner = Learner(torch.nn.Linear(1, 1), Learning(), torch.Generator())
    with pytest.raises(InputError, match="diverged in epoch 2: its loss is nan"):
        fit(
            learner,
            lambda epoch: [math.nan if epoch else 1.0],
            lambda factor: factor * learner.model.weight.sum(),
            epochs=3,
            steps=3,
            after=lambda loss: (tmp_path / "kept").touch(exist_ok=False),
        )
    assert (tmp_path / "kept").exists()


def test_a_new_run_does_not_leave_the_state_of_the_old(tmp_path: Path) -> None:
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            learn_toy(tmp_path / "run", watcher=Stopping(1))
    assert load_checkpoint(tmp_path / "run").epoch == 1


def test_learning_rates_rise_then_fall_as_half_a_cosine() -> None:
    learning = Learning(rate=1.0, warm_up=4)
    rates = [rate_at(learning, step, 100) for step in (0, 3, 50, 99)]
    assert rates[:3] == pytest.approx([0.25, 1.0, 0.5], abs=0.01)
    assert 0 < rates[3] < 0.001
    assert rate_at(replace(learning, schedule="constant"), 99, 100) == 1


def test_the_moving_average_follows_slowly_once_its_ramp_is_over() -> None:
    network = torch.nn.Linear(1, 1)
    average = Average(network, Learning(average=0.9))
    start = average.model.weight.item()
    with torch.no_grad():
        network.weight += 1
    average.update(network, 0)
    assert average.model.weight.item() == pytest.approx(start + 0.9)
    average.update(network, 1000)
    assert average.model.weight.item() == pytest.approx(start + 0.91)
    assert Average(network, Learning(average=0.0)).model is network


# Recipes.


def test_any_hyper_parameter_can_be_changed_by_its_path() -> None:
    changes = {"decoder.width": "640", "code.levels": "9,5", "autocast": "no", "lighter.rate": "1"}
    recipe = changed(TOY, changes)
    assert (recipe.decoder.width, recipe.code.levels, recipe.autocast) == (640, (9, 5), False)
    assert recipe.lighter is not None
    assert recipe.lighter.rate == 1
    assert "lighter" in differences(TOY, to_json(recipe))
    assert differences(TOY, to_json(TOY)) == ""
    assert '"learning.batch": 1024' in to_json(EntropyModel())


@pytest.mark.parametrize(
    ("changes", "match"),
    [
        ({"learning.batch": 1}, "BatchNorm needs 2"),
        ({"code.most_bits": (9.0,)}, "most_bits bounds 1 of 2"),
        ({"code.levels": (16, 256)}, "each must be 2 to 255"),
        ({"code.levels": (16, 16)}, "each may appear once"),
        ({"code.dims": 11}, "11 latents"),
        ({"lighter.decoder_hidden": 99}, "greater than decoder.hidden"),
        ({"lighter.decoder_rank": 9, "decoder.rank": 8}, "needs decoder.rank 0"),
        ({"lighter.epochs": 0}, "lighter.epochs: found 0"),
        ({"learning.rate": math.nan}, "learning rate is nan"),
        ({"learning.optimiser": "newton"}, "optimiser is 'newton', expected adamw"),
        ({"seed": 1 << 64}, "seed"),
        ({"codebook": True}, "codebook"),
        ({"decoder.hidden": 0}, "found 0, expected at least 1"),
        ({"decoder.colour": "1"}, "no hyper-parameter 'colour'; found width, hidden"),
        ({"decoder.width": "wide"}, "width is 'wide', expected int"),
        ({"seed.x": "1"}, "no hyper-parameter 'seed.x'"),
    ],
)
def test_a_recipe_that_cannot_be_trained_is_refused(changes: dict[str, Any], match: str) -> None:
    with pytest.raises(InputError, match=match):
        changed(TOY, changes)


@pytest.mark.parametrize("dims", [1, 3, 5, 9])
@pytest.mark.parametrize("name", ["own", "mnist"])
def test_few_latents_are_cells_of_grids(dims: int, name: str) -> None:
    recipe = recipe_of(name, dims)
    assert recipe.code.dims == dims
    assert recipe.pruned is None
    if not recipe.codebook:
        assert recipe.code.axes > 1
        cells = recipe.code.cells(recipe.code.levels[0])
        assert recipe.noise * cells == pytest.approx(0.6, abs=0.1)


def test_the_recipe_suits_the_number_of_images() -> None:
    for n in (100, 1000, 10_000, 100_000):
        recipe = adapted(OWN, n)
        held_out, batch = recipe.images.held_out, recipe.learning.batch
        steps = (n - held_out) // batch * recipe.epochs
        assert 20 <= recipe.epochs <= 400
        assert 800 <= steps <= 12_000
        assert held_out == min(5000, n // 10)
    order, held_out = split(1000, adapted(OWN, 1000))
    assert held_out == 100
    assert 400 < order[:held_out].mean() < 600  # drawn, not the first


def test_half_the_epochs_have_their_warps_and_the_others_fewer() -> None:
    changes = {"epochs": 10, "images.warp_share": 0.8, "images.warp_share_end": 0.2}
    recipe = changed(TOY, changes)
    shares = [recipe.warp_share_at(epoch) for epoch in (0, 5, 10, 12)]
    assert shares == pytest.approx([0.8, 0.8, 0.2, 0.2])


# Lighter networks.


def test_lighter_networks_lose_little(networks: tuple[Autoencoder, Autoencoder]) -> None:
    wide, light = (round_model(network, TOY, blobs()) for network in networks)
    widths = [[len(layer.weight) for layer in net.layers] for net in (light.encoder, light.decoder)]
    assert widths == [[24, 32, 8, 32, TOY.code.dims], [32, 16, 32, 16, 32, 20, 120]]
    held_out = blobs()[: TOY.images.held_out]
    before, after = (
        rmse(held_out, one.decode(one.encode(held_out)))
        for one in (Codec(wide, effort=0), Codec(light, effort=0))
    )
    assert after < 1.1 * before


def test_pruning_to_the_same_sizes_changes_nothing(
    networks: tuple[Autoencoder, Autoencoder],
) -> None:
    wide, x = networks[0], data_of(TOY).held_out.float() / 255
    for recipe in (TOY, changed(TOY, {"encoder.rank": 120, "decoder.rank": 32})):
        same = pruned(wide, recipe, x)
        torch.testing.assert_close(same.encode(x), wide.encode(x), rtol=0, atol=1e-3)
        z = wide.encode(x)
        torch.testing.assert_close(same.decode(z), wide.decode(z), rtol=0, atol=1e-3)


# Export.


@pytest.mark.parametrize("name", ["encoder", "residual model"])
def test_one_different_byte_keeps_a_model_from_being_written(
    name: str, model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest, wrong = verify.forward, model.encoder if name == "encoder" else model.residual

    def dishonest(network: Network, x: np.ndarray) -> np.ndarray:
        result = honest(network, x).copy()
        result[-1, -1] += network is wrong
        return result

    monkeypatch.setattr(verify, "forward", dishonest)
    out = tmp_path / "never.safetensors"
    with pytest.raises(ModelError, match=f"{name}: NumPy and PyTorch differ on 1 of"):
        finish(model, data_of(RECIPE), out)
    assert not out.exists()


def test_rows_whose_sums_would_be_inexact_get_smaller_weights() -> None:
    random = np.random.default_rng(0)
    inputs = random.integers(0, 256, (400, 600))
    chain = [Affine(random.choice([-1.0, 1.0], (3, 600)), np.zeros(3), Activation.NONE)]
    network = round_chain(chain, inputs, 1.0, (0, 255), Output(1.0, -(1 << 20), 1 << 20))
    sums = np.abs(network.layers[0].weight.astype(np.int64)).sum(axis=1) * 255
    assert sums.max() < 1 << 24
    assert np.allclose(network(inputs), run(chain, inputs.astype(np.float64))[0], atol=2)


def test_the_bits_of_a_code_decide_lambda(model: Model, tmp_path: Path) -> None:
    held_out, quantiser = blobs()[: TOY.images.held_out], model.quantiser()
    now = measured(Codec(model), held_out).bits
    cheaper = within(quantiser, model, now - 0.2, held_out)
    assert cheaper.lambda_ > quantiser.lambda_
    priced = replace(model, quantisers=(cheaper, *model.quantisers[1:]))
    assert measured(Codec(priced), held_out).bits <= now - 0.2
    free = within(quantiser, model, 99.0, held_out)
    assert free.lambda_ == 0
    assert within(free, model, now - 0.1, held_out).lambda_ < 1 << 20


def test_a_recipe_bounds_the_bits_of_one_number_of_levels(tmp_path: Path) -> None:
    quick = changed(QUICK, {"entropy.steps": 9})
    floats, data, path = learn_toy(tmp_path, quick), data_of(quick), tmp_path / "x.safetensors"
    lambdas = []
    for bounds in ((), (0.0, 5.0)):
        export_model(floats, changed(quick, {"code.most_bits": bounds}), data, path, SILENT)
        lambdas.append([quantiser.lambda_ for quantiser in read_model(path).quantisers])
    assert lambdas[0][0] == lambdas[1][0]
    assert lambdas[0][1] < lambdas[1][1]


# Devices and reports.


def test_a_device_that_is_not_there_is_refused() -> None:
    assert torch.ones(2, device=pick_device("auto")).sum().item() == 2
    for name in ("abacus", "cuda:99"):
        with pytest.raises(InputError, match="cannot be used here"):
            pick_device(name)


def test_a_terminal_gets_a_bar_with_a_figure_and_the_time_left(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    with Screen() as screen:
        screen.step(30, 100, "rmse 0.5000")
        screen.bar.refresh()
    shown = capsys.readouterr().err
    assert "30 %" in shown
    assert "rmse 0.5000" in shown
    assert re.search(r"[0-9-]:[0-9-]{2}:[0-9-]{2}", shown)


def test_a_pipe_gets_lines_of_some_epochs_and_no_bar(
    told: Listener, capsys: pytest.CaptureFixture[str]
) -> None:
    with Screen() as screen:
        screen.step(30, 100, "rmse 0.5000")
        for epoch in range(1, 31):
            screen.epoch(replace(told.figures[0], epoch=epoch, epochs=30))
    lines = capsys.readouterr().err.split("\n")[:-1]
    shown = [line.partition("  ")[0].removeprefix("epoch ").partition("/")[0] for line in lines]
    assert shown == ["1", "2", "3", "5", "6", "9", "12", "15", "18", "21", "24", "27", "30"]
