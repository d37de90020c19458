"""Which size the images of some inputs have: that of the first one, before any pixel is read."""

import os
from collections.abc import Sequence
from dataclasses import dataclass

from digitzip.errors import InputError
from digitzip.images import folders
from digitzip.images.arrays import find_array
from digitzip.limits import SIDES


@dataclass(frozen=True, slots=True)
class First:
    """The first image: its height and width, and what errors call it."""

    label: str
    height: int
    width: int


def find_first(inputs: Sequence[str | os.PathLike[str]]) -> First:
    """Return the first image of inputs as `read` takes them.

    Raises InputError where there is none, or it has no side of 8 to 64 pixels.
    """
    for each in inputs:
        first = _first_of(os.fspath(each))
        if first is None:
            continue
        if first.height not in SIDES or first.width not in SIDES:
            raise InputError(
                f"{first.label!r} is {first.height}x{first.width} pixels; expected"
                f" {SIDES[0]} to {SIDES[-1]} a side (--size 28x28 --fit resize scales all images)"
            )
        return first
    places = ", ".join(repr(os.fspath(each)) for each in inputs)
    raise InputError(f"there are no images in {places}")


def _first_of(text: str) -> First | None:
    from digitzip.images.pictures import measure_picture
    from digitzip.images.reading import locate

    path, member = locate(text)
    if path.is_dir():
        name = next(folders.walk(path), None)
        return None if name is None else First(str(path / name), *measure_picture(path / name))
    file = find_array(path, member)
    if file is None:
        return First(str(path), *measure_picture(path))
    if file.single and file.width > SIDES[-1]:
        raise InputError(
            f"{file.place.label!r} is an array [{file.height}, {file.width}]; expected uint8"
            " [n, height, width] (reshape it with NumPy first)"
        )
    return None if not file.count else First(file.place.label, file.height, file.width)
