"""Zip and tar files of images: what they hold, and the content of their members.

A tar file behind gzip, xz or bzip2 is unpacked to a file without a name, to be read in any order.
"""

from __future__ import annotations

import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any, BinaryIO, Final, Literal, cast

from digitzip.errors import InputError
from digitzip.images.folders import Sort, is_hidden, sort_key
from digitzip.images.locations import Location, Step

Kind = Literal["zip", "tar"]

LARGEST_FILE: Final = 1 << 28
"""Bytes of one image file in a container."""

_MOST: Final = 1 << 20  # bytes of a header that a tar file may have
_METHODS: Final = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, slots=True)
class Container:
    """A zip or tar file with its members, without hidden ones and folders."""

    location: Location
    kind: Kind
    members: tuple[Step, ...]

    def in_order(self, sort: Sort) -> list[Step]:
        """Return the members in the order in which a folder of them is read."""
        key = [
            (sort_key(sort, each.member.encode("utf-8", "replace")), each) for each in self.members
        ]
        return [each for _, each in sorted(key, key=lambda pair: pair[0])]

    @contextmanager
    def open(self) -> Iterator[Reader]:
        """Open for reading members; raises `InputError` then and while reading."""
        with ExitStack() as stack:
            file = stack.enter_context(self.location.open())
            if self.kind == "zip":
                yield Reader(stack.enter_context(zipfile.ZipFile(file)))
                return
            if self.location.packed:
                import shutil
                import tempfile

                unpacked = cast(BinaryIO, stack.enter_context(tempfile.TemporaryFile()))
                shutil.copyfileobj(file, unpacked)
                file = unpacked
            yield Reader(file)


class Reader:
    """Reads the members of an opened container."""

    def __init__(self, file: zipfile.ZipFile | BinaryIO) -> None:
        self._file = file

    def read(self, member: Step, label: str) -> bytes:
        """Return the content of a member; raises `InputError`, which calls it `label`."""
        if member.size > LARGEST_FILE:
            raise InputError(f"{label!r} has {member.size:,} bytes; expected an image file")
        if isinstance(self._file, zipfile.ZipFile):
            try:
                return self._file.read(member.member)
            except (*_BROKEN, RuntimeError, NotImplementedError) as error:
                raise InputError(f"{label!r} cannot be unpacked: {error}") from error
        self._file.seek(member.offset)
        data = self._file.read(member.size)
        if len(data) != member.size:
            raise InputError(f"{label!r} is cut off")
        return data


_BROKEN: Final = (zipfile.BadZipFile, EOFError, OSError, ValueError, zlib.error)


def find_members(location: Location, kind: Kind) -> Container:
    """Return what a zip or tar file holds; raises `InputError` where it cannot be read."""
    find = _zip_members if kind == "zip" else _tar_members
    with location.open() as file:
        members = [each for each in find(file, location.label) if _is_shown(each.member)]
    return Container(location, kind, tuple(members))


def _zip_members(file: BinaryIO, label: str) -> Iterator[Step]:
    with zipfile.ZipFile(file) as zipped:
        for info in zipped.infolist():
            if info.filename.endswith("/"):
                continue
            if info.compress_type not in _METHODS and _is_shown(info.filename):
                raise InputError(
                    f"{label!r} holds {info.filename!r} packed in a way that is not read;"
                    " unzip unpacks it"
                )
            yield Step("zip", info.filename, 0, info.file_size)


def _tar_members(file: BinaryIO, label: str) -> Iterator[Step]:
    import tarfile  # only here: it is not needed to write arrays

    limited = cast(Any, _Limited(file))
    try:
        with tarfile.open(fileobj=limited, mode="r:") as tar:
            while (info := tar.next()) is not None:
                tar.members.clear()  # type: ignore[attr-defined]  # or it keeps all of them
                if info.isdir():
                    continue
                if not info.isreg() or info.issparse():
                    raise InputError(f"{label!r} holds {info.name!r}, which is no plain file")
                name = info.name.removeprefix("./")
                yield Step("tar", name, info.offset_data, info.size)
    except tarfile.TarError as error:
        raise InputError(f"{label!r} is damaged or cut off: {error}") from error


def _is_shown(name: str) -> bool:
    return not any(is_hidden(part) for part in name.split("/") if part not in (".", ".."))


class _Limited:
    """A file that refuses to read a header of a tar file that claims to be huge."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _MOST:
            raise EOFError(f"a header of {size:,} bytes")
        return self._file.read(size)
