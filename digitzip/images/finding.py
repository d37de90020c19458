"""What lies in a file, by its content: an array, a table, a container of image files, or none."""

from __future__ import annotations

from typing import Any, Final, cast

from digitzip.errors import InputError
from digitzip.format.names import has_image_suffix
from digitzip.images import formats, idx, npy
from digitzip.images.arrays import ArrayFile, measure_array
from digitzip.images.containers import Container, Kind, find_members
from digitzip.images.locations import Location, Readable, Step
from digitzip.images.shapes import Size
from digitzip.images.tables import Table, find_table

Found = ArrayFile | Table | Container
PACKINGS: Final = ("gzip", "xz", "bzip2")

_DEEPEST: Final = 4  # steps into a file, such as a gzip file in a zip file
_LOOKED_INTO: Final = 256  # members of a container


def find(source: Readable, member: str | None, size: Size | None) -> Found | None:
    """Recognise the content of a file; None for an image file and for anything unknown.

    `member` names one member of an NPZ, zip or tar file; it is needed unless the file holds image
    files, or exactly one array or table of images. `size` is the height and width of an image, if
    they are known. Raises `InputError` for a file of a known kind that cannot be read.
    """
    return _find(Location(source), member, size)


def _find(location: Location, member: str | None, size: Size | None) -> Found | None:
    location, kind = unpacked(location)
    label = location.label
    if kind in ("zip", "tar"):
        if location.packed and kind == "zip":
            raise InputError(f"{label!r} is a zip file that was packed again; unpack it first")
        container = find_members(location, cast(Kind, kind))
        return _choose(container, member, size)
    if member is not None:
        raise InputError(f"{label!r} is not an NPZ, zip or tar file; it has no member {member!r}")
    if kind in ("NPY", "IDX"):
        return measure_array(location, size)
    if kind == "table":
        return find_table(location, size)
    if location.packed:
        raise InputError(
            f"{label!r} is compressed, and no array, table, tar file of images; unpack it first"
        )
    return None


def unpacked(location: Location) -> tuple[Location, str | None]:
    """Return what lies behind gzip, xz and bzip2, and what reads it."""
    while True:
        with location.open() as file:
            kind = formats.reader_of(file.read(formats.HEAD))
        if kind not in PACKINGS:
            return location, kind
        if len(location.steps) == _DEEPEST:
            raise InputError(f"{location.label!r} is packed too often; unpack it first")
        location = location.inside(Step(cast(Any, kind)))


def _choose(container: Container, wanted: str | None, size: Size | None) -> Found:
    """Return the member that was asked for, or the only one of images, or all image files."""
    location, members = container.location, container.members
    label = location.label
    if any(each.member.rpartition("/")[2] == "data.pkl" for each in members):
        raise InputError(
            f"{label!r} is a file of PyTorch with a pickle, which digitzip never loads; load it"
            " where it was made, and save its images with numpy.save or as image files"
        )
    if wanted is not None:
        chosen = [each for each in members if each.member in (wanted, f"{wanted}.npy")]
    elif any(has_image_suffix(each.member) for each in members):
        return container
    else:
        chosen = list(members)
        if len(members) > 1:
            some = chosen[:_LOOKED_INTO]
            chosen = [each for each in some if _holds_images(location.inside(each))]
    if len(chosen) != 1:
        raise _refusal(container, wanted)
    if len(location.steps) >= _DEEPEST:
        raise InputError(f"{label!r} is packed too often; unpack it first")
    found = _find(location.inside(chosen[0]), None, size)
    return Container(location, container.kind, (chosen[0],)) if found is None else found


def _holds_images(location: Location) -> bool:
    """Tell whether a member of a container is an array of more than labels, or a table."""
    location, kind = unpacked(location)
    with location.open() as file:
        if kind == "IDX":
            return file.read(4)[:4] == idx.MAGIC
        if kind == "NPY":
            return len(npy.parse_header(file, location.label).shape) > 1
    return kind == "table"


def _refusal(container: Container, wanted: str | None) -> InputError:
    label, names = container.location.label, [each.member for each in container.members]
    arrays = all(name.endswith(".npy") for name in names)
    shown = [repr(name.removesuffix(".npy")) for name in names[:6]]
    some = ", ".join(shown) + (", ..." if len(names) > 6 else "")
    what = "arrays" if arrays else "files"
    held = f"{len(names):,} {what} ({some})" if names else "no files"
    if wanted is not None:
        return InputError(f"{label!r} holds {held}; expected one named {wanted!r}")
    suffix = "npz" if arrays else container.kind
    return InputError(
        f"{label!r} holds {held}; expected images, or one of them as FILE.{suffix}:NAME"
    )
