"""What a training run says while it runs: a bar on a terminal, plain lines elsewhere.

Talk goes to stderr. Nothing here influences the result.
"""

import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import ClassVar, Protocol, Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from digitzip.training.fit.evaluate import Quality


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
    view: Callable[[], View] | None = None  # worked out only for those who look

    def __str__(self) -> str:
        quality = self.quality
        return (
            f"epoch {self.epoch}/{self.epochs}  train {self.train_rmse:.4f}  "
            f"held out {quality.rmse:.4f} (unrounded {quality.smooth_rmse:.4f})  "
            f"entropy {quality.entropy:.1f} bits  keep their code {quality.kept:.1%}"
        )


class Watcher(Protocol):
    """What a run reports to."""

    def step(self, done: int, total: int, loss: float) -> None: ...
    def epoch(self, figures: Figures) -> None: ...
    def say(self, line: str) -> None: ...


class Screen:
    """Report on stderr: a bar with loss and time left on a terminal, a line per epoch otherwise."""

    def __init__(self) -> None:
        self.console = Console(stderr=True)
        columns = (
            TextColumn("training"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %  rmse {task.fields[rmse]:.4f}"),
            TimeRemainingColumn(),
        )
        self.bar = Progress(*columns, console=self.console, transient=True)
        self.task = self.bar.add_task("", total=None, rmse=0.0)
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
        self.bar.stop()

    def step(self, done: int, total: int, loss: float) -> None:
        if self.console.is_terminal:
            self.bar.update(self.task, completed=done, total=total, rmse=loss**0.5)

    def epoch(self, figures: Figures) -> None:
        self.say(f"{figures}  {time.monotonic() - self.start:.0f} s")

    def say(self, line: str) -> None:
        if self.console.is_terminal:
            self.console.print(line, highlight=False)
        else:
            print(line, file=sys.stderr, flush=True)
