"""Strokes: connected ink on a grid of pixels; the strokes of one digit, and their width.

This module knows masks and planes of ink; it must not know pictures or light.
"""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.float32]
Mask = NDArray[np.bool_]
Positions = NDArray[np.int64]
Number = TypeVar("Number", np.uint8, np.int64)

SPECK = 0.05
"""Minimum ink of another stroke, as a share of that of the main stroke."""
REACH = 0.3
"""Maximum gap between strokes, as a share of the longer side of the box of the main stroke."""


def choose_strokes(absorbed: Plane, threshold: float, strong: float) -> Mask:
    """Mark the stroke with the most strong ink and the strokes near it; drop specks and edges.

    A stroke is connected ink above the threshold; some of it must be above `strong`.
    """
    mask = absorbed > threshold
    labels = connected(mask)
    rows, columns = np.nonzero(mask)
    _, strokes = np.unique(labels[mask], return_inverse=True)
    mass = np.bincount(strokes, np.where(absorbed[mask] > strong, absorbed[mask], 0))
    order = np.argsort(strokes, kind="stable")
    starts = np.searchsorted(strokes[order], np.arange(len(mass)))
    pixels = np.stack([rows[order], columns[order]], axis=1)
    first = np.minimum.reduceat(pixels, starts)  # [strokes, 2]: top and left
    last = np.maximum.reduceat(pixels, starts)
    cut = ((first == 0) | (last == np.array(mask.shape) - 1)).any(axis=1)
    main = int(np.argmax(np.where(cut, mass / 8, mass)))
    eligible = (mass >= SPECK * mass[main]) & (cut <= cut[main])
    kept = _chain(first, last, main, eligible)
    digit = np.zeros_like(mask)
    digit[mask] = kept[strokes]
    return digit


def _chain(first: Positions, last: Positions, main: int, eligible: Mask) -> Mask:
    """Mark the main stroke, the eligible strokes near its box, those near the grown box, and so on.

    `first` and `last` [strokes, 2] are the corners of each stroke's box.
    """
    reach = REACH * (last[main] - first[main]).max() + 1
    kept = np.zeros_like(eligible)
    kept[main] = True
    while True:
        top, bottom = first[kept].min(axis=0), last[kept].max(axis=0)
        gap = np.maximum(first - bottom, top - last).max(axis=1)
        grown: Mask = kept | (eligible & (gap <= reach))
        if np.array_equal(grown, kept):
            return kept
        kept = grown


def is_hollow(digit: Mask, dark: Mask, window: int) -> bool:
    """Tell whether strokes were too wide for the window, which then saw only their ends."""
    rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
    around = tuple(slice(max(0, at[0] - window), at[-1] + 1 + window) for at in (rows, columns))
    return stroke_width(digit) > window / 4 or bool(dark[around].sum() > 1.3 * digit.sum())


def stroke_width(digit: Mask) -> float:
    """Return the mean width of strokes in pixels: twice their area over their outline."""
    stroke = np.pad(digit, 1)
    outline = (stroke[1:] != stroke[:-1]).sum() + (stroke[:, 1:] != stroke[:, :-1]).sum()
    return 2 * float(stroke.sum()) / max(float(outline), 1.0)


def connected(mask: Mask) -> NDArray[np.int64]:
    """Label 8-connected regions with one positive number each, the rest with 0.

    Every pixel points to the highest pixel number known in its region; pointers are followed
    to their ends between the rounds, so that few rounds suffice.
    """
    numbers = np.arange(1, mask.size + 1, dtype=np.int64).reshape(mask.shape)
    labels = np.where(mask, numbers, 0)
    while True:
        nearby = np.pad(labels, 1)
        grown = np.where(mask, highest(nearby, 3), 0)
        grown[mask] = grown.ravel()[grown[mask] - 1]
        if np.array_equal(grown, labels):
            return labels
        labels = grown


def dilate(plane: Plane, radius: float) -> Plane:
    """Widen strokes on all sides: the maximum in a disc."""
    reach = int(radius)
    padded = np.pad(plane, reach)
    height, width = plane.shape
    result = plane
    for y in range(-reach, reach + 1):
        for x in range(-reach, reach + 1):
            if y * y + x * x <= radius * radius:
                top, left = reach + y, reach + x
                result = np.maximum(result, padded[top : top + height, left : left + width])
    return result


def highest(plane: NDArray[Number], window: int) -> NDArray[Number]:
    """Return the maximum in each whole window; the result is smaller by `window - 1`."""
    for _ in range(2):
        plane, have = plane.T, 1
        while have < window:
            step = min(have, window - have)
            plane = np.maximum(plane[:-step], plane[step:])
            have += step
    return plane
