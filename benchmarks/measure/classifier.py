"""Train the independent classifier: does an image keep its label after the round trip?

A small convolutional network, trained on the MNIST training images and labels, apart from any
codec. `python -m benchmarks classifier` trains it, about five minutes on one core, and keeps it in
`runs/`. Test labels serve to report its accuracy and nothing else.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import record
from digitzip.training.fit.device import bfloat16_helps
from digitzip.training.fit.loop import Learner, fit, measure_statistics
from digitzip.training.fit.warp import warp
from digitzip.training.recipe import Learning

CACHED: Final = record.CACHE / "classifier.pt"
AVERAGED: Final = 64  # batches from which the average takes its BatchNorm statistics


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that the training depends on beside the data."""

    seed: int = 2026
    epochs: int = 12
    batch: int = 128
    learning_rate: float = 3e-3
    weight_decay: float = 1e-2
    smoothing: float = 0.05
    average: float = 0.998
    warp_share: float = 0.75


class Network(nn.Sequential):
    """Images float [n, 1, 28, 28] in 0 … 1 -> scores [n, 10]."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs, pool in ((1, 24, 1), (24, 48, 1), (48, 96, 0), (96, 96, 1)):
            layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)]
            layers += [nn.BatchNorm2d(outputs), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if pool else []
        super().__init__(*layers, nn.Flatten(), nn.Dropout(0.2), nn.Linear(96 * 3 * 3, 10))


def classify(images: record.Images) -> record.Labels:
    """Return the label of each image: uint8 [n, 28, 28] -> uint8 [n]."""
    return labels_of(trained()[0], images)


def accuracy() -> float:
    """Return the share of the test labels that the independent classifier gives."""
    return trained()[1]


def change_rate(before: record.Labels, after: record.Labels) -> float:
    """Return the share of labels that differ; 0 without any."""
    return float((before != after).mean()) if len(before) else 0.0


@torch.no_grad()
def labels_of(network: nn.Module, images: record.Images) -> record.Labels:
    """Return the likeliest label, uint8 [n], of images uint8 [n, 28, 28]."""
    network.eval()
    labels = [
        network(pixels_of(images[start : start + 500])).argmax(dim=1)
        for start in range(0, len(images), 500)
    ]
    return torch.cat(labels or [torch.empty(0)]).numpy().astype(np.uint8)


@cache
def trained(path: Path = CACHED) -> tuple[nn.Module, float]:
    """Return the independent classifier and its accuracy on the test set."""
    if not path.exists():
        raise SystemExit(f"no classifier at {path}: run python -m benchmarks classifier")
    stored: dict[str, Any] = torch.load(path, weights_only=True)
    if stored["recipe"] != asdict(Recipe()):
        raise SystemExit(f"{path} has another recipe: run python -m benchmarks classifier")
    network = Network()
    network.load_state_dict(stored["weights"])
    return network, float(stored["accuracy"])


def train(
    images: record.Images, labels: record.Labels, recipe: Recipe, untrained: nn.Module | None = None
) -> nn.Module:
    """Learn images uint8 [n, 28, 28] and labels uint8 [n]; return the average of the weights."""
    torch.manual_seed(recipe.seed)
    random = torch.Generator().manual_seed(recipe.seed)
    x, y = torch.from_numpy(images.copy()), torch.from_numpy(labels.astype(np.int64))
    network = Network() if untrained is None else untrained
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    learning = Learning(rate=recipe.learning_rate, warm_up=200, average=recipe.average)
    learner = Learner(network, learning, random)
    learner.optimiser = torch.optim.AdamW(network.parameters(), weight_decay=recipe.weight_decay)
    per_epoch, faster = len(x) // recipe.batch, bfloat16_helps(x.device)

    def batches(epoch: int) -> Iterable[Tensor]:
        order = torch.randperm(len(x), generator=random)
        return torch.split(order[: per_epoch * recipe.batch], recipe.batch)

    def loss(rows: Tensor) -> Tensor:
        pixels = augmented(x[rows], recipe.warp_share, random)
        with torch.autocast("cpu", torch.bfloat16, enabled=faster):
            scores = network(pixels.contiguous(memory_format=torch.channels_last))
        return F.cross_entropy(scores.float(), y[rows], label_smoothing=recipe.smoothing)

    def after(mean: float) -> None:
        print(f"epoch {learner.epoch} of {recipe.epochs}: loss {mean:.4f}", flush=True)

    fit(learner, batches, loss, epochs=recipe.epochs, steps=recipe.epochs * per_epoch, after=after)
    average: nn.Module = learner.average.model
    some = torch.split(torch.randperm(len(x), generator=random), 512)[:AVERAGED]
    measure_statistics(average, average, (augmented(x[rows], 0.5, random) for rows in some))
    return average


def augmented(x: Tensor, share: float, random: torch.Generator) -> Tensor:
    """Images uint8 [n, 28, 28] -> float [n, 1, 28, 28], the first `share` of them warped."""
    rows = x.flatten(1).float() / 255
    n = int(len(rows) * share)
    return torch.cat([warp(rows[:n], 28, 28, random), rows[n:]]).view(-1, 1, 28, 28)


def pixels_of(images: record.Images) -> Tensor:
    """Images uint8 [n, 28, 28] -> float [n, 1, 28, 28] in 0 … 1."""
    return torch.from_numpy(images[:, None].astype(np.float32) / 255)


def main() -> None:
    torch.set_num_threads(1)
    recipe = Recipe()
    network = train(record.train_images(), record.train_labels(), recipe)
    right = float((labels_of(network, record.test_images()) == record.test_labels()).mean())
    CACHED.parent.mkdir(exist_ok=True)
    stored = {"recipe": asdict(recipe), "accuracy": right, "weights": network.state_dict()}
    torch.save(stored, CACHED)
    print(f"{right:.2%} of the test labels are right; kept in {CACHED}")
