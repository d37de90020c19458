"""Plain networks as in 2016: what their options say is what happens, and any of them is a codec."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from digitzip.cli import digitzip as command
from digitzip.cli import plain

torch = pytest.importorskip("torch", reason="torch is not installed (extra: train)")

from digitzip.codec import Codec  # noqa: E402
from digitzip.errors import InputError  # noqa: E402
from digitzip.images.labels import labels_beside, read_labels  # noqa: E402
from digitzip.metrics import rmse  # noqa: E402
from digitzip.model import read_model  # noqa: E402
from digitzip.training import EXPERIMENT_2016, Recipe  # noqa: E402
from digitzip.training.export.model import export_model  # noqa: E402
from digitzip.training.fit.board import ZOOM, beside  # noqa: E402
from digitzip.training.fit.data import prepare  # noqa: E402
from digitzip.training.fit.evaluate import evaluate  # noqa: E402
from digitzip.training.fit.loop import Run  # noqa: E402
from digitzip.training.fit.noise import disturb  # noqa: E402
from digitzip.training.fit.optimisers import RMSProp  # noqa: E402
from digitzip.training.nets.activations import Activation  # noqa: E402
from digitzip.training.nets.plain import Plain  # noqa: E402
from digitzip.training.nets.quantise import Cells  # noqa: E402
from tests.test_training import CPU, Listener, blobs, fit_toy  # noqa: E402

SMALL = replace(
    EXPERIMENT_2016,
    encoder_network=(24, 3),
    dims=3,
    levels=(16,),
    epochs=4,
    batch=32,
    predictor_width=8,
    predictor_steps=20,
)
RATES = {"adam": 0.01, "adamw": 0.01, "rmsprop": 0.03, "momentum": 0.5, "adagrad": 0.05}


def trained(recipe: Recipe) -> tuple[Run, list[float]]:
    """Return a run on blobs that has ended, and the RMSE of each epoch."""
    run = Run(recipe, prepare(blobs(), recipe, CPU), CPU)
    return run, [run.train_epoch(Listener()) for _ in range(recipe.epochs)]


def plain_of(recipe: Recipe) -> Plain:
    torch.manual_seed(0)
    return Plain(120, recipe)


def test_tied_networks_have_one_matrix_for_both_ways() -> None:
    tied, untied = plain_of(SMALL), plain_of(replace(SMALL, tied=False))
    assert len(tied.mirror_weights) == 0
    mirrored = [weight for weight, _ in tied.decoder_layers()]
    for weight, mirror in zip(tied.weights, mirrored[::-1], strict=True):
        assert mirror.data_ptr() == weight.data_ptr()
        assert torch.equal(mirror, weight.T)
    shapes = [tuple(weight.shape) for weight, _ in untied.decoder_layers()]
    assert shapes == [tuple(weight.shape) for weight in mirrored] == [(24, 3), (120, 24)]


@pytest.mark.parametrize("sizes", [(9000, 10), (8000, 4000, 10)])
def test_a_network_that_no_model_file_holds_is_refused_before_it_is_trained(
    sizes: tuple[int, ...],
) -> None:
    said = plain.Plain(sizes, None, None, None, None, None)
    with pytest.raises(InputError, match="too large for a model file"):
        said.recipe(EXPERIMENT_2016, 10_000, {})


@pytest.mark.parametrize("name", RATES)
def test_each_optimiser_lowers_the_loss(name: str) -> None:
    losses = trained(replace(SMALL, epochs=12, optimizer=name, learning_rate=RATES[name]))[1]
    assert losses[-1] < 0.9 * losses[0]


def test_rmsprop_begins_as_it_did_in_2016() -> None:
    weight = torch.nn.Parameter(torch.tensor([1.0]))
    optimiser = RMSProp([weight], lr=0.1)
    for gradient, expected in ((2.0, 0.82459), (-1.0, 0.91332)):
        weight.grad = torch.tensor([gradient])
        optimiser.step()
        # square: 0.9 * 1 + 0.1 * 4 = 1.3, then 0.9 * 1.3 + 0.1 * 1 = 1.27; the step is 0.1 g / root
        assert weight.item() == pytest.approx(expected, abs=1e-5)


def test_mask_noise_zeroes_its_share_and_leaves_the_rest() -> None:
    noisy = disturb(torch.full((200, 500), 0.7), 0.3, "mask", torch.Generator().manual_seed(0))
    assert (noisy == 0).float().mean().item() == pytest.approx(0.3, abs=0.005)
    assert set(noisy.flatten().tolist()) == {0.0, torch.tensor(0.7).item()}


def test_gaussian_noise_has_its_deviation() -> None:
    x = torch.full((200, 500), 0.7)
    added = disturb(x, 0.3, "gaussian", torch.Generator().manual_seed(0)) - x
    assert added.std().item() == pytest.approx(0.3, abs=0.005)
    assert added.mean().item() == pytest.approx(0, abs=0.005)
    assert disturb(x, 0.0, "gaussian", torch.Generator()) is x


def test_noise_reaches_the_encoder_and_not_the_target() -> None:
    losses = [trained(replace(SMALL, epochs=6, noise_level=level))[1][-1] for level in (0, 0.9)]
    assert losses[1] > losses[0]


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
def test_the_squashing_of_a_code_is_undone_where_it_can_be(name: str) -> None:
    activation = Activation(name)
    z = np.linspace(0.01, 0.99, 9)
    assert np.allclose(activation(activation.inverse(z)), z)
    assert np.isfinite(activation.inverse(np.array([-1.0, 0.0, 1.0, 2.0]))).all()


def test_cells_span_the_codes_and_are_never_of_no_width() -> None:
    codes = torch.stack([torch.linspace(2, 4, 1001), torch.zeros(1001)], 1)
    cells = Cells.fitted(codes)
    assert cells.low[0].item() == pytest.approx(2.002, abs=1e-4)
    assert cells.high[0].item() == pytest.approx(3.998, abs=1e-4)
    assert (cells.high > cells.low).all()
    assert torch.allclose(cells.gather(cells.spread(codes)), codes, atol=1e-6)


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "gelu"])
def test_integers_repeat_any_activation(activation: str, tmp_path: Path) -> None:
    rate = 0.01 if activation == "sigmoid" else 0.002
    recipe = replace(SMALL, activation=activation, learning_rate=rate, tied=False)
    run, _ = trained(recipe)
    model = run.finished_model()
    out = tmp_path / "plain.safetensors"
    export_model(model, recipe, run.data, out, Listener())
    held_out = blobs()[: len(run.data.held_out)]
    codec = Codec(read_model(out), effort=0)
    floats = evaluate(model, run.data.held_out, 16).rmse
    assert abs(rmse(held_out, codec.decode(codec.encode(held_out))) - floats) < 0.0005


def test_resuming_a_plain_run_gives_the_same_weights(tmp_path: Path) -> None:
    recipe = replace(SMALL, optimizer="rmsprop", noise_level=0.2)
    whole = fit_toy(tmp_path / "whole", recipe)
    fit_toy(tmp_path / "parts", recipe, until=2)
    parts = fit_toy(tmp_path / "parts", recipe, resume=True)
    weights, others = whole.model.state_dict(), parts.model.state_dict()
    assert all(torch.equal(weights[name], others[name]) for name in weights)


def test_without_shuffling_batches_come_in_order() -> None:
    data = prepare(blobs(), SMALL, CPU)
    batches = torch.cat(list(data.batches(SMALL, 0, torch.Generator())))
    assert torch.equal(batches, data.train[: len(batches)].float() / 255)


def test_a_recipe_names_only_what_there_is() -> None:
    assert Recipe.from_json(SMALL.to_json()) == SMALL
    with pytest.raises(InputError, match="optimizer 'newton', expected adamw"):
        replace(SMALL, optimizer="newton")
    with pytest.raises(InputError, match="end in the 3 numbers"):
        replace(SMALL, encoder_network=(24, 4))
    with pytest.raises(InputError, match="expected 0 to below 1"):
        replace(SMALL, noise_level=1.5)


def test_inputs_stand_beside_their_reconstructions() -> None:
    sheet = beside(np.zeros((4, 12, 10), np.float32), np.ones((4, 12, 10), np.float32))
    assert sheet.shape == (4 * 12 * ZOOM, 2 * 10 * ZOOM)
    assert sheet[:, : 10 * ZOOM].max() == 0
    assert sheet[:, 10 * ZOOM :].min() == 1


def test_labels_are_found_beside_their_images_and_must_be_as_many(tmp_path: Path) -> None:
    labels = tmp_path / "train-labels-idx1-ubyte"
    labels.write_bytes(b"\0\0\x08\x01\0\0\0\x03abc")
    assert labels_beside(str(tmp_path / "train-images-idx3-ubyte.gz")) == labels
    assert labels_beside(str(tmp_path / "mine.npy")) is None
    assert read_labels(labels, 3).tolist() == [97, 98, 99]
    with pytest.raises(InputError, match="holds 3 labels, expected 4"):
        read_labels(labels, 4)
    labels.write_bytes(b"nothing of the kind")
    with pytest.raises(InputError, match="does not hold IDX labels"):
        read_labels(labels, 3)


def digitzip(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


@pytest.mark.parametrize(
    "options",
    [
        ("--encoder-network", "256,16,3", "--tied", "--activation", "sigmoid"),
        ("--encoder-network", "16,2", "--untied", "--activation", "relu", "--optimizer", "adagrad"),
        ("--encoder-network", "256,1", "--activation", "tanh", "--optimizer", "momentum"),
    ],
)
def test_any_network_compresses_and_decompresses(
    options: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    images = blobs(height=16, width=16)[:300]
    np.save("mine.npy", images)
    short = ("--epochs", "1", "--size", "16x16", "--device", "cpu", "--learning-rate", "0.01")
    monkeypatch.setattr("digitzip.training.EXPERIMENT_2016", replace(
        EXPERIMENT_2016, predictor_steps=20, predictor_width=8
    ))  # fmt: skip
    model = options[1].replace(",", "-") + ".safetensors"
    steps = (
        ("train", "--data", "mine.npy", *options, *short),
        ("compress", "mine.npy", "-o", "mine.dz", "--model", model),
        ("decompress", "mine.dz", "-o", "back.npy", "--model", model),
    )
    for step in steps:
        result = digitzip(*step)
        assert result.exit_code == 0, result.output
    assert np.load("back.npy").shape == images.shape


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (("--tied",), "--tied/--untied needs --encoder-network"),
        (("--noise-level", "0.3"), "--noise-level needs --encoder-network"),
        (("--encoder-network", "784,,10"), "is not sizes such as"),
        (("--encoder-network", "0,10"), "is not sizes such as"),
        (("--encoder-network", "784,10", "--recipe", "toy"), "exclude each other"),
        (("--encoder-network", "784,10", "--activation", "step"), "'step' is not one of"),
        (("--encoder-network", "784,10", "--size", "12x10"), "an image has 120 pixels"),
    ],
)
def test_options_that_mean_nothing_are_usage_errors(
    options: tuple[str, ...], message: str, tmp_path: Path
) -> None:
    np.save(tmp_path / "mine.npy", blobs())
    data, out = str(tmp_path / "mine.npy"), str(tmp_path / "x.safetensors")
    result = digitzip("train", "--data", data, "-o", out, *options)
    assert result.exit_code == 2
    assert message in result.output


def test_without_data_and_without_a_folder_of_it_one_line_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("DIGITZIP_DATA", raising=False)
    result = digitzip("train", "--encoder-network", "784,10")
    assert result.exit_code != 0
    assert "DIGITZIP_DATA" in str(result.exception) + result.output
