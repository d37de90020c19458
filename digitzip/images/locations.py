"""Locations of images: a file, a file object, and what lies in it behind gzip, zip or tar.

Every failure to open or read a location is an `InputError` that names it.
"""

from __future__ import annotations

import gzip
import io
import lzma
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, cast

from digitzip.errors import InputError
from digitzip.images.unpacking import part_of, unpacked_bzip2, unpacked_xz

Readable = Path | BinaryIO
"""A path, or a seekable binary file object, which is read from its first byte."""

DAMAGE = (
    zlib.error,
    EOFError,
    gzip.BadGzipFile,
    zipfile.BadZipFile,
    lzma.LZMAError,
)
"""What reading packed data raises when it is damaged."""


def name_of(source: Readable) -> str:
    """Return the name of a path or file object for error messages."""
    if isinstance(source, Path):
        return str(source)
    name = getattr(source, "name", None)
    return name if isinstance(name, str) else "file object"


def unicode_name(name: str) -> str:
    """Return a name in UTF-8, if its bytes are that, whatever the locale says."""
    return os.fsencode(name).decode("utf-8", "surrogateescape")


class Step(NamedTuple):
    """One way into a file: unpack it, or take one member of it, which lies at a byte of a tar."""

    kind: Literal["gzip", "xz", "bzip2", "zip", "tar"]
    member: str = ""
    offset: int = 0
    size: int = 0


@dataclass(frozen=True, slots=True)
class Location:
    """A file, or what lies in it some steps further."""

    source: Readable
    steps: tuple[Step, ...] = ()

    def inside(self, step: Step) -> Location:
        """Return what lies one step further."""
        return replace(self, steps=(*self.steps, step))

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
        """The name of the member of a zip or tar file, for an array without its suffix."""
        return ":".join(step.member.removesuffix(".npy") for step in self.steps if step.member)

    @property
    def packed(self) -> bool:
        """Whether it lies behind gzip, xz or bzip2, so that its size is not known."""
        return bool(self.steps) and not self.steps[-1].member

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open for reading; raises `InputError` then and while reading."""
        try:
            with ExitStack() as stack:
                file = stack.enter_context(opened(self.source))
                for step in self.steps:
                    file = stack.enter_context(_inside(file, step))
                yield file
        except DAMAGE as error:
            raise InputError(f"{self.label!r} is damaged or cut off: {error}") from error
        except (NotImplementedError, RuntimeError) as error:  # encrypted, unknown compression
            raise InputError(f"{self.label!r} cannot be unpacked: {error}") from error
        except (OSError, UnicodeError) as error:
            reason = getattr(error, "strerror", None) or error
            raise InputError(f"cannot read {self.label!r}: {reason}") from error

    @property
    def size(self) -> int | None:
        """The number of readable bytes; None where it is not known before they are unpacked."""
        if self.packed:
            return None
        if not self.steps:
            with opened(self.source) as file:
                return file.seek(0, io.SEEK_END)
        last = self.steps[-1]
        return last.size


@contextmanager
def opened(source: Readable) -> Iterator[BinaryIO]:
    """Open a path, or rewind a file object, which stays open."""
    if isinstance(source, Path):
        with source.open("rb") as file:
            yield file
    else:
        source.seek(0, os.SEEK_SET)
        yield source


@contextmanager
def _inside(file: BinaryIO, step: Step) -> Iterator[BinaryIO]:
    match step.kind:
        case "gzip":
            with gzip.GzipFile(fileobj=file, mode="rb") as unpacked:
                yield cast(BinaryIO, unpacked)
        case "xz":
            yield unpacked_xz(file)
        case "bzip2":
            yield unpacked_bzip2(file)
        case "zip":
            with zipfile.ZipFile(file) as zipped, zipped.open(step.member) as member:
                yield cast(BinaryIO, member)
        case "tar":
            yield part_of(file, step.offset, step.size)
