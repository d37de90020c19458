"""Contact sheets: many small images on one page."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO, Final

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]

GAP: Final = 2
GROUND: Final = 96
SCALE: Final = 3


def contact_sheet(images: Images) -> Images:
    """Lay out images uint8 [n, h, w] as one, uint8 [rows, columns], in a square or nearly so."""
    n, height, width = images.shape
    columns = max(1, math.ceil(math.sqrt(n)))
    rows = max(1, math.ceil(n / columns))
    cell = (height + GAP, width + GAP)
    page = np.full((rows * cell[0] + GAP, columns * cell[1] + GAP), GROUND, np.uint8)
    for number, image in enumerate(images):
        row, column = divmod(number, columns)
        y, x = row * cell[0] + GAP, column * cell[1] + GAP
        page[y : y + height, x : x + width] = image
    return page.repeat(SCALE, axis=0).repeat(SCALE, axis=1)


def pairs(images: Sequence[tuple[Images, Images]], shape: tuple[int, int]) -> Images:
    """Stand each image uint8 [h, w] of a pair upon the other: uint8 [n, 2 h + GAP, w]."""
    height, width = shape
    pages = np.full((len(images), 2 * height + GAP, width), GROUND, np.uint8)
    for page, (above, below) in zip(pages, images, strict=True):
        page[:height], page[-height:] = above, below
    return pages


def sheet_png(images: Images) -> bytes:
    """Return the contact sheet of `images` as the bytes of a PNG file."""
    out = io.BytesIO()
    save_sheet(out, images)
    return out.getvalue()


def save_sheet(out: Path | BinaryIO, images: Images) -> None:
    """Write the contact sheet of `images` as a PNG file."""
    from PIL import Image

    Image.fromarray(contact_sheet(images)).save(out, format="PNG")
