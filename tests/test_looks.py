"""What the page of originals over reconstructions shows is what a rule picked, pixel by pixel."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from benchmarks import record
from benchmarks.measure import classifier as reader
from benchmarks.measure import looks
from benchmarks.measure.picked import Digit, Looks, pick, rmse_of_each
from benchmarks.report import looks_page, render
from benchmarks.report.looks_page import Place, groups
from digitzip.model import load_model
from tests import toy

LABELS = np.zeros(40, np.uint8)
IMAGES, DECODED = toy.make_images(40, seed=1), toy.make_images(40, seed=2)
STORED = record.RESULTS / "looks.json"
measured = pytest.mark.skipif(
    not STORED.exists(), reason="nothing to look at yet: python -m benchmarks looks"
)


def indices(digits: tuple[Digit, ...]) -> list[int]:
    return [digit.index for digit in digits]


def picked(changed: int = 5) -> Looks:
    """Return what is picked of 40 bars, `changed` of which are read as 7 instead of 0."""
    after = np.where(np.arange(40) < changed, 7, 0).astype(np.uint8)
    found = pick(rmse_of_each(IMAGES, DECODED), LABELS, after)
    return replace(found, pixels=looks_page.digest_of(found, IMAGES, DECODED))


def page_of(png: bytes) -> tuple[record.Images, str]:
    """Return the pixels of a page, uint8 [height, width], and what it says it shows."""
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        return np.asarray(image), image.info["Description"]


def cut(page: record.Images, place: Place) -> tuple[record.Images, record.Images]:
    """Return the original and the reconstruction at a place, each uint8 [28, 28]."""
    size = 28 * place.scale
    pair = []
    for y in (place.y, place.below):
        large = page[y : y + size, place.x : place.x + size]
        small = large[:: place.scale, :: place.scale]
        np.testing.assert_array_equal(small.repeat(place.scale, 0).repeat(place.scale, 1), large)
        pair.append(small)
    return pair[0], pair[1]


def test_best_worst_and_typical_are_told_by_rmse_alone() -> None:
    ranks = np.random.default_rng(0).permutation(40)
    errors = np.square(ranks / 64)  # their mean is far above their median
    found = pick(errors, LABELS, LABELS)
    best, typical, worst = (
        ranks[indices(group)].tolist() for group in (found.best, found.typical, found.worst)
    )
    assert best == list(range(12))
    assert sorted(typical) == list(range(13, 25))
    assert set(typical[:2]) == {19, 20}
    assert worst == list(range(39, 27, -1))
    for digit in found.best + found.typical + found.worst:
        assert digit.rmse == errors[digit.index]


def test_of_equal_digits_the_first_come_first() -> None:
    errors = np.full(40, 0.5)
    errors[[3, 30]] = 0.25
    errors[[5, 35]] = 0.75
    found = pick(errors, LABELS, LABELS)
    plain = [i for i in range(40) if i not in (3, 30, 5, 35)]
    assert indices(found.best) == [3, 30, *plain[:10]]
    assert indices(found.typical) == plain[:12]
    assert indices(found.worst) == [5, 35, *plain[:10]]


def test_a_group_has_all_digits_where_there_are_fewer_than_asked_for() -> None:
    found = pick(np.array([0.5, 0.125, 0.25]), LABELS[:3], LABELS[:3])
    assert indices(found.best) == [1, 2, 0]
    assert indices(found.typical) == [2, 1, 0]
    assert indices(found.worst) == [0, 2, 1]


def test_every_digit_that_is_read_differently_is_named_with_both_readings() -> None:
    before = np.array([4, 1, 9, 3], np.uint8)
    after = np.array([9, 1, 9, 5], np.uint8)
    found = pick(np.zeros(4), before, after).read_differently
    assert [(digit.index, digit.before, digit.after) for digit in found] == [(0, 4, 9), (3, 3, 5)]


def test_the_rmse_of_each_is_of_that_digit() -> None:
    x = np.zeros((2, 28, 28), np.uint8)
    y = x.copy()
    y[1, 0, 0] = 255
    np.testing.assert_allclose(rmse_of_each(x, y), [0, 1 / 28])
    np.testing.assert_array_equal(rmse_of_each(y, x), rmse_of_each(x, y))


def test_the_page_has_each_original_over_its_reconstruction() -> None:
    found = picked()
    page, _ = page_of(looks_page.picture(found, IMAGES, DECODED))
    blocks, height = looks_page.layout(found)
    assert page.shape == (height, looks_page.WIDTH + 2 * looks_page.MARGIN)
    shown = []
    for group, _, places in blocks:
        for digit, place in zip(group.digits, places, strict=True):
            original, reconstruction = cut(page, place)
            np.testing.assert_array_equal(original, IMAGES[digit.index])
            np.testing.assert_array_equal(reconstruction, DECODED[digit.index])
            page = blank(page, place)
            shown.append(digit)
    assert shown == [*found.best, *found.typical, *found.worst, *found.read_differently]
    assert (page == 0).sum() == 0  # whatever is black was a digit


def blank(page: record.Images, place: Place) -> record.Images:
    """Return the page without a pair; fails where a pair was taken from it before."""
    page, size = page.copy(), 28 * place.scale
    for y in (place.y, place.below):
        area = page[y : y + size, place.x : place.x + size]
        assert (area == 0).any()
        area[:] = 255
    return page


def test_rows_fill_the_width_and_blocks_follow_each_other() -> None:
    found = picked(changed=40)
    blocks, height = looks_page.layout(found)
    foot = 0
    for group, top, places in blocks:
        assert top > foot
        assert min(place.y for place in places) > top
        right = max(place.x + 28 * place.scale for place in places)
        assert 0 <= looks_page.MARGIN + looks_page.WIDTH - right < group.scale
        foot = max(place.foot for place in places)
    assert foot < height
    changed = blocks[-1][2]
    assert [len([p for p in changed if p.y == y]) for y in sorted({p.y for p in changed})] == [
        18, 18, 4,
    ]  # fmt: skip


def test_each_digit_has_its_caption() -> None:
    best, _, _, changed = groups(picked())
    assert best.caption(Digit(3, 0.02345, 4, 9)) == "0.0234"
    assert changed.caption(Digit(3, 0.02345, 4, 9)) == "4 → 9"
    found = picked()
    page, _ = page_of(looks_page.picture(found, IMAGES, DECODED))
    for group, _, places in looks_page.layout(found)[0]:
        for place in places:
            caption = page[place.foot + 2 : place.foot + 20, place.x : place.x + 28 * group.scale]
            assert (caption < 128).any()


def test_digits_that_do_not_fit_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    assert groups(picked(changed=40))[-1].note == "all 40, by their place in the test set"
    assert groups(picked(changed=0))[-1].note == "none"
    monkeypatch.setattr(looks_page, "FITTING", 30)
    few = groups(picked(changed=40))[-1]
    assert few.note == "the first 30 of 40, by their place in the test set"
    assert indices(few.digits) == list(range(30))


def test_a_page_without_changed_readings_can_be_drawn() -> None:
    found = picked(changed=0)
    page, _ = page_of(looks_page.picture(found, IMAGES, DECODED))
    assert len(page) == looks_page.layout(found)[1]


def test_the_same_digits_are_drawn_as_the_same_bytes() -> None:
    assert looks_page.picture(picked(), IMAGES, DECODED) == looks_page.picture(
        picked(), IMAGES, DECODED
    )


def test_the_picture_names_the_digest_of_what_it_shows() -> None:
    found = picked()
    _, description = page_of(looks_page.picture(found, IMAGES, DECODED))
    assert description == f"data {found.digest}"
    first, *others = found.best
    other_loss = replace(found, best=(replace(first, rmse=first.rmse / 2), *others))
    other = DECODED.copy()
    other[first.index, 14, 14] ^= 1
    other_pixels = replace(found, pixels=looks_page.digest_of(found, IMAGES, other))
    digests = {found.digest, picked(6).digest, other_loss.digest, other_pixels.digest}
    assert len(digests) == 4


def test_what_is_measured_is_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    def brightness(images: record.Images) -> record.Labels:
        labels: record.Labels = (images.mean(axis=(1, 2)) // 2 % 10).astype(np.uint8)
        return labels

    monkeypatch.setattr(reader, "read", brightness)
    result, png = looks.measured(IMAGES)
    stored = json.loads(json.dumps(result, allow_nan=False))
    found = looks.looks_of(stored)
    page, description = page_of(png)
    assert description == f"data {found.digest}"
    assert found.read_differently
    assert all(digit.before != digit.after for digit in found.read_differently)
    assert stored["digits"] == 40
    assert stored["model"]["id"] == load_model().id.hex()
    spread = list(stored["rmse_percentiles"].values())
    assert spread == sorted(spread)
    assert (spread[0], spread[-1]) == (found.best[0].rmse, found.worst[0].rmse)
    check(found, page)


def check(found: Looks, page: record.Images) -> None:
    """Check that the pixels of a page are those that were measured."""
    pixels = []
    for group, _, places in looks_page.layout(found)[0]:
        for digit, place in zip(group.digits, places, strict=True):
            original, reconstruction = cut(page, place)
            loss = rmse_of_each(original[None], reconstruction[None])[0]
            assert loss == pytest.approx(digit.rmse, abs=1e-12)
            pixels.append(original.tobytes() + reconstruction.tobytes())
    assert hashlib.sha256(b"".join(pixels)).hexdigest() == found.pixels


@measured
def test_the_picture_shows_what_was_measured() -> None:
    found = looks.looks_of(render.load("looks"))
    png = looks.PICTURE.read_bytes()
    page, description = page_of(png)
    assert description == f"data {found.digest}", "run python -m benchmarks looks"
    check(found, page)
    assert len(png) <= 200_000


@measured
def test_what_is_looked_at_is_the_file_that_the_rates_are_of() -> None:
    result, rate = render.load("looks"), render.load("rate")
    point = next(point for point in rate["points"] if point["default"])
    assert result["model"] == rate["model"]
    assert (result["digits"], result["bytes"]) == (rate["digits"], point["bytes"])
    assert result["rmse"] == pytest.approx(point["rmse"], abs=1e-12)
    changed = len(result["looks"]["read_differently"])
    assert changed / result["digits"] == pytest.approx(point["read_differently"], abs=1e-9)


def test_the_page_tells_how_rmse_spreads(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(render, "RESULTS", tmp_path)
    assert render.looks() == "Not measured yet."
    result = {
        "digits": 2000,
        "rmse_percentiles": {"0": 0.01, "10": 0.02345, "50": 0.08, "100": 0.3},
        "looks": {"read_differently": [{}] * 31},
    }
    (tmp_path / "looks.json").write_text(json.dumps(result), encoding="utf-8")
    assert render.looks().splitlines() == [
        "|  | least | 10 % | median | greatest |",
        "|---|---|---|---|---|",
        "| RMSE of a digit | 0.0100 | 0.0234 | 0.0800 | 0.3000 |",
        "",
        "Read differently after the round trip: 31 of 2,000, 1.55 %.",
    ]
