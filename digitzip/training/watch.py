"""What a training run says while it runs: a bar on a terminal, plain lines elsewhere, TensorBoard.

Talk goes to stderr. Nothing here influences the result.
"""

import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from digitzip.errors import InputError
from digitzip.training.evaluate import Quality


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures after an epoch; `quality` is of the averaged model on held-out images."""

    epoch: int
    epochs: int
    train_rmse: float
    quality: Quality
    learning_rate: float

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


class Board:
    """Scalars for TensorBoard beside another watcher."""

    def __init__(self, folder: Path, beside: Watcher) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError("--logdir needs tensorboard: pip install 'digitzip[train]'") from error
        self.writer = SummaryWriter(str(folder))
        self.beside = beside

    def step(self, done: int, total: int, loss: float) -> None:
        self.beside.step(done, total, loss)

    def epoch(self, figures: Figures) -> None:
        scalars = {"train_rmse": figures.train_rmse, "learning_rate": figures.learning_rate}
        for name, value in {**scalars, **asdict(figures.quality)}.items():
            self.writer.add_scalar(name, value, figures.epoch)
        self.writer.flush()
        self.beside.epoch(figures)

    def say(self, line: str) -> None:
        self.beside.say(line)

    def embedding(self, points: NDArray[np.float32], labels: NDArray[np.uint8]) -> None:
        """Show codes [n, d] in the projector, coloured by their labels [n]."""
        names = [str(label) for label in labels]
        self.writer.add_embedding(points, metadata=names, tag="codes")
        self.writer.flush()
