"""Contact sheets: many small images on one page."""

from __future__ import annotations

import io
import math
from typing import Final

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]

GAP: Final = 2
GROUND: Final = 96
SCALE: Final = 3


def contact_sheet(images: Images) -> Images:
    """Return a contact sheet, uint8 [height, width], of images uint8 [n, h, w]."""
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


def sheet_png(images: Images) -> bytes:
    """Return the contact sheet of `images` as the bytes of a PNG file."""
    from PIL import Image

    out = io.BytesIO()
    Image.fromarray(contact_sheet(images)).save(out, format="PNG")
    return out.getvalue()
