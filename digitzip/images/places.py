"""Where an array's bytes are: in a file, behind gzip, or in a zip file's member.

What goes wrong there, when it is opened or while it is read, is an InputError that names it.
"""

import gzip
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from digitzip.errors import InputError


@dataclass(frozen=True, slots=True)
class Place:
    """A file, its content behind gzip, or one member of a zip file."""

    path: Path
    gzipped: bool = False
    member: str | None = None

    @property
    def label(self) -> str:
        """What errors call it, as it would be named on the command line."""
        return f"{self.path}:{self.array}" if self.array else str(self.path)

    @property
    def array(self) -> str:
        """The name of an NPZ file's array."""
        return (self.member or "").removesuffix(".npy")

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """Open for reading; what goes wrong, then or while reading, is an InputError."""
        try:
            if self.member is not None:
                with zipfile.ZipFile(self.path) as zipped, zipped.open(self.member) as file:
                    yield cast(BinaryIO, file)
            elif self.gzipped:
                with gzip.open(self.path) as file:
                    yield cast(BinaryIO, file)
            else:
                with self.path.open("rb") as file:
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
        """The bytes that can be read; None behind gzip, which does not tell."""
        if self.gzipped:
            return None
        if self.member is None:
            return self.path.stat().st_size
        with zipfile.ZipFile(self.path) as zipped:
            return zipped.getinfo(self.member).file_size
