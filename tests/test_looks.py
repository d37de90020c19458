"""The page of originals over reconstructions shows what a rule picked, pixel by pixel."""

from __future__ import annotations

import hashlib
import io
import json
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from benchmarks.measure import classifier, looks
from benchmarks.measure.picked import Looks, Pick, pick, rmse_of_each
from benchmarks.record import Images, Labels
from benchmarks.report import looks_page, render
from digitzip.model import load_model
from tests import toy

LABELS = np.zeros(40, np.uint8)
IMAGES, RECON = toy.make_images(40, seed=1), toy.make_images(40, seed=2)


def indices(picks: tuple[Pick, ...]) -> list[int]:
    return [pick.index for pick in picks]


def picked(changed: int = 5) -> Looks:
    """Return what is picked of 40 bars, `changed` of which change their label from 0 to 7."""
    after = np.where(np.arange(40) < changed, 7, 0).astype(np.uint8)
    found = pick(rmse_of_each(IMAGES, RECON), LABELS, after)
    return replace(found, pixels=looks_page.digest_of(found, IMAGES, RECON))


def page_of(png: bytes) -> tuple[Images, str]:
    """Return the pixels of a page, uint8 [height, width], and its description."""
    with Image.open(io.BytesIO(png)) as image:
        assert (image.format, image.mode) == ("PNG", "L")
        return np.asarray(image), image.info["Description"]


def check(found: Looks, page: Images) -> None:
    """Check that a page shows the pixels that were measured, and nothing else in black."""
    page, pixels = page.copy(), []
    blocks, height = looks_page.layout(found)
    assert page.shape == (height, looks_page.WIDTH + 2 * looks_page.MARGIN)
    for group, _, pairs in blocks:
        for chosen, pair in zip(group.picks, pairs, strict=True):
            both = []
            for y in (pair.y, pair.below):
                size = 28 * pair.scale
                large = page[y : y + size, pair.x : pair.x + size]
                both.append(large[:: pair.scale, :: pair.scale].copy())
                enlarged = both[-1].repeat(pair.scale, 0).repeat(pair.scale, 1)
                np.testing.assert_array_equal(enlarged, large)
                large[:] = 255
            loss = rmse_of_each(both[0][None], both[1][None])[0]
            assert loss == pytest.approx(chosen.rmse, abs=1e-12)
            caption = page[pair.foot + 2 : pair.foot + 20, pair.x : pair.x + 28 * group.scale]
            assert (caption < 128).any()
            pixels += both
    assert (page == 0).sum() == 0
    assert hashlib.sha256(b"".join(image.tobytes() for image in pixels)).hexdigest() == found.pixels


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
    assert all(p.rmse == errors[p.index] for p in found.best + found.typical + found.worst)


def test_among_equals_the_first_come_first_and_a_small_set_is_shown_whole() -> None:
    errors = np.full(40, 0.5)
    errors[[3, 30]], errors[[5, 35]] = 0.25, 0.75
    found = pick(errors, LABELS, LABELS)
    plain = [i for i in range(40) if i not in (3, 30, 5, 35)]
    assert indices(found.best) == [3, 30, *plain[:10]]
    assert indices(found.typical) == plain[:12]
    assert indices(found.worst) == [5, 35, *plain[:10]]
    few = pick(np.array([0.5, 0.125, 0.25]), LABELS[:3], LABELS[:3])
    assert (indices(few.best), indices(few.worst)) == ([1, 2, 0], [0, 2, 1])


def test_every_label_change_is_named_with_both_labels() -> None:
    before, after = np.array([4, 1, 9, 3], np.uint8), np.array([9, 1, 9, 5], np.uint8)
    changes = pick(np.zeros(4), before, after).label_changes
    assert [(p.index, p.before, p.after) for p in changes] == [(0, 4, 9), (3, 3, 5)]


