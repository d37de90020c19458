"""Fit one picture: scale it, or extract the ink and normalise it as MNIST does.

Source for `mnist`: "The MNIST database of handwritten digits": size-normalised to fit a 20x20
box, aspect kept, grey levels from the anti-aliasing; centred in 28x28 by the centre of mass.
This module works on Pillow images and must not know files.
"""

import numpy as np
from PIL import Image

from digitzip.images.frame import Pixels
from digitzip.images.ink import EDGE, WORKING_SIDE, find_ink
from digitzip.images.strokes import Plane, dilate, stroke_width

BOX_SHARE = 20 / 28
FINE = 4
"""Strokes are measured and widened at this many times the final size."""
THINNEST = 1.4
"""Mean stroke width, in pixels of the result, below which a pen is too thin for MNIST."""
WIDENED = 1.8
"""The width that thin strokes get; MNIST's median, measured as `stroke_width` does."""


def resize(picture: Image.Image, height: int, width: int) -> Pixels:
    """Scale a picture of mode L or RGB to uint8 [height, width], antialiased, aspect not kept."""
    gray = picture.convert("L")
    if gray.size != (width, height):
        gray = gray.resize((width, height), Image.Resampling.LANCZOS)
    return np.array(gray)


def mnist(picture: Image.Image, height: int, width: int) -> Pixels | None:
    """Return one digit on paper of any colour as white ink on black, uint8 [height, width].

    The picture has mode L or RGB. Returns None where no ink stands out. A picture that is already
    such a digit keeps its pixels.
    """
    longer = max(picture.size)
    if longer > WORKING_SIDE:
        share = WORKING_SIDE / longer
        size = max(1, round(picture.width * share)), max(1, round(picture.height * share))
        picture = picture.resize(size, Image.Resampling.BICUBIC, reducing_gap=3.0)
    ink = find_ink(picture)
    if ink is None:
        return None
    side = max(1, round(min(height, width) * BOX_SHARE))
    return _centre(_scale(_crop(ink, 0), side), height, width)


def _crop(ink: Plane, above: float) -> Plane:
    """Cut out the box of all ink above a level."""
    rows = np.flatnonzero(ink.max(axis=1) > above)
    columns = np.flatnonzero(ink.max(axis=0) > above)
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _scale(ink: Plane, side: int) -> Plane:
    """Scale the box of the ink to `side` with its aspect; widen strokes that would be too thin."""
    if max(ink.shape) == side:
        return ink
    ink = _crop(ink, EDGE)
    fine = _resample(ink, FINE * side)
    width = stroke_width(fine > 0.5) / FINE
    if width < THINNEST:
        radius = FINE * (WIDENED - width) / 2
        margin = int(radius)
        fine = np.pad(_resample(ink, FINE * side - 2 * margin), margin)
        fine = dilate(fine, radius)
    return _resample(fine, side)


def _resample(ink: Plane, side: int) -> Plane:
    share = side / max(ink.shape)
    height, width = (max(1, round(length * share)) for length in ink.shape)
    image = Image.fromarray(ink).resize((width, height), Image.Resampling.BICUBIC)
    scaled = np.asarray(image, np.float32)
    core = np.percentile(scaled[scaled > scaled.max() / 2], 75)  # thin strokes have become faint
    return np.asarray((scaled / core).clip(0, 1), np.float32)


def _centre(digit: Plane, height: int, width: int) -> Pixels:
    """Put the centre of mass as near to the middle as the whole digit allows."""
    frame = np.zeros((height, width), np.uint8)
    starts = []
    for axis, length in enumerate((height, width)):
        weights = digit.sum(axis=1 - axis, dtype=np.float64)
        mean = float(weights @ np.arange(len(weights)) / weights.sum())
        starts.append(min(max(length // 2 - int(mean + 0.5), 0), length - len(weights)))
    top, left = starts
    pixels = np.rint(digit * 255).astype(np.uint8)
    frame[top : top + digit.shape[0], left : left + digit.shape[1]] = pixels
    return frame
