"""Atomic writes: write a hidden sibling, then rename it, so a file appears whole or not at all.

The sibling, `.{name}.{token}.digitzip-part`, is locked by its run (flock on POSIX; on Windows an
open file cannot be deleted). A killed run leaves its part unlocked, and the next run to the same
name removes it. A folder is filled in a sibling with the same token; its part is then an empty
file that carries the lock, created first and removed last. The part of a long name has a shortened
name; names that are equal up to there are swept together, each under its lock.

This room knows paths and locks. It must not know what is written.
"""

import io
import os
import re
import secrets
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from digitzip.errors import ExistsError, OutputError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer

PART = "digitzip-part"
FILES = "digitzip-files"
LONGEST_NAME = 255
"""Maximum bytes in the name of a file on all common file systems."""


@contextmanager
def file(path: str | os.PathLike[str], *, overwrite: bool) -> Iterator[BinaryIO]:
    """Open a binary file that appears at `path`, flushed to the disk, when the block succeeds.

    When the block raises, nothing appears and an existing file stays as it was. A symbolic link
    is followed. Raises `OutputError` where `path` exists and `overwrite` is false, or cannot be
    written; also from the `write` that meets a full disk.
    """
    target = _target(path)
    with writing(target):
        if target.exists() and not target.is_file():
            raise OutputError(f"cannot write {str(path)!r}: it exists and is not a regular file")
        if target.exists() and not overwrite:
            raise ExistsError(f"{str(path)!r} exists; overwrite=True replaces it")
    _sweep(target)
    part = _Part.create(target)
    buffer = io.BufferedWriter(part)
    try:
        yield buffer
        with writing(target):
            buffer.flush()
            os.fsync(part.fileno())
            if sys.platform == "win32":
                part.close()  # Windows renames no open file
            _rename(part.path, target, overwrite=overwrite)
            _sync_folder(target.parent)
    finally:
        with suppress(OSError, OutputError):
            buffer.close()
        part.discard()


@contextmanager
def folder(path: str | os.PathLike[str], *, overwrite: bool) -> Iterator[Path]:
    """Yield an empty folder to fill, which becomes `path` when the block succeeds.

    Where `path` exists, the finished files move into it one by one and replace only files of the
    same name; nothing else in it is touched. Raises `OutputError` where `path` is not empty and
    `overwrite` is false, or cannot be written.
    """
    target = _target(path)
    with writing(target):
        if target.exists() and not target.is_dir():
            raise OutputError(f"cannot write a folder {str(path)!r}: it exists and is a file")
        if target.exists() and any(target.iterdir()) and not overwrite:
            raise ExistsError(
                f"the folder {str(path)!r} is not empty; overwrite=True writes into it"
            )
    _sweep(target)
    part = _Part.create(target)
    files = _files_of(part.path)
    try:
        with writing(target):
            files.mkdir()
        yield files
        with writing(target):
            if target.is_dir():
                _merge(files, target, overwrite=overwrite)
            else:
                files.rename(target)
            _sync_folder(target.parent)
    finally:
        shutil.rmtree(files, ignore_errors=True)
        part.close()
        part.discard()


class _Part(io.FileIO):
    """A new file, locked while it is open; a failed write is an `OutputError`."""

    def __init__(self, target: Path) -> None:
        self.target = target
        self.path = target.with_name(f".{_stem(target)}.{secrets.token_hex(8)}.{PART}")
        super().__init__(self.path, "x")

    @classmethod
    def create(cls, target: Path) -> "_Part":
        while True:
            with writing(target):
                part = cls(target)
            with suppress(BlockingIOError):
                lock(part.fileno())
                # Until it was locked, another run's sweep could take the part for a stale one.
                if part.path.exists():
                    return part
            part.close()
            part.discard()

    def write(self, data: "ReadableBuffer", /) -> int:
        with writing(self.target):
            return super().write(data)

    def discard(self) -> None:
        with suppress(OSError):
            self.path.unlink()


