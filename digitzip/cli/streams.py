"""Standard input and output in place of files: what `-` means."""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO, Final, TypeVar, cast

import click

from digitzip import atomic
from digitzip.cli import console
from digitzip.errors import InputError, OutputError
from digitzip.limits import EFFORTS, MAX_DIGITS, THREADS

STANDARD: Final = "-"

_RUN: Final = 1 << 20  # bytes of standard input read at a time

Names = TypeVar("Names", str, str | None, tuple[str, ...])


def not_empty(ctx: click.Context, param: click.Parameter, value: Names) -> Names:
    """Refuse an empty file name, which a path would take for the working folder."""
    if value == "" or (isinstance(value, tuple) and "" in value):
        raise click.BadParameter("a file name is empty")
    return value


archive_option = click.option(
    "-o",
    "--out",
    required=True,
    callback=not_empty,
    metavar="OUT.dz",
    help="File to write; - is stdout.",
)

model_option = click.option(
    "--model", metavar="NAME|FILE", help="Model of the file, if not known by id."
)

max_digits_option = click.option(
    "--max-digits",
    type=click.IntRange(0),
    default=MAX_DIGITS,
    show_default=True,
    help="Refuse to write more digits than this.",
)

threads_option = click.option(
    "--threads",
    type=click.IntRange(THREADS[0], THREADS[-1]),
    default=lambda: os.cpu_count() or 1,
    show_default="all cores",
    metavar="N",
    help="Batches to work on at once; the result is the same.",
)


effort_option = click.option(
    "--effort",
    type=click.IntRange(EFFORTS[0], EFFORTS[-1]),
    metavar="0-9",
    help="How hard to search for better codes.",
)

fit_option = click.option(
    "--fit",
    type=click.Choice(["none", "resize", "mnist"]),
    default="none",
    show_default=True,
    help="What to do with images of another kind: refuse, scale, or make them like MNIST.",
)


class _StandardOutput:
    """Standard output as a binary file that names itself in errors."""

    def write(self, data: bytes) -> int:
        """Write all of `data`; raises `OutputError`, but lets a broken pipe be one."""
        try:
            return sys.stdout.buffer.write(data)
        except BrokenPipeError:
            raise
        except OSError as error:
            raise OutputError(f"cannot write to standard output: {error.strerror}") from error


def standard_output(force: bool) -> BinaryIO:
    """Return standard output, to be written to only.

    Raises `OutputError` when it is a terminal, unless forced.
    """
    if sys.stdout.isatty() and not force:
        raise OutputError("standard output is a terminal; redirect it, or name a file with -o")
    return cast(BinaryIO, _StandardOutput())


@contextmanager
def writable(out: str, force: bool) -> Iterator[str | BinaryIO]:
    """Give `out`, or for `-` a file that goes to standard output when the block succeeds."""
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
    """Give `file`, or a seekable copy of standard input for `-`."""
    if file != STANDARD:
        yield file
        return
    with _temporary_file() as copy:
        copy.writelines(_standard_input())
        copy.flush()
        yield copy


@contextmanager
def paths(inputs: Sequence[str]) -> Iterator[list[str]]:
    """Give `inputs` with the path of a temporary copy in place of `-`.

    The copy stands in a folder that is staged and never finished: the next run removes what a
    killed one left.
    """
    if inputs.count(STANDARD) > 1:
        raise click.UsageError("standard input (-) can be read only once")
    if STANDARD not in inputs:
        yield list(inputs)
        return
    place = tempfile.gettempdir()
    with (
        suppress(_DoneError),
        console.at(place),
        atomic.folder(Path(place, "digitzip-stdin"), overwrite=True) as folder,
    ):
        copy = Path(tempfile.mkdtemp(dir=folder), "stdin")  # a folder for the user's eyes only
        with copy.open("wb") as file:
            file.writelines(_standard_input())
        try:
            yield [str(copy) if name == STANDARD else name for name in inputs]
        except InputError as error:
            raise InputError(str(error).replace(str(copy), STANDARD)) from error
        raise _DoneError


class _DoneError(Exception):
    """The copy of standard input was used, and must not appear as an output does."""


@contextmanager
def _temporary_file() -> Iterator[BinaryIO]:
    """Give a file without a name, which no kill can leave behind on POSIX."""
    place = tempfile.gettempdir()
    with console.at(place), tempfile.TemporaryFile(dir=place) as file:
        yield cast(BinaryIO, file)


def _standard_input() -> Iterator[bytes]:
    """Read standard input to its end; raises `InputError`."""
    try:
        while run := sys.stdin.buffer.read(_RUN):
            yield run
    except OSError as error:
        raise InputError(f"cannot read standard input: {error.strerror}") from error


def refuse_same(inputs: Sequence[str], out: str) -> None:
    """Refuse to write over a file that is being read; raises `click.UsageError`."""
    target = Path(out)
    if out == STANDARD or not target.is_file():
        return
    for name in inputs:
        if name != STANDARD and Path(name).is_file() and Path(name).samefile(target):
            raise click.UsageError(f"{name!r} is both input and output")
