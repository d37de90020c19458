"""Advice in errors and warnings: each hint is followed, works, and loses nothing."""

from __future__ import annotations

import gzip
import io
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from click.testing import CliRunner
from PIL import Image

import digitzip
from digitzip.cli import digitzip as command
from digitzip.codec import Images
from digitzip.model import Model
from tests.conftest import TINY
from tests.test_join import pack
from tests.toy import make_images, make_model, write_guarded


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def told(said: str, action: Callable[..., Any], *args: Any, **options: Any) -> None:
    """Expect an error of digitzip that says so."""
    with pytest.raises(digitzip.DigitzipError, match=said):
        action(*args, **options)


def run(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(command, arguments)
    return done.exit_code, done.stderr


def same(file: str | bytes, images: Images) -> None:
    """Check that an archive decodes to these images."""
    with digitzip.open(file, model=TINY) as dz:
        dz.test()
        np.testing.assert_array_equal(dz[:], images)


def decoded(tiny: Model, images: Images) -> Images:
    return digitzip.decompress(pack(tiny, images), model=tiny)


def damaged(tiny: Model, images: Images) -> tuple[bytes, Images]:
    """Return an archive of two chunks, the second one damaged, and the images of the first."""
    out = io.BytesIO()
    with digitzip.create(out, model=tiny, effort=0, guard=False, chunk=30) as writer:
        writer.append(images)
    data = bytearray(out.getvalue())
    with digitzip.open(bytes(data), model=tiny) as dz:
        data[dz._store.index.slots[1].offset + 20] ^= 1
        return bytes(data), dz[:30]


def test_overwrite_replaces_a_file(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(b"old")
    told("overwrite=True replaces it", digitzip.create, "a.dz", model=tiny)
    assert Path("a.dz").read_bytes() == b"old"
    with digitzip.create("a.dz", model=tiny, guard=False, effort=0, overwrite=True) as writer:
        writer.append(images)
    same("a.dz", decoded(tiny, images))


def test_force_overwrites_a_file(tiny: Model, images: Images) -> None:
    np.save("in.npy", images)
    Path("a.dz").write_bytes(b"old")
    arguments = ["compress", "in.npy", "-o", "a.dz", "--model", str(TINY), "--guard", "off"]
    code, said = run(*arguments)
    assert (code, "-f" in said, Path("a.dz").read_bytes()) == (1, True, b"old")
    assert run(*arguments, "-f")[0] == 0
    assert digitzip.decompress(Path("a.dz").read_bytes(), model=tiny).shape == images.shape


def test_overwrite_writes_into_a_folder_and_keeps_other_files(tiny: Model, images: Images) -> None:
    Path("out").mkdir()
    Path("out/mine.txt").write_text("mine")
    options: dict[str, Any] = {"count": 2, "height": 28, "width": 28}
    told(
        "overwrite=True writes into it",
        digitzip.write_images, "out", [images[:2]], **options,
    )  # fmt: skip
    digitzip.write_images("out", [images[:2]], **options, overwrite=True)
    assert Path("out/mine.txt").read_text() == "mine"
    assert len(list(Path("out").iterdir())) == 3


def test_recover_saves_what_is_whole(tiny: Model, images: Images) -> None:
    data, whole = damaged(tiny, images)
    for broken, kept in ((data, whole), (data[:-9], whole)):
        told(r"digitzip\.recover saves", digitzip.decompress, broken, model=tiny)
        digitzip.recover(broken, "saved.dz", model=tiny, overwrite=True)
        same("saved.dz", kept)


def test_recover_is_a_command(tiny: Model, images: Images) -> None:
    data, whole = damaged(tiny, images)
    Path("a.dz").write_bytes(data)
    code, said = run("test", "a.dz", "--model", str(TINY))
    assert (code, "digitzip recover saves" in said) == (3, True)
    assert run("recover", "a.dz", "-o", "b.dz", "--model", str(TINY))[0] == 3  # images are lost
    assert Path("a.dz").read_bytes() == data
    same("b.dz", whole)


def test_join_or_recover_makes_one_archive_of_joined_files(tiny: Model, images: Images) -> None:
    files = [pack(tiny, images[:20]), pack(tiny, images[20:])]
    told(
        r"digitzip\.join makes one archive of the separate files; digitzip\.recover saves",
        digitzip.open, b"".join(files), model=tiny,
    )  # fmt: skip
    digitzip.join(files, "one.dz")
    same("one.dz", decoded(tiny, images))
    assert digitzip.recover(b"".join(files), "one.dz", model=tiny, overwrite=True).whole
    same("one.dz", decoded(tiny, images))


def test_cutting_a_file_where_another_kind_begins_saves_both(tiny: Model, images: Images) -> None:
    first, second = pack(tiny, images[:20]), pack(tiny, images[20:], quality=1)
    told(
        f"begins at byte {len(first)}: cut the file there",
        digitzip.recover, first + second, "out.dz", model=tiny,
    )  # fmt: skip
    for part in ((first + second)[: len(first)], (first + second)[len(first) :]):
        assert digitzip.recover(part, "out.dz", model=tiny, overwrite=True).whole


def test_max_images_can_be_raised(tiny: Model, images: Images) -> None:
    data = pack(tiny, images)
    told("raise max_images", digitzip.decompress, data, model=tiny, max_images=3)
    assert len(digitzip.decompress(data, model=tiny, max_images=50)) == 50
    with digitzip.open(data, model=tiny, max_images=3) as dz:
        told(r"batches\(\), or raise max_images", lambda: dz[:])
        np.testing.assert_array_equal(np.concatenate(list(dz.batches(3))), decoded(tiny, images))


def test_a_range_or_a_higher_limit_decompresses(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(pack(tiny, images))
    arguments = ["decompress", "a.dz", "-o", "o.npy", "--model", str(TINY), "--max-images", "9"]
    code, said = run(*arguments)
    assert (code, "raise --max-images, or take a part with --range" in said) == (3, True)
    assert run(*arguments, "--range", "0:9")[0] == 0
    assert run(*arguments[:-1], "50", "-f")[0] == 0
    np.testing.assert_array_equal(np.load("o.npy"), decoded(tiny, images))


def test_names_and_labels_are_given_to_all_or_none(tiny: Model, images: Images) -> None:
    given: dict[str, list[Any]] = {"names": ["0", "1", "2", "3"], "labels": [0, 1, 2, 3]}
    for what, all_ in given.items():
        first: dict[str, Any] = {what: all_[:2]}
        last: dict[str, Any] = {what: all_[2:]}
        out = io.BytesIO()
        with digitzip.create(out, model=tiny, guard=False, effort=0) as writer:
            writer.append(images[:2], **first)
            told(f"give {what} to all, or to none", writer.append, images[2:4])
            writer.append(images[2:4], **last)
        same(out.getvalue(), decoded(tiny, images[:4]))


def test_a_name_that_makes_the_same_file_is_renamed(tiny: Model, images: Images) -> None:
    out = io.BytesIO()
    with digitzip.create(out, model=tiny, guard=False, effort=0) as writer:
        told("rename one of them", writer.append, images[:2], ["a.png", "A.png"])
        writer.append(images[:2], ["a.png", "b.png"])
    same(out.getvalue(), decoded(tiny, images[:2]))


def test_leaving_an_image_out_lets_files_be_joined(tiny: Model, images: Images) -> None:
    files = [pack(tiny, images[:2], ["a", "b"]), pack(tiny, images[2:4], ["c", "a"])]
    told(r"leave one image out with digitzip\.extract", digitzip.join, files, "all.dz")
    with digitzip.open(files[1], model=tiny) as dz:
        digitzip.extract(dz, [0], "rest.dz")
    digitzip.join([files[0], "rest.dz"], "all.dz")
    same("all.dz", decoded(tiny, images[:3]))


def test_originals_compressed_as_the_others_were_can_be_joined(tiny: Model, images: Images) -> None:
    first, other = pack(tiny, images[:2]), pack(tiny, images[2:4], quality=1)
    told("compress its originals as the others were", digitzip.join, [first, other], "all.dz")
    digitzip.join([first, pack(tiny, images[2:4])], "all.dz")
    same("all.dz", decoded(tiny, images[:4]))


def test_fit_brings_images_to_the_size_of_the_model(tiny: Model, images: Images) -> None:
    Image.fromarray(np.zeros((40, 40), np.uint8)).save("big.png")
    read = digitzip.read_images
    told("fit='resize' scales it", lambda: list(read("big.png", height=28, width=28)))
    ((batch, _),) = read("big.png", height=28, width=28, fit="resize")
    assert batch.shape == (1, 28, 28)


def test_height_and_width_are_given_together_or_not_at_all(tiny: Model, images: Images) -> None:
    np.save("in.npy", images)
    told("give both or none", digitzip.read_images, "in.npy", height=28)
    assert digitzip.read_images("in.npy", height=28, width=28).count == 50
    assert digitzip.read_images("in.npy").count == 50


def test_one_of_model_and_dims_is_given(tiny: Model, images: Images) -> None:
    told("give one of them", digitzip.load_codec, tiny, dims=3)
    digitzip.load_codec(tiny)


def test_originals_are_one_for_each_image(tiny: Model, images: Images) -> None:
    data = pack(tiny, images)
    for wrong in (images[:9], np.concatenate([images, images])):
        told("give one for each", digitzip.compare, wrong, data, model=tiny)
    assert digitzip.compare(images, data, model=tiny).images == 50


def test_list_shows_the_names(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(pack(tiny, images[:1], ["seven"]))
    with digitzip.open("a.dz", model=tiny) as dz:
        told("digitzip list shows the names", dz.find, "nine")
    assert CliRunner().invoke(command, ["list", "a.dz"]).stdout == "seven\n"


def test_labels_are_left_out_where_there_are_none(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(pack(tiny, images))
    arguments = ["decompress", "a.dz", "-o", "out.npy", "--model", str(TINY)]
    code, said = run(*arguments, "--labels", "l.npy")
    assert (code, "leave out --labels" in said, Path("out.npy").exists()) == (1, True, False)
    assert run(*arguments)[0] == 0


def test_a_bound_makes_the_guard_verify_something(tiny: Model, images: Images) -> None:
    with pytest.warns(digitzip.DigitzipWarning, match="give max_error= or max_rmse="):
        digitzip.compress(images, model=tiny, effort=0)
    for options in ({"max_error": 9}, {"max_rmse": 0.1}):
        data = digitzip.compress(images, model=tiny, effort=0, **options)
        found = digitzip.compare(images, data, model=tiny)
        assert found.broken is not None
        assert found.broken.images == 0


def test_open_takes_the_path_that_decompress_refuses(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(pack(tiny, images))
    with pytest.raises(TypeError, match=r"open\(\) takes paths"):
        digitzip.decompress("a.dz")  # type: ignore[arg-type]
    same("a.dz", decoded(tiny, images))


def test_images_of_shared_names_are_extracted_by_number(tiny: Model, images: Images) -> None:
    data = pack(tiny, images[:2], ["a", "b"]) + pack(tiny, images[2:4], ["b", "c"])
    with pytest.warns(digitzip.DigitzipWarning, match="extract these images by number"):
        digitzip.recover(data, "all.dz", model=tiny)
    assert run("decompress", "all.dz", "-o", "out", "--model", str(TINY))[0] == 1
    assert not Path("out").exists()
    for index in (1, 2):
        out = f"{index}.png"
        assert run("extract", "all.dz", str(index), "-o", out, "--model", str(TINY))[0] == 0
        np.testing.assert_array_equal(np.array(Image.open(out)), decoded(tiny, images)[index])


def test_originals_without_names_are_matched_in_order(tiny: Model, images: Images) -> None:
    with pytest.warns(digitzip.DigitzipWarning, match="more than one"):
        digitzip.recover(2 * pack(tiny, images[:1], ["a"]), "all.dz", model=tiny)
    batch = [(images[[0, 0]], ["a", "b"])]
    told("give originals without names", digitzip.compare, batch, "all.dz", model=tiny)
    assert digitzip.compare(images[[0, 0]], "all.dz", model=tiny).images == 2


def test_fewer_images_are_found_at_once(tiny: Model, images: Images) -> None:
    with digitzip.open(pack(tiny, images), model=tiny, max_images=9) as dz:
        told("ask for fewer of them", dz.find, "0:10")
        assert len(dz.find("0:9")) == 9


def test_a_path_or_the_folder_of_models_names_a_model(tiny: Model, images: Images) -> None:
    told("give a path, or set DIGITZIP_MODELS", digitzip.load_codec, "tiny")
    assert digitzip.load_codec(TINY).model.id == tiny.id
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITZIP_MODELS", str(TINY.parent))
        assert digitzip.load_codec("tiny").model.id == tiny.id


def test_an_image_of_more_bits_is_converted_first(tiny: Model, images: Images) -> None:
    Image.fromarray(images[0].astype(np.uint16) * 257).save("deep.png")
    told("convert it first", lambda: list(digitzip.read_images("deep.png")))
    deep = np.array(Image.open("deep.png"))
    Image.fromarray((deep // 257).astype(np.uint8)).save("deep.png")
    ((batch, _),) = digitzip.read_images("deep.png")
    np.testing.assert_array_equal(batch[0], images[0])


def test_a_file_that_changed_meanwhile_is_appended_to_once_more(
    tiny: Model, images: Images
) -> None:
    Path("a.dz").write_bytes(pack(tiny, images[:2]))
    writer = digitzip.append("a.dz", model=tiny, effort=0)
    writer.append(images[3:4])
    Path("a.dz").write_bytes(pack(tiny, images[:3]))
    told("append to it once more", writer.close)
    same("a.dz", decoded(tiny, images[:3]))
    with digitzip.append("a.dz", model=tiny, effort=0) as writer:
        writer.append(images[3:4])
    same("a.dz", decoded(tiny, images[:4]))


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX locks")
def test_another_run_that_appends_is_waited_for(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(pack(tiny, images[:2]))
    with digitzip.append("a.dz", model=tiny, effort=0) as writer:
        writer.append(images[2:3])
        told("wait until it has ended", digitzip.append, "a.dz", model=tiny)
    with digitzip.append("a.dz", model=tiny, effort=0) as writer:
        writer.append(images[3:4])
    same("a.dz", decoded(tiny, images[:4]))


def test_a_file_of_names_that_no_folder_can_have_decompresses_to_npy(
    tiny: Model, images: Images
) -> None:
    with pytest.warns(digitzip.DigitzipWarning, match="more than one"):
        digitzip.recover(2 * pack(tiny, images[:1], ["a"]), "all.dz", model=tiny)
    arguments = ["decompress", "all.dz", "--model", str(TINY), "-o"]
    code, said = run(*arguments, "out")
    assert (code, "decompress to a .npy file" in said) == (1, True)
    assert run(*arguments, "out.npy")[0] == 0
    np.testing.assert_array_equal(np.load("out.npy"), decoded(tiny, images[[0, 0]]))


def test_a_gzip_file_in_the_place_of_an_archive_is_unpacked(tiny: Model, images: Images) -> None:
    data = pack(tiny, images)
    told("gzip or dictzip file does; gzip -dc unpacks it", digitzip.open, gzip.compress(data))
    same(gzip.decompress(gzip.compress(data)), decoded(tiny, images))


# Names of files, arrays and images


def test_recover_saves_more_images_with_a_higher_limit(tiny: Model, images: Images) -> None:
    data = pack(tiny, images)
    told("raise max_images=", digitzip.recover, data, "out.dz", model=tiny, max_images=49)
    assert digitzip.recover(data, "out.dz", model=tiny, max_images=50).whole
    Path("a.dz").write_bytes(data)
    arguments = ["recover", "a.dz", "-o", "b.dz", "--model", str(TINY), "--max-images"]
    code, said = run(*arguments, "49")
    assert (code, said.endswith("raise --max-images\n")) == (3, True)
    assert run(*arguments, "50")[0] == 0
    same("b.dz", decoded(tiny, images))


def test_one_array_of_several_is_named_after_the_file(images: Images) -> None:
    np.savez("two.npz", one=images, other=images[:3])
    told(r"one of them as FILE\.npz:NAME", digitzip.read_images, "two.npz")
    assert digitzip.read_images("two.npz:other").count == 3


def test_an_array_in_fortran_order_is_saved_in_c_order_or_plain(images: Images) -> None:
    fortran = np.asfortranarray(images)
    np.savez("a.npz", fortran)
    told(r"save it in C order, or as a plain \.npy file", digitzip.read_images, "a.npz")
    np.savez("c.npz", np.ascontiguousarray(fortran))
    np.save("plain.npy", fortran)
    for name in ("c.npz", "plain.npy"):
        ((batch, _),) = digitzip.read_images(name)
        np.testing.assert_array_equal(batch, images)


def test_a_size_brings_images_of_several_sizes_together() -> None:
    for name, size in (("large.png", (90, 80)), ("small.png", (12, 9))):
        Image.new("L", size).save(name)
    read = digitzip.read_images
    told(r"\(height=28, width=28, fit='resize' scales every image\)", read, "large.png")
    assert read("large.png", height=28, width=28, fit="resize").count == 1
    files = ["small.png", "large.png"]
    told(r"\(height=9, width=12, fit='resize' scales every image\)", lambda: list(read(files)))
    ((batch, _),) = read(files, height=9, width=12, fit="resize")
    assert batch.shape == (2, 9, 12)


def test_an_image_whose_name_is_unsafe_is_renamed(images: Images) -> None:
    Path("in").mkdir()
    Image.fromarray(images[0]).save("in/a.png")
    Path("in/a.png").rename("in/nul.png")
    read = digitzip.read_images
    told("Windows reserves it; rename 'in.nul.png'", lambda: list(read("in")))
    Path("in/nul.png").rename("in/b.png")
    assert [names for _, names in read("in")] == [["b.png"]]


@pytest.mark.parametrize("name", ["a.npy", "a-idx3-ubyte", "a-idx3-ubyte.gz", "a"])
def test_outputs_have_the_names_that_the_error_lists(name: str, images: Images) -> None:
    told(
        r"expected NAME\.npy, NAME-idx3-ubyte, NAME-idx3-ubyte\.gz, NAME\.png for one image, "
        "or a folder without a suffix",
        digitzip.write_images, "a.txt", images,
    )  # fmt: skip
    digitzip.write_images(name, images)
    ((batch, _),) = digitzip.read_images(name)
    np.testing.assert_array_equal(batch, images)
    told(r"NAME\.png for one image", digitzip.write_images, "one.png", images)
    digitzip.write_images("one.png", images[:1])
    assert digitzip.read_images("one.png").count == 1


def test_batches_are_written_with_count_height_and_width(images: Images) -> None:
    told("need count=, height= and width=", digitzip.write_images, "a.npy", [images])
    digitzip.write_images("a.npy", [images], count=50, height=28, width=28)
    np.testing.assert_array_equal(np.load("a.npy"), images)


# Models and the guard


def test_a_model_is_found_by_its_file_or_its_folder(tiny: Model, images: Images) -> None:
    data, said = pack(tiny, images), "give its file as model=, or set DIGITZIP_MODELS to its folder"
    with digitzip.open(data) as dz:
        told(said, lambda: dz[0])
    assert len(digitzip.decompress(data, model=TINY)) == 50
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITZIP_MODELS", str(TINY.parent))
        assert len(digitzip.decompress(data)) == 50


def test_a_classifier_is_found_by_its_folder(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("folder").mkdir()
    model = write_guarded(Path("folder"), max_rmse=65_535)
    told("set DIGITZIP_MODELS to its folder", digitzip.create, "a.dz", model=model)
    with monkeypatch.context() as patch:
        patch.setenv("DIGITZIP_MODELS", str(tmp_path / "folder"))
        with digitzip.create("a.dz", model=model, effort=0) as writer:
            writer.append(images[:1])
    told("set DIGITZIP_MODELS to its folder", digitzip.append, "a.dz", model=model)
    with monkeypatch.context() as patch:
        patch.setenv("DIGITZIP_MODELS", str(tmp_path / "folder"))
        with digitzip.append("a.dz", model=model, effort=0) as writer:
            writer.append(images[1:2])


def test_a_classifier_of_another_size_is_done_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITZIP_MODELS", str(tmp_path))
    large = write_guarded(tmp_path, max_rmse=65_535)
    model = replace(make_model(side=16), classifier_id=large.classifier_id)
    images = make_images(2, side=16)
    told(
        "use a model with another classifier, or guard=False",
        digitzip.compress, images, model=model,
    )  # fmt: skip
    digitzip.compress(images, model=model, guard=False)
    digitzip.compress(images, model=replace(model, classifier_id=None), max_error=9)


def test_originals_all_have_names_or_none_and_each_once(tiny: Model, images: Images) -> None:
    data, codec = pack(tiny, images[:4], ["a", "b", "c", "d"]), digitzip.load_codec(tiny, effort=0)
    first, last = images[:2], images[2:4]
    compare = partial(digitzip.compare, file=data, model=tiny)
    told("give all a name, or none", compare, [(first, ["a", "b"]), (last, None)])
    told("give one for each image", compare, [(first, ["a", "a"]), (last, ["c", "d"])])
    expected = compare(images[:4]).rmse
    assert compare([(last, ["c", "d"]), (first, ["a", "b"])]).rmse == expected
    assert compare([(first, None), (last, None)]).rmse == expected
    assert codec.model.id == tiny.id


def test_joined_files_all_have_names_or_none(tiny: Model, images: Images) -> None:
    named, other = pack(tiny, images[:2], ["a", "b"]), pack(tiny, images[2:4])
    told("give names to all images, or to none", digitzip.join, [named, other], "all.dz")
    digitzip.join([named, pack(tiny, images[2:4], ["c", "d"])], "all.dz")
    same("all.dz", decoded(tiny, images[:4]))
    digitzip.join([pack(tiny, images[:2]), other], "all.dz", overwrite=True)
    same("all.dz", decoded(tiny, images[:4]))


def test_recover_saves_the_chunks_that_decode_to_their_pixels(tiny: Model) -> None:
    data = (TINY.parent / "invalid" / "pixel-crc.dz").read_bytes()
    with digitzip.open(data, model=tiny) as dz:
        told(r"digitzip\.recover saves the other chunks", dz.test)
        whole = len(dz) - len(dz._store.span(0))
    if whole:
        assert digitzip.recover(data, "saved.dz", model=tiny).images == whole
    else:
        told("no chunk is whole", digitzip.recover, data, "saved.dz", model=tiny)


# The command line


@pytest.mark.parametrize(
    ("wrong", "said", "right"),
    [
        (["--model", "tiny", "--dims", "3"], "give one of them", ["--model", str(TINY)]),
        (["--lossless", "--max-error", "9"], "--lossless excludes", ["--lossless"]),
        (["--guard", "off", "--lossless"], "--guard off excludes", ["--guard", "off"]),
        (["--metadata", "by"], "expected KEY=VALUE", ["--metadata", "by=me"]),
    ],
)
def test_options_that_contradict_each_other_are_given_alone(
    wrong: list[str], said: str, right: list[str], images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGITZIP_MODELS", str(TINY.parent))
    np.save("in.npy", images[:2])
    model = [] if "--model" in right else ["--model", str(TINY)]
    code, line = run("compress", "in.npy", "-o", "a.dz", *wrong)
    assert (code, said in line, Path("a.dz").exists()) == (2, True, False)
    asked = line.rpartition("; see digitzip ")[2].split()
    assert run(*asked)[0] == 0
    assert run("compress", "in.npy", "-o", "a.dz", *right, *model, "--effort", "0")[0] == 0


def test_a_pipe_is_saved_to_a_file_or_given_as_standard_input(tiny: Model, images: Images) -> None:
    data = pack(tiny, images)
    if not hasattr(os, "mkfifo"):
        pytest.skip("needs POSIX pipes")
    reading, writing = os.pipe()
    os.write(writing, data)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        with pytest.raises(OSError, match=r"save it to a file, or give it as standard input, -"):
            digitzip.open(pipe, model=tiny)
        Path("a.dz").write_bytes(pipe.read())
    same("a.dz", decoded(tiny, images))
    done = CliRunner().invoke(command, ["test", "-", "--model", str(TINY)], input=data)
    assert done.exit_code == 0, done.stderr


def test_a_terminal_is_redirected_or_a_file_named(
    tiny: Model, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a.dz").write_bytes(pack(tiny, images))
    arguments = ["decompress", "a.dz", "--model", str(TINY), "-o"]
    with monkeypatch.context() as patch:
        patch.setattr("digitzip.cli.streams.sys", SimpleNamespace(stdout=Mock(isatty=lambda: True)))
        code, said = run(*arguments, "-")
    assert (code, "redirect it, or name a file with -o" in said) == (1, True)
    done = CliRunner().invoke(command, [*arguments, "-"])
    np.testing.assert_array_equal(np.load(io.BytesIO(done.stdout_bytes)), decoded(tiny, images))
    assert run(*arguments, "a.npy")[0] == 0


def test_a_part_fits_on_a_disk_that_is_too_small_for_all(
    tiny: Model, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("a.dz").write_bytes(pack(tiny, images))
    arguments = ["decompress", "a.dz", "-o", "a.npy", "--model", str(TINY)]
    with monkeypatch.context() as patch:
        patch.setattr(shutil, "disk_usage", lambda path: SimpleNamespace(free=5000))
        code, said = run(*arguments)
        assert (code, "make room, or take a part with --range" in said) == (1, True)
        assert run(*arguments, "--range", "0:5")[0] == 0
    assert run(*arguments, "-f")[0] == 0
    assert len(np.load("a.npy")) == 50


def test_a_folder_with_other_files_is_left_alone_unless_forced(
    tiny: Model, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("bundled").mkdir()
    Path("bundled/demo.dz").write_bytes(pack(tiny, images))
    monkeypatch.setattr("digitzip.archive.sample.bundled_folder", lambda: Path("bundled"))
    monkeypatch.setenv("DIGITZIP_MODELS", str(TINY.parent))
    Path("mine").mkdir()
    for name in ("demo.dz", "other.txt"):
        Path("mine", name).write_bytes(b"mine")
    code, said = run("demo", "-o", "mine")
    assert (code, "name another with -o, or -f overwrites the files that" in said) == (1, True)
    assert [path.read_bytes() for path in Path("mine").iterdir()] == [b"mine", b"mine"]
    assert run("demo", "-o", "new")[0] == 0
    assert run("demo", "-o", "mine", "-f")[0] == 0
    assert Path("mine/other.txt").read_bytes() == b"mine"
    assert Path("mine/demo.dz").read_bytes() == Path("new/demo.dz").read_bytes()


def test_a_folder_in_the_place_of_a_file_is_never_overwritten(tiny: Model, images: Images) -> None:
    out = io.BytesIO()
    with digitzip.create(out, model=tiny, effort=0, guard=False) as writer:
        writer.append(images, labels=[7] * 50)
    Path("a.dz").write_bytes(out.getvalue())
    Path("y.npy").mkdir()
    arguments = ["decompress", "a.dz", "-o", "a.npy", "--model", str(TINY), "--labels", "y.npy"]
    for force in ([], ["-f"]):
        code, said = run(*arguments, *force)
        assert (code, "-f" in said, Path("a.npy").exists()) == (1, False, False)
