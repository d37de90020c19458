"""Errors, warnings and figures as text; the one place where an exception becomes an exit code."""

from __future__ import annotations

import io
import os
import re
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Final, TextIO

import click

from digitzip import (
    BoundError,
    DamagedError,
    DigitzipError,
    DigitzipWarning,
    LimitError,
    ModelError,
    OutputError,
    UnsupportedError,
)

USAGE: Final = 2
INTERRUPTED: Final = 130
QUIET: Final = "digitzip.quiet"
"""The key in the metadata of a click context that says whether warnings are hidden."""

_EXIT_CODES: Final[tuple[tuple[int, tuple[type[BaseException], ...]], ...]] = (
    (INTERRUPTED, (KeyboardInterrupt, click.Abort)),
    (USAGE, (click.UsageError,)),
    (3, (DamagedError, LimitError)),
    (4, (UnsupportedError, ModelError)),
    (5, (BoundError,)),
    (1, (DigitzipError, OSError, MemoryError, click.ClickException)),
)
_EXPECTED: Final = tuple(kind for _, kinds in _EXIT_CODES for kind in kinds)

_OPTIONS: Final = {
    "overwrite=True": "-f",
    "255 - images": "--invert",
    "invert=True": "--invert",
    "prefix=True": "--prefix",
    "skip_bad=True": "--skip-bad",
    "lossless=True": "--lossless",
    "guard=False": "--guard off",
    "guard=True": "--guard on",
    "digitzip.extract": "digitzip extract",
    "digitzip.join": "digitzip cat",
    "digitzip.recover": "digitzip recover",
    "digitzip.list_models": "digitzip models",
    **{
        f"{name}=": f"--{name.replace('_', '-')}"
        for name in ("chunk", "dims", "effort", "fit", "labels", "margin", "max_error",
                     "jobs", "max_images", "max_rmse", "metadata", "model", "quality")
    },
    "mirrors=": "--mirror",
}  # fmt: skip
"""What the library calls an argument, and the command line an option."""
_ARGUMENT: Final = re.compile(
    r"\b(?:" + "|".join(map(re.escape, _OPTIONS)) + r")(?:\(\)|(?<==)['\w.]*['\w])?"
)
_SIZE: Final = re.compile(r"\bheight=(\d+), width=(\d+),?")


def exit_code(error: BaseException) -> int:
    """Return the exit code for an expected error."""
    return next(code for code, kinds in _EXIT_CODES if isinstance(error, kinds))


def run(action: Callable[[], object]) -> int:
    """Call `action`; return its exit code, or that of its error after telling it in one line."""
    try:
        with _escapes(), _warnings_as_lines():
            code = action()
        with at("standard output"):
            sys.stdout.flush()
    except BrokenPipeError:
        _abandon_stdout()
        return 1
    except click.exceptions.NoArgsIsHelpError as error:
        print(error.format_message(), file=sys.stderr)
        return USAGE
    except _EXPECTED as error:
        complain(error)
        _abandon_stdout()
        return exit_code(error)
    return code if isinstance(code, int) else 0


def complain(error: BaseException) -> None:
    """Print an error to stderr in one line, without characters that control a terminal.

    Where several inputs cannot be read, each has a line before.
    """
    with suppress(OSError):
        lines, last = getattr(error, "problems", ()), _message(error)
        for line in (*map(with_options, lines), last.partition(": ")[0] if lines else last):
            print(f"digitzip: error: {printable(line)}", file=sys.stderr, flush=True)


def with_options(message: str) -> str:
    """Replace the arguments in a message of the library by the options of the command line."""
    return _ARGUMENT.sub(_option, _SIZE.sub(r"--size \1x\2", message))


def _option(found: re.Match[str]) -> str:
    text = found[0].removesuffix("()")
    if text in _OPTIONS:
        return _OPTIONS[text]
    name, _, value = text.partition("=")
    return f"{_OPTIONS[f'{name}=']} {value.strip(chr(39))}"


