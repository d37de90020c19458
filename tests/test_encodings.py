"""Names that a pipe, a terminal or the encoding of file names cannot express: one line, no more."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import digitzip
from tests.conftest import TINY
from tests.processes import spawn

NAMES = ["a.png", "é.png", "三.png"]
MODEL = ("--model", str(TINY))
ASCII = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="needs locales of POSIX")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def write() -> None:
    with digitzip.create("in.dz", model=TINY, guard=False, effort=0) as out:
        out.append(np.zeros((3, 28, 28), np.uint8), NAMES)


def run(*arguments: str, **environment: str) -> tuple[int, str, str]:
    done = subprocess.run(spawn(*arguments), capture_output=True, env={**os.environ, **environment})
    assert b"Traceback" not in done.stderr
    return done.returncode, done.stdout.decode("latin-1"), done.stderr.decode("latin-1")


@pytest.mark.parametrize(
    ("encoding", "shown"),
    [("ascii", "\\xe9.png\n\\u4e09.png"), ("cp1252", "é.png\n\\u4e09.png")],
)
def test_output_escapes_what_its_encoding_lacks(encoding: str, shown: str) -> None:
    write()
    code, said, _ = run("list", "in.dz", PYTHONIOENCODING=encoding)
    assert (code, said) == (0, f"a.png\n{shown}\n")


def test_a_name_that_cannot_be_that_of_a_file_is_an_output_error() -> None:
    write()
    code, _, said = run("decompress", "in.dz", "-o", "back", *MODEL, **ASCII)
    assert (code, said.count("\n")) == (1, 1), said
    assert "in ascii here, which lacks characters of it; set PYTHONUTF8=1" in said
    assert [path.name for path in Path().iterdir()] == ["in.dz"]
    advised = ASCII | {"PYTHONUTF8": "1"}
    assert run("decompress", "in.dz", "-o", "back", *MODEL, **advised)[0] == 0
    assert len(list(Path("back").iterdir())) == 3


def test_files_are_read_under_their_names_whatever_the_locale() -> None:
    for name in NAMES:
        Path("in/ü").mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.zeros((28, 28), np.uint8)).save(f"in/ü/{name}")
    listed = "\n".join(f"in/ü/{name}" for name in NAMES)
    Path("list").write_bytes(listed.encode())
    fresh = ["-o", "a.dz", "-f", *MODEL, "--guard", "off", "--effort", "0"]
    wanted = {
        ("in",): [f"ü/{name}" for name in NAMES],
        ("--files-from", "list"): NAMES,
    }
    for inputs, names in wanted.items():
        code, _, said = run("compress", *inputs, *fresh, **ASCII)
        assert code == 0, said
        with digitzip.open("a.dz", model=TINY) as dz:
            assert list(dz.names or []) == names


LIBRARY = """
import sys, numpy, digitzip
assert sys.getfilesystemencoding() == "ascii"
name, model = "\\u4e09", sys.argv[1]
def images():
    return numpy.zeros((1, 28, 28), numpy.uint8)
def create(path):
    with digitzip.create(path, model=model, guard=False) as out:
        out.append(images())
for act, kinds in (
    (lambda: digitzip.open(name), OSError),
    (lambda: create(name), digitzip.OutputError),
    (lambda: digitzip.append(name, model=model), (OSError, digitzip.OutputError)),
    (lambda: digitzip.read_images(name), digitzip.InputError),
    (lambda: digitzip.read_labels(name), digitzip.InputError),
    (lambda: digitzip.read_sidecar(name, 1), digitzip.InputError),
    (lambda: digitzip.write_images(name, images()), digitzip.OutputError),
    (lambda: digitzip.write_images("new", images(), names=[name]), digitzip.OutputError),
    (lambda: digitzip.write_images(name + ".png", images()), digitzip.OutputError),
    (lambda: digitzip.write_sidecar(name, names=["a"]), digitzip.OutputError),
    (lambda: digitzip.load_codec(name), digitzip.ModelError),
    (lambda: digitzip.load_codec(name + ".safetensors"), digitzip.ModelError),
):
    try:
        act()
    except kinds as error:
        assert "\\n" not in str(error)
    else:
        raise AssertionError("no error")
"""


def test_the_library_raises_its_own_errors_for_such_names() -> None:
    words = [sys.executable, "-c", LIBRARY, str(TINY)]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, **ASCII})
    assert done.returncode == 0, done.stderr
