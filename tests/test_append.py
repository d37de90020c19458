"""Appending: the file is the old one or the new one at every moment, and no digit is lost."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import digitzip
from digitzip.cli import digitzip as command
from digitzip.errors import (
    BoundError,
    DamagedError,
    InputError,
    ModelError,
    OutputError,
)
from digitzip.format import StoredPromise
from digitzip.model import Model
from tests.archives import chunk_sizes, with_promise
from tests.conftest import TINY
from tests.test_join import VALID, pack

Images = npt.NDArray[np.uint8]

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX locks, links or signals")


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def old(tiny: Model, images: Images) -> bytes:
    """The bytes of `old.dz`, which has ten images."""
    data = pack(tiny, images[:10])
    Path("old.dz").write_bytes(data)
    return data


def add(
    file: str | Path, images: Images, names: list[str] | None = None, model: Model | Path = TINY
) -> None:
    with digitzip.append(file, model=model, effort=0) as out:
        out.append(images, names)


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(command, [*arguments, "--model", str(TINY)], input=stdin)


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("at", [0, 1, 7, 15, 16, 17, 40])
def test_an_appended_file_is_the_one_that_is_written_at_once(
    at: int, named: bool, tiny: Model, images: Images
) -> None:
    names = [f"n/{i}" for i in range(len(images))] if named else None
    for end, file in ((at, "in.dz"), (len(images), "whole.dz")):
        with digitzip.create(file, model=tiny, effort=0, guard=False, chunk=16) as out:
            out.append(images[:end], names and names[:end])
    with digitzip.append("in.dz", model=tiny, effort=0, chunk=16) as out:
        out.append(images[at:], names and names[at:])
    assert Path("in.dz").read_bytes() == Path("whole.dz").read_bytes()


def test_image_after_image_is_the_file_that_is_written_at_once(tiny: Model, images: Images) -> None:
    Path("in.dz").write_bytes(pack(tiny, images[:0]))
    for image in images[:12]:
        add("in.dz", image, model=tiny)
    assert Path("in.dz").read_bytes() == pack(tiny, images[:12])


def test_the_quality_of_the_file_is_kept(tiny: Model, images: Images) -> None:
    Path("in.dz").write_bytes(pack(tiny, images[:3], quality=1))
    add("in.dz", images[3:8])
    assert Path("in.dz").read_bytes() == pack(tiny, images[:8], quality=1)


def test_effort_is_that_of_the_new_images(old: bytes, tiny: Model, images: Images) -> None:
    with digitzip.append("old.dz", model=tiny, effort=3) as out:
        assert (out.shape, out.named) == (tiny.shape, False)
        out.append(images[10:])
    with digitzip.open("old.dz", model=tiny) as dz:
        codec = digitzip.load_codec(tiny, effort=3)
        np.testing.assert_array_equal(dz.codes[10:], codec.encode(images[10:]))
        np.testing.assert_array_equal(dz.codes[:10], digitzip.open(old, model=tiny).codes[:])


def test_what_was_appended_before_is_appended_to(tiny: Model, images: Images) -> None:
    for name in ("appended", "labels", "unknown-ancillary-layer", "three-chunks", "one"):
        Path("in.dz").write_bytes((VALID / f"{name}.dz").read_bytes())
        with digitzip.open("in.dz", model=tiny) as dz:
            codes, kinds = dz.codes[:], [dz._store._types(i) for i in dz._store.numbers]
            names = None if dz.names is None else ["new"]
            labels = None if dz.labels is None else [3]
        with digitzip.append("in.dz", model=tiny, effort=0) as out:
            out.append(images[0], names, labels)
        with digitzip.open("in.dz", model=tiny) as dz:
            dz.test()
            np.testing.assert_array_equal(dz.codes[:-1], codes)
            assert [dz._store._types(i) for i in range(len(kinds))] == kinds


def test_names_are_for_all_or_none_and_each_is_new(old: bytes, tiny: Model, images: Images) -> None:
    with pytest.raises(InputError, match="give names to all"):
        add("old.dz", images[:1], ["a"])
    Path("named.dz").write_bytes(pack(tiny, images[:2], ["a", "b"]))
    with pytest.raises(InputError, match="give names to all"):
        add("named.dz", images[:1])
    with pytest.raises(InputError, match="'b' and 'b' would decompress to the same file"):
        add("named.dz", images[:2], ["c", "b"])
    add("named.dz", images[:1], ["c"])
    with digitzip.open("named.dz") as dz:
        assert dz.names is not None
        assert dz.names[:] == ["a", "b", "c"]
    assert Path("old.dz").read_bytes() == old


def test_a_failed_run_leaves_the_old_file(old: bytes, workdir: Path, images: Images) -> None:
    with pytest.raises(ZeroDivisionError):  # noqa: PT012, SIM117 - the error must pass `append`
        with digitzip.append("old.dz", model=TINY) as out:
            out.append(images)
            raise ZeroDivisionError
    with pytest.raises(ModelError, match="no model with id"), digitzip.append("old.dz"):
        pass
    with pytest.raises(FileNotFoundError), digitzip.append("no.dz", model=TINY):
        pass
    assert Path("old.dz").read_bytes() == old
    assert [path.name for path in workdir.iterdir()] == ["old.dz"]


def test_a_last_chunk_that_is_not_verified_is_not_filled_up(workdir: Path, images: Images) -> None:
    poison = (VALID.parent / "invalid" / "pixel-crc.dz").read_bytes()
    Path("in.dz").write_bytes(poison)
    with pytest.raises(DamagedError, match="do not decode to the pixels their writer saw"):
        add("in.dz", images)
    assert Path("in.dz").read_bytes() == poison
    assert [path.name for path in workdir.iterdir()] == ["in.dz"]


def test_a_damaged_file_is_not_appended_to(old: bytes, workdir: Path, images: Images) -> None:
    for data in (old[:-1], old + old, old + b"x", old[:50] + b"?" + old[51:], b""):
        Path("old.dz").write_bytes(data)
        with pytest.raises(DamagedError):
            add("old.dz", images)
        assert Path("old.dz").read_bytes() == data
    assert [path.name for path in workdir.iterdir()] == ["old.dz"]


def test_the_promise_of_a_file_is_kept_for_new_images(
    old: bytes, images: Images, tiny: Model
) -> None:
    Path("old.dz").write_bytes(with_promise(old, StoredPromise(True, 9)))
    add("old.dz", images)
    with digitzip.open("old.dz", model=tiny) as dz:
        dz.test()
        assert dz._store.header.promise == StoredPromise(True, 9)
        assert np.abs(dz[-50:].astype(np.int16) - images).max() <= 9


def test_a_promise_that_cannot_be_kept_is_refused(old: bytes, images: Images) -> None:
    Path("old.dz").write_bytes(with_promise(old, StoredPromise(True, classifier=bytes(4))))
    before = Path("old.dz").read_bytes()
    with pytest.raises(BoundError, match="no classifier with id 0000"):
        add("old.dz", images)
    assert Path("old.dz").read_bytes() == before


@posix
def test_links_are_followed_and_permissions_kept(old: bytes, images: Images, tiny: Model) -> None:
    Path("old.dz").chmod(0o640)
    Path("link.dz").symlink_to("old.dz")
    add("link.dz", images[10:])
    assert Path("link.dz").is_symlink()
    assert Path("old.dz").stat().st_mode & 0o777 == 0o640
    assert Path("old.dz").read_bytes() == pack(tiny, images)


@posix
def test_nobody_reads_a_new_file_who_may_not_read_the_old(
    old: bytes, workdir: Path, images: Images, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    done: list[tuple[str, int]] = []

    def fchown(descriptor: int, owner: int, group: int) -> None:
        done.append((f"owner {owner} {group}", os.fstat(descriptor).st_size))
        raise PermissionError

    def fchmod(descriptor: int, mode: int) -> None:
        done.append((f"mode {mode:o}", os.fstat(descriptor).st_size))
        change_mode(descriptor, mode)

    change_mode = os.fchmod
    monkeypatch.setattr(os, "fchown", fchown)
    monkeypatch.setattr(os, "fchmod", fchmod)
    Path("old.dz").chmod(0o600)
    status = Path("old.dz").stat()
    Path("hard.dz").hardlink_to("old.dz")
    with digitzip.append("old.dz", model=tiny, effort=0) as out:
        (part,) = (path for path in workdir.iterdir() if path.suffix == ".digitzip-part")
        assert part.stat().st_mode & 0o777 == 0o600
        out.append(images[10:])
    group, owner = f"owner -1 {status.st_gid}", f"owner {status.st_uid} -1"
    assert done == [(group, 0), (owner, 0), ("mode 600", 0)]
    assert Path("old.dz").read_bytes() == pack(tiny, images)
    assert Path("hard.dz").read_bytes() == old


@posix
@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() != 0, reason="needs root")
def test_the_owner_is_kept(old: bytes, images: Images) -> None:
    os.chown("old.dz", 1234, 2345)
    add("old.dz", images)
    assert (Path("old.dz").stat().st_uid, Path("old.dz").stat().st_gid) == (1234, 2345)


@posix
@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_a_killed_command_leaves_the_old_file_and_no_lock(
    sent: signal.Signals, old: bytes, workdir: Path, tiny: Model, images: Images
) -> None:
    code = """