def test_the_rmse_of_each_is_of_that_image() -> None:
    x = np.zeros((2, 28, 28), np.uint8)
    y = x.copy()
    y[1, 0, 0] = 255
    np.testing.assert_allclose(rmse_of_each(x, y), [0, 1 / 28])
    np.testing.assert_array_equal(rmse_of_each(y, x), rmse_of_each(x, y))


@pytest.mark.parametrize("changed", [0, 5, 40])
def test_the_page_has_each_original_over_its_reconstruction(changed: int) -> None:
    found = picked(changed)
    page, description = page_of(looks_page.picture(found, IMAGES, RECON))
    assert description == f"data {found.digest}"
    check(found, page)
    shown = [pick for group in looks_page.groups(found) for pick in group.picks]
    assert shown == [*found.best, *found.typical, *found.worst, *found.label_changes]


def test_captions_and_notes_say_what_is_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    best, _, _, changes = looks_page.groups(picked(changed=40))
    assert best.caption(Pick(3, 0.02345, 4, 9)) == "0.0234"
    assert changes.caption(Pick(3, 0.02345, 4, 9)) == "4 → 9"
    assert changes.note == "all 40, by index in the test set"
    assert looks_page.groups(picked(changed=0))[-1].note == "none"
    monkeypatch.setattr(looks_page, "FITTING", 30)
    few = looks_page.groups(picked(changed=40))[-1]
    assert few.note == "the first 30 of 40, by index in the test set"
    assert indices(few.picks) == list(range(30))


def test_the_digest_depends_on_everything_that_the_picture_shows() -> None:
    found = picked()
    assert looks_page.picture(found, IMAGES, RECON) == looks_page.picture(found, IMAGES, RECON)
    first, *others = found.best
    other_loss = replace(found, best=(replace(first, rmse=first.rmse / 2), *others))
    recon = RECON.copy()
    recon[first.index, 14, 14] ^= 1
    other_pixels = replace(found, pixels=looks_page.digest_of(found, IMAGES, recon))
    digests = {found.digest, picked(6).digest, other_loss.digest, other_pixels.digest}
    assert len(digests) == 4


def test_what_is_measured_is_what_is_stored(monkeypatch: pytest.MonkeyPatch) -> None:
    def brightness(images: Images) -> Labels:
        labels: Labels = (images.mean(axis=(1, 2)) // 2 % 10).astype(np.uint8)
        return labels

    monkeypatch.setattr(classifier, "classify", brightness)
    result, png = looks.measured(toy.known_images(40))
    stored = json.loads(json.dumps(result, allow_nan=False))
    found = looks.looks_of(stored)
    page, description = page_of(png)
    assert description == f"data {found.digest}"
    assert found.label_changes
    assert all(pick.before != pick.after for pick in found.label_changes)
    assert (stored["images"], stored["model"]["id"]) == (40, load_model().id.hex())
    spread = list(stored["rmse_percentiles"].values())
    assert spread == sorted(spread)
    assert (spread[0], spread[-1]) == (found.best[0].rmse, found.worst[0].rmse)
    check(found, page)


def test_the_picture_shows_what_was_measured_of_the_file_that_the_rates_are_of() -> None:
    result, rate = render.load("looks"), render.load("rate")
    found, png = looks.looks_of(result), looks_page.PATH.read_bytes()
    page, description = page_of(png)
    assert description == f"data {found.digest}", "run python -m benchmarks looks"
    check(found, page)
    assert len(png) <= 200_000
    point = next(point for point in rate["points"] if point["default"])
    assert result["model"] == rate["model"]
    assert (result["images"], result["bytes"]) == (rate["images"], point["bytes"])
    assert result["rmse"] == pytest.approx(point["rmse"], abs=1e-12)
    changes = len(result["looks"]["label_changes"])
    assert changes / result["images"] == pytest.approx(point["label_change_rate"], abs=1e-9)
    assert f"Label changes after the round trip: {changes:,} of" in looks_page.table(result)