@contextmanager
def _escapes() -> Iterator[None]:
    """Escape what the encoding of standard output and error lacks, such as names of images."""
    with ExitStack() as stack:
        for stream in (sys.stdout, sys.stderr):
            if isinstance(stream, io.TextIOWrapper) and stream.errors == "strict":
                stream.reconfigure(errors="backslashreplace")
                stack.callback(_reconfigure, stream)
        yield


def _reconfigure(stream: io.TextIOWrapper) -> None:
    with suppress(OSError, ValueError):  # a full disk, a closed stream
        stream.reconfigure(errors="strict")


@contextmanager
def _warnings_as_lines() -> Iterator[None]:
    """Print each warning of the library once, as a line on stderr, unless -q was given."""
    said: set[str] = set()

    def show(
        message: Warning | str,
        category: type[Warning],
        filename: str,
        lineno: int,
        file: TextIO | None = None,
        line: str | None = None,
    ) -> None:
        if not issubclass(category, DigitzipWarning):
            usual(message, category, filename, lineno, file, line)
        elif str(message) not in said:
            said.add(str(message))
            warn(str(message))

    with warnings.catch_warnings():
        usual, warnings.showwarning = warnings.showwarning, show
        warnings.simplefilter("always", DigitzipWarning)
        yield


def warn(message: str) -> None:
    """Print a warning to stderr in one line, unless -q was given."""
    context = click.get_current_context(silent=True)
    if context is None or not context.meta.get(QUIET):
        print(f"digitzip: warning: {printable(with_options(message))}", file=sys.stderr)


def printable(text: str) -> str:
    r"""Return `text` with every unprintable character escaped, such as \x1b."""
    return "".join(
        c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text
    )


@contextmanager
def about(file: str, *others: type[DigitzipError]) -> Iterator[None]:
    """Prefix errors of reading `file` with its name.

    Errors of output and of the kinds in `others` name their file already.
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
def at(file: str) -> Iterator[None]:
    """Name `file` in system errors that name no file."""
    try:
        yield
    except OutputError:
        raise
    except OSError as error:
        if error.filename is None and not isinstance(error, DigitzipError):
            error.filename = file
        raise


def figures(count: int, size: int, pixels: int, seconds: float) -> str:
    """Return the summary of `count` images of `pixels` each in a file of `size` bytes."""
    each = f", {size / count:.2f} B/image, ratio {count * pixels / size:.1f}" if count else ""
    return f"{images(count)}, {size:,} bytes{each}, {seconds:.1f} s"


def images(count: int) -> str:
    """Return a number of images in words: 1 image, 2 images."""
    return f"{count:,} image{'s' * (count != 1)}"


def _message(error: BaseException) -> str:
    match error:
        case KeyboardInterrupt():
            return str(error) or "interrupted"
        case click.Abort():
            return "interrupted"
        case MemoryError():
            return "out of memory"
        case click.UsageError():
            return _usage(error)
        case click.ClickException():
            return error.format_message()
        case DigitzipError():
            return with_options(str(error))
        case OSError():
            file = "" if error.filename is None else f"{os.fsdecode(error.filename)}: "
            return f"{file}{error.strerror or error}"
    return str(error)


def _usage(error: click.UsageError) -> str:
    """Return a usage error in the style of all others, with the command whose help explains it."""
    text = " ".join(error.format_message().split()).removesuffix(".")
    command = "digitzip" if error.ctx is None else error.ctx.command_path
    return f"{text[:1].lower()}{text[1:]}; see {command} --help"


def _abandon_stdout() -> None:
    """Make the flush at exit find neither a broken pipe nor a full disk."""
    try:
        sys.stdout.flush()
    except OSError:
        with suppress(OSError), Path(os.devnull).open("wb") as devnull:
            os.dup2(devnull.fileno(), sys.stdout.fileno())