import signal, sys
from digitzip.__main__ import main
from digitzip.archive import appending
signal.signal(signal.SIGINT, signal.default_int_handler)
like = appending._like
def told(*arguments):
    like(*arguments)
    print("appending", flush=True)
appending._like = told
main()
"""
    program = [sys.executable, "-c", code, "append", "old.dz", "-", "--effort", "0"]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*program, "--model", str(TINY)], stdin=pipe, stdout=pipe, stderr=pipe
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"appending\n"
        with pytest.raises(OutputError, match="another run is appending"):
            add("old.dz", images)
        process.send_signal(sent)
        process.communicate()
    assert process.returncode != 0
    assert Path("old.dz").read_bytes() == old
    add("old.dz", images[10:])
    assert Path("old.dz").read_bytes() == pack(tiny, images)
    assert [path.name for path in workdir.iterdir()] == ["old.dz"]


# The command


def test_the_command_appends_inputs_of_every_kind(tiny: Model, images: Images) -> None:
    np.save("a.npy", images[:4])
    np.save("b.npy", images[4:6])
    Image.fromarray(images[6]).save("c.png")
    Path("in.dz").write_bytes(pack(tiny, images[:0]))
    done = run("append", "in.dz", "a.npy", "-", "--effort", "0", stdin=Path("b.npy").read_bytes())
    assert (done.exit_code, done.output) == (0, "")
    assert Path("in.dz").read_bytes() == pack(tiny, images[:6])
    assert "give names to all" in run("append", "in.dz", "c.png").stderr
    Path("named.dz").write_bytes(pack(tiny, images[:1], ["first"]))
    said = run("append", "named.dz", "c.png", "a.npy", "-v").stderr
    assert said.startswith("named.dz: 5 images appended, ")
    with digitzip.open("named.dz", model=tiny) as dz:
        dz.test()
        assert dz.names is not None
        assert dz.names[:] == ["first", "c.png", *(f"a/{i:05d}.png" for i in range(4))]


@pytest.mark.parametrize(
    ("first", "second"),
    [("a", "a"), ("a.png", "A.PNG"), ("a.jpg", "a.png"), ("\u00e9", "e\u0301"), ("ẞ", "ss"),
     ("a.png", "a.PNG/b"), ("A.png/b", "a")],
)  # fmt: skip
def test_a_writer_refuses_names_of_one_file(
    first: str, second: str, tiny: Model, images: Images
) -> None:
    told = "would decompress to the same file.*rename one of them"
    out = io.BytesIO()
    with digitzip.create(out, model=tiny, guard=False) as writer:
        with pytest.raises(InputError, match=told):
            writer.append(images[:3], ["x", first, second])
        writer.append(images[:2], ["x", first])
        with pytest.raises(InputError, match=told):
            writer.append(images[:2], ["y", second])
        writer.append(images[2], ["y"])
    with digitzip.open(out.getvalue(), model=tiny) as dz:
        assert dz.names is not None
        assert dz.names[:] == ["x", first, "y"]


def test_names_that_come_back_as_one_file_are_refused(tiny: Model, images: Images) -> None:
    Path("in.dz").write_bytes(pack(tiny, images[:3], ["a.jpg", "x", "y"]))
    Image.fromarray(images[3]).save("A.png")
    Image.fromarray(images[3]).save("b.png")
    done = run("append", "in.dz", "A.png")
    assert done.exit_code == 1
    assert "'a.jpg' and 'A.png' would decompress to the same file" in done.stderr
    assert run("append", "in.dz", "b.png").exit_code == 0
    assert "'b.png' would decompress" in run("append", "in.dz", "b.png").stderr


def test_errors_of_append_are_one_line_and_change_nothing(
    old: bytes, workdir: Path, images: Images
) -> None:
    np.save("in.npy", images)
    np.save("big.npy", np.zeros((2, 40, 40), np.uint8))
    Path("bad.dz").write_bytes(old[:-1])
    before = sorted(workdir.iterdir())
    for code, named, *arguments in (
        (1, "missing.dz", "missing.dz", "in.npy"),
        (1, "missing.npy", "old.dz", "missing.npy"),
        (1, "big.npy", "old.dz", "in.npy", "big.npy"),
        (3, "bad.dz", "bad.dz", "in.npy"),
    ):
        done = run("append", *map(str, arguments))
        assert (done.exit_code, done.stdout) == (code, "")
        assert done.stderr.count("\n") == 1
        assert str(named) in done.stderr
    for arguments in (["old.dz"], ["-", "in.npy"], ["old.dz", "old.dz"], ["old.dz", ""]):
        assert run("append", *map(str, arguments)).exit_code == 2
    assert sorted(workdir.iterdir()) == before
    assert Path("old.dz").read_bytes() == old


def test_labels_and_metadata_are_kept_and_chunks_filled(tiny: Model, images: Images) -> None:
    kept: dict[str, Any] = {"model": tiny, "effort": 0}
    texts = {"source": "x"}
    data = digitzip.compress(images[:7], labels=range(7), metadata=texts, chunk=4, **kept)
    Path("in.dz").write_bytes(data)
    with digitzip.append("in.dz", chunk=4, **kept) as out:
        out.append(images[7:12], labels=range(7, 12))
    once = digitzip.compress(images[:12], labels=range(12), metadata=texts, chunk=4, **kept)
    assert Path("in.dz").read_bytes() == once
    with digitzip.open(once, model=tiny) as dz:
        assert chunk_sizes(dz) == [4, 4, 4]
        assert dz.labels is not None
        assert dz.labels[:].tolist() == list(range(12))
        assert dz.info.metadata == texts
    for labels, match in (
        ([1], "1 labels for 2 images"),
        ([1, 256], "expected 0 to 255"),
        ([-1, 1], "expected 0 to 255"),
        ([0.5, 1.0], "expected integers"),
        ([True, False], "expected integers"),
        ([[1, 2]], "expected integers"),
        (None, "give labels to all, or to none"),
    ):
        with pytest.raises(InputError, match=match), digitzip.append("in.dz", **kept) as out:
            out.append(images[:2], labels=labels)
    with pytest.raises(InputError, match="chunk is 0, expected 1 to 16384"):
        digitzip.append("in.dz", chunk=0, **kept)
    assert Path("in.dz").read_bytes() == once
