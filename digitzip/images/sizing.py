"""The size of the first image of some inputs, known before any pixel is read."""

import io
from collections.abc import Sequence
from pathlib import Path

from digitzip.errors import InputError
from digitzip.images import folders
from digitzip.images.containers import Container
from digitzip.images.finding import find
from digitzip.images.locations import Readable, name_of
from digitzip.images.problems import Problems
from digitzip.limits import SIDES

Size = tuple[int, int, str]
"""Height, width, and the name of the image that has them."""


def find_size(
    sources: Sequence[tuple[Readable, str | None]], sort: folders.Sort, problems: Problems
) -> Size:
    """Return the size of the first image of sources, each with the array of an NPZ file, or None.

    Raises `InputError` where there is no image, or one of its sides is not 8 to 64 pixels.
    """
    for source, member in sources:
        try:
            size = _size_of(source, member, sort, problems)
        except InputError:
            if problems.skip:  # it is told when the input is opened
                continue
            raise
        if size is None:
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


def _size_of(
    source: Readable, member: str | None, sort: folders.Sort, problems: Problems
) -> Size | None:
    from digitzip.images.pictures import measure_picture

    if isinstance(source, Path) and source.is_dir():
        for name in folders.walk(source, sort, problems.add):
            path = source / folders.native(name)
            try:
                return *measure_picture(path), str(path)
            except InputError:
                if not problems.skip:
                    raise
        return None
    file = find(source, member, None)
    if file is None:
        return *measure_picture(source), name_of(source)
    if isinstance(file, Container):
        return _size_in(file, sort, problems)
    return (file.height, file.width, file.location.label) if file.count else None


def _size_in(container: Container, sort: folders.Sort, problems: Problems) -> Size | None:
    from digitzip.images.pictures import measure

    with container.open() as reader:
        for member in container.in_order(sort):
            label = f"{container.location.label}:{member.member}"
            try:
                return *measure(io.BytesIO(reader.read(member, label)), label), label
            except InputError:
                if not problems.skip:
                    raise
    return None
