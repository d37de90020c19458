"""Plain networks as in 2016: what their options say is what happens, and any of them is a codec."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch is not installed (extra: train)")

from digitzip.codec import Codec  # noqa: E402
from digitzip.errors import InputError  # noqa: E402
from digitzip.metrics import rmse  # noqa: E402
from digitzip.training import EXPERIMENT_2016, Recipe, changed  # noqa: E402
from digitzip.training.export.rounding import round_model  # noqa: E402
from digitzip.training.fit.board import ZOOM, beside  # noqa: E402
from digitzip.training.fit.evaluate import evaluate  # noqa: E402
from digitzip.training.fit.optimisers import RMSProp  # noqa: E402
from digitzip.training.nets.activations import Activation  # noqa: E402
from digitzip.training.nets.plain import PlainAutoencoder, disturb  # noqa: E402
from tests.runs import Listener, Stopping, data_of, learn_toy, same_weights  # noqa: E402

SMALL = changed(
    EXPERIMENT_2016,
    {"plain.sizes": (24, 3), "code.dims": 3, "code.levels": (16,),
     "epochs": 4, "learning.batch": 32},
)  # fmt: skip
RATES = {"adam": 0.01, "adamw": 0.01, "rmsprop": 0.03, "momentum": 0.5, "adagrad": 0.05}


def losses_of(recipe: Recipe, folder: Path) -> list[float]:
    """Return the RMSE of each epoch of a run on blobs."""
    listener = Listener()
    learn_toy(folder, recipe, listener)
    return [figures.train_rmse for figures in listener.figures]


def plain_of(recipe: Recipe) -> PlainAutoencoder:
    torch.manual_seed(0)
    assert recipe.plain is not None
    return PlainAutoencoder(120, recipe.plain)


def test_tied_networks_have_one_matrix_for_both_ways() -> None:
    tied, untied = plain_of(SMALL), plain_of(changed(SMALL, {"plain.tied": False}))
    assert len(tied.mirror_weights) == 0
    mirrored = [weight for weight, _ in tied.decoder_layers()]
    for weight, mirror in zip(tied.weights, mirrored[::-1], strict=True):
        assert mirror.data_ptr() == weight.data_ptr()
        assert torch.equal(mirror, weight.T)
    shapes = [tuple(weight.shape) for weight, _ in untied.decoder_layers()]
    assert shapes == [tuple(weight.shape) for weight in mirrored] == [(24, 3), (120, 24)]


@pytest.mark.parametrize("name", RATES)
def test_each_optimiser_lowers_the_loss(name: str, tmp_path: Path) -> None:
    changes = {"epochs": 12, "learning.optimiser": name, "learning.rate": RATES[name]}
    losses = losses_of(changed(SMALL, changes), tmp_path)
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


def test_noise_reaches_the_encoder_and_not_the_target(tmp_path: Path) -> None:
    noisy = [changed(SMALL, {"epochs": 6, "plain.noise_level": level}) for level in (0.0, 0.9)]
    losses = [losses_of(recipe, tmp_path)[-1] for recipe in noisy]
    assert losses[1] > losses[0]


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "relu"])
def test_the_squashing_of_a_code_is_undone_where_it_can_be(name: str) -> None:
    activation = Activation(name)
    z = np.linspace(0.01, 0.99, 9)
    assert np.allclose(activation(activation.inverse(z)), z)
    assert np.isfinite(activation.inverse(np.array([-1.0, 0.0, 1.0, 2.0]))).all()


def test_cells_span_the_codes_and_are_never_of_no_width() -> None:
    model = plain_of(SMALL)
    model.fit_cells(torch.stack([torch.linspace(2, 4, 1001)] + [torch.zeros(1001)] * 2, 1))
    assert model.low[0].item() == pytest.approx(2.002, abs=1e-4)
    assert model.high[0].item() == pytest.approx(3.998, abs=1e-4)
    assert (model.high > model.low).all()
    x = torch.rand(9, 120)
    torch.testing.assert_close(model.decode(model.encode(x)), model.pixels(model.code(x)))


@pytest.mark.parametrize("activation", ["sigmoid", "tanh", "relu", "gelu"])
def test_integers_repeat_any_activation(activation: str, tmp_path: Path) -> None:
    rate = 0.01 if activation == "sigmoid" else 0.002
    changes = {"plain.activation": activation, "plain.tied": False, "learning.rate": rate}
    recipe = changed(SMALL, changes)
    model, data = learn_toy(tmp_path, recipe), data_of(recipe)
    held_out = data.as_images(data.held_out)
    codec = Codec(round_model(model, recipe, data.as_images(data.train)), effort=0)
    floats = evaluate(model, data.held_out, 16).rmse
    assert abs(rmse(held_out, codec.decode(codec.encode(held_out))) - floats) < 0.0005


def test_resuming_a_plain_run_gives_the_same_weights(tmp_path: Path) -> None:
    recipe = changed(SMALL, {"learning.optimiser": "rmsprop", "plain.noise_level": 0.2})
    whole = learn_toy(tmp_path, recipe)
    with pytest.raises(KeyboardInterrupt):
        learn_toy(tmp_path, recipe, Stopping(2))
    assert same_weights(learn_toy(tmp_path, recipe, resume=True), whole)


def test_without_shuffling_batches_come_in_order() -> None:
    data = data_of(SMALL)
    batches = torch.cat(list(data.batches(SMALL, 0, torch.Generator())))
    assert torch.equal(batches, data.train[: len(batches)].float() / 255)


def test_a_recipe_names_only_what_there_is() -> None:
    with pytest.raises(InputError, match="end in the 3 latents"):
        changed(SMALL, {"plain.sizes": (24, 4)})
    with pytest.raises(InputError, match="expected 0 to below 1"):
        changed(SMALL, {"plain.noise_level": 1.5})


def test_inputs_stand_beside_their_reconstructions() -> None:
    sheet = beside(np.zeros((4, 12, 10), np.float32), np.ones((4, 12, 10), np.float32))
    assert sheet.shape == (4 * 12 * ZOOM, 2 * 10 * ZOOM)
    assert sheet[:, : 10 * ZOOM].max() == 0
    assert sheet[:, 10 * ZOOM :].min() == 1
