"""Locations of array data: a file, a file object, gzip content or a member of a zip file.

Every failure to open or read a location is an `InputError` that names it.
"""

import gzip
import io
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from digitzip.errors import InputError

Readable = Path | BinaryIO
"""A path, or a seekable binary file object, which is read from its first byte."""


def name_of(source: Readable) -> str:
    """Return the name of a path or file object for error messages."""
    if isinstance(source, Path):
        return str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "file object"


def unicode_name(name: str) -> str:
    """Return a name in UTF-8, if its bytes are that, whatever the locale says."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")


@dataclass(frozen=True, slots=True)
class Location:
    """A file, its content behind gzip, or one member of a zip file."""

    source: Readable
    gzipped: bool = False
    member: str | None = None

    @property
    def label(self) -> str:
        """The name in error messages, as a caller would write it."""
        return f"{self.name}:{self.array}" if self.array else self.name

    @property
    def name(self) -> str:
        """The path, or the name of the file object."""
        return name_of(self.source)

    @property
    def array(self) -> str:
        """The name of the array in an NPZ file."""
        return (self.member or "").removesuffix(".npy")

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open for reading; raises `InputError` then and while reading."""
        try:
            with opened(self.source) as file:
                if self.member is not None:
                    with zipfile.ZipFile(file) as zipped, zipped.open(self.member) as member:
                        yield cast(BinaryIO, member)
                elif self.gzipped:
                    with gzip.GzipFile(fileobj=file) as unpacked:
                        yield cast(BinaryIO, unpacked)
                else:
                    yield file
        except (
            zlib.error,
            EOFError,
            gzip.BadGzipFile,
            zipfile.BadZipFile,
        ) as error:
            raise InputError(f"{self.label!r} is damaged or cut off: {error}") from error
        except (NotImplementedError, RuntimeError) as error:  # encrypted, unknown compression
            raise InputError(f"{self.label!r} cannot be unpacked: {error}") from error
        except OSError as error:
            reason = error.strerror or error
            raise InputError(f"cannot read {self.label!r}: {reason}") from error

    @property
    def size(self) -> int | None:
        """The number of readable bytes; None behind gzip, which does not state it."""
        if self.gzipped:
            return None
        with opened(self.source) as file:
            if self.member is None:
                return file.seek(0, io.SEEK_END)
            with zipfile.ZipFile(file) as zipped:
                return zipped.getinfo(self.member).file_size


@contextmanager
def opened(source: Readable) -> Iterator[BinaryIO]:
    """Open a path, or rewind a file object, which stays open."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
    else:
        source.seek(0, os.SEEK_SET)
        yield source
