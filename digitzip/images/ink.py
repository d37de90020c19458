"""Ink on paper: how strong it is at every pixel of a photograph of one digit.

The paper may be of any colour and unevenly lit, the ink darker or lighter than it. The light on
the paper is estimated by a morphological closing, which fills whatever is dark and narrower than
its window, but keeps the edges of broad shadows; ink is what absorbs part of that light.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

from digitzip.images.strokes import Plane, choose_strokes, dilate, highest, is_hollow

Bytes = NDArray[np.uint8]

WORKING_SIDE = 512
"""The longer side of a picture is reduced to this before ink is looked for."""
WINDOWS = (1 / 16, 1 / 6, 0.4)
"""Shares of the longer side. The narrowest window that holds the strokes sees least of shadows."""
SMALLEST_WINDOW = 16
"""Pixels; in small pictures only the widest window is used, of whatever size."""
FAINTEST = 0.12
"""Share of the light that ink absorbs at least."""
BLACKEST = 0.95
"""Ink that absorbs this share is black already, and is not made any blacker."""
NIGHT = 8.0
"""Brightness under which a board tells nothing about the light on it."""
EDGE = 0.3
"""A stroke reaches to where it absorbs this share of what its core does."""


def find_ink(picture: Image.Image) -> Plane | None:
    """Return the digit's ink, float32 [height, width]: 0 on paper, 1 within strokes.

    The picture has mode L or RGB. None where nothing stands out from the paper.
    """
    paper, inverted = _dark_on_light(picture)
    side = max(paper.shape)
    smooth = _blur(paper, side / 256)
    windows = _scales(side)
    seen = [_Absorbed.measure(paper, _close(smooth, window), inverted) for window in windows]
    enough = max(FAINTEST, max(each.core for each in seen) * 0.7)
    for window, (absorbed, core, noise) in zip(windows, seen, strict=True):
        if core < enough or noise > core / 2:
            continue
        digit = choose_strokes(absorbed, max(core * EDGE, noise), core / 2)
        if window != windows[-1] and is_hollow(digit, seen[-1].share > 0.7 * core, window):
            continue
        full = float(np.percentile(absorbed[digit & (absorbed > core / 2)], 90))
        if full > BLACKEST:
            full = 1.0
        near = dilate(digit.astype(np.float32), max(2, side // 64)) > 0
        strength = np.clip((absorbed - noise) / (full - noise), 0, 1)
        return np.where(near, strength, 0).astype(np.float32)
    return None


class _Absorbed(NamedTuple):
    """The share of light absorbed by every pixel, by the darkest ink, and by the paper."""

    share: Plane
    core: float
    noise: float

    @classmethod
    def measure(cls, paper: Plane, light: Bytes, inverted: bool) -> "_Absorbed":
        if inverted:
            # The ink is light: it adds to what the board reflects, in proportion to the light.
            board = (255 + NIGHT - light).astype(np.float32)
            share = (light - paper) / 255 * (np.median(board) / board)
        else:
            share = 1 - paper / np.maximum(light, 1)
        share = share.clip(-1, 1).astype(np.float32)
        core = float((share if max(share.shape) < 64 else _halve(share)).max())
        some = share.ravel()[:: 1 + share.size // (1 << 14)]
        quiet = some[some <= max(core * EDGE, np.median(some))]
        middle = np.median(quiet)
        return cls(share, core, float(middle + 6 * np.median(np.abs(quiet - middle))))


def _scales(side: int) -> list[int]:
    windows = [max(1, round(side * share)) for share in WINDOWS]
    return [window for window in windows[:-1] if window >= SMALLEST_WINDOW] + windows[-1:]


def _dark_on_light(picture: Image.Image) -> tuple[Plane, bool]:
    """Return the colour channel with the most contrast, and whether it was inverted.

    Ink covers less of the picture than paper does, so it skews the distribution of brightness
    about the local mean to its side; shadows and slopes of light hardly do.
    """
    best, best_skew = picture.convert("L"), 0.0
    for band in (best, *(picture.split() if picture.mode == "RGB" else ())):
        plane = np.asarray(band, np.float32)
        skew = max((_skewness(plane, window) for window in _scales(max(plane.shape))), key=abs)
        if abs(skew) > 1.5 * abs(best_skew):  # luma comes first: it is the sharpest in a JPEG
            best, best_skew = band, skew
    paper = np.asarray(best, np.float32)
    return (255 - paper, True) if best_skew > 0 else (paper, False)


def _skewness(plane: Plane, window: int) -> float:
    height, width = plane.shape
    cells = max(1, round(width / window)), max(1, round(height / window))
    coarse = Image.fromarray(plane).resize(cells, Image.Resampling.BOX)
    mean = np.asarray(coarse.resize((width, height), Image.Resampling.BICUBIC))
    deviation = plane - mean
    squares = deviation * deviation
    variance = float(np.mean(squares))
    return float(np.mean(squares * deviation) / max(variance, 1.0) ** 1.5)


def _close(plane: Bytes, window: int) -> Bytes:
    """Close with a square window, edges repeated: the highest nearby, then the lowest of that."""
    reach = max(1, window // 2)
    padded = np.pad(plane, 2 * reach, mode="edge")
    return ~highest(~highest(padded, 2 * reach + 1), 2 * reach + 1)


def _blur(plane: Plane, radius: float) -> Bytes:
    image = Image.fromarray(plane.astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)))


def _halve(plane: Plane) -> Plane:
    image = Image.fromarray(plane)
    size = max(1, image.width // 2), max(1, image.height // 2)
    return np.asarray(image.resize(size, Image.Resampling.BOX))
