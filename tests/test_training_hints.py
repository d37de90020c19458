"""Advice in the errors of training: each hint is followed, and the run ends with a model."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import digitzip
from digitzip.cli import digitzip as command

pytest.importorskip("torch", reason="torch is not installed (extra: train)")

from digitzip.training import TOY, Measured, Recipe, changed, train
from tests.runs import blobs

ROOT = Path(__file__).parents[1]
QUICK = changed(TOY, {"epochs": 1, "polish.epochs": 0, "entropy.steps": 1, "residual.steps": 0})


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def learn(recipe: Recipe = QUICK, **options: Any) -> Measured:
    images = options.pop("images", blobs(200))
    return train(recipe, images, out=Path("m.safetensors"), checkpoint=Path("state"),
                 **{"device": "cpu", **options})  # fmt: skip


def told(said: str, **options: Any) -> None:
    with pytest.raises(digitzip.InputError, match=said):
        learn(**options)


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, arguments)
    return done.exit_code, done.stderr


def test_a_lower_learning_rate_helps() -> None:
    told("a lower learning rate may help", recipe=changed(QUICK, {"learning.rate": 1e30}))
    learn(changed(QUICK, {"learning.rate": 1e-3}))


def test_a_smaller_batch_helps() -> None:
    np.save("in.npy", blobs(100, 28, 28))
    digitzip.write_labels("y.npy", np.arange(100, dtype=np.uint8) % 2)
    arguments = ["train", "classifier", "--data", "in.npy", "--labels", "y.npy", "-q"]
    arguments += ["-o", "c.safetensors", "--held-out", "20", "--set=epochs=1", "--set=widths=16"]
    code, said = run(*arguments, "--set", "learning.batch=81")
    assert (code, "a smaller batch may help" in said) == (1, True)
    assert run(*arguments, "--set", "learning.batch=40") == (0, "")


def test_a_device_that_is_not_here_is_replaced_by_auto_or_cpu() -> None:
    told("try auto or cpu", device="no-such-device")
    for device in ("auto", "cpu"):
        learn(device=device)


def test_a_checkpoint_of_another_run_is_started_anew() -> None:
    learn()
    told("use the same or start anew", images=blobs(210), resume=True)
    learn(images=blobs(210))
    Path("state/checkpoint.pt").write_bytes(b"damaged")
    told(
        r"state.checkpoint\.pt is not a readable checkpoint; remove it and train anew", resume=True
    )
    Path("state/checkpoint.pt").unlink()
    learn()


def test_a_run_that_is_kept_goes_on_or_starts_anew() -> None:
    learn()
    np.save("in.npy", blobs(200))
    arguments = ["train", "--data", "in.npy", "-o", "m.safetensors", "--recipe", "toy", "-q"]
    arguments += ["--device", "cpu", "--epochs", "1", "--checkpoint", "state"]
    arguments += ["--set=polish.epochs=0", "--set=entropy.steps=1", "--set=residual.steps=0"]
    before = Path("m.safetensors").read_bytes()
    code, said = run(*arguments)
    assert (code, "exists; -f overwrites it" in said) == (1, True)
    Path("m.safetensors").rename("kept")
    code, said = run(*arguments)
    assert (code, "--resume goes on, -f starts anew" in said) == (1, True)
    assert run(*arguments, "-f")[0] == 0
    code, said = run(*arguments, "--resume", "-f", "--seed", "3")
    assert (code, "another recipe" in said) == (1, True)
    assert run(*arguments, "--resume", "-f")[0] == 0
    assert Path("kept").read_bytes() == before


def test_a_model_that_is_trained_for_the_images_fits_them(tiny: digitzip.Model) -> None:
    learn(changed(QUICK, {"epochs": 8}), images=blobs(640))
    digitzip.compress(blobs(640), model="m.safetensors", effort=0)


def test_what_training_needs_is_what_the_extra_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extra = {text.partition(">")[0] for text in project["optional-dependencies"]["train"]}
    assert extra == {"torch", "tensorboard"}  # tests/test_process.py does without torch
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    told(r"logdir needs tensorboard: pip install 'digitzip\[train\]'", logdir=Path("logs"))


def test_without_data_the_folder_of_mnist_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("train", "--encoder-network", "784,10", "--device", "cpu", "--epochs", "1", "-q")
    monkeypatch.delenv("DIGITZIP_DATA", raising=False)
    code, said = run(*arguments)
    assert (code, "give --data, or name the folder of MNIST's files" in said) == (1, True)
    Path("mnist").mkdir()
    monkeypatch.setenv("DIGITZIP_DATA", "mnist")
    code, said = run(*arguments)
    assert (code, "give --data, or name the folder of MNIST's files" in said) == (1, True)
    digitzip.write_images("mnist/train-images-idx3-ubyte", blobs(100, 28, 28))
    code, said = run(*arguments, "--set", "entropy.steps=1")
    assert (code, said) == (0, "")
