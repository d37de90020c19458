"""Metrics are what their definitions say."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from digitzip.metrics import d32, psnr, rmse

Images = npt.NDArray[np.uint8]


def pictures(seed: int, height: int, width: int) -> Images:
    random = np.random.default_rng(seed)
    return random.integers(0, 256, (5, height, width), dtype=np.uint8)


def test_rmse_is_the_root_of_the_mean_square_with_white_at_one() -> None:
    x = np.array([[[0, 255], [10, 20]]], np.uint8)
    y = np.array([[[0, 0], [13, 16]]], np.uint8)
    assert rmse(x, y) == pytest.approx(math.sqrt((255**2 + 3**2 + 4**2) / 4) / 255)


def test_psnr_is_rmse_in_decibels_below_white() -> None:
    black = np.zeros((2, 8, 8), np.uint8)
    assert psnr(black, np.full_like(black, 255)) == 0
    assert psnr(black, np.full_like(black, 51)) == pytest.approx(20 * math.log10(5))
    assert psnr(black, black) == math.inf


@pytest.mark.parametrize("size", [(28, 28), (32, 32), (8, 20), (64, 45)])
def test_d32_resizes_as_pillow_does(size: tuple[int, int]) -> None:
    x, y = pictures(1, *size), pictures(2, *size)

    def resized(image: Images) -> npt.NDArray[np.float64]:
        real = Image.fromarray(image.astype(np.float32) / 255)
        assert real.mode == "F"
        return np.asarray(real.resize((32, 32), Image.Resampling.BILINEAR), np.float64)

    squares = [np.square(resized(a) - resized(b)).sum() for a, b in zip(x, y, strict=True)]
    assert d32(x, y) == pytest.approx(np.mean(squares), rel=1e-5)


def test_d32_is_the_sum_of_an_image_and_the_mean_of_images() -> None:
    black = np.zeros((3, 28, 28), np.uint8)
    assert d32(black, np.full_like(black, 255)) == pytest.approx(1024)


def test_d32_does_not_depend_on_how_images_are_batched() -> None:
    x, y = pictures(3, 28, 28), pictures(4, 28, 28)
    many, others = np.tile(x, (300, 1, 1)), np.tile(y, (300, 1, 1))
    assert d32(many, others) == pytest.approx(d32(x, y))


@pytest.mark.parametrize("metric", [rmse, psnr, d32])
def test_metrics_know_equal_no_and_unequal_images(
    metric: Callable[[Images, Images], float],
) -> None:
    x = pictures(5, 28, 28)
    nothing_lost = math.inf if metric is psnr else 0
    assert metric(x, x) == nothing_lost
    assert metric(x[:0], x[:0]) == nothing_lost
    with pytest.raises(ValueError, match="shape"):
        metric(x, x[:, :1])
