"""Runs over many files: all problems at once, bad files left out, order, lists and prefixes."""

from __future__ import annotations

import io
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import digitzip
from digitzip.cli import digitzip as command
from digitzip.errors import InputError
from tests.conftest import TINY
from tests.toy import make_images

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX names")
MODEL = ("--model", str(TINY), "--guard", "off", "--effort", "0")


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def save(*names: str, seed: int = 0) -> None:
    for name, image in zip(names, make_images(len(names), seed=seed), strict=True):
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(name, "PNG")


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(command, arguments, input=stdin)


def compress(*arguments: str, stdin: bytes = b"") -> Result:
    return run("compress", *arguments, "-o", "out.dz", *MODEL, stdin=stdin)


def names_in(file: str = "out.dz") -> list[str]:
    with digitzip.open(file, model=TINY) as dz:
        return list(dz.names or [])


def names(*inputs: str, **options: Any) -> list[str]:
    found = digitzip.read_images(inputs, height=28, width=28, **options)
    return [name for _, part in found for name in part or []]


@pytest.fixture
def scans() -> None:
    """A folder of eight images, of which three cannot be read, and a file of text."""
    save(*(f"scans/{number}.png" for number in range(8)))
    for number, size in ((2, 100), (6, 40)):
        whole = Path(f"scans/{number}.png").read_bytes()
        Path(f"scans/{number}.png").write_bytes(whole[:size])
    Image.new("RGB", (28, 28), "red").save("scans/4.png")
    Path("scans/labels.csv").write_text("file,label\n")


BAD = ["scans/2.png", "scans/4.png", "scans/6.png", "scans/labels.csv"]


@pytest.mark.usefixtures("scans")
def test_all_problems_are_told_before_the_work_begins() -> None:
    source = digitzip.read_images("scans", height=28, width=28)
    for look in (source.check, lambda: list(source)):
        with pytest.raises(InputError, match="4 of 9 images cannot be read; skip_bad=True") as all_:
            look()
        assert [line.split("'")[1] for line in all_.value.problems] == BAD
        assert "\n" not in str(all_.value)
    done = compress("scans")
    assert done.exit_code == 1
    assert not Path("out.dz").exists()
    lines = done.stderr.splitlines()
    assert [line.split("'")[1] for line in lines[:-1]] == BAD
    told = "digitzip: error: 4 of 9 images cannot be read; --skip-bad leaves them out"
    assert lines[-1] == told


@pytest.mark.usefixtures("scans")
def test_bad_files_are_left_out_on_request_and_named() -> None:
    good = [f"{number}.png" for number in (0, 1, 3, 5, 7)]
    source = digitzip.read_images("scans", height=28, width=28, skip_bad=True)
    source.check()
    assert names("scans", skip_bad=True) == good
    assert [line.split("'")[1] for line in source.bad] == BAD
    rows = np.concatenate([each.rows for each in source.batches()])
    assert rows.tolist() == [0, 1, 3, 5, 7]
    np.save("y.npy", np.arange(9))
    done = compress("scans", "--skip-bad", "--labels", "y.npy")
    assert done.exit_code == 1
    assert [line.split("'")[1] for line in done.stderr.splitlines()] == BAD
    assert all(line.startswith("digitzip: error: left out: ") for line in done.stderr.splitlines())
    assert names_in() == good
    with digitzip.open("out.dz", model=TINY) as dz:
        assert dz.labels is not None
        assert dz.labels[:].tolist() == [0, 1, 3, 5, 7]
    save("more/9.png")
    Path("more/x.png").write_bytes(b"")
    done = run("append", "out.dz", "more", "--skip-bad", "--labels", "z.npy", *MODEL[:2])
    np.save("z.npy", np.arange(2))
    done = run("append", "out.dz", "more", "--skip-bad", "--labels", "z.npy", *MODEL[:2])
    assert (done.exit_code, names_in()) == (1, [*good, "9.png"])


