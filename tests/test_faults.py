"""A disk that fails at any call, that is full, or that gives less than it is asked for."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
import numpy.typing as npt
import pytest

import digitzip
from digitzip import images as pictures
from digitzip.errors import DamagedError, DigitzipError, OutputError
from digitzip.model import Model
from tests.conftest import TINY
from tests.faults import Disk, failing
from tests.test_conformance import MANIFEST
from tests.test_join import VALID, pack

Images = npt.NDArray[np.uint8]
Action = Callable[[Model, Images], object]

posix = pytest.mark.skipif(sys.platform == "win32", reason="Windows counts other calls")
FILES = sorted(VALID.glob("*.dz"))
ERRORS = {"full": (errno.ENOSPC, True), "broken once": (errno.EIO, False)}


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@dataclass(frozen=True)
class Deed:
    """Something that writes `out`, or into it, and how often it asks the disk at least."""

    act: Action
    out: str
    calls: int
    one_by_one: bool = False


def create(tiny: Model, images: Images) -> None:
    with digitzip.create("out.dz", model=tiny, effort=0, overwrite=True, chunk=16) as out:
        out.append(images)


def append(tiny: Model, images: Images) -> None:
    with digitzip.append("out.dz", model=tiny, effort=0, chunk=16) as out:
        out.append(images)


def extract(tiny: Model, images: Images) -> None:
    with digitzip.open("in.dz", model=tiny) as dz:
        digitzip.extract(dz, slice(3, 9), "out.dz", overwrite=True)


def join(tiny: Model, images: Images) -> None:
    digitzip.join(["in.dz", "in.dz"], "out.dz", overwrite=True)


def recover(tiny: Model, images: Images) -> None:
    digitzip.recover("in.dz", "out.dz", model=tiny, overwrite=True)


def write(out: str) -> Action:
    def act(tiny: Model, images: Images) -> None:
        pictures.write_images(
            out, [(images, None)], count=len(images), height=28, width=28, overwrite=True
        )

    return act


DEEDS = {
    "create": Deed(create, "out.dz", 3),
    "append": Deed(append, "out.dz", 3),
    "join": Deed(join, "out.dz", 3),
    "extract": Deed(extract, "out.dz", 3),
    "recover": Deed(recover, "out.dz", 3),
    "decompress to .npy": Deed(write("out.npy"), "out.npy", 5),
    "decompress to IDX": Deed(write("out-idx3-ubyte"), "out-idx3-ubyte", 5),
    "decompress to IDX, gzip": Deed(write("out-idx3-ubyte.gz"), "out-idx3-ubyte.gz", 5),
    "decompress to a folder": Deed(write("out"), "out", 50),
    "decompress into a folder": Deed(write("mine"), "mine", 100, one_by_one=True),
}


def prepare(deed: Deed, tiny: Model, images: Images, *, new: bool) -> None:
    """Make what the deed reads, and unless `new` an old file of the name that it writes."""
    for path in sorted(Path().rglob("*"), reverse=True):
        path.rmdir() if path.is_dir() else path.unlink()
    Path("in.dz").write_bytes(digitzip.compress(images[:20], model=tiny, effort=0))
    if deed.out == "mine":
        Path("mine").mkdir()
        Path("mine/00003.png").write_bytes(b"old")
        Path("mine/other.txt").write_bytes(b"not to be touched")
    elif deed.out == "out.dz" and (not new or deed.act is append):
        Path("out.dz").write_bytes(digitzip.compress(images[:3], model=tiny, effort=0))
    elif deed.out != "out" and not new:
        Path(deed.out).write_bytes(b"old")


def seen() -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in Path().rglob("*") if path.is_file()}


@posix
@pytest.mark.parametrize("new", [True, False], ids=["new", "over an old file"])
@pytest.mark.parametrize("how", ERRORS)
@pytest.mark.parametrize("name", DEEDS)
def test_a_disk_that_fails_at_any_call_leaves_the_old_or_the_new_and_says_so(
    name: str, how: str, new: bool, tiny: Model, images: Images
) -> None:
    deed, (error, full) = DEEDS[name], ERRORS[how]
    prepare(deed, tiny, images, new=new)
    before = seen()
    deed.act(tiny, images)
    after, at, told = seen(), 0, 0
    step = 1 if len(after) < 5 else 5
    while True:
        prepare(deed, tiny, images, new=new)
        disk = Disk(at, error, full)
        said: DigitzipError | None = None
        try:
            with failing(disk):
                deed.act(tiny, images)
        except DigitzipError as caught:
            said = caught
        if not disk.failed:
            break
        if said is None:
            assert seen() == after
        else:
            told += 1
            assert isinstance(said, OutputError)
            assert os.strerror(error) in str(said)
            assert len(str(said).splitlines()) == 1
            left = seen()
            if deed.one_by_one:
                assert all(left[path] in (before.get(path), after[path]) for path in left)
                assert left.keys() >= before.keys()
            else:
                assert left == before
        at += step
    assert at >= deed.calls
    assert told >= at // step - 3  # a run may go on without a link, or the sync of a folder


@posix
@pytest.mark.parametrize("name", DEEDS)
def test_a_disk_that_takes_a_few_bytes_at_a_time_gets_the_same_files(
    name: str, tiny: Model, images: Images
) -> None:
    deed = DEEDS[name]
    prepare(deed, tiny, images, new=True)
    deed.act(tiny, images)
    after = seen()
    prepare(deed, tiny, images, new=True)
    with failing(Disk(-1, 0, most=7)):
        deed.act(tiny, images)
    assert seen() == after


@pytest.fixture(scope="session")
def full_disk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A file system of 64 KiB, where the system lets one be mounted."""
    folder = tmp_path_factory.mktemp("full")
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(command, capture_output=True, text=True)
    except OSError as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    if done.returncode:
        pytest.skip(f"no file system can be mounted here: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_disk_that_is_really_full_keeps_what_was_there(
    full_disk: Path, tiny: Model, images: Images
) -> None:
    old = pack(tiny, images[:1], ["first"])
    path = full_disk / "old.dz"
    path.write_bytes(old)
    many = images[np.arange(600) % 50]
    parts = [random.randbytes(240).hex() for random in map(Random, range(600))]
    names = [f"{part[:240]}/{part[240:]}" for part in parts]
    with pytest.raises(OutputError, match="No space left"):  # noqa: SIM117
        with digitzip.append(path, model=tiny, effort=0) as out:
            out.append(many, names)
    with pytest.raises(OutputError, match="No space left"):  # noqa: SIM117
        with digitzip.create(full_disk / "new.dz", model=tiny, guard=False) as out:
            out.append(many, names)
    for name in ("new.npy", "new-idx3-ubyte", "new"):
        with pytest.raises(OutputError, match="No space left"):
            pictures.write_images(
                full_disk / name, [(images.repeat(2, axis=0), None)], count=100, height=28, width=28
            )
    assert [each.name for each in full_disk.iterdir()] == ["old.dz"]
    assert path.read_bytes() == old


