"""What a file promises holds for every image, whatever the file goes through afterwards."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import digitzip
from digitzip import Archive
from digitzip.codec import Codec, Images
from digitzip.errors import BoundError, InputError
from digitzip.fidelity import Fallback
from digitzip.format import StoredPromise
from tests.archives import chunk_sizes
from tests.toy_policies import CLASSIFIER, MODELS, SIDE, TOY, all_kinds, check, registered, some


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the toy classifiers, where they are found."""
    with registered(tmp_path_factory.mktemp("classifiers")) as known:
        yield known


def guarded(images: Images, name: str = "bounded", **bounds: Any) -> bytes:
    return digitzip.compress(images, model=MODELS[name], effort=0, **bounds)


def promise(dz: Archive) -> StoredPromise:
    return dz._store.header.promise


def kept(images: Images, dz: Archive) -> None:
    """Check that all images are as near to their originals as the file promises."""
    stated = promise(dz)
    assert stated.on
    bounds = stated.max_error, stated.max_rmse
    check(images, dz[:], *bounds, stated.classifier, dz.codec.model.margin)


@settings(max_examples=20)
@given(
    all_kinds(),
    st.sampled_from(sorted(MODELS)),
    st.none() | st.floats(0.01, 1),
    st.none() | st.integers(0, 127),
    st.integers(1, 2),
)
def test_a_file_keeps_what_it_promises(
    images: Images, name: str, max_rmse: float | None, max_error: int | None, quality: int
) -> None:
    data = guarded(images, name, max_rmse=max_rmse, max_error=max_error, quality=quality)
    with digitzip.open(data, model=MODELS[name]) as dz:
        dz.test()
        if name == "promises nothing" and (max_rmse, max_error) == (None, None):
            assert promise(dz) == StoredPromise()  # nothing is required
        else:
            kept(images, dz)
            assert promise(dz).max_error == max_error


@pytest.mark.parametrize("bound", [0, 1, 2, 39, 40, 64, 126, 127])
@pytest.mark.parametrize("name", ["promises nothing", "bounded, coded"])
def test_no_pixel_errs_by_more_than_max_error(bound: int, name: str) -> None:
    images = some(12, bound)
    pixels = digitzip.decompress(guarded(images, name, max_error=bound), model=MODELS[name])
    assert int(np.abs(pixels.astype(np.int16) - images).max()) <= bound


@pytest.mark.parametrize("name", sorted(MODELS))
@pytest.mark.parametrize("n", [0, 1, 24])
def test_lossless_keeps_every_pixel(name: str, n: int) -> None:
    images = some(n, seed=n)
    data = guarded(images, name, lossless=True)
    np.testing.assert_array_equal(digitzip.decompress(data, model=MODELS[name]), images)
    assert promise(digitzip.open(data, model=MODELS[name])) == StoredPromise(True, max_error=0)
    assert guarded(images, name, max_error=0) == data


def test_without_a_guard_codes_are_the_encoders_and_nothing_is_promised() -> None:
    images, model = some(), MODELS["bounded"]
    with digitzip.open(guarded(images, guard=False), model=model) as dz:
        codec = Codec(model, effort=0)
        np.testing.assert_array_equal(dz.codes[:], codec.encode(images))
        np.testing.assert_array_equal(dz[:], codec.decode(dz.codes[:]))
        assert promise(dz) == StoredPromise()


@pytest.mark.parametrize("name", ["bounded", "bounded, coded", "categorical"])
def test_the_writer_counts_what_the_file_holds(name: str) -> None:
    images, model, out = some(90), MODELS[name], io.BytesIO()
    with digitzip.create(out, model=model, effort=0) as writer:
        for start in range(0, 90, 25):
            writer.append(images[start : start + 25])
    counts = writer.counts
    with digitzip.open(out.getvalue(), model=model) as dz:
        kept(images, dz)
        corrected = (dz[:] != dz.codec.decode(dz.codes[:])).any(axis=(1, 2))
        exact = (dz[:] == images).all(axis=(1, 2))
    assert counts.total == 90
    assert counts.corrected == corrected.sum()
    assert counts.images[Fallback.LOSSLESS] == (corrected & exact).sum() > 0
    assert counts.images[Fallback.NEAR_LOSSLESS] == (corrected & ~exact).sum() > 0
    assert 0 < counts.correction_bytes < len(out.getvalue())


@pytest.mark.parametrize("bounds", [{"max_error": 128}, {"guard": False, "lossless": True}])
def test_compress_and_create_check_bounds_alike(bounds: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="max_error"):
        guarded(some(2), **bounds)
    with pytest.raises(InputError, match="max_error"):
        digitzip.create(io.BytesIO(), model=TOY, **bounds)


@pytest.mark.parametrize(
    "bounds", [{}, {"max_error": 9}, {"lossless": True}, {"max_rmse": 0.1}, {"guard": False}]
)
def test_appended_images_keep_the_promise_of_the_file(
    bounds: dict[str, Any], tmp_path: Path
) -> None:
    path, model, images = tmp_path / "some.dz", MODELS["bounded"], some(60)
    path.write_bytes(guarded(images[:20], **bounds))
    promised = promise(digitzip.open(path.read_bytes()))
    for part in (slice(20, 21), slice(21, 60)):
        with digitzip.append(path, model=model, effort=0) as writer:
            writer.append(images[part])
    with digitzip.open(path, model=model) as dz:
        dz.test()
        assert promise(dz) == promised
        if promised.on:
            kept(images, dz)
        else:
            np.testing.assert_array_equal(dz.codes[:], Codec(model, effort=0).encode(images))


