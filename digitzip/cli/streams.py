"""Standard input and output in place of files, for the file name `-`; checks of file names."""

from __future__ import annotations

import io
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, Final, TypeVar, cast

import click

from digitzip import InputError, OutputError
from digitzip.cli import console

STANDARD: Final = "-"

_RUN: Final = 1 << 20  # bytes of standard input read at a time

Names = TypeVar("Names", str, str | None, tuple[str, ...])


def not_empty(ctx: click.Context, param: click.Parameter, value: Names) -> Names:
    """Refuse an empty file name, which a path would take for the working folder."""
    if value == "" or (isinstance(value, tuple) and "" in value):
        raise click.BadParameter("a file name is empty")
    return value


class _StandardOutput:
    """Standard output as a binary file that names itself in errors."""

    def write(self, data: bytes) -> int:
        """Write all of `data`; raises `OutputError`, and `BrokenPipeError` as it is."""
        try:
            return sys.stdout.buffer.write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"cannot write to standard output: {error.strerror}") from error


class _StandardInput(io.BufferedRandom):
    """A seekable copy of standard input that names itself in errors."""

    name: Any = "stdin"


def name_of(file: str) -> str:
    """Return the base name of an input, as valid Unicode."""
    name = "stdin" if file == STANDARD else Path(file).name or file
    return os.fsencode(name).decode("utf-8", "replace")


def standard_output(force: bool) -> BinaryIO:
    """Return standard output for writing.

    Raises `OutputError` when it is a terminal, unless forced.
    """
    if sys.stdout.isatty() and not force:
        raise OutputError("standard output is a terminal; redirect it, or name a file with -o")
    return cast(BinaryIO, _StandardOutput())


@contextmanager
def writable(out: str, force: bool) -> Iterator[str | BinaryIO]:
    """Yield `out`, or for `-` a file that goes to standard output when the block succeeds."""
    if out != STANDARD:
        yield out
        return
    stdout = standard_output(force)
    with _temporary_file() as copy:
        yield copy
        copy.seek(0)
        shutil.copyfileobj(copy, stdout)


@contextmanager
def readable(file: str) -> Iterator[str | BinaryIO]:
    """Yield `file`, or a seekable copy of standard input for `-`."""
    if file != STANDARD:
        yield file
        return
    with _temporary_file() as copy:
        copy.writelines(_standard_input())
        copy.flush()
        yield copy


@contextmanager
def inputs(files: Sequence[str]) -> Iterator[list[str | BinaryIO]]:
    """Yield `files` with a seekable copy of standard input in place of `-`."""
    once(files)
    if STANDARD not in files:
        yield list(files)
        return
    with readable(STANDARD) as copy:
        yield [copy if name == STANDARD else name for name in files]


def once(files: Sequence[str]) -> None:
    """Refuse to read standard input twice; raises `click.UsageError`."""
    if files.count(STANDARD) > 1:
        raise click.UsageError("standard input (-) can be read only once")


@contextmanager
def _temporary_file() -> Iterator[BinaryIO]:
    """Yield a file without a name, which no kill can leave behind on POSIX."""
    folder = tempfile.gettempdir()
    with (
        console.at(folder),
        tempfile.TemporaryFile(dir=folder, buffering=0) as file,
        _StandardInput(cast(Any, file)) as copy,
    ):
        yield cast(BinaryIO, copy)


def _standard_input() -> Iterator[bytes]:
    """Read standard input to its end; raises `InputError`."""
    try:
        while run := sys.stdin.buffer.read(_RUN):
            yield run
    except OSError as error:
        raise InputError(f"cannot read standard input: {error.strerror}") from error


def refuse_same(files: Sequence[str], out: str) -> None:
    """Refuse to write over a file that is being read; raises `click.UsageError`."""
    target = Path(out)
    if out == STANDARD or not target.is_file():
        return
    for name in files:
        if name != STANDARD and Path(name).is_file() and Path(name).samefile(target):
            raise click.UsageError(f"{name!r} is both input and output")


def check_output(out: str, force: bool) -> None:
    """Raise `OutputError` where a file cannot be written, or exists and is not to be replaced."""
    path = Path(out)
    if path.is_dir():
        raise OutputError(f"cannot write {out!r}: it exists and is not a regular file")
    if os.path.lexists(path) and not force:
        raise OutputError(f"{out!r} exists; -f overwrites it")
    check_folder(path)


def check_folder(path: Path) -> None:
    """Raise `OutputError` where the folder of a new file or folder does not exist."""
    if not path.parent.is_dir():
        raise OutputError(f"cannot write {str(path)!r}: there is no folder {str(path.parent)!r}")
