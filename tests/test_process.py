"""The command as a process: imports, signals, closed and full streams, terminals."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest

import digitzip
from tests.processes import MAIN, spawn, stopped_at
from tests.toy import make_images, write_toy

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and pipes")


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_toy(folder / "mnist-10.safetensors")
    return folder


@pytest.fixture(autouse=True)
def here(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working folder with in.npy and in.dz, and a toy as the default model."""
    monkeypatch.setenv("DIGITZIP_MODELS", str(models))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    np.save("in.npy", make_images(7))
    Path("in.dz").write_bytes(digitzip.compress(make_images(7)))
    return tmp_path


@pytest.fixture
def temporary(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for the temporary files of the processes that a test starts."""
    folder = tmp_path_factory.mktemp("temporary")
    monkeypatch.setenv("TMPDIR", str(folder))
    return folder


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def closing(stream: str, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    """Run with one standard stream closed: "<", ">" or "2>"."""
    shell = ["sh", "-c", f'exec "$@" {stream}&-', "sh"]
    return subprocess.run([*shell, *spawn(*arguments)], capture_output=True)


# Imports


@pytest.mark.parametrize(
    ("arguments", "absent"),
    [
        (["--version"], {"numpy", "PIL", "rich", "torch", "zstandard", "safetensors"}),
        (["compress", "-h"], {"numpy", "PIL", "rich", "torch", "zstandard", "safetensors"}),
        (["decompress", "in.dz", "-o", "out.npy"], {"PIL", "rich", "torch"}),
    ],
)
def test_a_command_imports_no_more_than_it_needs(arguments: list[str], absent: set[str]) -> None:
    code = (
        "import atexit, sys; "
        f"atexit.register(lambda: print(sorted({absent} & set(sys.modules)), file=sys.stderr)); "
        + MAIN
    )
    done = subprocess.run(spawn(*arguments, code=code), capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


def test_training_without_torch_says_how_to_install_it() -> None:
    code = f"import sys; sys.modules['torch'] = None; {MAIN}"
    arguments = ["train", "--data", "in.npy", "-o", "out.safetensors"]
    done = subprocess.run(spawn(*arguments, code=code), capture_output=True, text=True)
    assert done.returncode == 4
    assert done.stderr.count("\n") == 1
    assert "pip install 'digitzip[train]'" in done.stderr


# Signals


@posix
@pytest.mark.parametrize(
    ("sent", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)]
)
def test_a_killed_run_leaves_no_output(
    sent: signal.Signals, code: int, here: Path, temporary: Path
) -> None:
    before = left(here)
    with stopped_at("digitzip/Writer:append", "compress", "in.npy", "-o", "out.dz") as process:
        assert len(left(here) - before) == 1  # the part
        process.send_signal(sent)
        _, said = process.communicate()
    assert process.returncode == code
    assert said == (b"digitzip: error: interrupted\n" if sent == signal.SIGINT else b"")
    assert (left(here) == before) == (sent != signal.SIGKILL)
    subprocess.run(spawn("compress", "in.npy", "-o", "out.dz"), check=True)
    assert left(here) == before | {"out.dz"}
    assert left(temporary) == set()


@posix
def test_a_copy_of_standard_input_has_no_name_and_is_left_by_no_kill(temporary: Path) -> None:
    call = "digitzip.cli.streams:_standard_input"
    with stopped_at(call, "compress", "-", "-o", "out.dz"):
        assert left(temporary) == set()


# Streams


@posix
@pytest.mark.parametrize(
    "arguments",
    [["compress", "-", "-o", "out.dz"], ["compress", "in.npy", "-o", "-"],
     ["decompress", "-", "-o", "out"]],
)  # fmt: skip
def test_a_full_temporary_folder_is_named(arguments: list[str], temporary: Path) -> None:
    code = f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (64, 64)); {MAIN}"
    stdin = Path("in.npy").read_bytes()
    done = subprocess.run(spawn(*arguments, code=code), input=stdin, capture_output=True)
    assert done.returncode == 1
    assert done.stderr.decode() == f"digitzip: error: {temporary}: File too large\n"
    assert left(temporary) == set()


@posix
@pytest.mark.parametrize(
    ("arguments", "stream"),
    [
        (["info", "in.dz"], ">"),
        (["--help"], ">"),
        (["decompress", "in.dz", "-o", "-"], ">"),
        (["compress", "in.npy", "-o", "-"], ">"),
        (["compress", "-", "-o", "out.dz"], "<"),
        (["info", "-"], "<"),
    ],
)
def test_a_closed_stream_is_an_error_of_one_line(
    arguments: list[str], stream: str, here: Path
) -> None:
    done = closing(stream, *arguments)
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.startswith(b"digitzip: error: ")
    assert done.stderr.count(b"\n") == 1
    assert b"standard " + (b"input" if stream == "<" else b"output") in done.stderr
    assert left(here) == {"in.npy", "in.dz"}


@posix
def test_a_closed_stream_that_is_not_needed_is_no_error() -> None:
    for number, stream in enumerate(("<", ">", "2>")):
        assert closing(stream, "compress", "in.npy", "-o", f"{number}.dz", "-v").returncode == 0
        assert len(digitzip.decompress(Path(f"{number}.dz").read_bytes())) == 7
    failed = closing("2>", "info", "missing.dz")
    assert (failed.returncode, failed.stdout) == (1, b"")


@posix
def test_a_broken_pipe_is_met_in_silence() -> None:
    for arguments in (["list", "in.dz"], ["decompress", "in.dz", "-o", "-"]):
        reader, writer = os.pipe()
        os.close(reader)
        done = subprocess.run(spawn(*arguments), stdout=writer, stderr=subprocess.PIPE)
        os.close(writer)
        assert (done.returncode, done.stderr) == (1, b"")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize(
    "arguments", [["list", "in.dz"], ["decompress", "in.dz", "-o", "-"], ["compress", "--help"]]
)
def test_a_full_disk_behind_standard_output_is_told(arguments: list[str]) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run(spawn(*arguments), stdout=full, stderr=subprocess.PIPE)
    assert done.returncode == 1
    assert done.stderr.count(b"\n") == 1
    assert b"No space left" in done.stderr


# Terminals


def on_terminal(*words: str) -> tuple[int, str]:
    """Run with a terminal as standard output and error; return the exit code and the text."""
    import pty

    leader, terminal = pty.openpty()
    said = b""
    with subprocess.Popen(words, stdout=terminal, stderr=terminal) as process:
        os.close(terminal)
        with suppress(OSError):  # the end of a terminal on Linux
            while more := os.read(leader, 4096):
                said += more
    os.close(leader)
    return process.returncode, re.sub(r"\x1b\[[0-9;]*m", "", said.decode())


@posix
def test_a_terminal_gets_a_summary_and_no_binary_data() -> None:
    assert "a.dz: 7 images, " in on_terminal(*spawn("compress", "in.npy", "-o", "a.dz"))[1]
    code, said = on_terminal(*spawn("compress", "in.npy", "-o", "-"))
    assert code == 1
    assert "is a terminal" in said


@posix
def test_no_line_of_the_models_is_wrapped_on_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    code, said = on_terminal(*spawn("models"))
    models = digitzip.list_models()
    assert (code, len(said.splitlines())) == (0, 1 + len(models))
    assert all(model.id in said for model in models)


@posix
def test_a_bar_counts_images_on_a_terminal_once_patience_ends() -> None:
    np.save("in.npy", np.zeros((2000, 28, 28), np.uint8))
    code = """
import threading, digitzip
from digitzip.cli import talk
talk._PATIENCE, shown = {patience}, threading.Event()
append, show, update = digitzip.Writer.append, talk.Bar.show, talk.Bar._update
talk.Bar.show = lambda bar: (show(bar), shown.set())
def slow(*given):
    assert not {wait} or shown.wait(600)
    append(*given)
digitzip.Writer.append = slow
def update_now(bar):
    update(bar)
    if bar._progress is not None:
        bar._progress.refresh()
talk.Bar._update = update_now
"""
    arguments = ("compress", "in.npy", "-o", "out.dz", "--jobs", "1", "-f")
    for patience, wait in ((0, True), (600, False)):
        program = spawn(*arguments, code=code.format(patience=patience, wait=wait) + MAIN)
        exit_code, said = on_terminal(*program)
        assert exit_code == 0
        for count in (512, 1024, 1536):
            assert (f" {count}/2000 " in said) == wait
    piped = subprocess.run(program, capture_output=True, check=True)
    assert (piped.stdout, piped.stderr) == (b"", b"")
