"""The command line: shapes, exit codes, streams, and what it leaves behind."""

import gzip
import io
import json
import os
import re
import shutil
import struct
import sys
from dataclasses import asdict
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import digitzip
from digitzip import errors
from digitzip.cli import console
from digitzip.cli import digitzip as command
from digitzip.codec import Images
from digitzip.fidelity import Fallback
from digitzip.images.sheet import GAP, SCALE, contact_sheet
from digitzip.model import Model, load_model
from tests.archives import of_codes
from tests.toy import make_images, write_guarded, write_toy

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and pipes")

CONFORMANCE = Path(__file__).parent / "conformance"


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models")
    write_toy(folder / "mnist-10.safetensors")
    write_toy(folder / "other.safetensors", seed=1)
    return folder


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, models: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, with a toy model as the default."""
    monkeypatch.setenv("DIGITZIP_MODELS", str(models))
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def images() -> Images:
    images = make_images(7)
    np.save("in.npy", images)
    return images


@pytest.fixture
def archive(images: Images) -> str:
    Path("in.dz").write_bytes(digitzip.compress(images))
    return "in.dz"


@pytest.fixture
def named(images: Images) -> str:
    with digitzip.create("named.dz") as out:
        out.append(images, [f"{'ab'[i % 2]}/{i}.png" for i in range(len(images))])
    return "named.dz"


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(command, arguments, input=stdin)


def fails(code: int, *arguments: str, stdin: bytes = b"") -> str:
    """Run, expect this exit code and one line on stderr, and return the line."""
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == code, result.output
    assert result.stdout_bytes == b""
    assert result.stderr.startswith("digitzip: error: ")
    assert result.stderr.count("\n") == 1
    return result.stderr


def works(*arguments: str, stdin: bytes = b"") -> bytes:
    result = run(*arguments, stdin=stdin)
    assert result.exit_code == 0, result.output
    assert result.stderr == ""
    return result.stdout_bytes


def compressed(images: Images, source: str = "in.npy", **options: Any) -> bytes:
    """Return what the command writes for images from an input of this name."""
    metadata = {"digitzip": digitzip.__version__, "source": source}
    return digitzip.compress(images, metadata=metadata, **options)


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def decoded(file: str) -> Images:
    return digitzip.decompress(Path(file).read_bytes())


def write_pngs(folder: Path, images: Images) -> list[str]:
    names = [f"{i % 2}/{'é' * (i % 3)}{i:02d}.png" for i in range(len(images))]
    for name, image in zip(names, images, strict=True):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(folder / name)
    return sorted(names)


# Round trips


@pytest.mark.parametrize("out", ["out.npy", "out-idx3-ubyte", "out-idx3-ubyte.gz", "out"])
def test_an_array_comes_back_in_the_form_that_the_output_name_asks_for(
    out: str, images: Images
) -> None:
    assert works("compress", "in.npy", "-o", "in.dz") == b""
    assert works("decompress", "in.dz", "-o", out) == b""
    data = b"" if Path(out).is_dir() else Path(out).read_bytes()
    if out == "out":
        files = sorted(Path(out).iterdir())
        assert [file.name for file in files] == [f"{i:05d}.png" for i in range(len(images))]
        found = np.stack([np.array(Image.open(file)) for file in files])
    elif out == "out.npy":
        found = np.load(out)
    else:
        data = gzip.decompress(data) if out.endswith(".gz") else data
        assert data[:16] == struct.pack(">4I", 0x803, len(images), 28, 28)
        found = np.frombuffer(data, np.uint8, offset=16).reshape(-1, 28, 28)
    assert np.array_equal(found, decoded("in.dz"))


def test_a_folder_comes_back_with_its_names_and_sub_folders(workdir: Path, images: Images) -> None:
    names = write_pngs(workdir / "digits", images)
    works("compress", "digits", "-o", "in.dz")
    works("decompress", "in.dz", "-o", "out")
    files = [path.relative_to("out") for path in Path("out").rglob("*.png")]
    assert sorted(file.as_posix() for file in files) == names


def test_every_kind_of_input_is_compressed(images: Images) -> None:
    np.savez("two.npz", all=images, some=images[:2])
    idx = struct.pack(">4B3I", 0, 0, 8, 3, *images.shape) + images.tobytes()
    Path("plain-idx3-ubyte").write_bytes(idx)
    Path("small-idx3-ubyte.gz").write_bytes(gzip.compress(idx))
    for source, n in (("two.npz:some", 2), ("plain-idx3-ubyte", 7), ("small-idx3-ubyte.gz", 7)):
        works("compress", source, "-f", "-o", "out.dz", "--effort", "0")
        np.testing.assert_array_equal(
            decoded("out.dz"), digitzip.decompress(digitzip.compress(images[:n], effort=0))
        )


def test_a_photograph_is_made_a_digit() -> None:
    photograph = Image.new("RGB", (120, 160), (235, 230, 220))
    photograph.paste((40, 40, 60), (55, 30, 65, 130))  # a one in dark ink
    photograph.save("photo.png")
    assert "--fit mnist" in fails(1, "compress", "photo.png", "-o", "out.dz")
    works("compress", "photo.png", "-o", "out.dz", "--fit", "mnist")
    with digitzip.open("out.dz") as dz:
        assert dz.names is not None
        assert dz.names[:] == ["photo.png"]


def test_several_inputs_are_joined_in_their_order() -> None:
    np.save("a.npy", make_images(2, seed=1))
    np.save("b.npy", make_images(3, seed=2))
    works("compress", "b.npy", "a.npy", "-o", "out.dz")
    both = np.concatenate([np.load("b.npy"), np.load("a.npy")])
    assert Path("out.dz").read_bytes() == compressed(both, "b.npy, a.npy")


def test_an_empty_collection_is_a_valid_file() -> None:
    np.save("in.npy", np.empty((0, 28, 28), np.uint8))
    works("compress", "in.npy", "-o", "in.dz")
    works("test", "in.dz")
    works("decompress", "in.dz", "-o", "out.npy")
    assert np.load("out.npy").shape == (0, 28, 28)
    assert json.loads(works("info", "in.dz", "--json"))["ratio"] is None


def test_model_quality_and_effort_reach_the_library(
    images: Images,
) -> None:
    works("compress", "in.npy", "-o", "a.dz", "--model", "other", "--quality", "1", "--effort", "0")
    expected = compressed(images, model="other", quality=1, effort=0)
    assert Path("a.dz").read_bytes() == expected


def test_a_quality_that_a_model_has_not_is_told() -> None:
    line = fails(1, "compress", "in.npy", "-o", "a.dz", "--quality", "7")
    assert "has qualities 1 to 2, not 7" in line


def test_dims_pick_the_model_of_so_many_numbers(
    images: Images, models: Path, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_toy(workdir / "mnist-4.safetensors", seed=5)
    monkeypatch.setenv("DIGITZIP_MODELS", os.pathsep.join([str(workdir), str(models)]))
    works("compress", "in.npy", "-o", "a.dz", "--dims", "4")
    data = Path("a.dz").read_bytes()
    assert data == compressed(images, dims=4) == compressed(images, model="mnist-4")
    assert data != compressed(images)
    monkeypatch.setattr("digitzip.model.registry.bundled_folder", lambda: models)
    line = fails(4, "compress", "in.npy", "-o", "b.dz", "--dims", "3")
    assert "no model named 'mnist-3'; known models: mnist-4, mnist-10" in line
    both = ("--dims", "4", "--model", "mnist-4")
    assert "give one of them" in run("compress", "in.npy", "-o", "b.dz", *both).stderr
    assert run("compress", "in.npy", "-o", "b.dz", *both).exit_code == 2
    assert run("compress", "in.npy", "-o", "b.dz", "--dims", "11").exit_code == 2


def test_a_model_can_be_given_as_a_file(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIGITZIP_MODELS")
    model = str(workdir / "mine.safetensors")
    write_toy(Path(model), seed=3, side=16)
    np.save("in.npy", make_images(3, side=16))
    works("compress", "in.npy", "-o", "in.dz", "--model", model)
    works("decompress", "in.dz", "-o", "out.npy", "--model", model)
    works("test", "in.dz", "--model", model)
    assert np.load("out.npy").shape == (3, 16, 16)
    assert "--model" in fails(4, "decompress", "in.dz", "-o", "again.npy")


# Ranges


@pytest.mark.parametrize("part", ["2:5", ":3", "4:", "-3:", ":-5", "-6:-2", "5:2", "7:"])
def test_a_range_means_what_it_means_in_python(part: str, archive: str) -> None:
    works("decompress", archive, "-o", "out.npy", "--range", part)
    start, _, stop = part.partition(":")
    expected = decoded(archive)[int(start) if start else None : int(stop) if stop else None]
    assert np.array_equal(np.load("out.npy"), expected)


def test_a_range_of_named_images_keeps_their_names(named: str) -> None:
    works("decompress", named, "-o", "out", "--range", "2:4")
    files = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*.png"))
    assert files == ["a/2.png", "b/3.png"]


def test_a_range_of_nameless_images_keeps_their_numbers(archive: str) -> None:
    works("decompress", archive, "-o", "out", "--range", "-2:")
    assert left(Path("out")) == {"00005.png", "00006.png"}


@pytest.mark.parametrize("part", ["3", "a:b", "1:2:3", "1.5:"])
def test_a_range_of_another_form_is_wrong_usage(part: str, archive: str) -> None:
    assert run("decompress", archive, "-o", "out", "--range", part).exit_code == 2
    assert not Path("out").exists()


@pytest.mark.parametrize("part", ["0:99", "7:9", "8:", "-9:-7", ":-8"])
def test_a_range_beyond_the_file_is_an_error_as_a_number_is(part: str, archive: str) -> None:
    told = "the archive has 7 images, counted from 0"
    for arguments in (("decompress", archive, "--range", part), ("extract", archive, part)):
        assert f"no image {part}: {told}" in fails(1, *arguments, "-o", "out.npy")
    assert f"no image 99: {told}" in fails(1, "extract", archive, "99", "-o", "out.npy")
    assert not Path("out.npy").exists()


# Standard input and output


def test_standard_input_and_output_stand_for_files(
    images: Images,
) -> None:
    packed = works("compress", "-", "-o", "-", stdin=Path("in.npy").read_bytes())
    assert packed == compressed(images, "stdin")
    idx = struct.pack(">4I", 0x803, *images.shape) + images.tobytes()
    for stdin in (idx, gzip.compress(idx)):
        assert works("compress", "-", "-o", "-", stdin=stdin) == packed
    found = np.load(io.BytesIO(works("decompress", "-", "-o", "-", stdin=packed)))
    assert np.array_equal(found, digitzip.decompress(packed))
    part = works("decompress", "-", "-o", "-", "--range", "1:2", stdin=packed)
    assert np.array_equal(np.load(io.BytesIO(part)), found[1:2])
    assert json.loads(works("info", "-", "--json", stdin=packed))["bytes"] == len(packed)


def test_a_failed_run_writes_nothing_to_standard_output() -> None:
    np.save("a.npy", make_images(2, side=20))
    fails(1, "compress", "a.npy", "-o", "-")
    result = run("compress", "a.npy", "missing.npy", "-o", "-")
    assert (result.exit_code, result.stdout_bytes) == (1, b"")


def test_bad_standard_input_is_called_by_its_sign() -> None:
    line = fails(1, "compress", "-", "-o", "out.dz", stdin=b"no image at all")
    assert "'stdin' is text; expected images" in line
    assert fails(3, "decompress", "-", "-o", "out.npy", stdin=b"junk").startswith(
        "digitzip: error: -: "
    )
    assert run("compress", "-", "-", "-o", "out.dz").exit_code == 2
    assert left(Path.cwd()) == set()


# Exit codes


def test_every_error_has_its_exit_code() -> None:
    expected = {
        errors.InputError: 1,
        errors.OutputError: 1,
        OSError: 1,
        MemoryError: 1,
        errors.DamagedError: 3,
        errors.LimitError: 3,
        errors.UnsupportedError: 4,
        errors.ModelError: 4,
        errors.BoundError: 5,
        KeyboardInterrupt: 130,
    }
    for kind, code in expected.items():
        assert console.exit_code(kind("x")) == code


def test_an_error_of_every_kind_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    def broken() -> None:
        raise errors.BoundError("one\ntwo\x1b[31m")

    assert console.run(broken) == 5
    assert capsys.readouterr().err == "digitzip: error: one\\ntwo\\x1b[31m\n"


def test_a_bug_is_not_hidden() -> None:
    with pytest.raises(ZeroDivisionError):
        console.run(lambda: 1 / 0)


@pytest.mark.parametrize("name", ["info", "test", "list", "compress", "decompress"])
def test_a_missing_file_is_an_input_error(name: str) -> None:
    out = ["-o", "out.npy"] if "compress" in name else []
    line = fails(1, name, "no-such-file.dz", *out)
    assert "no-such-file.dz" in line
    assert left(Path.cwd()) == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["compress", "in.npy"],
        ["compress", "-o", "out.dz"],
        ["compress", "in.npy", "-o", "out.dz", "--effort", "10"],
        ["compress", "in.npy", "-o", "out.dz", "--fit", "squash"],
        ["decompress", "in.dz"],
        ["decompress", "in.dz", "-o", "out", "--max-images", "-1"],
        ["no-such-command"],
        ["compress", "", "-o", "out.dz"],
        ["decompress", "in.dz", "-o", ""],
        ["info"],
    ],
)
def test_wrong_usage_has_its_own_exit_code(arguments: list[str]) -> None:
    assert run(*arguments).exit_code == 2


def test_damage_is_told_and_leaves_nothing(archive: str, workdir: Path) -> None:
    data = bytearray(Path(archive).read_bytes())
    before = left(workdir)
    for position in range(0, len(data), 9):
        data[position] ^= 4
        Path(archive).write_bytes(data)
        for out in ("out.npy", "out-idx3-ubyte.gz", "out"):
            result = run("decompress", archive, "-o", out)
            assert result.exit_code in (3, 4)
            assert result.stderr.startswith("digitzip: error: in.dz: ")
            assert left(workdir) == before
        assert run("test", archive).exit_code in (3, 4)
        data[position] ^= 4


def test_pixels_that_the_writer_did_not_see_are_damage(workdir: Path) -> None:
    file = str(CONFORMANCE / "invalid" / "pixel-crc.dz")
    model = ("--model", str(CONFORMANCE / "tiny.safetensors"))
    for arguments in (["decompress", file, "-o", "out.npy"], ["test", file]):
        line = fails(3, *arguments, *model)
        assert line.startswith(f"digitzip: error: {file}: ")
        assert "do not decode" in line
    assert left(workdir) == set()


def test_a_disk_too_small_is_told_before_the_work(
    archive: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=200))
    for out in ("out.npy", "out-idx3-ubyte", "out-idx3-ubyte.gz", "out"):
        assert "200 free" in fails(1, "decompress", archive, "-o", out)
        assert not Path(out).exists()


def test_an_unknown_model_is_told_by_its_id(archive: str, monkeypatch: pytest.MonkeyPatch) -> None:
    model_id = digitzip.load_codec().model.id.hex()
    monkeypatch.delenv("DIGITZIP_MODELS")
    line = fails(4, "decompress", archive, "-o", "out.npy")
    assert line.startswith("digitzip: error: in.dz: ")
    assert model_id in line
    assert "no model named 'nope'" in fails(
        4, "compress", "in.npy", "-o", "o.dz", "--model", "nope"
    )


def test_images_of_another_size_say_what_to_do() -> None:
    np.save("in.npy", make_images(2, side=20))
    line = fails(1, "compress", "in.npy", "-o", "out.dz")
    assert "in.npy" in line
    assert "20x20" in line
    assert "--fit" in line
    assert not Path("out.dz").exists()
    works("compress", "in.npy", "-o", "out.dz", "--fit", "resize")


# Labels, metadata, chunks


def test_labels_of_a_file_go_in_and_come_out(images: Images) -> None:
    np.save("y.npy", np.arange(7) * 36)
    works("compress", "in.npy", "-o", "in.dz", "--labels", "y.npy")
    for out in ("y-idx1-ubyte", "z.npy"):
        works("decompress", "in.dz", "-o", "out.npy", "-f", "--labels", out)
        assert digitzip.read_labels(out).tolist() == [0, 36, 72, 108, 144, 180, 216]
    works("append", "in.dz", "in.npy", "--labels", "y-idx1-ubyte")
    works("decompress", "in.dz", "-o", "out.npy", "-f", "--labels", "z.npy", "--range", "6:9")
    assert np.load("z.npy").tolist() == [216, 0, 36]
    assert works("list", "in.dz").decode().splitlines()[5:8] == ["5\t180", "6\t216", "7\t0"]
    assert json.loads(works("list", "in.dz", "--json"))[1] == {
        "index": 1,
        "name": None,
        "label": 36,
    }
    assert json.loads(works("info", "in.dz", "--json"))["labels"] is True
    assert "labels" in fails(1, "append", "in.dz", "in.npy")
    np.save("short.npy", np.arange(6))
    line = fails(1, "compress", "in.npy", "-o", "a.dz", "--labels", "short.npy")
    assert "'short.npy': found 6 labels; expected 7, one per image" in line
    assert not Path("a.dz").exists()


def test_sub_folders_are_labels(workdir: Path, images: Images) -> None:
    write_pngs(workdir / "digits", images)
    works("compress", "digits", "-o", "in.dz", "--labels", "folders")
    with digitzip.open("in.dz") as dz:
        assert dz.labels is not None
        assert dz.names is not None
        assert [name[0] for name in dz.names] == [str(label) for label in dz.labels[:]]
    line = fails(2, "compress", "in.npy", "-o", "a.dz", "--labels", "folders")
    assert "'in.npy' is not a folder of sub-folders" in line


def test_metadata_have_version_source_and_what_is_given(images: Images) -> None:
    works("compress", "in.npy", "-", "-o", "in.dz", "--metadata", "by=a=b", "--metadata", "x=",
          stdin=Path("in.npy").read_bytes())  # fmt: skip
    expected = {"by": "a=b", "digitzip": digitzip.__version__, "source": "in.npy, stdin", "x": ""}
    assert json.loads(works("info", "in.dz", "--json"))["metadata"] == expected
    assert "metadata    by: a=b" in works("info", "in.dz").decode().splitlines()
    works("compress", "in.npy", "-f", "-o", "in.dz", "--metadata", "source=me")
    assert json.loads(works("info", "in.dz", "--json"))["metadata"]["source"] == "me"
    for text in ("by", "=by"):
        line = fails(2, "compress", "in.npy", "-o", "a.dz", "--metadata", text)
        assert "expected KEY=VALUE" in line


def test_chunks_have_as_many_images_as_asked(images: Images) -> None:
    works("compress", "in.npy", "-o", "in.dz", "--chunk", "3")
    assert json.loads(works("info", "in.dz", "--json"))["chunks"] == 3
    assert "1<=x<=16384" in fails(2, "compress", "in.npy", "-o", "a.dz", "--chunk", "0")


# Overwriting


@pytest.mark.parametrize("out", ["out.dz", "out.npy", "out-idx3-ubyte", "out"])
def test_what_exists_is_overwritten_only_by_force(out: str, archive: str) -> None:
    if out == "out":
        Path(out).mkdir()
    kept = Path(out) / "kept" if out == "out" else Path(out)
    kept.write_bytes(b"kept")
    arguments = ["decompress", archive] if out != "out.dz" else ["compress", "in.npy"]
    assert "-f" in fails(1, *arguments, "-o", out)
    assert kept.read_bytes() == b"kept"
    works(*arguments, "-o", out, "-f")
    assert (kept.read_bytes() == b"kept") == (out == "out")


def test_a_file_is_never_both_input_and_output(archive: str) -> None:
    before = Path(archive).read_bytes()
    assert run("compress", "in.npy", archive, "-o", archive, "-f").exit_code == 2
    assert run("decompress", archive, "-o", f"./{archive}", "-f").exit_code == 2
    assert Path(archive).read_bytes() == before


def test_output_is_refused_before_standard_input_is_read(archive: str) -> None:
    assert "-f" in fails(1, "compress", "-", "-o", archive, stdin=b"never looked at")


# info, test, list, models


def test_info_tells_the_figures_as_text_and_as_json(named: str) -> None:
    size = Path(named).stat().st_size
    found = json.loads(works("info", named, "--json"))
    assert found["images"] == 7
    assert found["bytes"] == size
    assert found["bytes_per_image"] == pytest.approx(size / 7)
    assert found["ratio"] == pytest.approx(7 * 784 / size)
    assert (found["model"], found["dims"], found["levels"]) == ("mnist-10", 4, 8)
    assert (found["chunks"], found["names"]) == (1, True)
    with digitzip.open(named) as dz:
        assert found == json.loads(json.dumps(asdict(dz.info)))
    assert f"{size:,}" in works("info", named).decode()


def test_test_goes_on_after_a_bad_file_and_exits_with_the_worst(archive: str, named: str) -> None:
    Path("bad.dz").write_bytes(Path(archive).read_bytes()[:-1])
    works("test", archive, named)
    result = run("test", "-v", "missing.dz", "bad.dz", archive)
    assert result.exit_code == 3
    lines = result.stderr.splitlines()
    assert [line.split(": ")[:3] for line in lines[:2]] == [
        ["digitzip", "error", "missing.dz"],
        ["digitzip", "error", "bad.dz"],
    ]
    assert lines[2].startswith("in.dz: ok, 7 images")


def test_list_prints_names_or_numbers(archive: str, named: str) -> None:
    assert works("list", archive).decode().split() == list("0123456")
    assert works("list", named).decode().split()[:2] == ["a/0.png", "b/1.png"]
    assert json.loads(works("list", named, "--json"))[2] == {
        "index": 2,
        "name": "a/2.png",
        "label": None,
    }


def test_hostile_names_are_escaped_and_stay_in_the_folder(workdir: Path, images: Images) -> None:
    names = ["\x1b[31mred\n", "\u202egnp.exe", "c:\\x", "é", "d", "e", "f"]
    codes = np.zeros((7, 4), np.uint8)
    Path("in.dz").write_bytes(of_codes(load_model(), codes, names))
    shown = works("list", "in.dz").decode()
    assert shown.splitlines()[:4] == ["\\x1b[31mred\\n", "\\u202egnp.exe", "c:\\x", "é"]
    assert [each["name"] for each in json.loads(works("list", "in.dz", "--json"))] == names
    line = run("decompress", "in.dz", "-o", "out").stderr
    assert "\x1b" not in line
    assert left(workdir) == {"in.npy", "in.dz"}
    assert "\\x1b[2J.dz" in fails(1, "info", "\x1b[2J.dz")


def test_models_are_listed_with_the_default_marked(models: Path) -> None:
    lines = works("models").decode().splitlines()
    assert lines[0].split() == ["name", "id", "shape", "dims", "qualities", "bytes"]
    first = lines[1].split()
    assert first[:2] == ["mnist-10", "*"]
    assert first[3:9] == ["28", "x", "28", "4", "1:5", "2:8*"]
    path = str(models / "mnist-10.safetensors")
    assert path not in works("models").decode()
    assert works("models", "-v").decode().splitlines()[1].endswith(f"  {path}")
    entries = json.loads(works("models", "--json"))
    assert [entry["default"] for entry in entries][:2] == [True, False]
    assert [entries[0][key] for key in ("qualities", "default_levels")] == [[5, 8], 8]
    assert entries[1]["bytes"] == (models / "other.safetensors").stat().st_size


def test_a_refused_model_is_told_and_the_others_listed(
    workdir: Path, models: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workdir / "broken.safetensors").write_bytes(b"broken")
    monkeypatch.setenv("DIGITZIP_MODELS", os.pathsep.join([str(workdir), str(models)]))
    result = run("models")
    assert result.exit_code == 4
    assert "broken.safetensors" in result.stderr
    assert "other" in result.stdout


# demo


@pytest.fixture
def sample(workdir: Path, images: Images, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = workdir / "bundled"
    folder.mkdir()
    monkeypatch.setattr("digitzip.archive.sample.bundled_folder", lambda: folder)
    (folder / "demo.dz").write_bytes(digitzip.compress(images))
    return folder / "demo.dz"


def test_demo_fills_a_folder_and_can_be_run_again(sample: Path) -> None:
    shown = works("demo").decode()
    out = Path("digitzip-demo")
    assert left(out) == {"digits", "contact-sheet.png", "demo.dz"}
    assert len(left(out / "digits")) == 7
    works("test", str(out / "demo.dz"))
    assert [line.split("  ")[0] for line in shown.splitlines()[1:4]] == [
        "raw pixels",
        "PNG files",
        ".dz file",
    ]
    assert works("demo").decode() == shown
    (out / "digits" / "mine.png").write_bytes(b"mine")
    assert "has other files; name another with -o" in fails(1, "demo")
    works("demo", "-f")
    assert (out / "digits" / "mine.png").read_bytes() == b"mine"


def test_demo_without_its_sample_or_with_a_damaged_one_leaves_nothing(
    sample: Path, workdir: Path
) -> None:
    before = left(workdir)
    sample.write_bytes(sample.read_bytes()[:-3])
    assert "demo.dz" in fails(3, "demo")
    sample.unlink()
    assert "demo.dz" in fails(1, "demo")
    assert left(workdir) == before


def test_the_contact_sheet_holds_every_image_in_a_square() -> None:
    images = make_images(7)
    page = contact_sheet(images)
    assert page.shape == (SCALE * (3 * 30 + GAP), SCALE * (3 * 30 + GAP))
    small = page[::SCALE, ::SCALE]
    assert np.array_equal(small[GAP + 60 : GAP + 88, GAP : GAP + 28], images[6])
    assert contact_sheet(images[:0]).size


# The guard


@pytest.fixture
def guarded(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A toy as the default model, with a bound on RMSE and a toy classifier."""
    folder = workdir / "guarded"
    folder.mkdir()
    monkeypatch.setenv("DIGITZIP_MODELS", str(folder))
    np.save("40.npy", make_images(40))
    return write_guarded(folder, max_rmse=25_000)


