"""Progress and summaries on stderr: a bar on a terminal, a line at the end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from digitzip.cli import console

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")
Command = TypeVar("Command", bound=Callable[..., Any])

_PATIENCE: Final = 0.5  # seconds before a bar is shown


@dataclass(frozen=True, slots=True)
class Talk:
    """What to print: only errors if `quiet`; the summary in a pipe too if `verbose`."""

    quiet: bool
    verbose: bool
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self.started

    def summary(self, line: str) -> None:
        """Print one line at the end of a run, on a terminal or if verbose."""
        if not self.quiet and (self.verbose or sys.stderr.isatty()):
            print(console.printable(line), file=sys.stderr)

    def warn(self, line: str) -> None:
        """Print a warning, unless quiet."""
        if not self.quiet:
            console.warn(line)

    @contextmanager
    def bar(self, total: int | None = None, *, unit: str = "images") -> Iterator[Bar]:
        """Yield a progress bar for `total` images or bytes, shown on a terminal unless quiet."""
        bar = Bar(total, unit)
        if self.quiet or not sys.stderr.isatty():
            yield bar
            return
        timer = threading.Timer(_PATIENCE, bar.show)
        timer.daemon = True
        timer.start()
        try:
            yield bar
        finally:
            timer.cancel()
            timer.join()
            bar.hide()


class Bar:
    """Progress in images or bytes.

    Hidden until `show`: short runs end before it and never import rich.
    """

    def __init__(self, total: int | None, unit: str = "images") -> None:
        self.total = total
        self._unit = unit
        self._what = ""
        self._done = 0
        self._progress: Progress | None = None

    def follow(self, items: Iterable[Item], size: Callable[[Item], int]) -> Iterator[Item]:
        """Yield `items`, each of `size` images, which count as done when the next is requested.

        The last ones never do: the bar ends with their processing.
        """
        for item in items:
            self._update()
            yield item
            self._done += size(item)

    def count(self, done: int) -> None:
        """Set the bar to `done` of its total."""
        self._done = done
        self._update()

    def reach(self, done: int, total: int | None, what: str = "") -> None:
        """Set the bar to `done` of `total`, with a description."""
        self._done, self.total, self._what = done, total, what
        self._update()

    def show(self) -> None:
        """Show the bar."""
        from rich import progress
        from rich.console import Console

        self._progress = progress.Progress(
            progress.SpinnerColumn(),
            progress.TextColumn("{task.description}"),
            progress.BarColumn(),
            progress.DownloadColumn() if self._unit == "bytes" else progress.MofNCompleteColumn(),
            progress.TimeElapsedColumn(),
            progress.TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,  # it carries data
            redirect_stderr=False,
        )
        self._progress.add_task("", total=self.total)
        self._update()
        self._progress.start()

    def hide(self) -> None:
        """Remove the bar, if it is shown."""
        if self._progress is not None:
            self._progress.stop()

    def _update(self) -> None:
        if self._progress is not None and self._progress.tasks:
            task = self._progress.tasks[0].id
            self._progress.update(
                task, completed=self._done, total=self.total, description=self._what
            )


def talk_options(command: Command) -> Command:
    """Add -q and -v to a command."""
    command = click.option(
        "-v",
        "--verbose",
        is_flag=True,
        help="Print the summary even when stderr is not a terminal.",
    )(command)
    return click.option(
        "-q", "--quiet", is_flag=True, callback=_quieten, help="Print nothing but errors."
    )(command)


def _quieten(ctx: click.Context, param: click.Parameter, value: bool) -> bool:
    ctx.meta[console.QUIET] = value
    return value
