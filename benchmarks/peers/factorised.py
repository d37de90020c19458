"""Train the factorised prior of `prior.py` and keep it.

`python -m benchmarks factorised` trains it for one λ after the other, twenty minutes on one core in
all, and keeps each in `runs/`; a run that was stopped continues with the next. Only training images
are used; the last of them are held out, and chose the settings.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from torch import Tensor, nn

from benchmarks import record
from benchmarks.peers import prior
from benchmarks.peers.coder import Coder
from benchmarks.peers.prior import NAME, Network, Tables, cropped, pixels_of
from digitzip.metrics import rmse
from digitzip.training.fit.loop import Learner, fit
from digitzip.training.recipe import Learning

CACHED: Final = record.CACHE / "factorised.pt"

Stored = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that the training depends on beside the data.

    The loss is λ times the mean squared error of pixels in 0 … 255, plus bits a pixel.
    """

    lambdas: tuple[float, ...] = (0.005, 0.0015, 0.0004, 0.0001)  # each goes on from the last
    epochs: tuple[int, ...] = (5, 3, 3, 2)
    channels: int = 48
    seed: int = 2026
    held_out: int = 5_000  # the last training images
    ranged: int = 10_000  # the first training images, whose latents the tables cover
    batch: int = 32
    learning_rate: float = 2e-3


RECIPE: Final = Recipe()


def coders() -> Iterator[Coder]:
    """Yield the coder of each λ that is trained."""
    for name, stored in kept(CACHED, RECIPE)["trained"].items():
        yield prior.coder(name, *restored(stored))


def left_out() -> list[str]:
    """Return a line for each coder that is not trained: what it is, and what trains it."""
    trained = kept(CACHED, RECIPE)["trained"]
    missing = [title(trade) for trade in RECIPE.lambdas if title(trade) not in trained]
    return [f"{NAME}, {name}: `python -m benchmarks factorised` trains it" for name in missing]


def title(trade: float) -> str:
    return f"λ {trade:g}"


def kept(path: Path, recipe: Recipe) -> Stored:
    """Return what is kept of a recipe; nothing is trained where there is no file."""
    stored: Stored = {"recipe": asdict(recipe), "trained": {}}
    if path.exists():
        found: Stored = torch.load(path, weights_only=True)
        if found["recipe"] != stored["recipe"]:
            raise SystemExit(f"{path} has another recipe: remove it")
        return found
    return stored


def restored(stored: Stored) -> tuple[Network, Tables]:
    """Return the network and the tables of one λ."""
    network = Network(len(stored["low"]))
    network.load_state_dict(stored["weights"])
    return network, Tables(stored["low"].numpy(), stored["cdf"].numpy())


def train(
    network: Network, images: record.Images, trade: float, epochs: int, recipe: Recipe
) -> None:
    """Learn images uint8 [n, 28, 28] for one λ, from the present weights."""
    random = torch.Generator().manual_seed(recipe.seed)
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    learning = Learning(optimiser="adam", rate=recipe.learning_rate, warm_up=100, average=0)
    learner = Learner(network, learning, random)

    def clip(*step: object) -> None:
        nn.utils.clip_grad_norm_(network.parameters(), 1.0)

    learner.optimiser.register_step_pre_hook(clip)
    per_epoch = len(images) // recipe.batch

    def batches(epoch: int) -> Iterable[Tensor]:
        order = torch.randperm(len(images), generator=random)
        return torch.split(order[: per_epoch * recipe.batch], recipe.batch)

    def loss(rows: Tensor) -> Tensor:
        return cost(network, pixels_of(images[rows.numpy()]), trade, random)

    def after(mean: float) -> None:
        print(f"{title(trade)}, epoch {learner.epoch} of {epochs}: loss {mean:.3f}", flush=True)

    fit(learner, batches, loss, epochs=epochs, steps=epochs * per_epoch, after=after)


def cost(network: Network, pixels: Tensor, trade: float, random: torch.Generator) -> Tensor:
    """Pixels [n, 1, 32, 32] -> λ times the mean squared error within 28x28, plus bits a pixel."""
    with torch.autocast("cpu", torch.bfloat16):
        latents = network.analysis(pixels.contiguous(memory_format=torch.channels_last)).float()
        noisy = latents + torch.rand(latents.shape, generator=random) - 0.5
        again = network.synthesis(noisy.contiguous(memory_format=torch.channels_last)).float()
    bits = network.density.bits(noisy.transpose(0, 1).flatten(1)).sum() / len(pixels)
    error = (cropped(again) - cropped(pixels)).square().mean()
    return trade * 255**2 * error + bits / 28**2


def finished(network: Network, images: record.Images) -> Stored:
    """Return what is kept of a network, with tables that cover all latents of these images."""
    latents = prior.latents_of(network, images)
    tables = prior.tables_of(network.density, latents.min(axis=(0, 2)), latents.max(axis=(0, 2)))
    return {
        "weights": {name: tensor.clone() for name, tensor in network.state_dict().items()},
        "low": torch.from_numpy(tables.low),
        "cdf": torch.from_numpy(tables.cdf),
    }


def main() -> None:
    torch.set_num_threads(1)
    run(record.train_images(), RECIPE, CACHED)


def run(images: record.Images, recipe: Recipe, path: Path) -> None:
    """Train what is not kept yet, from images uint8 [n, 28, 28]."""
    stored = kept(path, recipe)
    torch.manual_seed(recipe.seed)
    network = Network(recipe.channels)
    learned, held_out = np.split(images, [-recipe.held_out])
    for trade, epochs in zip(recipe.lambdas, recipe.epochs, strict=True):
        name = title(trade)
        if name not in stored["trained"]:
            train(network, learned, trade, epochs, recipe)
            stored["trained"][name] = finished(network, learned[: recipe.ranged])
            path.parent.mkdir(exist_ok=True)
            torch.save(stored, path)
        network, tables = restored(stored["trained"][name])
        found = prior.coder(name, network, tables)
        files = found.encode(held_out)
        lost = rmse(held_out, found.decode(files))
        print(
            f"{found.title}: {len(files[0]) / len(held_out):.3f} bytes an image, RMSE {lost:.4f} "
            f"of {len(held_out):,} held out",
            flush=True,
        )
