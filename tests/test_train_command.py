"""`digitzip train`: what it refuses, what it keeps, how it goes on, and the parts it trains."""

from __future__ import annotations

import errno
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from digitzip import atomic
from digitzip.cli import digitzip as command
from digitzip.cli import train_plain
from digitzip.errors import InputError
from digitzip.images.labels import labels_beside

pytest.importorskip("torch", reason="torch is not installed (extra: train)")

from digitzip.metrics import rmse
from digitzip.model import read_classifier, read_model, write_classifier, write_model
from digitzip.training import EXPERIMENT_2016
from digitzip.training.fit import checkpoint as checkpoints
from digitzip.training.jobs import model as job
from digitzip.training.jobs import residual_model
from tests.runs import blobs
from tests.toy import make_classifier, make_images, make_model

QUICK = ("--device", "cpu", "--set", "entropy.steps=9", "--set", "residual.steps=0")
RESIDUAL = ("--set", "residual.steps=2", "--set", "residual.width=8",
            "--set", "residual.learning.batch=64")  # fmt: skip
TRAIN = ("train", "--data", "in.npy", "-o", "mine.safetensors", "--recipe", "toy", *QUICK)


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(residual_model, "CALIBRATION", 2048)  # pixels, for speed
    np.save("in.npy", blobs())
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def works(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stderr


def fails(*arguments: str, code: int = 1) -> str:
    result = run(*arguments)
    assert result.exit_code == code, result.output
    assert code == 2 or result.stderr.count("\n") == 1
    return result.stderr


def write_labels(name: str, labels: npt.NDArray[Any]) -> None:
    header = b"\0\0\x08\x01" + len(labels).to_bytes(4, "big")
    Path(name).write_bytes(header + labels.astype(np.uint8).tobytes())


# A run of a model.


def test_a_codec_of_ones_own_is_three_commands() -> None:
    images = blobs(height=16, width=16)
    np.save("mine.npy", images)
    told = works("train", "--data", "mine.npy", *TRAIN[3:], *RESIDUAL, "--size", "16x16",
                 "--dims", "3")  # fmt: skip
    lines = told.splitlines()
    assert len(lines) <= 21
    assert lines[0].startswith("epoch 1/5")
    assert any(line.startswith("residual model, step 2 of 2") for line in lines)
    assert "B/image" in lines[-3]
    assert "RMSE 0." in lines[-3]
    use, read = (line.partition("digitzip ")[2].split(" (")[0] for line in lines[-2:])
    works(*use.replace("IMAGES", "mine.npy").split())
    works(*read.replace("OUT", "back.npy").split())
    back = np.load("back.npy")
    assert rmse(back, images) < rmse(np.full_like(images, images.mean()), images)


def test_a_stopped_run_is_kept_and_goes_on_to_the_same_model(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    works(*TRAIN, "-q")
    whole = Path("mine.safetensors").read_bytes()
    assert not Path("mine-checkpoint").exists()
    Path("mine.safetensors").unlink()

    save = checkpoints.save_checkpoint

    def interrupted(folder: Path, checkpoint: Any) -> None:
        save(folder, checkpoint)
        if checkpoint.epoch == 2:
            raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(job, "save_checkpoint", interrupted)
        line = fails(*TRAIN, "-q", code=130)
    assert "interrupted; the state after epoch 2 of 5 is in 'mine-checkpoint'" in line
    assert "the same command with --resume goes on" in line
    assert "--resume goes on, -f starts anew" in fails(*TRAIN)
    assert "another recipe: it has seed 0" in fails(*TRAIN, "--resume", "--seed", "3")

    def killed(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(job, "export_model", killed)
        fails(*TRAIN, "-q", "--resume", code=130)
    assert not Path("mine.safetensors").exists()
    works(*TRAIN, "-q", "--resume")
    assert Path("mine.safetensors").read_bytes() == whole
    assert not Path("mine-checkpoint").exists()


def test_hyper_parameters_can_be_set_and_a_kept_checkpoint_exported_alone() -> None:
    write_labels("y-idx1-ubyte", np.arange(len(blobs())) % 5)
    labels = ("--labels", "y-idx1-ubyte", "--set", "labels.steps=2", "--set", "labels.copies=0")
    shape = ("--epochs", "1", "--learning-rate", "0.1", "--set", "decoder.width=64")
    options = (*shape, *RESIDUAL, *labels)
    works(*TRAIN, "-q", *options, "--checkpoint", "kept")
    whole = Path("mine.safetensors").read_bytes()
    works(*TRAIN, "-q", *options, "--checkpoint", "kept", "--export-only", "-f")
    assert Path("mine.safetensors").read_bytes() == whole
    model = read_model(Path("mine.safetensors"))
    assert model.labels is not None
    recipe = json.loads(model.notes["recipe"])
    assert (recipe["epochs"], recipe["learning.rate"]) == (1, 0.1)
    assert (recipe["decoder.width"], recipe["entropy.steps"], recipe["name"]) == (64, 9, "mine")
    assert "no checkpoint.pt" in fails(*TRAIN, "-f", "--resume", "--checkpoint", "nothing")
    assert "no hyper-parameter 'color'" in fails(*TRAIN, "-f", "--set", "color=1")
    assert "is not NAME=VALUE" in fails(*TRAIN, "--set", "color", code=2)


def test_a_full_disk_is_one_line_and_leaves_no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(atomic, "file", full)
    line = fails(*TRAIN, "-q")
    assert "No space left on device" in line
    assert "nothing to resume" in line
    assert not Path("mine.safetensors").exists()


# Images.


def test_one_image_of_another_size_is_named_with_what_makes_them_one() -> None:
    Path("folder").mkdir()
    for name, size in (("a", (12, 9)), ("b", (12, 9)), ("c", (9, 9))):
        Image.new("L", size).save(f"folder/{name}.png")
    line = fails("train", "--data", "folder", "-o", "mine.safetensors")
    assert "c.png' is 9x9 pixels; expected 9x12 8-bit grayscale like" in line
    assert "--size 9x12 --fit resize" in line


def test_what_is_no_set_of_images_is_refused() -> None:
    Path("empty").mkdir()
    np.save("flat.npy", np.zeros((300, 784), np.uint8))
    np.save("large.npy", np.zeros((300, 65, 64), np.uint8))
    np.save("black.npy", np.zeros((300, 16, 16), np.uint8))
    Path("text").write_text("nothing to see")
    for name, reason in {
        "empty": "found no images in 'empty'",
        "flat.npy": "expected uint8 [n, height, width]",
        "large.npy": "expected 8 to 64 per side",
        "black.npy": "are the same",
        "text": "is text; expected images",
    }.items():
        assert reason in fails("train", "--data", name, "-o", "mine.safetensors")


def test_labels_are_found_beside_their_images() -> None:
    labels = Path("train-labels-idx1-ubyte")
    labels.touch()
    assert labels_beside("train-images-idx3-ubyte.gz") == labels
    assert labels_beside("mine.npy") is None


# Plain networks.


@pytest.mark.parametrize(
    "options",
    [
        ("256,16,3", "--tied", "--activation", "sigmoid", "--noise-level", "0.1"),
        ("16,2", "--untied", "--activation", "relu", "--optimizer", "adagrad"),
        ("256,1", "--activation", "tanh", "--optimizer", "momentum"),
    ],
)
def test_any_plain_network_compresses_and_decompresses(options: tuple[str, ...]) -> None:
    images = blobs(200, height=16, width=16)
    np.save("mine.npy", images)
    short = ("--epochs", "1", "--size", "16x16", "--learning-rate", "0.01", *QUICK)
    works("train", "--data", "mine.npy", "--encoder-network", *options, *short)
    model = options[0].replace(",", "-") + ".safetensors"
    works("compress", "mine.npy", "-o", "mine.dz", "--model", model)
    works("decompress", "mine.dz", "-o", "back.npy", "--model", model)
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
def test_options_that_mean_nothing_are_usage_errors(options: tuple[str, ...], message: str) -> None:
    line = fails("train", "--data", "in.npy", "-o", "x.safetensors", *options, code=2)
    assert message in line


@pytest.mark.parametrize("sizes", [(9000, 10), (8000, 4000, 10)])
def test_a_network_that_no_model_file_holds_is_refused_before_it_is_trained(
    sizes: tuple[int, ...],
) -> None:
    with pytest.raises(InputError, match="too large for a model file"):
        train_plain.changes({"encoder_network": sizes}, EXPERIMENT_2016, 10_000)


# Parts of the bundled models.


def test_options_of_a_model_do_not_reach_the_parts() -> None:
    line = fails("train", "--epochs", "3", "bounds", "x.safetensors", code=2)
    assert "--epochs comes after" in line


def test_bounds_keep_the_id_and_the_notes_of_a_model() -> None:
    model = replace(make_model(), notes={"made": "by hand"})
    write_model(Path("toy.safetensors"), model)
    write_classifier(Path("classifier.safetensors"), make_classifier())
    np.save("images.npy", make_images(50))
    arguments = ("train", "bounds", "toy.safetensors", "--data", "images.npy", "--margin", "9")
    told = works(*arguments, "--classifier", "classifier.safetensors")
    known = read_model(Path("toy.safetensors"))
    assert (known.id, known.notes, known.margin) == (model.id, model.notes, 9)
    assert told.startswith("toy.safetensors: RMSE at most 0.")
    fails(*arguments, "--classifier", "toy.safetensors", code=4)


def test_a_residual_model_changes_the_id_and_can_be_set() -> None:
    write_model(Path("toy.safetensors"), make_model())
    np.save("images.npy", make_images(50))
    small = ("--set", "width=8", "--set", "learning.batch=64", "--set", "steps=3")
    told = works("train", "residual", "toy.safetensors", "--data", "images.npy", *small)
    model = read_model(Path("toy.safetensors"))
    assert model.residual is not None
    assert len(model.residual.layers[0].weight) == 8
    assert model.id.hex() in told.splitlines()[-1]


def test_a_label_model_changes_the_id_and_labels_are_read_with_it() -> None:
    write_model(Path("toy.safetensors"), make_model())
    images = make_images(50)
    np.save("images.npy", images)
    write_labels("labels-idx1-ubyte", images.mean(axis=(1, 2)) > 20)
    small = ("--set", "width=8", "--set", "learning.batch=64", "--set", "steps=3")
    labels = ("--labels", "labels-idx1-ubyte", "--held-out", "10", *small)
    told = works("train", "labels", "toy.safetensors", "--data", "images.npy", *labels)
    model = read_model(Path("toy.safetensors"))
    assert model.labels is not None
    assert len(model.labels.layers[0].weight) == 8
    lines = told.splitlines()
    assert lines[0].startswith("5 levels: a held-out label takes ")
    assert model.id.hex() in lines[-1]


def test_a_classifier_takes_the_name_of_its_file() -> None:
    images = make_images(200)
    np.save("images.npy", images)
    write_labels("labels", images.mean(axis=(1, 2)) > 20)
    small = ("--set", "epochs=1", "--set", "learning.batch=64", "--set", "widths=16")
    arguments = ("train", "classifier", "--data", "images.npy", "--labels", "labels",
                 "-o", "mine.safetensors", "--held-out", "50", *small)  # fmt: skip
    assert "of the held-out images are classified as they are labelled" in works(*arguments)
    assert read_classifier(Path("mine.safetensors")).name == "mine"
    assert "exists; -f overwrites it" in fails(*arguments)