def guard_of(file: str) -> list[str]:
    """Return what info says of the guard of a file, in words."""
    done = run("info", file)
    assert done.exit_code == 0
    lines = [line.split(maxsplit=1) for line in done.stdout.splitlines()]
    return [value for label, value in lines if label in ("guard", "corrections")]


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ([], {}),
        (["--guard", "on"], {}),
        (["--guard", "off"], {"guard": False}),
        (["--max-rmse", "0.2"], {"max_rmse": 0.2}),
        (["--max-error", "9"], {"max_error": 9}),
        (["--max-error", "0"], {"lossless": True}),
        (["--lossless"], {"max_error": 0}),
        (["--max-rmse", "0.3", "--max-error", "100"], {"max_rmse": 0.3, "max_error": 100}),
    ],
)
def test_bounds_reach_the_library(
    arguments: list[str], options: dict[str, Any], guarded: Model
) -> None:
    run("compress", "40.npy", "-o", "out.dz", *arguments)
    assert Path("out.dz").read_bytes() == compressed(np.load("40.npy"), "40.npy", **options)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lossless", "--max-error", "1"], "--lossless excludes"),
        (["--lossless", "--max-rmse", "0.1"], "--lossless excludes"),
        (["--lossless", "--margin", "9"], "--lossless excludes"),
        (["--guard", "off", "--lossless"], "--guard off excludes"),
        (["--guard", "off", "--margin", "9"], "--guard off excludes"),
        (["--guard", "off", "--max-error", "0"], "--guard off excludes"),
        (["--guard", "off", "--max-rmse", "0.1"], "--guard off excludes"),
        (["--guard", "maybe"], "'maybe' is not one of"),
        (["--max-error", "128"], "0<=x<=127"),
        (["--max-error", "-1"], "0<=x<=127"),
        (["--max-rmse", "0"], "0<x<=1"),
        (["--max-rmse", "1.1"], "0<x<=1"),
    ],
)
def test_bounds_that_contradict_each_other_are_wrong_usage(
    arguments: list[str], said: str, images: Images
) -> None:
    line = fails(2, "compress", "in.npy", "-o", "out.dz", *arguments)
    assert said in line
    assert line.endswith("; see digitzip compress --help\n")
    assert not Path("out.dz").exists()


