"""Errors and figures as text, and the one place where an exception becomes an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from digitzip.errors import (
    BoundError,
    DamagedError,
    DigitzipError,
    LimitError,
    ModelError,
    OutputError,
    UnsupportedError,
)

INTERRUPTED: Final = 130

_EXIT_CODES: Final[tuple[tuple[int, tuple[type[BaseException], ...]], ...]] = (
    (INTERRUPTED, (KeyboardInterrupt,)),
    (3, (DamagedError, LimitError)),
    (4, (UnsupportedError, ModelError)),
    (5, (BoundError,)),
    (1, (DigitzipError, OSError, MemoryError)),
)
_EXPECTED: Final = tuple(kind for _, kinds in _EXIT_CODES for kind in kinds)


def exit_code(error: BaseException) -> int:
    """Return the exit code for an error that a user can meet (DESIGN: Surfaces)."""
    return next(code for code, kinds in _EXIT_CODES if isinstance(error, kinds))


def run(action: Callable[[], object]) -> int:
    """Call `action`; return 0, or the exit code of its error after telling it in one line."""
    try:
        action()
        with at("standard output"):
            sys.stdout.flush()
    except BrokenPipeError:
        _abandon_stdout()
        return 1
    except _EXPECTED as error:
        complain(error)
        _abandon_stdout()
        return exit_code(error)
    return 0


def complain(error: BaseException) -> None:
    """Tell an error on stderr in one line, with nothing in it that a terminal would obey."""
    with suppress(OSError):
        print(f"digitzip: error: {printable(_message(error))}", file=sys.stderr, flush=True)


def printable(text: str) -> str:
    r"""Return `text` with every character that is not printable as its escape, such as \x1b."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


@contextmanager
def about(file: str, *others: type[DigitzipError]) -> Iterator[None]:
    """Put the name of the file being read before errors that arise deep inside it.

    Errors of output, and of the kinds of `others`, name another file themselves.
    """
    named: tuple[type[DigitzipError], ...] = (OutputError, *others)
    try:
        with at(file):
            yield
    except named:
        raise
    except DigitzipError as error:
        raise type(error)(f"{file}: {error}") from error


@contextmanager
def at(place: str) -> Iterator[None]:
    """Put `place`, a file or folder, into errors of the system that name none."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        if error.filename is None:
            error.filename = place
        raise


def figures(count: int, size: int, pixels: int, seconds: float) -> str:
    """Return the summary of `count` images of `pixels` each that take `size` bytes in a file."""
    each = f", {size / count:.2f} B/digit, ratio {count * pixels / size:.1f}" if count else ""
    return f"{digits(count)}, {size:,} bytes{each}, {seconds:.1f} s"


def digits(count: int) -> str:
    """Return how many digits there are, in words."""
    return f"{count:,} digit{'s' * (count != 1)}"


def _message(error: BaseException) -> str:
    match error:
        case KeyboardInterrupt():
            return str(error) or "interrupted"
        case MemoryError():
            return "out of memory"
        case OSError():
            place = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
            return f"{place}{error.strerror or error}"
    return str(error)


def _abandon_stdout() -> None:
    """Let Python's own flush at exit find no pipe that nobody reads, and no full disk."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError), Path(os.devnull).open("wb") as devnull:
            os.dup2(devnull.fileno(), sys.stdout.fileno())
