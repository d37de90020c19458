"""Arrays as images: the shapes that are taken, and the line of NumPy that mends any other.

Axes are never guessed. An array whose shape can be read in one way only is taken; any other is
refused with what to do. Reshaping a taken array in C order gives its images, [n, height, width].
This module knows shapes and types only, no values and no files.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isqrt
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from digitzip.errors import InputError
from digitzip.limits import SIDES

if TYPE_CHECKING:
    import numpy as np

Size = tuple[int, int]
Shape = tuple[int, ...]
Range = tuple[float, float]
"""The least and the greatest value."""

LONGEST: Final = 8
"""How many times longer than the other a side of an image may be: beyond, axes are mixed up."""
CHANNELS: Final = range(1, 5)

_GRAY: Final = "[0.299, 0.587, 0.114]"


class Reading(NamedTuple):
    """One way to read an array: what makes it images, and when; `real` values need rounding."""

    expression: str
    when: str = ""
    real: bool = False


def images_shape(
    subject: str,
    dtype: np.dtype[Any],
    shape: Shape,
    size: Size | None,
    values: Range | None = None,
) -> tuple[int, int, int]:
    """Return [n, height, width] of the images in an array.

    `size` is the height and width that images should have, None where the first image sets it.
    Taken are [n, height, width], [n, height, width, 1], [n, 1, height, width], and of that size
    also [n, height * width] and [height, width]. Raises `InputError`, which begins with `subject`
    and names the line of NumPy that mends the array, for any other shape and for all types but
    uint8; `values`, where they are known, decide how to convert a type.
    """
    found = _taken(shape, size)
    if found is not None and dtype == "uint8":
        return found
    height, width = size or ("height", "width")
    readings = list(_readings(shape, size)) if found is None else [Reading("images")]
    lines = [line for each in readings if (line := _line(each, dtype, values))]
    advice = ": " + ", or ".join(lines) if lines else ""
    raise InputError(
        f"{subject} {dtype} {list(shape)}; expected uint8 [n, {height}, {width}]{advice}"
    )


def _taken(shape: Shape, size: Size | None) -> tuple[int, int, int] | None:
    match shape:
        case (height, width) if shape == size or (size is None and height == width in SIDES):
            return 1, height, width
        case (count, pixels) if size and pixels == size[0] * size[1] != count:
            return count, *size
        case (height, width) if size and not list(_rows(height, width, size)):
            if max(shape) <= LONGEST * min(shape):
                return 1, height, width
        case (count, height, width) if (height, width) == size or not _is_foreign(shape, size):
            return count, height, width
        case (count, height, width, 1) if height != 1:
            return count, height, width
        case (count, 1, height, width) if width != 1:
            return count, height, width
    return None


def _is_foreign(shape: Shape, size: Size | None) -> bool:
    """Tell whether three axes may be other than [n, height, width]."""
    first, second, last = shape
    return (
        last in CHANNELS
        or (first, second) == size
        or first == second != last
        or max(second, last) > LONGEST * min(second, last)
    )


def _readings(shape: Shape, size: Size | None) -> Iterator[Reading]:
    """Yield the ways in which an array that is not taken may be meant."""
    match shape:
        case (pixels,) if sides := _sides(pixels, size):
            yield Reading(f"images.reshape(1, {sides})")
        case (rows, columns):
            yield from _readings_of_rows(rows, columns, size)
        case (_, _, 1):
            yield Reading("images[None, :, :, 0]", "if it is one image")
        case (_, _, 2):
            yield Reading("images[None, :, :, 0]", "if it is one image with transparency")
        case (_, _, 3 | 4):
            yield Reading(f"images[None, ..., :3] @ {_GRAY}", "if it is one picture", True)
        case (_, _, _):
            yield Reading("np.moveaxis(images, -1, 0)", "if the last axis counts the images")
            yield Reading("images[:, None]", "if the first one does")
        case (_, _, _, 3 | 4):
            yield Reading(f"images[..., :3] @ {_GRAY}", "if the last axis is colour", True)
        case (_, 3 | 4, _, _):
            gray = f"np.moveaxis(images, 1, -1)[..., :3] @ {_GRAY}"
            yield Reading(gray, "if the second axis is colour", True)


def _readings_of_rows(rows: int, columns: int, size: Size | None) -> Iterator[Reading]:
    yield from _rows(rows, columns, size)
    exact = () if size is None else (size[0] * size[1], size[0] * size[1] + 1)
    if rows not in exact[:1] and columns not in exact:
        yield Reading("images[None]", "if it is one image")


def _rows(rows: int, columns: int, size: Size | None) -> Iterator[Reading]:
    """Yield the ways to read an array as flat images, in rows or columns, perhaps with labels."""
    if of_row := _sides(columns, size):
        yield Reading(f"images.reshape(-1, {of_row})", "if each row is an image")
    if of_column := _sides(rows, size):
        yield Reading(f"images.T.reshape(-1, {of_column})", "if each column is an image")
    if (labelled := _sides(columns - 1, size)) and columns > SIDES[0] ** 2:
        first, last = "if labels = images[:, 0]", "if labels = images[:, -1]"
        yield Reading(f"images[:, 1:].reshape(-1, {labelled})", first)
        yield Reading(f"images[:, :-1].reshape(-1, {labelled})", last)


def _sides(pixels: int, size: Size | None) -> str:
    """Return height and width of images of so many pixels: as `size` says, or else a square."""
    if size is not None and pixels == size[0] * size[1]:
        return f"{size[0]}, {size[1]}"
    side = isqrt(max(pixels, 0))
    return f"{side}, {side}" if side * side == pixels and side >= SIDES[0] - 1 else ""


def _line(reading: Reading, dtype: np.dtype[Any], values: Range | None) -> str:
    """Return the line that makes images of an array; "" where nothing is known to do it."""
    made = _converted(reading, dtype, values)
    return f"images = {made} {reading.when}".rstrip() if made else ""


def _converted(reading: Reading, dtype: np.dtype[Any], values: Range | None) -> str:
    made, kind = reading.expression, dtype.kind
    if dtype == "uint8":
        return f"np.rint({made}).astype(np.uint8)" if reading.real else made
    if kind == "b":
        return f"{made}.astype(np.uint8) * 255"
    if kind not in "uif":
        return ""
    low, high = values or (0, 256)
    if low < 0:
        made = f"({made} - images.min()) * (255 / np.ptp(images))"
    elif high > 255:
        made = f"{made} * (255 / images.max())"
    elif kind == "f" and high <= 1:
        made = f"{made} * 255"
    elif kind != "f" and not reading.real:
        return f"{made}.astype(np.uint8)"
    return f"np.rint({made}).astype(np.uint8)"
