"""Options about the images that go into an archive: which files, in which order, and how."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import click

from digitzip import InputError
from digitzip.cli import console, options, streams

if TYPE_CHECKING:
    from digitzip import Fit, ImageSource

Command = TypeVar("Command", bound=Callable[..., Any])

sort_option = click.option(
    "--sort",
    type=click.Choice(["name", "natural"]),
    default="name",
    help="Order of a folder: by the bytes of its names (10 before 2), or by the numbers in them.",
)

prefix_option = click.option(
    "--prefix",
    is_flag=True,
    help="Begin names with the folder of each input: monday/0.png beside tuesday/0.png.",
)

invert_option = click.option(
    "--invert", is_flag=True, help="Invert the images: dark digits on light become light on dark."
)

_OPTIONS = (
    sort_option,
    prefix_option,
    invert_option,
    click.option(
        "--skip-bad",
        is_flag=True,
        help="Go on without files that cannot be read, list them, and exit with 1.",
    ),
    click.option(
        "--files-from",
        metavar="FILE|-",
        callback=streams.not_empty,
        help="Read more inputs from FILE, one a line, or from standard input.",
    ),
    click.option("-0", "--null", is_flag=True, help="Names of --files-from end in NUL."),
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How inputs are found and read."""

    sort: Literal["name", "natural"]
    prefix: bool
    invert: bool
    skip_bad: bool
    files_from: str | None
    null: bool

    def inputs(self, given: Sequence[str]) -> tuple[str, ...]:
        """Return all inputs, those of --files-from after the given ones.

        Raises `click.UsageError` where there is none or standard input would be read twice.
        """
        listed = () if self.files_from is None else self._listed(self.files_from)
        if self.files_from == streams.STANDARD and streams.STANDARD in (*given, *listed):
            raise click.UsageError("standard input (-) can be read only once")
        if self.files_from is None and not given:
            raise click.UsageError("Missing argument 'INPUT...'.")
        if not given and not listed:
            raise InputError(f"{self.files_from!r} names no files")
        return (*given, *listed)

    @contextmanager
    def opened(
        self, inputs: Sequence[str], *, height: int, width: int, fit: Fit, named: bool = False
    ) -> Iterator[ImageSource]:
        """Yield the images of all inputs, after a look at each file."""
        import digitzip

        with streams.inputs(inputs) as files:
            source = digitzip.read_images(
                files, height=height, width=width, fit=fit, batch=options.BATCH, named=named,
                sort=self.sort, prefix=self.prefix, invert=self.invert, skip_bad=self.skip_bad,
            )  # fmt: skip
            source.check()
            yield source

    def _listed(self, file: str) -> tuple[str, ...]:
        with console.at(file):
            data = sys.stdin.buffer.read() if file == streams.STANDARD else Path(file).read_bytes()
        names = data.split(b"\0") if self.null else data.splitlines()
        return tuple(os.fsdecode(name) for name in names if name)


def tell_bad(source: ImageSource) -> None:
    """Name what was left out, and end the command with 1 where anything was."""
    for line in source.bad:
        console.complain(InputError(f"left out: {line}"))
    if source.bad:
        click.get_current_context().exit(1)


def reading_options(command: Command) -> Command:
    """Add the options of `Reading` to a command, which gets them as `reading`."""

    @wraps(command)
    def gathered(**given: Any) -> Any:
        own = {name: given.pop(name) for name in Reading.__dataclass_fields__}
        return command(reading=Reading(**own), **given)

    found: Any = gathered
    for option in reversed(_OPTIONS):
        found = option(found)
    return found  # type: ignore[no-any-return]
