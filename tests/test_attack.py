"""Files made to do harm: names that lead astray, bombs, models that say more than they should."""

from __future__ import annotations

import io
import os
import struct
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result

import digitzip
from digitzip.cli import digitzip as command
from digitzip.errors import DamagedError, ModelError
from digitzip.format import Chunk
from digitzip.model import Model, read_model
from tests.archives import of_codes, random_codes
from tests.conftest import TINY
from tests.processes import measured
from tests.test_join import pack

Images = npt.NDArray[np.uint8]

posix = pytest.mark.skipif(sys.platform == "win32", reason="resource limits, links")


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


# Names


@pytest.mark.parametrize(
    "names",
    [
        ["a.png", "A.png"],
        ["é.png", "e\u0301.png"],
        ["ß.png", "SS.png"],
        ["a", "a.png/b"],
        ["a.png/b", "a.jpg"],
        ["nul.png", "b"],
        ["a/com1.x/b", "b"],
        ["C:\\x", "b"],
        ["\x1b[2Ja", "b"],
        ["a\nb", "b"],
        ["a ", "b"],
        ["x" * 300, "b"],
    ],
    ids=ascii,
)
def test_names_that_no_folder_can_hold_are_refused_whole_and_the_images_can_be_had(
    names: list[str], tiny: Model, workdir: Path
) -> None:
    Path("in.dz").write_bytes(of_codes(tiny, random_codes(2), names))
    done = run("decompress", "in.dz", "-o", "out", "--model", str(TINY))
    assert done.exit_code == 1
    assert done.stderr.count("\n") == 1
    assert done.stderr.rstrip("\n").isprintable()
    assert "decompress to a .npy file" in done.stderr
    assert [path.name for path in workdir.iterdir()] == ["in.dz"]
    listed = run("list", "in.dz")
    assert all(line.isprintable() for line in listed.stdout.splitlines())
    assert len(listed.stdout.splitlines()) == 2
    assert run("decompress", "in.dz", "-o", "out.npy", "--model", str(TINY)).exit_code == 0
    assert len(np.load("out.npy")) == 2


@pytest.mark.parametrize("name", ["../a", "/a", "a/../../b", "a//b", "./a", "a/", "a\0b"])
def test_names_that_lead_out_of_a_folder_are_in_no_archive(name: str, tiny: Model) -> None:
    from digitzip.format import names as format_names

    body = b"\0\0" + bytes([len(name.encode())]) + name.encode()
    with pytest.raises(DamagedError, match="names: b"):
        format_names.unpack(body, 1)


@posix
def test_no_image_is_written_through_a_link(tiny: Model, images: Images, workdir: Path) -> None:
    Path("in.dz").write_bytes(pack(tiny, images[:2], ["sub/a.png", "b.png"]))
    Path("elsewhere").mkdir()
    Path("elsewhere/b.png").write_bytes(b"mine")
    Path("out").mkdir()
    Path("out/sub").symlink_to(workdir / "elsewhere")
    Path("out/b.png").symlink_to(workdir / "elsewhere/b.png")
    done = run("decompress", "in.dz", "-o", "out", "-f", "--model", str(TINY))
    assert done.exit_code == 1
    assert "in the way" in done.stderr
    Path("out/sub").unlink()
    assert run("decompress", "in.dz", "-o", "out", "-f", "--model", str(TINY)).exit_code == 0
    assert Path("elsewhere/b.png").read_bytes() == b"mine"
    assert [path.name for path in Path("elsewhere").iterdir()] == ["b.png"]
    assert not Path("out/b.png").is_symlink()


NAMES = """
import io, sys
from pathlib import Path
import numpy as np
import digitzip
from digitzip.images.taken_names import TakenNames
from digitzip.model import read_model
from tests.archives import write_codes
model, n = read_model(Path(sys.argv[1])), int(sys.argv[2])
out = io.BytesIO()
names = [f"{i % 977}/{i * 7919 % n:x}-{i}.jpg" for i in range(n)]
write_codes(out, model, np.zeros((n, 3), np.uint8), names)
del names
with digitzip.open(out.getvalue(), model=model) as dz:
    taken = TakenNames()
    for name in dz.names:
        taken.take(name)
    said = [len(dz), dz.names[n - 1], len(dz.find("5/*")), int(dz.find(dz.names[n // 2])[0])]
"""


