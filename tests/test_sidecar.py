"""Names, labels and order beside an array file: out of an archive, and back into one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

import digitzip
from digitzip.cli import digitzip as command
from digitzip.errors import ExistsError, InputError
from tests.conftest import TINY
from tests.toy import make_images

NAMES = ["b/2.png", 'é, "x".png', "a/10.png", "a/9"]
MODEL = ("--model", str(TINY))
FRESH = (*MODEL, "--guard", "off", "--effort", "0")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def write(*, names: list[str] | None, labels: list[int] | None) -> None:
    with digitzip.create("in.dz", model=TINY, guard=False, effort=0, overwrite=True) as out:
        out.append(make_images(4), names, labels)


def extras(file: str) -> tuple[list[str] | None, list[int] | None]:
    with digitzip.open(file, model=TINY) as dz:
        return (None if dz.names is None else list(dz.names),
                None if dz.labels is None else dz.labels[:].tolist())  # fmt: skip


@pytest.mark.parametrize("names", [None, NAMES])
@pytest.mark.parametrize("labels", [None, [7, 0, 255, 7]])
@pytest.mark.parametrize("out", ["x.npy", "x-idx3-ubyte.gz"])
def test_names_labels_and_order_survive_an_array_file(
    names: list[str] | None, labels: list[int] | None, out: str
) -> None:
    write(names=names, labels=labels)
    done = run("decompress", "in.dz", "-o", out, "--sidecar", "x.csv", *MODEL)
    if names is None and labels is None:
        assert (done.exit_code, "leave out --sidecar" in done.stderr) == (1, True)
        assert not Path(out).exists()
        return
    assert done.exit_code == 0, done.stderr
    assert run("compress", out, "-o", "again.dz", "--sidecar", "x.csv", *FRESH).exit_code == 0
    assert extras("again.dz") == extras("in.dz") == (names, labels)
    assert run("append", "again.dz", out, "--sidecar", "x.csv", *MODEL).exit_code == bool(names)


def test_a_part_has_a_sidecar_of_its_own() -> None:
    write(names=NAMES, labels=[7, 0, 255, 7])
    run("decompress", "in.dz", "-o", "x.npy", "--sidecar", "x.csv", "--range", "1:3", *MODEL)
    lines = Path("x.csv").read_text("utf-8").splitlines()
    assert lines == ["index,name,label", '0,"é, ""x"".png",0', "1,a/10.png,255"]
    run("extract", "in.dz", "3", "0", "-o", "y.npy", "--sidecar", "y.csv", *MODEL)
    assert Path("y.csv").read_text("utf-8").splitlines()[1:] == ["0,a/9,7", "1,b/2.png,7"]
    with pytest.raises(ExistsError, match="overwrite=True"):
        digitzip.write_sidecar("x.csv", names=NAMES)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("index,name\n0,a\n", "names 1 images; expected 2"),
        ("index,name\n0,a\n2,b\n", "out of order or lacks values"),
        ("index,name,label\n0,a,1\n1,b\n", "out of order or lacks values"),
        ("name,label\na,1\nb,2\n", "other columns; expected index, name and label"),
        ("index,label\n0,7\n1,256\n", r"other labels; expected 0 \.\.\. 255"),
        ("index,label\n0,7\n1,x\n", "other labels"),
        ("\0\xff", "no CSV file|other columns"),
    ],
)
def test_a_sidecar_of_other_images_is_refused(text: str, said: str) -> None:
    Path("x.csv").write_text(text, "latin-1")
    with pytest.raises(InputError, match=said):
        digitzip.read_sidecar("x.csv", 2)
    with pytest.raises(InputError, match=r"cannot read 'gone\.csv'"):
        digitzip.read_sidecar("gone.csv", 2)


def test_names_and_labels_are_given_in_one_way() -> None:
    np.save("in.npy", make_images(2))
    digitzip.write_sidecar("x.csv", names=["a", "b"])
    np.save("y.npy", np.arange(2))
    arguments = ["compress", "in.npy", "-o", "a.dz", "--sidecar", "x.csv", *FRESH]
    assert run(*arguments, "--labels", "y.npy").exit_code == 2
    digitzip.write_images("folder", make_images(2))
    assert run("compress", "folder", *arguments[2:]).exit_code == 2
    assert run(*arguments).exit_code == 0
    with pytest.raises(InputError, match="unlike numbers"):
        digitzip.write_sidecar("z.csv", names=["a"], labels=np.arange(2, dtype=np.uint8))
