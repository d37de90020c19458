"""The size of the first image of some inputs, known before any pixel is read."""

from collections.abc import Sequence
from pathlib import Path

from digitzip.errors import InputError
from digitzip.images import folders
from digitzip.images.arrays import find_array
from digitzip.images.locations import Readable, name_of
from digitzip.limits import SIDES

Size = tuple[int, int, str]
"""Height, width, and the name of the image that has them."""


def find_size(sources: Sequence[tuple[Readable, str | None]]) -> Size:
    """Return the size of the first image of sources, each with the array of an NPZ file, or None.

    Raises `InputError` where there is no image, or one of its sides is not 8 to 64 pixels.
    """
    for source, member in sources:
        if (size := _size_of(source, member)) is None:
            continue
        height, width, label = size
        if height not in SIDES or width not in SIDES:
            raise InputError(
                f"{label!r} is {height}x{width} pixels; expected {SIDES[0]} to {SIDES[-1]} per"
                " side (height=28, width=28, fit='resize' scales every image)"
            )
        return size
    names = ", ".join(repr(name_of(source)) for source, _ in sources)
    raise InputError(f"found no images in {names or 'no inputs'}")


def _size_of(source: Readable, member: str | None) -> Size | None:
    from digitzip.images.pictures import measure_picture

    if isinstance(source, Path) and source.is_dir():
        name = next(folders.walk(source), None)
        return None if name is None else (*measure_picture(source / name), str(source / name))
    file = find_array(source, member, None)
    if file is None:
        return *measure_picture(source), name_of(source)
    return (file.height, file.width, file.location.label) if file.count else None
