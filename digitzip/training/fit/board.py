"""TensorBoard: the figures of a run, four images beside their reconstructions, and the codes.

Only this module knows TensorBoard, and imports it when a board is made.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from digitzip.errors import InputError, OutputError
from digitzip.training.fit.watch import Figures, View, Watcher

ZOOM: Final = 4  # screen pixels to a pixel
STATISTICS: Final[dict[str, Callable[[NDArray[np.float32]], Any]]] = {
    "mean": np.mean, "deviation": np.std, "least": np.min, "greatest": np.max,
}  # fmt: skip


class Board(Watcher):
    """A watcher that writes TensorBoard logs beside another watcher."""

    def __init__(self, folder: Path, beside: Watcher) -> None:
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise InputError("logdir needs tensorboard: pip install 'digitzip[train]'") from error
        try:
            self.writer = SummaryWriter(str(folder))
        except OSError as error:
            reason = error.strerror or error
            raise OutputError(f"cannot write logs in {str(folder)!r}: {reason}") from error
        self.beside = beside

    def step(self, done: int, total: int, figure: str) -> None:
        self.beside.step(done, total, figure)

    def epoch(self, figures: Figures) -> None:
        quality = figures.quality
        scalars = {
            "rmse/train": figures.train_rmse,
            "rmse/evaluation": quality.smooth_rmse,
            "rmse/evaluation_rounded": quality.rmse,
            "run/learning_rate": figures.learning_rate,
            "run/entropy_bits": quality.entropy,
            "run/kept_codes": quality.kept,
        }
        for name, value in scalars.items():
            self.writer.add_scalar(name, value, figures.epoch)
        if figures.view is not None:
            self._show(figures.view(), figures.epoch)
        self.writer.flush()
        self.beside.epoch(figures)

    def say(self, line: str) -> None:
        self.beside.say(line)

    def _show(self, view: View, epoch: int) -> None:
        sheet = beside(view.inputs, view.reconstructions)
        self.writer.add_image("inputs_and_reconstructions", sheet, epoch, dataformats="HW")
        for j, column in enumerate(view.codes.T):
            self.writer.add_histogram(f"code/latent_{j}", column, epoch)
            for name, statistic in STATISTICS.items():
                self.writer.add_scalar(f"code_{name}/latent_{j}", float(statistic(column)), epoch)

    def embedding(
        self,
        points: NDArray[np.float32],
        images: NDArray[np.uint8],
        labels: NDArray[np.uint8] | None,
    ) -> None:
        """Show codes [n, d] in the projector as their images [n, h, w], with labels [n] if any."""
        names = None if labels is None else [str(label) for label in labels]
        side = max(images.shape[1:])  # TensorBoard's sprites are square
        square = np.zeros((len(images), 1, side, side), np.float32)
        square[:, 0, : images.shape[1], : images.shape[2]] = images / np.float32(255)
        pictures = torch.from_numpy(1 - square).expand(-1, 3, -1, -1)
        self.writer.add_embedding(points, metadata=names, label_img=pictures, tag="codes")
        self.writer.flush()


def beside(inputs: NDArray[np.float32], outputs: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return one picture, [n * h, 2 * w] zoomed: each input [n, h, w], its output to the right."""
    pairs = np.concatenate([inputs, outputs], axis=2)  # [n, h, 2 w]
    sheet = pairs.reshape(-1, pairs.shape[2]).clip(0, 1)
    return sheet.repeat(ZOOM, axis=0).repeat(ZOOM, axis=1)
