"""What a run says about itself on stderr: bars on a terminal, a summary line at the end."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from digitzip.cli.console import printable

if TYPE_CHECKING:
    from rich.progress import Progress

Item = TypeVar("Item")
Command = TypeVar("Command", bound=Callable[..., Any])

_PATIENCE: Final = 0.5  # seconds before a bar is shown


@dataclass(frozen=True, slots=True)
class Talk:
    """How much to say: `quiet` leaves only errors, `verbose` sums up in a pipe too."""

    quiet: bool
    verbose: bool
    started: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since the command began."""
        return time.monotonic() - self.started

    def summary(self, line: str) -> None:
        """Say one line at the end of a run, on a terminal or when asked to be verbose."""
        if not self.quiet and (self.verbose or sys.stderr.isatty()):
            print(printable(line), file=sys.stderr)

    def warn(self, line: str) -> None:
        """Say what is no error and yet should be known, unless quiet."""
        if not self.quiet:
            print(f"digitzip: warning: {printable(line)}", file=sys.stderr)

    @contextmanager
    def bar(self, total: int | None = None, *, unit: str = "digits") -> Iterator[Bar]:
        """Give a progress bar for `total` digits or bytes, shown on a terminal unless quiet."""
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
    """Progress in digits, or in bytes.

    Not shown before `show`: short runs do without, and never import rich.
    """

    def __init__(self, total: int | None, unit: str = "digits") -> None:
        self.total = total
        self._unit = unit
        self._what = ""
        self._done = 0
        self._progress: Progress | None = None

    def follow(self, items: Iterable[Item], size: Callable[[Item], int]) -> Iterator[Item]:
        """Yield `items`, each of `size` digits, which count as done when the next is asked for.

        The last ones never do: what happens to them ends with the bar itself.
        """
        for item in items:
            self._update()
            yield item
            self._done += size(item)

    def reach(self, done: int, total: int | None, what: str = "") -> None:
        """Stand at `done` of `total`, in a work that is called `what`."""
        self._done, self.total, self._what = done, total, what
        self._update()

    def show(self) -> None:
        """Draw the bar from now on."""
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
        """Take the bar away, if it was shown."""
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
    command = click.option("-v", "--verbose", is_flag=True, help="Sum up in a pipe too.")(command)
    return click.option("-q", "--quiet", is_flag=True, help="Say nothing but errors.")(command)