def test_nothing_is_no_success() -> None:
    Path("bad").mkdir()
    Path("bad/a.png").write_bytes(b"seven")
    Path("none/sub").mkdir(parents=True)
    Path("list").write_text("\n")
    for arguments, said in (
        (["bad", "--skip-bad"], "no image can be read: 'bad"),
        (["none"], "found no images in 'none'"),
        (["none", "--skip-bad"], "no input can be read: found no images in 'none'"),
        (["--files-from", "list"], "'list' names no files"),
    ):
        done = compress(*arguments)
        assert (done.exit_code, said in done.stderr) == (1, True), done.stderr
        assert not Path("out.dz").exists()
    assert "Missing argument" in compress().stderr.replace("missing", "Missing")
    assert compress().exit_code == 2


def test_blank_pictures_are_found_together_and_left_out_on_request() -> None:
    for number in range(5):
        page = Image.new("L", (90, 90), 240)
        if number % 2:
            page.paste(20, (40, 20, 50, 70))
        Path("forms").mkdir(exist_ok=True)
        page.save(f"forms/{number}.png")
    done = compress("forms", "--fit", "mnist")
    assert (done.exit_code, done.stderr.count("shows no ink")) == (1, 3)
    done = compress("forms", "--fit", "mnist", "--skip-bad")
    assert (done.exit_code, done.stderr.count("left out: ")) == (1, 3)
    assert names_in() == ["1.png", "3.png"]
    np.save("forms.npy", np.stack([np.array(Image.open(f"forms/{n}.png")) for n in range(5)]))
    source = digitzip.read_images(
        "forms.npy", height=28, width=28, fit="mnist", skip_bad=True, batch=2
    )
    assert np.concatenate([each.rows for each in source.batches()]).tolist() == [1, 3]
    assert len(source.bad) == 3
    with pytest.raises(InputError, match="3 of 5 images") as refusal:
        list(digitzip.read_images("forms.npy", height=28, width=28, fit="mnist"))
    assert [line.split("'")[1] for line in refusal.value.problems] == [
        f"forms.npy[{number}]" for number in (0, 2, 4)
    ]


def test_a_fit_finds_cut_files_before_the_work_begins() -> None:
    noise = np.random.default_rng(0).integers(0, 256, (300, 300), np.uint8)
    for name in ("a.png", "b.jpg"):
        out = io.BytesIO()
        Image.fromarray(noise).save(out, "JPEG" if name == "b.jpg" else "PNG")
        Path(name).write_bytes(out.getvalue())
        source = digitzip.read_images(name, height=28, width=28, fit="resize")
        source.check()
        Path(name).write_bytes(out.getvalue()[:-500])
        with pytest.raises(InputError, match="is a damaged image"):
            source.check()


def test_missing_files_and_unsafe_names_are_problems_like_others() -> None:
    save("a/1.png", "a/2.jpg", "b/2.png")
    Path("a/1.png").rename("a/nul.png")
    done = compress("a", "gone.png", "b", "--skip-bad")
    assert done.exit_code == 1
    assert [line.split("left out: ")[1][:20] for line in done.stderr.splitlines()] == [
        "cannot read 'gone.pn", "'nul.png' is no name", "'a/2.jpg' and 'b/2.p",
    ]  # fmt: skip
    assert names_in() == ["2.jpg"]


# Order


def test_a_folder_is_read_by_name_or_naturally() -> None:
    numbers = [0, 1, 2, 10, 11, 100]
    save(*(f"in/{n}/x{n}.png" for n in numbers), "in/x007.png", "in/x7.png", "in/x10.png")
    natural = [f"{n}/x{n}.png" for n in numbers] + ["x007.png", "x7.png", "x10.png"]
    assert names("in") == sorted(natural, key=str.encode)
    assert names("in", sort="natural") == natural
    assert compress("in", "--sort", "natural").exit_code == 0
    assert names_in() == natural
    with pytest.raises(InputError, match="unknown sort 'size'; expected one of name, natural"):
        names("in", sort="size")


