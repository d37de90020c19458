"""How the networks of a reader learn: from originals and warps of them, never from decoded images.

They must notice what a codec changes, so nothing that a codec made may have taught them.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from digitzip.kernels import Window
from digitzip.training.export.fold import Affine, as_floats, folded
from digitzip.training.fit.average import norms_of
from digitzip.training.fit.warp import warp
from digitzip.training.nets.activations import Activation

WARPED_AT_ONCE = 256
CALIBRATED = 128  # batches from which the averaged weights take their BatchNorm statistics

Images = NDArray[np.uint8]
Labels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that the training of a network depends on beside the data.

    `windows` come first: channels, size and step of each stage; then matrices of these `widths`.
    """

    seed: int = 1
    windows: tuple[tuple[int, int, int], ...] = ()
    widths: tuple[int, ...] = (640, 640, 640)
    epochs: int = 75
    batch: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 2e-2
    warm_up: int = 400  # steps
    smoothing: float = 0.05
    average: float = 0.999
    warp_share: float = 0.9
    bend: float = 1.0 / 28  # of warps, in sides of the image


MATRICES = Recipe()
WINDOWS = Recipe(seed=2, windows=((32, 5, 2), (64, 5, 2)), widths=(128,), epochs=65)
"""Two unlike networks: what deceives one mostly does not deceive the other."""


class Reading(nn.Module):
    """Pixels [n, h*w] in [0, 1] -> scores [n, classes], in logits."""

    def __init__(self, height: int, width: int, classes: int, recipe: Recipe) -> None:
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
            for stage, norm in zip(self.stages, self.stage_norms, strict=True):
                x = F.relu(norm(stage(x)))
            x = x.permute(0, 2, 3, 1).flatten(1)
        for linear, norm in zip(self.linears, self.norms, strict=True):
            x = F.relu(norm(linear(x)))
        scores: Tensor = self.out(x)
        return scores


def train(recipe: Recipe, images: Images, labels: Labels, say: Callable[[str], None]) -> Reading:
    """Learn images uint8 [n, h, w] and labels uint8 [n]; return the average of the weights."""
    torch.manual_seed(recipe.seed)
    random = torch.Generator().manual_seed(recipe.seed)
    n, height, width = images.shape
    y = torch.from_numpy(labels.astype(np.int64))
    network = Reading(height, width, int(labels.max()) + 1, recipe)
    mix = get_ema_multi_avg_fn(recipe.average)  # type: ignore[no-untyped-call]
    average = AveragedModel(network, multi_avg_fn=mix)
    optimiser = torch.optim.AdamW(
        network.parameters(), recipe.learning_rate, weight_decay=recipe.weight_decay, fused=True
    )
    steps, step = recipe.epochs * (n // recipe.batch), 0
    for epoch in range(recipe.epochs):
        total = 0.0
        for x, rows in batches(recipe, images, random):
            rate = 0.5 * (1 + math.cos(math.pi * step / steps))
            for group in optimiser.param_groups:
                group["lr"] = recipe.learning_rate * rate * min(1.0, (step + 1) / recipe.warm_up)
            loss = F.cross_entropy(network(x), y[rows], label_smoothing=recipe.smoothing)
            optimiser.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            average.update_parameters(network)
            total += loss.item()
            step += 1
        say(f"epoch {epoch + 1} of {recipe.epochs}: loss {total * recipe.batch / n:.4f}")
    network.load_state_dict(average.module.state_dict())
    _measure_statistics(network, recipe, images, random)
    return network


def batches(
    recipe: Recipe, images: Images, random: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield an epoch of pixels [batch, h*w] in [0, 1], most of them warped, and their rows."""
    n, height, width = images.shape
    pixels = torch.from_numpy(images.reshape(n, -1))
    warped = round(recipe.batch * recipe.warp_share)
    order = torch.randperm(n, generator=random)
    for rows in torch.split(order[: n // recipe.batch * recipe.batch], recipe.batch):
        x = pixels[rows].float() / 255
        for part in torch.split(x[:warped], WARPED_AT_ONCE):
            part.copy_(warp(part, height, width, random, recipe.bend))
        yield x, rows


@torch.no_grad()
def _measure_statistics(
    network: Reading, recipe: Recipe, images: Images, random: torch.Generator
) -> None:
    """Measure the BatchNorm statistics of averaged weights on what training sees."""
    for norm in norms_of(network):
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    network.train()
    for (x, _), _ in zip(batches(recipe, images, random), range(CALIBRATED), strict=False):
        network(x)
    network.eval()


def fold(network: Reading) -> list[Affine]:
    """Return the chain from pixels in [0, 1] to scores in logits."""
    chain: list[Affine] = []
    height, width = network.height, network.width
    for stage, norm in zip(network.stages, network.stage_norms, strict=True):
        assert isinstance(stage, nn.Conv2d)
        assert isinstance(norm, nn.BatchNorm2d)
        size, step = stage.kernel_size[0], stage.stride[0]
        window = Window(height, width, size, step)
        chain.append(folded(stage, norm, Activation.RELU, window=window))
        height, width = ((side - size) // step + 1 for side in (height, width))
    for linear, norm in zip(network.linears, network.norms, strict=True):
        assert isinstance(linear, nn.Linear)
        assert isinstance(norm, nn.BatchNorm1d)
        chain.append(folded(linear, norm, Activation.RELU))
    last = Affine(as_floats(network.out.weight), as_floats(network.out.bias), Activation.NONE)
    return [*chain, last]