def test_info_says_in_words_what_a_file_promises(guarded: Model) -> None:
    assert guarded.classifier_id is not None
    read = f"labels unchanged under toy-classifier ({guarded.classifier_id[:4].hex()})"
    for arguments, words in (
        (["--guard", "off"], "off"),
        (["--lossless"], "every pixel exact"),
        (["--max-rmse", "1"], f"RMSE at most 1.0000, {read}"),
        (["--max-error", "9"], f"RMSE at most 0.3815, {read}, pixel error at most 9"),
    ):
        run("compress", "40.npy", "-f", "-o", "out.dz", *arguments)
        assert guard_of("out.dz")[0] == words
    found = json.loads(works("info", "out.dz", "--json"))["promise"]
    assert found == {
        "max_error": 9,
        "max_rmse": 25_000 / 65_535,
        "classifier": "toy-classifier",
        "classifier_id": guarded.classifier_id[:4].hex(),
    }
    Path("guarded/toy-classifier.safetensors").unlink()
    assert "labels unchanged under a classifier not found here (" in guard_of("out.dz")[0]
    assert json.loads(works("info", "out.dz", "--json"))["promise"]["classifier"] is None


def test_the_bound_that_info_shows_is_never_less_than_the_promise(guarded: Model) -> None:
    for bound in (0.15, 0.2311, 0.33333):
        run("compress", "40.npy", "-f", "-o", "out.dz", "--max-rmse", str(bound))
        promised = json.loads(works("info", "out.dz", "--json"))["promise"]["max_rmse"]
        shown = float(re.findall(r"RMSE at most (\S+),", guard_of("out.dz")[0])[0])
        assert promised <= bound
        assert promised <= shown < promised + 0.0001


