"""What a training run reports while it runs: a bar on a terminal, plain lines elsewhere.

Everything goes to stderr. Nothing here influences the result.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar, Final, Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from digitzip.training.fit.evaluate import Quality

EARLY: Final = (1, 2, 5)  # epochs that are always reported


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


class Watcher:
    """What a run reports to; this one keeps silent."""

    def step(self, done: int, total: int, figure: str) -> None: ...

    def epoch(self, figures: Figures) -> None: ...

    def say(self, line: str) -> None: ...


SILENT: Final = Watcher()


class Screen(Watcher):
    """Report on stderr: a bar with a figure and the time left on a terminal, lines elsewhere.

    Of the epochs it reports the early ones, every tenth part of the run, and the last.
    """

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        columns = (
            TextColumn("training"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %  {task.fields[figure]}"),
            TimeRemainingColumn(),
        )
        self.bar = Progress(
            *columns, console=self.console, transient=True, disable=not self.console.is_terminal
        )
        self.task = self.bar.add_task("", total=None, figure="")
        self.start = time.monotonic()

    def __enter__(self) -> Self:
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def step(self, done: int, total: int, figure: str) -> None:
        self.bar.update(self.task, completed=done, total=total, figure=figure)

    def epoch(self, figures: Figures) -> None:
        tenth, last = -(-figures.epochs // 10), figures.epoch == figures.epochs
        if figures.epoch in EARLY or figures.epoch % tenth == 0 or last:
            self.say(f"{figures}  {time.monotonic() - self.start:.0f} s")

    def say(self, line: str) -> None:
        if self.console.is_terminal:
            self.console.print(line, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)