def _target(path: str | os.PathLike[str]) -> Path:
    try:
        target = Path(os.path.realpath(path))
        if target.name and target.parent.is_dir():
            with suppress(FileNotFoundError):
                target.lstat()  # a name too long is found now, not when all is written
            return target
    except (OSError, ValueError) as error:  # a loop of links, a NUL in the name
        reason = getattr(error, "strerror", None) or error
        if isinstance(error, UnicodeError):
            reason = _unnamed()
        raise OutputError(f"cannot write {str(path)!r}: {reason}") from error
    raise OutputError(f"cannot write {str(path)!r}: there is no folder {str(target.parent)!r}")


@contextmanager
def writing(target: Path) -> Iterator[None]:
    """Turn an `OSError` while `target` is written into an `OutputError` that names it.

    So is a name that the encoding of file names cannot express.
    """
    try:
        yield
    except OutputError:
        raise
    except UnicodeError as error:
        raise OutputError(f"cannot write {str(target)!r}: {_unnamed()}") from error
    except OSError as error:
        reason = error.strerror or error
        raise OutputError(f"cannot write {str(target)!r}: {reason}") from error


def _unnamed() -> str:
    encoding = sys.getfilesystemencoding()
    return f"file names are in {encoding} here, which lacks characters of it; set PYTHONUTF8=1"


def _stem(target: Path) -> str:
    """Shorten the name of the target, between characters, so that the name of a part fits."""
    name, room = target.name, LONGEST_NAME - len(f"..{'0' * 16}.{FILES}")
    while len(os.fsencode(name)) > room:
        name = name[:-1]
    return name


def _files_of(part: Path) -> Path:
    return part.with_suffix(f".{FILES}")


def _sweep(target: Path) -> None:
    """Remove the parts that killed runs to the same target left."""
    stale = re.compile(rf"\.{re.escape(_stem(target))}\.[0-9a-f]{{16}}\.({PART}|{FILES})")
    with suppress(OSError):
        siblings = [path for path in target.parent.iterdir() if stale.fullmatch(path.name)]
        for part in {path.with_suffix(f".{PART}") for path in siblings}:
            with suppress(OSError):
                if part.exists():
                    _remove_unlocked(part)
                shutil.rmtree(_files_of(part))


def _rename(part: Path, target: Path, *, overwrite: bool) -> None:
    """Rename atomically; without `overwrite`, never onto a file made in the meantime."""
    if overwrite:
        part.replace(target)
    elif sys.platform == "win32":
        part.rename(target)
    else:
        try:
            target.hardlink_to(part)
        except FileExistsError:
            raise
        except OSError:  # a file system without hard links
            if target.exists():
                raise FileExistsError(f"{target} was made in the meantime") from None
            part.rename(target)
        else:
            part.unlink()


def _merge(files: Path, target: Path, *, overwrite: bool) -> None:
    """Move a tree of files into a folder, after checking that nothing is in their way."""
    for source in _tree(files):
        path = target / source.relative_to(files)
        # A link to a folder would lead the files in it outside the target.
        real_folder = path.is_dir() and not path.is_symlink()
        if os.path.lexists(path) and source.is_dir() != real_folder:
            raise OutputError(f"{str(path)!r} is in the way of a new file or folder of that name")
    for source in _tree(files):
        path = target / source.relative_to(files)
        if source.is_dir():
            path.mkdir(exist_ok=True)
        else:
            _rename(source, path, overwrite=overwrite)


def _tree(root: Path) -> Iterator[Path]:
    """Walk everything below a folder, each folder before its contents."""
    for folder, folders, names in os.walk(root):
        for name in folders + names:
            yield Path(folder, name)


if sys.platform == "win32":

    def lock(descriptor: int) -> None:
        """Do nothing: a file that is open cannot be deleted."""

    def _remove_unlocked(part: Path) -> None:
        part.unlink()  # PermissionError while its run lives

    def _sync_folder(path: Path) -> None:
        """Do nothing: a folder cannot be opened."""

else:
    import fcntl

    def lock(descriptor: int) -> None:
        """Lock for this run; raises `BlockingIOError` where another run holds the lock."""
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise
        except OSError:
            pass

    def _remove_unlocked(part: Path) -> None:
        """Delete a part that no run holds; raises `OSError` otherwise, or without locks."""
        with part.open("r+b") as opened:
            fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
            part.unlink()

    def _sync_folder(path: Path) -> None:
        """Make a rename durable, where the file system can."""
        with suppress(OSError):
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
