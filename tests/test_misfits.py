"""Images of low contrast, and dark ones on light: what they become, and what users are told."""

from __future__ import annotations

import re
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner

import digitzip
from digitzip.cli import digitzip as command
from digitzip.codec import Images
from tests.toy import known_images

KNOWN = known_images(20)
WIDE = KNOWN[np.ptp(KNOWN, axis=(1, 2)) > 200]
FAINT: dict[str, Images] = {
    "pixels 0 and 1": (WIDE > 127).astype(np.uint8),
    "pixels 0 to 15": WIDE // 16,
    "pixels 0 to 4": WIDE // 51,
    "faint gray": 120 + WIDE // 10,
    "faint on white": 255 - WIDE // 4,
}
COUNTS = (1, 4, 20)


def warned(images: Images, **options: Any) -> tuple[bytes, str]:
    """Compress, expect one warning, and return the bytes and the remedy."""
    with pytest.warns(digitzip.DigitzipWarning, match="does not fit these images") as caught:
        data = digitzip.compress(images, effort=0, **options)
    (each,) = caught
    return data, str(each.message).rpartition("; ")[2]


def silent(images: Images, **options: Any) -> bytes:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return digitzip.compress(images, effort=0, **options)


def test_the_known_images_are_of_full_contrast() -> None:
    assert len(WIDE) > 15
    silent(WIDE)


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("name", FAINT)
@pytest.mark.parametrize("bounds", [{}, {"max_rmse": 0.3}, {"max_error": 127}], ids=str)
def test_an_image_of_low_contrast_keeps_what_it_shows(
    name: str, count: int, bounds: dict[str, Any]
) -> None:
    images = FAINT[name][:count]
    data, _ = warned(images, **bounds)
    found = digitzip.decompress(data).astype(float)
    for image, recon in zip(images.astype(float), found, strict=True):
        assert np.sqrt(np.mean((image - recon) ** 2)) <= image.std() / 2
        assert np.corrcoef(image.ravel(), recon.ravel())[0, 1] > 0.85


@pytest.mark.parametrize("guard", [True, False])
@pytest.mark.parametrize("count", COUNTS)
def test_pixels_that_do_not_reach_255_are_multiplied_as_the_warning_says(
    count: int, guard: bool
) -> None:
    for name, factor in (("pixels 0 and 1", 255), ("pixels 0 to 15", 17)):
        images = FAINT[name][:count]
        remedy = warned(images, guard=guard)[1]
        assert remedy == f"no pixel is above {255 // factor}: multiply images by {factor}"
        if factor < 255:  # what is left of digits in black and white is another matter
            silent(images * np.uint8(factor), guard=guard)


@pytest.mark.parametrize("guard", [True, False])
@pytest.mark.parametrize("count", COUNTS)
def test_dark_on_light_is_inverted_as_the_warning_says(count: int, guard: bool) -> None:
    images = 255 - WIDE[:count]
    remedy = warned(images, guard=guard)[1]
    assert remedy == "they are dark on light: give 255 - images, or use fit='mnist'"
    assert silent(255 - images, guard=guard) == digitzip.compress(
        WIDE[:count], effort=0, guard=guard
    )


def test_faint_gray_is_stretched_as_the_warning_says() -> None:
    images = FAINT["faint gray"]
    assert "stretch it to 0 ... 255" in warned(images)[1]
    low, high = images.min((1, 2), keepdims=True), images.max((1, 2), keepdims=True)
    silent(np.rint((images - low) / (high - low) * 255).astype(np.uint8))


@pytest.mark.parametrize("gray", [0, 7, 128, 255])
def test_a_blank_image_comes_back_blank(gray: int) -> None:
    images = np.full((3, 28, 28), gray, np.uint8)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        np.testing.assert_array_equal(digitzip.decompress(digitzip.compress(images)), images)


def test_a_few_faint_images_among_others_are_kept_without_a_word() -> None:
    images = np.concatenate([WIDE, FAINT["pixels 0 and 1"][:5]])
    found = digitzip.decompress(silent(images))
    np.testing.assert_array_equal(found[-5:], images[-5:])


def test_the_command_line_says_it_in_its_own_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    np.save("in.npy", 255 - WIDE)
    done = CliRunner().invoke(command, ["compress", "in.npy", "-o", "a.dz", "--effort", "0"])
    assert done.exit_code == 0
    assert done.stderr.count("\n") == 1
    assert re.search(r"they are dark on light: give --invert, or use --fit mnist$", done.stderr)
