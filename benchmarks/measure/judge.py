"""Train the judge, a classifier that serves only to choose the margin of the bundled classifier.

It is smaller than `classifier`, of another shape and seed, and learns the training images but the
last 10,000, which it judges. `python -m benchmarks judge` trains it, two minutes on one core.
"""

from __future__ import annotations

from functools import cache
from typing import Final

import torch
from torch import nn

from benchmarks import record
from benchmarks.measure import classifier

HELD_OUT: Final = 10_000
CACHED: Final = record.CACHE / "judge.pt"
RECIPE: Final = classifier.Recipe(seed=77, epochs=5, warp_share=0.5)


class Judge(nn.Sequential):
    """Images float [n, 1, 28, 28] in 0 … 1 -> scores [n, 10]."""

    def __init__(self) -> None:
        layers: list[nn.Module] = []
        for inputs, outputs in ((1, 16), (16, 40)):
            layers += [nn.Conv2d(inputs, outputs, 5, bias=False), nn.BatchNorm2d(outputs)]
            layers += [nn.ReLU(), nn.MaxPool2d(2)]
        hidden = (nn.Flatten(), nn.Linear(40 * 4 * 4, 128), nn.ReLU(), nn.Dropout(0.3))
        super().__init__(*layers, *hidden, nn.Linear(128, 10))


@cache
def judge() -> nn.Module:
    """Return the trained judge."""
    if not CACHED.exists():
        raise SystemExit(f"no judge at {CACHED}: run python -m benchmarks judge")
    network = Judge()
    network.load_state_dict(torch.load(CACHED, weights_only=True))
    return network


def main() -> None:
    torch.set_num_threads(1)
    images, labels = record.train_images(), record.train_labels()
    network = classifier.train(images[:-HELD_OUT], labels[:-HELD_OUT], RECIPE, Judge())
    CACHED.parent.mkdir(exist_ok=True)
    torch.save(network.state_dict(), CACHED)
    right = (classifier.labels_of(network, images[-HELD_OUT:]) == labels[-HELD_OUT:]).mean()
    print(f"{right:.2%} of the held-out labels are right; kept in {CACHED}")
