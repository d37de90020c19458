"""Metrics are what their definitions say."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pytest
from PIL import Image

from digitzip.metrics import d32, psnr, rmse, ssim

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


@pytest.mark.parametrize("size", [(28, 28), (12, 20), (8, 64)])
def test_ssim_is_the_mean_over_all_places_of_a_gaussian_window(size: tuple[int, int]) -> None:
    x, y = pictures(1, *size), pictures(2, *size)
    y = ((x.astype(np.int64) + y) // 2).astype(np.uint8)
    high, wide = (min(11, side) for side in size)
    rows, columns = (np.arange(n) - (n - 1) / 2 for n in (high, wide))
    window = np.exp(-(rows[:, None] ** 2 + columns**2) / (2 * 1.5**2))
    window /= window.sum()
    windows = []
    for a, b in zip(x / 1.0, y / 1.0, strict=True):
        for top in range(size[0] - high + 1):
            for left in range(size[1] - wide + 1):
                p, q = (image[top : top + high, left : left + wide] for image in (a, b))
                mean_p, mean_q = (window * p).sum(), (window * q).sum()
                of_p, of_q = p - mean_p, q - mean_q
                both = (window * of_p * of_q).sum()
                own = (window * of_p**2).sum() + (window * of_q**2).sum()
                luminance = (2 * mean_p * mean_q + 6.5025) / (mean_p**2 + mean_q**2 + 6.5025)
                windows.append(luminance * (2 * both + 58.5225) / (own + 58.5225))
    assert ssim(x, y) == pytest.approx(np.mean(windows))
    assert 0.2 < ssim(x, y) < 0.95


@pytest.mark.parametrize("metric", [d32, ssim])
def test_metrics_do_not_depend_on_how_images_are_batched(
    metric: Callable[[Images, Images], float],
) -> None:
    x, y = pictures(3, 28, 28), pictures(4, 28, 28)
    many, others = np.tile(x, (300, 1, 1)), np.tile(y, (300, 1, 1))
    assert metric(many, others) == pytest.approx(metric(x, y))


@pytest.mark.parametrize("metric", [rmse, psnr, d32, ssim])
def test_metrics_know_equal_no_and_unequal_images(
    metric: Callable[[Images, Images], float],
) -> None:
    x = pictures(5, 28, 28)
    nothing_lost = math.inf if metric is psnr else 1 if metric is ssim else 0
    assert metric(x, x) == pytest.approx(nothing_lost)
    assert metric(x[:0], x[:0]) == nothing_lost
    with pytest.raises(ValueError, match="shape"):
        metric(x, x[:, :1])
