"""A network of a classifier: stages of windows (convolutions), then matrices, ReLU throughout."""

from collections.abc import Iterator
from typing import cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from digitzip.training.recipe import Classifier


class ClassifierNetwork(nn.Module):
    """Pixels [n, h*w] in [0, 1] -> scores [n, classes], in logits."""

    def __init__(self, height: int, width: int, classes: int, recipe: Classifier) -> None:
        super().__init__()
        self.height, self.width = height, width
        self.stages, self.stage_norms = nn.ModuleList(), nn.ModuleList()
        channels = 1
        for outputs, size, step in recipe.windows:
            self.stages.append(nn.Conv2d(channels, outputs, size, step, bias=False))
            self.stage_norms.append(nn.BatchNorm2d(outputs))
            height, width = ((side - size) // step + 1 for side in (height, width))
            channels = outputs
        inputs = (channels * height * width, *recipe.widths)
        self.linears = nn.ModuleList(
            nn.Linear(a, b, bias=False) for a, b in zip(inputs, recipe.widths, strict=False)
        )
        self.norms = nn.ModuleList(nn.BatchNorm1d(outputs) for outputs in recipe.widths)
        self.out = nn.Linear(inputs[-1], classes)

    def forward(self, x: Tensor) -> Tensor:
        if len(self.stages):
            x = x.view(-1, 1, self.height, self.width).contiguous(memory_format=torch.channels_last)
            for stage, norm in self.windows():
                x = F.relu(norm(stage(x)))  # [n, channels, height, width]
            x = x.permute(0, 2, 3, 1).flatten(1)
        for linear, norm1d in self.matrices():
            x = F.relu(norm1d(linear(x)))
        scores: Tensor = self.out(x)
        return scores

    def windows(self) -> Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]]:
        """Return each stage of windows with its norm."""
        pairs = zip(self.stages, self.stage_norms, strict=True)
        return cast(Iterator[tuple[nn.Conv2d, nn.BatchNorm2d]], pairs)

    def matrices(self) -> Iterator[tuple[nn.Linear, nn.BatchNorm1d]]:
        """Return each matrix but the last, with its norm."""
        pairs = zip(self.linears, self.norms, strict=True)
        return cast(Iterator[tuple[nn.Linear, nn.BatchNorm1d]], pairs)
