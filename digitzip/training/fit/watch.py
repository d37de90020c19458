"""What a training run reports while it runs: a bar on a terminal, plain lines elsewhere.

Everything goes to stderr. Nothing here influences the result.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Final, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from digitzip.training.fit.evaluate import Quality

EARLY: Final = (1, 2, 5)  # epochs that are reported of many, beside every tenth part of the run


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """What there is to look at after an epoch, of held-out images."""

    SHOWN: ClassVar = 4

    inputs: NDArray[np.float32]  # [4, h, w] in [0, 1]
    reconstructions: NDArray[np.float32]  # [4, h, w], codes not rounded
    codes: NDArray[np.float32]  # [n, d], of all held-out images, not rounded


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures after an epoch; `quality` is of the averaged model on held-out images."""

    epoch: int
    epochs: int
    train_rmse: float
    quality: Quality
    learning_rate: float
    view: Callable[[], View] | None = None  # computed only for those who look

    def __str__(self) -> str:
        quality = self.quality
        return (
            f"epoch {self.epoch}/{self.epochs}  train {self.train_rmse:.4f}  "
            f"held out {quality.rmse:.4f} (unrounded {quality.smooth_rmse:.4f})  "
            f"entropy {quality.entropy:.1f} bits  keep their code {quality.kept:.1%}"
        )


class Watcher(Protocol):
    """What a run reports to."""

    def step(self, done: int, total: int, figure: str) -> None: ...
    def epoch(self, figures: Figures) -> None: ...
    def say(self, line: str) -> None: ...


class Silent:
    """A watcher that reports nothing."""

    def step(self, done: int, total: int, figure: str) -> None: ...

    def epoch(self, figures: Figures) -> None: ...

    def say(self, line: str) -> None: ...


class Screen:
    """Report on stderr: a bar with a figure and the time left on a terminal, lines elsewhere."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        columns = (
            TextColumn("training"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[figure]}"),
            TimeRemainingColumn(),
        )
        self.bar = Progress(*columns, console=self.console, transient=True)
        self.task = self.bar.add_task("", total=None, figure="")
        self.start = time.monotonic()

    def __enter__(self) -> Self:
        if self.console.is_terminal:
            self.bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        tb: TracebackType | None,
    ) -> None:
        if self.console.is_terminal:
            self.bar.stop()

    def step(self, done: int, total: int, figure: str) -> None:
        if self.console.is_terminal:
            self.bar.update(self.task, completed=done, total=total, figure=figure)

    def epoch(self, figures: Figures) -> None:
        self.say(f"{figures}  {time.monotonic() - self.start:.0f} s")

    def say(self, line: str) -> None:
        if self.console.is_terminal:
            self.console.print(line, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)


class Milestones:
    """A watcher that reports only some epochs to another: early ones and every tenth part."""

    def __init__(self, beside: Watcher) -> None:
        self.beside = beside

    def step(self, done: int, total: int, figure: str) -> None:
        self.beside.step(done, total, figure)

    def epoch(self, figures: Figures) -> None:
        tenth = -(-figures.epochs // 10)
        last = figures.epoch == figures.epochs
        if figures.epoch in EARLY or figures.epoch % tenth == 0 or last:
            self.beside.epoch(figures)

    def say(self, line: str) -> None:
        self.beside.say(line)
