"""How far two sets of images are apart."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def rmse(x: npt.NDArray[np.uint8], y: npt.NDArray[np.uint8]) -> float:
    """Return the root-mean-square error over all pixels of all images, pixels in 0 … 1.

    `x` and `y` are uint8 of one shape; the sum is exact. Without pixels it is 0.
    """
    if x.shape != y.shape:
        raise ValueError(f"images of shape {x.shape} against {y.shape}")
    difference = x.astype(np.int64) - y
    return float(np.sqrt(np.square(difference).sum() / max(1, x.size))) / 255