def test_info_counts_what_is_corrected_also_where_no_promise_is_left(guarded: Model) -> None:
    images = np.load("40.npy")
    with digitzip.create("in.dz") as out:
        out.append(images)
    counts = out.counts
    assert counts.images[Fallback.NEAR_LOSSLESS]
    assert counts.images[Fallback.LOSSLESS]
    expected = guard_of("in.dz")[1:]
    run("compress", "40.npy", "-o", "off.dz", "--guard", "off")
    assert guard_of("off.dz") == ["off"]
    assert run("cat", "in.dz", "off.dz", "-o", "both.dz").stderr == (
        "digitzip: warning: off.dz promises nothing of its images, so the joined file promises "
        "nothing\n"
    )
    assert run("cat", "in.dz", "off.dz", "-o", "both.dz", "-f", "-q").stderr == ""
    assert guard_of("both.dz") == ["off", f"{counts.corrected} images"]
    found = json.loads(works("info", "both.dz", "--json"))
    assert found["corrections"] == counts.corrected
    assert expected == [f"{counts.corrected} images; this model does not fit these images"]


def test_test_tells_what_was_promised_and_is_kept(guarded: Model) -> None:
    run("compress", "40.npy", "-o", "in.dz", "--max-error", "9")
    assert (
        "; kept: RMSE at most 0.3815, labels unchanged under " in run("test", "in.dz", "-v").stderr
    )
    run("compress", "40.npy", "-o", "off.dz", "--guard", "off")
    assert "kept" not in run("test", "off.dz", "-v").stderr


