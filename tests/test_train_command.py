"""`digitzip train` on anybody's images: what it refuses, what it keeps, and to what it goes on."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

from digitzip.cli import digitzip as command

pytest.importorskip("torch", reason="torch is not installed (extra: train)")

from digitzip.training import OWN, adapted
from digitzip.training.fit.data import split
from tests.test_training import blobs

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals")

MAIN = "from digitzip.__main__ import main; main()"
INTERRUPTIBLE = f"import signal; signal.signal(2, signal.default_int_handler); {MAIN}"
TRAIN = ("train", "--data", "in.npy", "-o", "mine.safetensors", "--recipe", "toy",
         "--epochs", "30", "--device", "cpu")  # fmt: skip


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    np.save("in.npy", blobs())
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def fails(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 1, result.output
    assert result.stderr.count("\n") == 1
    return result.stderr


def stopped(at: str, sent: signal.Signals) -> tuple[int, str]:
    """Train in a process that gets a signal at a line; return its exit code and last line."""
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *TRAIN], stderr=subprocess.PIPE, text=True
    )
    with process:
        assert process.stderr is not None
        for line in process.stderr:
            if line.startswith(at):
                process.send_signal(sent)
                break
        lines = process.stderr.read().splitlines()
    return process.returncode, lines[-1] if lines else ""


def resume() -> None:
    """Go on with the run in a process like the one that was stopped: as many threads count."""
    assert subprocess.run([sys.executable, "-c", MAIN, *TRAIN, "--resume", "-q"]).returncode == 0


@posix
def test_a_stopped_run_is_kept_and_goes_on_to_the_same_model() -> None:
    code, line = stopped("epoch 2/", signal.SIGINT)
    assert code == 130
    assert "interrupted; the state after epoch" in line
    assert "of 31 is in 'mine-checkpoint': the same command with --resume goes on" in line
    assert "--resume goes on, -f starts anew" in fails(*TRAIN)
    assert "another recipe: it has seed 0" in fails(*TRAIN, "--resume", "--seed", "3")

    resume()
    model = Path("mine.safetensors").read_bytes()
    assert not Path("mine-checkpoint").exists()

    Path("mine.safetensors").unlink()
    code, _ = stopped("rounding", signal.SIGKILL)
    assert code == -signal.SIGKILL
    assert not Path("mine.safetensors").exists()
    resume()
    assert Path("mine.safetensors").read_bytes() == model

    whole = [sys.executable, "-c", MAIN, *TRAIN, "-f", "-q"]  # never stopped
    assert subprocess.run(whole).returncode == 0
    assert Path("mine.safetensors").read_bytes() == model


@posix
def test_a_full_disk_is_one_line_and_leaves_the_checkpoint_that_was() -> None:
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096)); "
    done = subprocess.run(
        [sys.executable, "-c", limit + MAIN, *TRAIN], capture_output=True, text=True
    )
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "File too large" in done.stderr
    assert "nothing to resume" in done.stderr
    assert not Path("mine.safetensors").exists()


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
        "empty": "there are no images in",
        "flat.npy": "expected uint8 [n, height, width]",
        "large.npy": "expected 8 to 64 a side",
        "black.npy": "are the same",
        "text": "is not an image that Pillow can read",
    }.items():
        assert reason in fails("train", "--data", name, "-o", "mine.safetensors")


def test_a_run_ends_with_its_figures_and_the_line_that_uses_it() -> None:
    result = run(*TRAIN, "--dims", "3")
    assert result.exit_code == 0, result.output
    said = result.stderr.splitlines()
    assert len(said) <= 21
    assert any(line.startswith("expecting pixels, step 6 of 6") for line in said)
    assert said[0].startswith("epoch 1/31")
    assert "B/digit" in said[-3]
    assert "RMSE 0.0" in said[-3] or "RMSE 0.1" in said[-3]
    use = said[-2].partition("digitzip ")[2].replace("IMAGES", "in.npy").split()
    assert run(*use).exit_code == 0


def test_the_recipe_suits_the_number_of_images() -> None:
    for n in (100, 1000, 10_000, 100_000):
        recipe = adapted(OWN, n)
        steps = (n - recipe.held_out) // recipe.batch * recipe.epochs
        assert 20 <= recipe.epochs <= 400
        assert 800 <= steps <= 12_000
        assert recipe.held_out == min(5000, n // 10)
    order, held_out = split(1000, adapted(OWN, 1000))
    assert held_out == 100
    assert 400 < order[:held_out].mean() < 600  # drawn, not the first