def test_images_that_cannot_be_checked_are_not_appended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, model, images = tmp_path / "some.dz", MODELS["bounded"], some(9)
    path.write_bytes(guarded(images))
    old = path.read_bytes()
    monkeypatch.delenv("DIGITZIP_MODELS")
    with (
        pytest.raises(BoundError, match="promises labels of a classifier: no "),
        digitzip.append(path, model=model),
    ):
        pass
    assert path.read_bytes() == old


def test_a_joined_file_promises_what_both_promise_and_keeps_every_pixel() -> None:
    images, model = some(40), MODELS["bounded, coded"]
    parts = [
        guarded(images[:20], "bounded, coded", max_error=60),
        guarded(images[20:], "bounded, coded", max_error=3, max_rmse=0.05),
    ]
    out = io.BytesIO()
    digitzip.join(parts, out)
    with digitzip.open(out.getvalue(), model=model) as dz:
        dz.test()
        assert promise(dz) == StoredPromise(True, 60, 27_000, CLASSIFIER.id[:4])
        kept(images, dz)
        pixels = np.concatenate([digitzip.decompress(part, model=model) for part in parts])
        np.testing.assert_array_equal(dz[:], pixels)
    plain = guarded(images[:20], "bounded, coded", guard=False)
    with pytest.warns(digitzip.DigitzipWarning, match="archive 2 promises nothing"):
        digitzip.join([parts[0], plain], out := io.BytesIO())
    assert promise(digitzip.open(out.getvalue())) == StoredPromise()


@pytest.fixture(scope="module")
def mixed(folder: Path) -> bytes:
    """A file of 60 images in four chunks: with two bounds, lossless, and without corrections."""
    images = some(60)
    parts = [
        guarded(images[:20], "bounded, coded"),
        guarded(images[20:35], "bounded, coded", max_error=7),
        guarded(images[35:40], "bounded, coded", lossless=True),
        guarded(images[40:], "bounded, coded", guard=False),
    ]
    out = io.BytesIO()
    with pytest.warns(digitzip.DigitzipWarning, match="archive 4 promises nothing"):
        digitzip.join(parts, out)
    return out.getvalue()


@settings(max_examples=25)
@given(st.lists(st.integers(-60, 59), max_size=80))
def test_any_images_are_those_of_the_whole_file(mixed: bytes, numbers: list[int]) -> None:
    with digitzip.open(mixed, model=MODELS["bounded, coded"]) as dz:
        whole = np.concatenate(list(dz.batches()))
        np.testing.assert_array_equal(dz[np.array(numbers, np.intp)], whole[numbers])
        for number in numbers[:5]:
            np.testing.assert_array_equal(dz[number], whole[number])
        start, stop = sorted(np.array([0, 60, *numbers])[-2:] % 61)
        np.testing.assert_array_equal(dz[start:stop], whole[start:stop])
        parts = [np.zeros((0, SIDE, SIDE), np.uint8), *dz.batches(7, start, stop)]
        np.testing.assert_array_equal(np.concatenate(parts), whole[start:stop])


@settings(max_examples=15)
@given(st.lists(st.integers(0, 59), min_size=1, max_size=70))
def test_extracted_images_keep_codes_and_pixels(mixed: bytes, numbers: list[int]) -> None:
    out, model = io.BytesIO(), MODELS["bounded, coded"]
    with digitzip.open(mixed, model=model) as dz:
        digitzip.extract(dz, numbers, out)
        with digitzip.open(out.getvalue(), model=model) as some_of_it:
            some_of_it.test()
            np.testing.assert_array_equal(some_of_it[:], dz[numbers])
            np.testing.assert_array_equal(some_of_it.codes[:], dz.codes[numbers])
            assert promise(some_of_it) == promise(dz)


def test_recover_keeps_chunks_with_corrections(mixed: bytes) -> None:
    model = MODELS["bounded, coded"]
    with digitzip.open(mixed, model=model) as dz:
        whole, slots = dz[:], dz._store.index.slots
    cut = mixed[: slots[3].offset + 9]
    damaged = bytearray(mixed)
    damaged[slots[1].offset + 40] ^= 1
    for data, kept in ((cut, range(40)), (bytes(damaged), [*range(20), *range(35, 60)])):
        out = io.BytesIO()
        found = digitzip.recover(data, out, model=model)
        assert (found.images, found.verified) == (len(kept), True)
        np.testing.assert_array_equal(
            digitzip.decompress(out.getvalue(), model=model), whole[list(kept)]
        )


def test_a_chunk_holds_so_many_corrected_images_that_one_is_decoded_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("digitzip.archive.builder.MAX_CORRECTED_PIXELS", 2048 * SIDE * SIDE)
    images = np.random.default_rng(8).integers(0, 256, (5000, SIDE, SIDE), np.uint8)
    data = digitzip.compress(images, model=TOY, effort=0, lossless=True)
    with digitzip.open(data, model=TOY) as dz:
        dz.test()
        assert max(chunk_sizes(dz)) == 2048
        np.testing.assert_array_equal(dz[:], images)


def test_a_lossless_file_keeps_the_promise_of_any_that_it_is_joined_with() -> None:
    default, exact = guarded(some(20), "bounded"), guarded(some(9), "bounded", lossless=True)
    for parts in ([default, exact], [exact, default]):
        out = io.BytesIO()
        digitzip.join(parts, out)
        joined = digitzip.open(out.getvalue(), model=MODELS["bounded"])
        assert promise(joined) == StoredPromise(True, None, 27_000, CLASSIFIER.id[:4])
    both = StoredPromise(True, max_error=0)
    assert both.common(both) == both