@posix
@pytest.mark.parametrize("n", [30_000, 1_000_000])
def test_many_names_cost_time_and_memory_in_proportion(n: int) -> None:
    if n == 1_000_000 and "DIGITZIP_LONG_TESTS" not in os.environ:
        pytest.skip("a million names take a minute: set DIGITZIP_LONG_TESTS=1")
    told = measured(NAMES, str(TINY), str(n))
    last, fives = f"{(n - 1) % 977}/{(n - 1) * 7919 % n:x}-{n - 1}.jpg", len(range(5, n, 977))
    assert told["said"] == [n, last, fives, n // 2]
    assert told["mb"] < 100 + n // 2000
    assert told["seconds"] < 60 + n // 2000  # ten times what it takes; a square would take hours


# Bombs


def png(side: int, colour: int, channels: int, rows: int) -> bytes:
    """A PNG file of `side` x `side` pixels that are all 0, of which it holds so many rows."""
    packer = zlib.compressobj(1)
    body = b"".join(packer.compress(bytes(1 + side * channels)) for _ in range(rows))
    head = struct.pack(">IIBBBBB", side, side, 8, colour, 0, 0, 0)
    chunks = ((b"IHDR", head), (b"IDAT", body + packer.flush()), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


READ = """
import sys
from digitzip import images
from digitzip.errors import InputError
said = "read"
try:
    for batch in images.read_images([sys.argv[1]], height=28, width=28, fit=sys.argv[2]):
        pass
except InputError as error:
    said = str(error)
"""


@posix
@pytest.mark.parametrize("fit", ["none", "resize", "mnist"])
def test_an_image_that_claims_to_be_huge_is_refused_unread(fit: str, workdir: Path) -> None:
    (workdir / "bomb.png").write_bytes(png(50_000, 0, 1, 1))
    told = measured(READ, str(workdir / "bomb.png"), fit)
    assert "too many pixels" in str(told["said"])
    assert told["mb"] < 100


@posix
def test_the_largest_image_costs_a_few_hundred_megabytes(workdir: Path) -> None:
    (workdir / "large.png").write_bytes(png(8192, 4, 2, 8192))  # gray with transparency
    assert (workdir / "large.png").stat().st_size < 2_000_000
    told = measured(READ, str(workdir / "large.png"), "resize")
    assert told["said"] == "read"
    assert told["mb"] < 800


def test_many_images_in_a_few_bytes_are_refused_before_they_are_unpacked(
    tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    digitzip.join([of_codes(tiny, np.zeros((4096, 3), np.uint8))] * 49, out := io.BytesIO())
    data = out.getvalue()
    assert len(data) < 5_000
    unpacked: list[bytes] = []
    monkeypatch.setattr(Chunk, "from_bytes", unpacked.append)
    with pytest.raises(digitzip.LimitError, match="200704 images, expected at most 50000"):
        digitzip.decompress(data, model=tiny, max_images=50_000)
    assert not unpacked


# Models


def header_of(data: bytes) -> tuple[str, bytes]:
    end = 8 + int.from_bytes(data[:8], "little")
    return data[8:end].decode(), data[end:]


def model_with(text: str, body: bytes) -> Path:
    path = Path("hostile.safetensors")
    path.write_bytes(len(text.encode()).to_bytes(8, "little") + text.encode() + body)
    return path


HOSTILE = {
    "a name that a terminal obeys": ('"name":"tiny"', '"name":"\\u001b[2Jtiny"'),
    "a name with lines": ('"name":"tiny"', '"name":"ti\\nny"'),
    "a name that is a path": ('"name":"tiny"', '"name":"../tiny"'),
    "a name of a megabyte": ('"name":"tiny"', f'"name":"{"x" * 1_000_000}"'),
    "nested metadata": ('"name":"tiny"', '"name":{"name":["tiny"]}'),
    "a number for a text": ('"name":"tiny"', '"name":7'),
    "a key that a terminal obeys": ('"name":"tiny"', '"name":"tiny","\\u001b[2J":"x"'),
    "a key of a megabyte": ('"name":"tiny"', f'"name":"tiny","{"x" * 1_000_000}":"x"'),
    "another id": ('"id":"', '"id":"0'),
    "brackets without end": ('"__metadata__":{', '"__metadata__":' + "[" * 100_000 + "{"),
}


@pytest.mark.parametrize("why", HOSTILE)
def test_hostile_metadata_are_refused_in_one_short_line(why: str) -> None:
    text, body = header_of(TINY.read_bytes())
    old, new = HOSTILE[why]
    assert text.count(old) == 1
    path = model_with(text.replace(old, new), body)
    with pytest.raises(ModelError) as caught:
        read_model(path)
    said = str(caught.value)
    assert said.startswith(str(path))
    assert said.isprintable()
    assert len(said) < 300
    done = run("info", str(TINY), "--model", str(path))
    assert done.stderr.count("\n") == 1


def test_notes_are_data_and_never_change_a_model(tiny: Model) -> None:
    text, body = header_of(TINY.read_bytes())
    notes = '"notes.a":"\\u001b[2J","notes.b":"' + "x" * 1_000_000 + '","name":"tiny"'
    model = read_model(model_with(text.replace('"name":"tiny"', notes), body))
    assert (model.id, model.name) == (tiny.id, "tiny")
    Path("models").mkdir()
    Path("hostile.safetensors").rename("models/hostile.safetensors")
    done = CliRunner().invoke(command, ["models"], env={"DIGITZIP_MODELS": "models"})
    assert done.exit_code == 0
    assert all(line.isprintable() for line in done.stdout.splitlines())


@pytest.mark.parametrize("name", ["name", "format", "height", "id"])
def test_a_key_that_stands_twice_is_one_of_the_two_checked_as_any(name: str, tiny: Model) -> None:
    text, body = header_of(TINY.read_bytes())
    path = model_with(text.replace('"name":"tiny"', f'"name":"tiny","{name}":"28"'), body)
    model = None
    with suppress(ModelError):
        model = read_model(path)
    assert model is None or (model.id, model.name in ("tiny", "28")) == (tiny.id, True)


def test_a_pickle_in_a_models_clothes_is_never_run() -> None:
    path = Path("evil.safetensors")
    path.write_bytes(b"cos\nsystem\n(S'touch ran'\ntR.")
    with pytest.raises(ModelError, match="not a readable model file"):
        read_model(path)
    assert not Path("ran").exists()
