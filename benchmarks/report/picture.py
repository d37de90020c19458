"""The picture of the README: test images over their reconstructions at the default settings.

Draw it again after a change of pixels: `python -m benchmarks.report.picture`.
"""

from __future__ import annotations

from typing import Final

import numpy as np
import numpy.typing as npt
from PIL import Image

import digitzip
from benchmarks.record import ROOT, test_images, test_labels

PATH: Final = ROOT / "docs" / "figures" / "digits.png"
SCALE: Final = 3
GAP: Final = 2
GROUND: Final = 96

Images = npt.NDArray[np.uint8]


def originals() -> Images:
    """Return the first MNIST test image of each digit, uint8 [10, 28, 28]."""
    labels = test_labels()
    return test_images()[[int(np.argmax(labels == digit)) for digit in range(10)]]


def drawn(above: Images, below: Images) -> Images:
    """Return `above` over `below`, both uint8 [n, h, w], as one uint8 [rows, columns]."""
    pairs = np.concatenate(
        [
            np.pad(images, ((0, 0), (GAP, 0), (GAP, 0)), constant_values=GROUND)
            for images in (above, below)
        ],
        axis=1,
    )  # [n, 2 (GAP + h), GAP + w]
    page = np.concatenate(list(pairs), axis=1)
    page = np.pad(page, ((0, GAP), (0, GAP)), constant_values=GROUND)
    return page.repeat(SCALE, axis=0).repeat(SCALE, axis=1)


def picture() -> Images:
    """Return the picture as the present codec gives it, uint8 [rows, columns]."""
    images = originals()
    return drawn(images, digitzip.decompress(digitzip.compress(images)))


def main() -> None:
    PATH.parent.mkdir(exist_ok=True)
    Image.fromarray(picture()).save(PATH, optimize=True)


if __name__ == "__main__":
    main()