def test_the_summary_tells_what_the_guard_did(guarded: Model) -> None:
    with digitzip.create("in.dz") as out:
        out.append(np.load("40.npy"))
    images = out.counts.images
    others = f"{n} by another code, " if (n := images[Fallback.OTHER_CODE]) else ""
    line = run("compress", "40.npy", "-o", "out.dz", "-v").stderr.splitlines()[1]
    assert line == (
        f"out.dz: guard: {images[Fallback.NONE]} images by their code, {others}"
        f"{images[Fallback.NEAR_LOSSLESS]} near-lossless, {images[Fallback.LOSSLESS]} lossless, "
        f"{out.counts.correction_bytes:,} B of corrections"
    )
    assert "guard" not in run("compress", "40.npy", "-o", "a.dz", "-v", "--guard", "off").stderr
    assert run("compress", "40.npy", "-o", "b.dz", "-v", "-q").stderr == ""
    appended = run("append", "out.dz", "40.npy", "-v").stderr.splitlines()
    assert appended[1].split(",")[0] == line.split(",")[0]  # of the new images only


def test_a_warning_of_the_library_is_one_line_and_none_with_q(guarded: Model) -> None:
    random = np.random.default_rng(0)
    np.save("noise.npy", random.integers(0, 256, (20, 28, 28), np.uint8))
    line = (
        "digitzip: warning: model mnist-10 does not fit these images: of 20 reconstructions, 20 "
        "exceed its bound; train a model for them\n"
    )
    assert run("compress", "noise.npy", "-o", "in.dz").stderr == line
    assert run("append", "in.dz", "noise.npy").stderr == line
    assert run("append", "in.dz", "noise.npy", "-q").stderr == ""


