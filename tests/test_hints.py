"""Advice in errors and warnings: each hint is followed, works, and loses nothing."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

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

Hint = Callable[[Model, Images], None]
HINTS: Final[dict[str, Hint]] = {}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def hint(test: Hint) -> Hint:
    """Collect a test of one hint by its name."""
    HINTS[test.__name__] = test
    return test


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


@hint
def overwrite_replaces_a_file(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(b"old")
    told("overwrite=True replaces it", digitzip.create, "a.dz", model=tiny)
    assert Path("a.dz").read_bytes() == b"old"
    with digitzip.create("a.dz", model=tiny, guard=False, effort=0, overwrite=True) as writer:
        writer.append(images)
    same("a.dz", decoded(tiny, images))


@hint
def force_overwrites_a_file(tiny: Model, images: Images) -> None:
    np.save("in.npy", images)
    Path("a.dz").write_bytes(b"old")
    arguments = ["compress", "in.npy", "-o", "a.dz", "--model", str(TINY), "--guard", "off"]
    code, said = run(*arguments)
    assert (code, "-f" in said, Path("a.dz").read_bytes()) == (1, True, b"old")
    assert run(*arguments, "-f")[0] == 0
    assert digitzip.decompress(Path("a.dz").read_bytes(), model=tiny).shape == images.shape


@hint
def overwrite_writes_into_a_folder_and_keeps_other_files(tiny: Model, images: Images) -> None:
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


@hint
def recover_saves_what_is_whole(tiny: Model, images: Images) -> None:
    data, whole = damaged(tiny, images)
    for broken, kept in ((data, whole), (data[:-9], whole)):
        told(r"digitzip\.recover saves", digitzip.decompress, broken, model=tiny)
        digitzip.recover(broken, "saved.dz", model=tiny, overwrite=True)
        same("saved.dz", kept)


@hint
def recover_is_a_command(tiny: Model, images: Images) -> None:
    data, whole = damaged(tiny, images)
    Path("a.dz").write_bytes(data)
    code, said = run("test", "a.dz", "--model", str(TINY))
    assert (code, "digitzip recover saves" in said) == (3, True)
    assert run("recover", "a.dz", "-o", "b.dz", "--model", str(TINY))[0] == 3  # images are lost
    assert Path("a.dz").read_bytes() == data
    same("b.dz", whole)


@hint
def join_or_recover_makes_one_archive_of_files_joined_by_cat(tiny: Model, images: Images) -> None:
    files = [pack(tiny, images[:20]), pack(tiny, images[20:])]
    told(
        r"digitzip\.join makes one archive of the separate files; digitzip\.recover saves",
        digitzip.open, b"".join(files), model=tiny,
    )  # fmt: skip
    digitzip.join(files, "one.dz")
    same("one.dz", decoded(tiny, images))
    assert digitzip.recover(b"".join(files), "one.dz", model=tiny, overwrite=True).whole
    same("one.dz", decoded(tiny, images))


@hint
def cutting_a_file_where_another_kind_begins_saves_both(tiny: Model, images: Images) -> None:
    first, second = pack(tiny, images[:20]), pack(tiny, images[20:], quality=1)
    told(
        f"begins at byte {len(first)}: cut the file there",
        digitzip.recover, first + second, "out.dz", model=tiny,
    )  # fmt: skip
    for part in ((first + second)[: len(first)], (first + second)[len(first) :]):
        assert digitzip.recover(part, "out.dz", model=tiny, overwrite=True).whole


@hint
def max_images_can_be_raised(tiny: Model, images: Images) -> None:
    data = pack(tiny, images)
    told("raise max_images", digitzip.decompress, data, model=tiny, max_images=3)
    assert len(digitzip.decompress(data, model=tiny, max_images=50)) == 50
    with digitzip.open(data, model=tiny, max_images=3) as dz:
        told(r"batches\(\), or raise max_images", lambda: dz[:])
        np.testing.assert_array_equal(np.concatenate(list(dz.batches(3))), decoded(tiny, images))


@hint
def a_range_or_a_higher_limit_decompresses(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(pack(tiny, images))
    arguments = ["decompress", "a.dz", "-o", "o.npy", "--model", str(TINY), "--max-images", "9"]
    code, said = run(*arguments)
    assert (code, "raise --max-images, or take a part with --range" in said) == (3, True)
    assert run(*arguments, "--range", "0:9")[0] == 0
    assert run(*arguments[:-1], "50", "-f")[0] == 0
    np.testing.assert_array_equal(np.load("o.npy"), decoded(tiny, images))


@hint
def names_and_labels_are_given_to_all_or_none(tiny: Model, images: Images) -> None:
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


@hint
def a_name_that_makes_the_same_file_is_renamed(tiny: Model, images: Images) -> None:
    out = io.BytesIO()
    with digitzip.create(out, model=tiny, guard=False, effort=0) as writer:
        told("rename one of them", writer.append, images[:2], ["a.png", "A.png"])
        writer.append(images[:2], ["a.png", "b.png"])
    same(out.getvalue(), decoded(tiny, images[:2]))


@hint
def leaving_an_image_out_lets_files_be_joined(tiny: Model, images: Images) -> None:
    files = [pack(tiny, images[:2], ["a", "b"]), pack(tiny, images[2:4], ["c", "a"])]
    told(r"leave one image out with digitzip\.extract", digitzip.join, files, "all.dz")
    with digitzip.open(files[1], model=tiny) as dz:
        digitzip.extract(dz, [0], "rest.dz")
    digitzip.join([files[0], "rest.dz"], "all.dz")
    same("all.dz", decoded(tiny, images[:3]))


@hint
def originals_compressed_as_the_others_were_can_be_joined(tiny: Model, images: Images) -> None:
    first, other = pack(tiny, images[:2]), pack(tiny, images[2:4], quality=1)
    told("compress its originals as the others were", digitzip.join, [first, other], "all.dz")
    digitzip.join([first, pack(tiny, images[2:4])], "all.dz")
    same("all.dz", decoded(tiny, images[:4]))


@hint
def numpy_converts_and_reshapes(tiny: Model, images: Images) -> None:
    np.save("wide.npy", images.reshape(50, 784))
    told("reshape it with NumPy first", digitzip.read_images, "wide.npy")
    np.save("wide.npy", np.load("wide.npy").reshape(-1, 28, 28))
    np.save("real.npy", images.astype(np.float64))
    told("convert it with NumPy first", digitzip.read_images, "real.npy")
    np.save("real.npy", np.load("real.npy").astype(np.uint8))
    for name in ("wide.npy", "real.npy"):
        found = [batch for batch, _ in digitzip.read_images(name)]
        np.testing.assert_array_equal(np.concatenate(found), images)


@hint
def fit_brings_images_to_the_size_of_the_model(tiny: Model, images: Images) -> None:
    Image.fromarray(np.zeros((40, 40), np.uint8)).save("big.png")
    read = digitzip.read_images
    told("fit='resize' scales it", lambda: list(read("big.png", height=28, width=28)))
    ((batch, _),) = read("big.png", height=28, width=28, fit="resize")
    assert batch.shape == (1, 28, 28)


@hint
def height_and_width_are_given_together_or_not_at_all(tiny: Model, images: Images) -> None:
    np.save("in.npy", images)
    told("give both or none", digitzip.read_images, "in.npy", height=28)
    assert digitzip.read_images("in.npy", height=28, width=28).count == 50
    assert digitzip.read_images("in.npy").count == 50


@hint
def one_of_model_and_dims_is_given(tiny: Model, images: Images) -> None:
    told("give one of them", digitzip.load_codec, tiny, dims=3)
    digitzip.load_codec(tiny)


@hint
def originals_are_one_for_each_image(tiny: Model, images: Images) -> None:
    data = pack(tiny, images)
    for wrong in (images[:9], np.concatenate([images, images])):
        told("give one for each", digitzip.compare, wrong, data, model=tiny)
    assert digitzip.compare(images, data, model=tiny).images == 50


@hint
def list_shows_the_names(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(pack(tiny, images[:1], ["seven"]))
    with digitzip.open("a.dz", model=tiny) as dz:
        told("digitzip list shows the names", dz.find, "nine")
    assert CliRunner().invoke(command, ["list", "a.dz"]).stdout == "seven\n"


@hint
def labels_are_left_out_where_there_are_none(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(pack(tiny, images))
    arguments = ["decompress", "a.dz", "-o", "out.npy", "--model", str(TINY)]
    code, said = run(*arguments, "--labels", "l.npy")
    assert (code, "leave out --labels" in said, Path("out.npy").exists()) == (1, True, False)
    assert run(*arguments)[0] == 0


@hint
def a_bound_makes_the_guard_verify_something(tiny: Model, images: Images) -> None:
    with pytest.warns(digitzip.DigitzipWarning, match="give max_error= or max_rmse="):
        digitzip.compress(images, model=tiny, effort=0)
    for options in ({"max_error": 9}, {"max_rmse": 0.1}):
        data = digitzip.compress(images, model=tiny, effort=0, **options)
        found = digitzip.compare(images, data, model=tiny)
        assert found.broken is not None
        assert found.broken.images == 0


@hint
def open_takes_the_path_that_decompress_refuses(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(pack(tiny, images))
    with pytest.raises(TypeError, match=r"open\(\) takes paths"):
        digitzip.decompress("a.dz")  # type: ignore[arg-type]
    same("a.dz", decoded(tiny, images))


@hint
def images_of_shared_names_are_extracted_by_number(tiny: Model, images: Images) -> None:
    data = pack(tiny, images[:2], ["a", "b"]) + pack(tiny, images[2:4], ["b", "c"])
    with pytest.warns(digitzip.DigitzipWarning, match="extract these images by number"):
        digitzip.recover(data, "all.dz", model=tiny)
    assert run("decompress", "all.dz", "-o", "out", "--model", str(TINY))[0] == 1
    assert not Path("out").exists()
    for index in (1, 2):
        out = f"{index}.png"
        assert run("extract", "all.dz", str(index), "-o", out, "--model", str(TINY))[0] == 0
        np.testing.assert_array_equal(np.array(Image.open(out)), decoded(tiny, images)[index])


@hint
def originals_without_names_are_matched_in_order(tiny: Model, images: Images) -> None:
    with pytest.warns(digitzip.DigitzipWarning, match="more than one"):
        digitzip.recover(2 * pack(tiny, images[:1], ["a"]), "all.dz", model=tiny)
    batch = [(images[[0, 0]], ["a", "b"])]
    told("give originals without names", digitzip.compare, batch, "all.dz", model=tiny)
    assert digitzip.compare(images[[0, 0]], "all.dz", model=tiny).images == 2


@hint
def fewer_images_are_found_at_once(tiny: Model, images: Images) -> None:
    with digitzip.open(pack(tiny, images), model=tiny, max_images=9) as dz:
        told("ask for fewer of them", dz.find, "0:10")
        assert len(dz.find("0:9")) == 9


@hint
def a_path_or_the_folder_of_models_names_a_model(tiny: Model, images: Images) -> None:
    told("give a path, or set DIGITZIP_MODELS", digitzip.load_codec, "tiny")
    assert digitzip.load_codec(TINY).model.id == tiny.id
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITZIP_MODELS", str(TINY.parent))
        assert digitzip.load_codec("tiny").model.id == tiny.id


@hint
def an_image_of_more_bits_is_converted_first(tiny: Model, images: Images) -> None:
    Image.fromarray(images[0].astype(np.uint16) * 257).save("deep.png")
    told("convert it first", lambda: list(digitzip.read_images("deep.png")))
    deep = np.array(Image.open("deep.png"))
    Image.fromarray((deep // 257).astype(np.uint8)).save("deep.png")
    ((batch, _),) = digitzip.read_images("deep.png")
    np.testing.assert_array_equal(batch[0], images[0])


@hint
def an_archive_that_changed_meanwhile_is_appended_to_once_more(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(pack(tiny, images[:2]))
    writer = digitzip.append("a.dz", model=tiny, effort=0)
    writer.append(images[3:4])
    Path("a.dz").write_bytes(pack(tiny, images[:3]))
    told("append to it once more", writer.close)
    same("a.dz", decoded(tiny, images[:3]))
    with digitzip.append("a.dz", model=tiny, effort=0) as writer:
        writer.append(images[3:4])
    same("a.dz", decoded(tiny, images[:4]))


@hint
def another_run_that_appends_is_waited_for(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(pack(tiny, images[:2]))
    with digitzip.append("a.dz", model=tiny, effort=0) as writer:
        writer.append(images[2:3])
        told("wait until it has ended", digitzip.append, "a.dz", model=tiny)
    with digitzip.append("a.dz", model=tiny, effort=0) as writer:
        writer.append(images[3:4])
    same("a.dz", decoded(tiny, images[:4]))


@hint
def a_file_of_names_that_no_folder_can_have_decompresses_to_npy(
    tiny: Model, images: Images
) -> None:
    with pytest.warns(digitzip.DigitzipWarning, match="more than one"):
        digitzip.recover(2 * pack(tiny, images[:1], ["a"]), "all.dz", model=tiny)
    arguments = ["decompress", "all.dz", "--model", str(TINY), "-o"]
    code, said = run(*arguments, "out")
    assert (code, "or decompress to a .npy file" in said) == (1, True)
    assert run(*arguments, "out.npy")[0] == 0
    np.testing.assert_array_equal(np.load("out.npy"), decoded(tiny, images[[0, 0]]))


@pytest.mark.parametrize("name", HINTS)
def test_a_hint_can_be_followed(name: str, tiny: Model, images: Images) -> None:
    HINTS[name](tiny, images)