def test_labels_of_folders_follow_the_order() -> None:
    save("in/2/a.png", "in/10/b.png", "in/10/c.png")
    for sort, labels in (("name", [0, 0, 1]), ("natural", [0, 1, 1])):
        done = compress("in", "--sort", sort, "--labels", "folders", "-f")
        assert done.exit_code == 0
        with digitzip.open("out.dz", model=TINY) as dz:
            assert dz.labels is not None
            assert dz.labels[:].tolist() == labels


# Lists and prefixes


def test_a_list_of_files_is_read_in_its_order() -> None:
    save("s/b c.png", "s/a.png", "é.png")
    listed = ["s/b c.png", "é.png", "s/a.png"]
    text = ("\r\n".join(listed) + "\n").encode()
    Path("list").write_bytes(text)
    zeros = "\0".join([*listed, ""]).encode()
    for arguments, stdin in (
        (["--files-from", "list"], b""),
        (["--files-from", "-"], text),
        (["--files-from", "-", "-0"], zeros),
        (["s/b c.png", "--files-from", "-"], "é.png\ns/a.png".encode()),
    ):
        done = compress(*arguments, "-f", stdin=stdin)
        assert done.exit_code == 0, done.stderr
        assert names_in() == ["b c.png", "é.png", "a.png"]
    Path("list").write_bytes(b"-\n")
    assert compress("-", "--files-from", "-").exit_code == 2
    assert "only once" in compress("--files-from", "-", "-f", stdin=b"-\n").stderr
    assert "gone" in compress("--files-from", "gone").stderr


def test_a_prefix_keeps_equal_names_apart() -> None:
    for day in ("monday", "tuesday"):
        save(f"in/{day}/0.png", f"in/{day}/1.png")
    said = compress("in/monday", "in/tuesday").stderr
    assert "rename one of them, or --prefix keeps the names of their folders" in said
    done = compress("in/monday", "in/tuesday", "--prefix")
    assert done.exit_code == 0, done.stderr
    both = [f"in/{day}/{n}.png" for day in ("monday", "tuesday") for n in range(2)]
    assert names_in() == both
    done = run("compare", "in/monday", "in/tuesday", "out.dz", "--prefix", *MODEL[:2], "--json")
    assert done.exit_code == 0, done.stderr
    files = [str(Path.cwd() / name) for name in both]
    inside = [name.removeprefix("/").replace("\\", "/") for name in files]
    assert names(*files, prefix=True) == [name.partition(":/")[2] or name for name in inside]
    os.chdir("in/monday")
    assert names("../tuesday", "../monday/0.png", prefix=True) == [
        "tuesday/0.png", "tuesday/1.png", "monday/0.png",
    ]  # fmt: skip


def test_names_that_collide_within_one_folder_get_no_advice_that_does_not_help() -> None:
    save("in/a.png", "in/a.jpg")
    with pytest.raises(InputError, match=r"rename one of them; skip_bad"):
        names("in")


def test_invert_turns_dark_on_light_into_light_on_dark() -> None:
    images = make_images(5)
    np.save("light.npy", 255 - images)
    save("dark/a.png")
    source = digitzip.read_images("light.npy", height=28, width=28, invert=True)
    assert all(np.array_equal(batch, images) for batch, _ in source)
    assert compress("light.npy", "--invert").exit_code == 0
    wanted = digitzip.compress(images, model=TINY, guard=False, effort=0)
    with digitzip.open("out.dz", model=TINY) as dz:
        np.testing.assert_array_equal(dz[:], digitzip.decompress(wanted, model=TINY))
    done = run("compare", "light.npy", "out.dz", "--invert", *MODEL[:2])
    assert done.exit_code == 0
    again = ["append", "out.dz", "light.npy", "--invert", *MODEL[:2], "--effort", "0"]
    assert run(*again).exit_code == 0
    with digitzip.open("out.dz", model=TINY) as dz:
        np.testing.assert_array_equal(dz.codes[:5], dz.codes[5:])