def test_append_keeps_the_promise_of_the_file(guarded: Model) -> None:
    run("compress", "40.npy", "-o", "in.dz", "--max-error", "9")
    before = guard_of("in.dz")[0]
    run("append", "in.dz", "40.npy")
    assert guard_of("in.dz")[0] == before
    assert run("compare", "40.npy", "40.npy", "in.dz").exit_code == 0
    Path("guarded/toy-classifier.safetensors").unlink()
    assert "the file promises labels of a classifier" in fails(5, "append", "in.dz", "40.npy")
    assert "classifier" in fails(4, "compress", "40.npy", "-o", "out.dz")


# The process: imports, signals, pipes


def test_train_refuses_a_bad_output_before_it_imports_torch() -> None:
    Path("out.safetensors").touch()
    assert "-f" in fails(1, "train", "--data", "in.npy", "-o", "out.safetensors")
    assert run("train", "--data", "in.npy", "-o", "out.pt").exit_code == 2
    assert run("train", "--data", "in.npy", "-o", "a.safetensors", "--size", "9").exit_code == 2


def test_train_refuses_empty_names_and_missing_folders() -> None:
    options = {"--data": "in.npy", "--out": "out.safetensors", "--checkpoint": "c", "--logdir": "l"}
    for name in options:
        arguments = [text for pair in {**options, name: ""}.items() for text in pair]
        result = run("train", *arguments)
        assert result.exit_code == 2
        assert "a file name is empty" in result.stderr
    for name, path in (("--out", "no/out.safetensors"), ("--checkpoint", "no/state")):
        arguments = [text for pair in {**options, name: path}.items() for text in pair]
        assert "there is no folder 'no'" in fails(1, "train", *arguments)
    assert left(Path.cwd()) == set()


def test_errors_of_training_are_one_line(images: Images) -> None:
    pytest.importorskip("torch")
    line = fails(1, "train", "--data", "in.npy", "-o", "out.safetensors", "--device", "cpu")
    assert "7 training images" in line


# Talk


def test_the_summary_is_said_when_asked_and_never_in_quiet(
    images: Images,
) -> None:
    said = run("compress", "in.npy", "-o", "a.dz", "-v").stderr
    size = Path("a.dz").stat().st_size
    assert said.startswith(f"a.dz: 7 images, {size} bytes, {size / 7:.2f} B/image, ratio ")
    assert run("compress", "in.npy", "-o", "b.dz", "-v", "-q").stderr == ""


def test_the_summary_of_a_part_is_of_the_images_written(archive: str) -> None:
    said = run("decompress", archive, "-o", "a.npy", "-v", "--range", "1:3").stderr
    assert said.startswith("in.dz: 2 of 7 images, ")
    assert said.count(",") == 1
    assert run("decompress", archive, "-o", "b.npy", "-v").stderr.startswith("in.dz: 7 images, ")