class Sip(io.BytesIO):
    """A file that gives a part only of what it is asked for."""

    def __init__(self, data: bytes, most: int) -> None:
        super().__init__(data)
        self.most = most

    def read(self, size: int | None = -1, /) -> bytes:
        wanted = len(self.getbuffer()) if size is None or size < 0 else size
        return super().read(min(wanted, self.most))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_short_reads_give_the_same_images(path: Path) -> None:
    data, named = path.read_bytes(), MANIFEST["valid"][path.stem]["model"]
    model = VALID.parent / f"{named}.safetensors"
    whole, pixels = io.BytesIO(), digitzip.decompress(data, model=model)
    digitzip.recover(data, whole, model=model)
    with digitzip.open(Sip(data, 1), model=model) as sips:
        sips.test()
        assert (sips[:] == pixels).all()
    digitzip.recover(Sip(data, 100), sipped := io.BytesIO(), model=model)
    assert sipped.getvalue() == whole.getvalue()


def test_a_file_that_shrinks_while_it_is_read_is_damaged(tiny: Model, workdir: Path) -> None:
    path = workdir / "in.dz"
    path.write_bytes((VALID / "three-chunks.dz").read_bytes())
    with digitzip.open(path, model=tiny) as dz, path.open("r+b") as file:
        file.truncate(100)
        with pytest.raises(DamagedError, match="the file ends early"):
            dz.test()


def test_a_read_that_fails_is_the_error_of_the_system(tiny: Model, images: Images) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            raise OSError(errno.EIO, os.strerror(errno.EIO))

    with pytest.raises(OSError, match=r"(?i)input/output|i/o"):
        digitzip.open(Broken(digitzip.compress(images, model=tiny)), model=tiny)


@posix
@pytest.mark.parametrize("command", [["info"], ["test"], ["list"], ["cat", "-o", "x.dz"],
                                     ["recover", "-o", "x.dz"], ["decompress", "-o", "x.npy"]],
                         ids=lambda command: command[0])  # fmt: skip
def test_a_pipe_as_a_file_is_refused_in_one_line(command: list[str], workdir: Path) -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "wb") as pipe:
        pipe.write(FILES[0].read_bytes())
    program = [sys.executable, "-m", "digitzip", *command, f"/dev/fd/{reading}"]
    done = subprocess.run(program, pass_fds=[reading], capture_output=True, text=True)
    os.close(reading)
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"/dev/fd/{reading}: it is a pipe" in done.stderr
    assert list(workdir.iterdir()) == []


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of two epochs, with the images that it learned from."""
    pytest.importorskip("torch", reason="torch is not installed (extra: train)")
    from digitzip.training import TOY, changed, train
    from tests.runs import blobs

    folder = tmp_path_factory.mktemp("run")
    np.save(folder / "in.npy", blobs())
    quick = {"epochs": 2, "polish.epochs": 0, "entropy.steps": 1, "residual.steps": 0}
    train(changed(TOY, quick), blobs(), out=folder / "model.safetensors",
          checkpoint=folder, device="cpu")  # fmt: skip
    return folder


@posix
@pytest.mark.parametrize("how", ERRORS)
def test_a_disk_that_fails_leaves_the_old_checkpoint_and_the_old_model(
    how: str, checkpoint: Path, workdir: Path
) -> None:
    from digitzip.model import read_model
    from digitzip.training import load_checkpoint
    from digitzip.training.export.saving import save
    from digitzip.training.fit.checkpoint import save_checkpoint

    error, full = ERRORS[how]
    stored, model = load_checkpoint(checkpoint), read_model(TINY)
    deeds: dict[str, Callable[[], None]] = {
        "checkpoint.pt": lambda: save_checkpoint(workdir, stored),
        "model.safetensors": lambda: save(workdir / "model.safetensors", model),
    }
    for name, deed in deeds.items():
        deed()
        old, at = (workdir / name).read_bytes() + b" ", 0
        while True:
            (workdir / name).write_bytes(old)
            disk = Disk(at, error, full)
            try:
                with failing(disk):
                    deed()
            except OutputError as caught:
                said, left = str(caught), (workdir / name).read_bytes()
                assert (os.strerror(error) in said, left) == (True, old)
            else:
                if not disk.failed:
                    break
            at += 1
        assert at > 3
        assert [path.name for path in workdir.iterdir() if path.name.startswith(".")] == []
