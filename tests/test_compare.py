"""Comparing: what an archive makes of its originals, and promises that they disprove."""

from __future__ import annotations

import io
import json
import math
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import digitzip
from digitzip import metrics
from digitzip.cli import digitzip as command
from digitzip.codec import Images
from digitzip.errors import DigitzipError, InputError
from digitzip.format import StoredPromise
from digitzip.images.sheet import GAP, GROUND, SCALE, contact_sheet
from digitzip.model import Model, find_classifier, write_classifier
from digitzip.model.classifier import Classifier
from tests.archives import with_promise
from tests.toy import make_images, make_pair, write_guarded

N = 60


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def model(workdir: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A toy as the default model, which asks a toy classifier."""
    models = workdir / "models"
    models.mkdir()
    monkeypatch.setenv("DIGITZIP_MODELS", str(models))
    return write_guarded(models, max_rmse=65_535)


@pytest.fixture
def classifier(model: Model) -> Classifier:
    assert model.classifier_id is not None
    return find_classifier(model.classifier_id)


@pytest.fixture
def images(model: Model) -> Images:
    images = make_images(N)
    np.save("in.npy", images)
    return images


def packed(images: Images, names: list[str] | None = None, **options: Any) -> bytes:
    """Return an archive of images, without a guard unless options ask for one."""
    with digitzip.create("packed.dz", overwrite=True, effort=0, **options) as out:
        out.append(images, names)
    return Path("packed.dz").read_bytes()


def compared(originals: Any, data: bytes, worst: int = 10) -> digitzip.Comparison:
    with digitzip.open(data) as dz:
        return digitzip.compare(originals, dz, worst=worst)


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(command, ["compare", *arguments], input=stdin)


# The figures


def test_figures_are_those_of_all_images_at_once(images: Images) -> None:
    data = packed(images, guard=False)
    recon = digitzip.decompress(data)
    found = compared(images, data)
    assert found.images == N
    assert found.rmse == pytest.approx(metrics.rmse(images, recon), rel=1e-12)
    assert found.psnr == pytest.approx(metrics.psnr(images, recon), rel=1e-12)
    assert found.ssim == pytest.approx(metrics.ssim(images, recon), rel=1e-12)
    assert found.max_error == np.abs(images.astype(int) - recon).max()
    assert found.broken is None


def test_the_worst_images_come_first_with_their_pixels(images: Images) -> None:
    data = packed(images, guard=False)
    recon = digitzip.decompress(data)
    errors = [metrics.rmse(images[i], recon[i]) for i in range(N)]
    expected = sorted(range(N), key=lambda i: (-errors[i], i))
    for worst in (0, 1, 7, N + 5):
        found = compared(images, data, worst).worst
        assert [each.index for each in found] == expected[:worst]
        for each in found:
            assert each.rmse == pytest.approx(errors[each.index], rel=1e-12)
            np.testing.assert_array_equal(each.original, images[each.index])
            np.testing.assert_array_equal(each.recon, recon[each.index])
            assert each.max_error == np.abs(each.original.astype(int) - each.recon).max()


def test_images_that_read_differently_are_all_counted(
    images: Images, classifier: Classifier
) -> None:
    data = packed(images, guard=False)
    before, after = classifier.read(images), classifier.read(digitzip.decompress(data))
    differing = np.flatnonzero((before != after).any(axis=1))
    assert 0 < len(differing) < N
    found = compared(images, data, N)
    assert found.classifier == "toy-classifier"
    assert found.label_changes is not None
    assert found.label_changes.images == len(differing)
    assert sorted(each.index for each in found.label_changes.worst) == differing.tolist()
    for each in found.worst:
        assert each.labels == (before[each.index, 0], after[each.index, 0])
    few = compared(images, data, 1)
    assert few.label_changes is not None
    assert (few.label_changes.images, len(few.label_changes.worst)) == (len(differing), 1)


def test_an_image_shows_the_labels_of_the_first_network_that_tells_it_from_its_original(
    images: Images, workdir: Path
) -> None:
    pair = make_pair()
    write_classifier(workdir / "models" / "toy-pair.safetensors", pair)
    data = with_promise(packed(images, guard=False), StoredPromise(True, classifier=pair.id[:4]))
    before, after = pair.read(images), pair.read(digitzip.decompress(data))
    told = before != after
    for first, second in ((True, False), (False, True), (True, True), (False, False)):
        assert (told == [first, second]).all(axis=1).any()
    found = compared(images, data, N)
    assert found.classifier == "toy-pair"
    assert found.label_changes is not None
    assert found.broken is not None
    expected = np.flatnonzero(told.any(axis=1)).tolist()
    for listed in (found.label_changes, found.broken):
        assert sorted(each.index for each in listed.worst) == expected
    assert len(found.worst) > len(expected)
    for each in found.worst:
        shown = int(told[each.index, 1] and not told[each.index, 0])
        assert each.labels == (before[each.index, shown], after[each.index, shown])


def test_a_lossless_file_has_no_error_to_list(images: Images) -> None:
    found = compared(images, packed(images, lossless=True))
    assert (found.rmse, found.psnr, found.max_error, found.worst) == (0, math.inf, 0, ())
    assert found.ssim == pytest.approx(1)
    assert found.label_changes is not None
    assert found.broken is not None
    assert (found.label_changes.images, found.broken.images) == (0, 0)


def test_an_empty_archive_is_like_its_no_originals(images: Images) -> None:
    none: list[Any] = []
    for originals in (images[:0], none):
        found = compared(originals, packed(images[:0]))
        assert (found.images, found.rmse, found.ssim, found.max_error) == (0, 0, 1, 0)


def test_a_model_without_a_classifier_reads_nothing(
    images: Images, workdir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = packed(images, guard=False)
    (workdir / "models" / "toy-classifier.safetensors").unlink()
    found = compared(images, data)
    assert (found.classifier, found.label_changes) == (None, None)
    assert {each.labels for each in found.worst} == {None}


# Which original is whose


def batched(
    images: Images, size: int, names: list[str] | None = None
) -> Iterator[tuple[Images, list[str] | None]]:
    for start in range(0, len(images), size):
        part = slice(start, start + size)
        yield images[part], None if names is None else names[part]


@pytest.mark.parametrize("size", [1, 7, 59, 1000])
def test_originals_come_in_batches_of_any_size(size: int, images: Images) -> None:
    data = packed(images, guard=False)
    whole, found = compared(images, data), compared(batched(images, size), data)
    assert found.rmse == whole.rmse
    assert found.ssim == pytest.approx(whole.ssim, rel=1e-12)
    assert [each.index for each in found.worst] == [each.index for each in whole.worst]


def test_names_are_matched_in_any_order(images: Images) -> None:
    names = [f"{i}.png" for i in range(N)]
    data = packed(images, names, guard=False)
    order = np.random.default_rng(3).permutation(N)
    found = compared(batched(images[order], 9, [names[i] for i in order]), data)
    expected = compared(images, data)  # which have no names: in order
    assert found.rmse == expected.rmse
    assert [(each.index, each.name) for each in found.worst] == [
        (each.index, f"{each.index}.png") for each in expected.worst
    ]


@pytest.mark.filterwarnings("ignore:names used by more than one")
def test_originals_that_are_not_one_for_each_image_are_refused(images: Images) -> None:
    names = [f"{i}.png" for i in range(N)]
    plain, named = packed(images, guard=False), packed(images, names, guard=False)
    out = io.BytesIO()
    digitzip.recover(2 * packed(images[:1], ["a"], guard=False), out)
    twice = out.getvalue()
    for data, originals, said in (
        (plain, images[:9], "9 originals for the 60 images of the file; give one for each"),
        (plain, np.concatenate([images, images]), "more originals than the 60 images"),
        (plain, images[:, :20], "expected uint8 [n, 28, 28]"),
        (plain, [(images[:2], ["a"])], "1 names for 2 originals"),
        (named, images[:0], "0 originals for the 60 images"),
        (named, batched(images[:9], 4, names[:9]), "there is none for '9.png'"),
        (named, [(images[:1], ["x.png"])], "no image of the file is named 'x.png'"),
        (named, [(images[:2], ["1.png", "1.png"])], "two originals are named '1.png'"),
        (named, [(images[:1], ["0.png"]), (images[1:2], None)], "and others none"),
        (twice, [(images[:2], ["a", "b"])], "images 0 and 1 have one name, 'a'"),
    ):
        with pytest.raises(InputError, match=said.replace("[", r"\[")):
            compared(originals, data)
    with pytest.raises(InputError, match="worst is -1"):
        compared(images, plain, -1)


def test_batches_are_let_go_of_once_they_are_compared(images: Images) -> None:
    data = packed(np.tile(images, (4, 1, 1)), guard=False)
    held: list[weakref.ref[Images]] = []

    def fresh() -> Iterator[tuple[Images, None]]:
        for _ in range(4):
            assert sum(ref() is not None for ref in held) <= 1
            batch = images.copy()
            held.append(weakref.ref(batch))
            yield batch, None
            del batch

    assert compared(fresh(), data).images == 4 * N


# What a file promises


def test_a_file_that_keeps_its_promise_is_broken_by_none(images: Images) -> None:
    for options in ({}, {"max_error": 9}, {"max_rmse": 0.2}):
        data = packed(images, **options)
        found = compared(images, data)
        assert found.broken is not None
        assert found.broken.images == 0, options
        with digitzip.open(data) as dz:
            assert dz._store.header.promise.on


def test_images_that_disprove_a_promise_are_told(images: Images, classifier: Classifier) -> None:
    data = packed(images, guard=False)
    recon = digitzip.decompress(data)
    off = np.abs(images.astype(int) - recon).max(axis=(1, 2))
    rmse = np.array([metrics.rmse(*each) for each in zip(images, recon, strict=True)])
    read = (classifier.read(images) != classifier.read(recon)).any(axis=1)
    rmse_bound, off_bound = int(np.median(rmse) * 65_535), int(off.max()) - 1
    for guard, broken in (
        (StoredPromise(True), off > 255),
        (StoredPromise(True, max_error=off_bound), off > off_bound),
        (StoredPromise(True, max_rmse=rmse_bound), rmse * 65_535 > rmse_bound),
        (StoredPromise(True, classifier=classifier.id[:4]), read),
        (
            StoredPromise(True, 255, rmse_bound, classifier.id[:4]),
            read | (rmse * 65_535 > rmse_bound),
        ),
    ):
        found = compared(images, with_promise(data, guard), N).broken
        assert found is not None
        assert sorted(each.index for each in found.worst) == np.flatnonzero(broken).tolist()
        assert found.images == broken.sum()


# The command


def test_the_command_tells_the_figures_as_text_and_as_json(images: Images) -> None:
    packed(images, guard=False)
    found = compared(images, Path("packed.dz").read_bytes(), 3)
    assert found.label_changes is not None
    shown = run("in.npy", "packed.dz", "--worst", "3")
    assert (shown.exit_code, shown.stderr) == (0, "")
    lines = shown.stdout.splitlines()
    assert lines[:2] == [f"images   {N}", f"RMSE     {found.rmse:.4f}"]
    assert f"labels   {found.label_changes.images} images changed under toy-classifier" in lines
    assert "guard    off" in lines
    first, changed = found.worst[0], found.label_changes.worst[0]
    assert lines[lines.index("Worst") + 2].split()[:2] == [str(first.index), f"{first.rmse:.4f}"]
    assert changed.labels is not None
    row = lines[lines.index("Labels changed") + 2]
    assert row.endswith(f"{changed.labels[0]} -> {changed.labels[1]}")
    told = json.loads(run("in.npy", "packed.dz", "--worst", "3", "--json").stdout)
    assert told["rmse"] == found.rmse
    assert [each["index"] for each in told["worst"]] == [each.index for each in found.worst]
    assert told["label_changes"]["images"] == found.label_changes.images
    assert told["label_changes"]["worst"][0]["labels"] == list(changed.labels)
    assert told["broken"] is None


def test_a_lossless_file_is_told_in_valid_json(images: Images) -> None:
    packed(images, lossless=True)
    told = json.loads(run("in.npy", "packed.dz", "--json").stdout, parse_constant=pytest.fail)
    assert (told["psnr"], told["rmse"], told["worst"]) == (None, 0, [])
    assert "PSNR     no error" in run("in.npy", "packed.dz").stdout


def test_a_folder_is_compared_by_its_names(images: Images) -> None:
    Path("digits").mkdir()
    for i in range(3):
        Image.fromarray(images[i]).save(f"digits/{i}.png")
    CliRunner().invoke(command, ["compress", "digits", "-o", "named.dz", "--guard", "off"])
    told = json.loads(run("digits", "named.dz", "--json").stdout)
    assert {each["name"] for each in told["worst"]} == {"0.png", "1.png", "2.png"}
    assert "2.png" in run("digits", "named.dz").stdout
    Path("digits/1.png").unlink()
    failed = run("digits", "named.dz")
    assert failed.exit_code == 1
    assert "there is none for '1.png'" in failed.stderr


def test_a_broken_promise_is_shown_and_exits_with_five(images: Images) -> None:
    data = packed(images, guard=False)
    Path("liar.dz").write_bytes(with_promise(data, StoredPromise(True, max_error=3)))
    done = run("in.npy", "liar.dz", "--sheet", "sheet.png")
    assert done.exit_code == 5
    assert done.stderr == (
        f"digitzip: error: liar.dz: {N} images outside the promise of the file: "
        "pixel error at most 3\n"
    )
    assert f"guard    broken by {N} images: pixel error at most 3" in done.stdout
    assert "Promise broken" in done.stdout
    assert Path("sheet.png").exists()


def test_a_promised_classifier_that_is_not_known_is_warned_of(images: Images) -> None:
    data = packed(images, guard=False)
    Path("in.dz").write_bytes(with_promise(data, StoredPromise(True, classifier=bytes(4))))
    done = run("in.npy", "in.dz")
    assert done.exit_code == 0
    assert "warning: labels were not compared: the classifier of the file is not" in done.stderr
    assert (
        "guard    kept as far as compared: labels unchanged under a classifier not found here"
        in done.stdout
    )
    assert run("in.npy", "in.dz", "-q").stderr == ""


def test_the_library_warns_of_a_promised_classifier_that_is_not_found(images: Images) -> None:
    data = with_promise(packed(images, guard=False), StoredPromise(True, classifier=bytes(4)))
    with pytest.warns(digitzip.DigitzipWarning, match="labels were not compared"):
        assert compared(images, data).classifier is None


def test_the_sheet_shows_each_listed_image_below_its_original(images: Images) -> None:
    data = packed(images, guard=False)
    recon = digitzip.decompress(data)
    assert run("in.npy", "packed.dz", "--sheet", "sheet.png", "--worst", "2").exit_code == 0
    found = compared(images, data, 2)
    assert found.label_changes is not None
    both = [each.index for each in (*found.worst, *found.label_changes.worst)]
    listed = list(dict.fromkeys(both))
    gap = np.full((len(listed), GAP, 28), GROUND, np.uint8)
    expected = contact_sheet(np.concatenate([images[listed], gap, recon[listed]], axis=1))
    np.testing.assert_array_equal(np.array(Image.open("sheet.png")), expected)
    small = expected[::SCALE, ::SCALE][GAP:, GAP:]
    np.testing.assert_array_equal(small[:28, :28], images[listed[0]])
    np.testing.assert_array_equal(small[28 + GAP : 56 + GAP, :28], recon[listed[0]])
    packed(images, lossless=True)
    assert run("in.npy", "packed.dz", "--sheet", "none.png").exit_code == 0
    assert np.array(Image.open("none.png")).size


def test_a_sheet_is_overwritten_only_by_force(images: Images) -> None:
    packed(images)
    Path("sheet.png").write_bytes(b"kept")
    assert "-f" in run("in.npy", "packed.dz", "--sheet", "sheet.png").stderr
    assert Path("sheet.png").read_bytes() == b"kept"
    assert run("in.npy", "packed.dz", "--sheet", "sheet.png", "-f").exit_code == 0
    assert run("in.npy", "packed.dz", "--sheet", "packed.dz", "-f").exit_code == 2


def test_standard_input_is_either_side(images: Images) -> None:
    data = packed(images, guard=False)
    expected = run("in.npy", "packed.dz").stdout
    assert run("in.npy", "-", stdin=data).stdout == expected
    assert run("-", "packed.dz", stdin=Path("in.npy").read_bytes()).stdout == expected
    assert run("-", "-", stdin=data).exit_code == 2


@pytest.mark.parametrize(
    ("code", "named", "arguments"),
    [
        (1, "missing.npy", ["missing.npy", "packed.dz"]),
        (1, "missing.dz", ["in.npy", "missing.dz"]),
        (1, "big.npy", ["big.npy", "packed.dz"]),
        (1, "more originals", ["in.npy", "in.npy", "packed.dz"]),
        (3, "bad.dz", ["in.npy", "bad.dz"]),
        (4, "nope", ["in.npy", "packed.dz", "--model", "nope"]),
    ],
)
def test_errors_of_compare_are_one_line_and_leave_no_sheet(
    code: int, named: str, arguments: list[str], images: Images
) -> None:
    data = packed(images, guard=False)
    Path("bad.dz").write_bytes(data[:-1])
    np.save("big.npy", np.zeros((2, 40, 40), np.uint8))
    done = run(*arguments, "--sheet", "sheet.png")
    assert (done.exit_code, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert named in done.stderr
    assert not Path("sheet.png").exists()


def test_wrong_usage_of_compare_is_told() -> None:
    for arguments in (["one.dz"], ["in.npy", ""], ["in.npy", "a.dz", "--worst", "-1"]):
        assert run(*arguments).exit_code == 2


def test_a_damaged_chunk_is_an_error_of_the_file(images: Images) -> None:
    data = bytearray(packed(images, guard=False))
    data[60] ^= 1
    with pytest.raises(DigitzipError, match="damaged"):
        compared(images, bytes(data))
