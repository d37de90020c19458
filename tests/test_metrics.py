"""Metrics are what their definitions say."""

from __future__ import annotations

import math

import numpy as np
import pytest

from digitzip.metrics import rmse


def test_rmse_is_the_root_of_the_mean_square_with_white_at_one() -> None:
    x = np.array([[[0, 255], [10, 20]]], np.uint8)
    y = np.array([[[0, 0], [13, 16]]], np.uint8)
    assert rmse(x, y) == pytest.approx(math.sqrt((255**2 + 3**2 + 4**2) / 4) / 255)
    assert rmse(x, x) == 0
    assert rmse(x[:0], y[:0]) == 0
    with pytest.raises(ValueError, match="shape"):
        rmse(x, y[:, :1])
