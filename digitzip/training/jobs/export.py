"""A trained float model -> a model file: integers, entropy models, lambdas and other parts."""

import math
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import numpy as np
import torch

from digitzip.archive import creating, reading
from digitzip.codec import Codec, Images
from digitzip.metrics import rmse
from digitzip.model import Model, Quantiser
from digitzip.training.export.encoding import encode
from digitzip.training.export.lambdas import Point, error_of, measured, with_lambdas, within
from digitzip.training.export.rounding import round_model
from digitzip.training.export.saving import save
from digitzip.training.export.verify import verify
from digitzip.training.fit.data import Data
from digitzip.training.fit.device import describe
from digitzip.training.fit.evaluate import evaluate
from digitzip.training.fit.watch import Watcher
from digitzip.training.jobs.bounds import bounded
from digitzip.training.jobs.entropy_model import with_entropy_model
from digitzip.training.jobs.label_model import with_label_model
from digitzip.training.jobs.residual_model import with_residual_model
from digitzip.training.nets import FloatModel
from digitzip.training.recipe import Recipe
from digitzip.training.settings import to_json

KNOWN: Final = 8  # codes in the known-answer vector


@dataclass(frozen=True, slots=True)
class Measured:
    """A whole `.dz` file of the held-out images, at the defaults of `compress`."""

    images: int
    size: int  # bytes
    rmse: float


def export_model(
    model: FloatModel, recipe: Recipe, data: Data, out: Path, watcher: Watcher
) -> Measured:
    """Convert, verify and write a trained model to `out`; return figures of its held-out images.

    Raises `ModelError` when NumPy and PyTorch disagree on one byte; nothing is written then.
    """
    watcher.say("rounding to integers, then learning an entropy model for each number of levels")
    images, held_out = data.as_images(data.train), data.as_images(data.held_out)
    pixels = images[0].size
    integer = round_model(model, recipe, images)

    learned: list[Quantiser] = []
    points: list[Point] = []
    for quantiser in integer.quantisers:
        codec = Codec(integer, quantiser.levels, recipe.entropy.effort)
        watcher.step(0, recipe.entropy.steps, f"codes of {quantiser.levels} levels")
        codes, found = (encode(codec, each) for each in (images[: recipe.entropy.images], held_out))
        quantiser, bits = with_entropy_model(quantiser, codes, found, recipe, watcher)
        before = evaluate(model, data.held_out, recipe.code.cells(quantiser.levels))
        rounding = (before.rmse**2 - before.smooth_rmse**2) * pixels * 255**2
        learned.append(quantiser)
        points.append(Point(bits, error_of(held_out, codec.decode(found)), rounding))
        fast = Codec(integer, quantiser.levels, 0)
        after = rmse(held_out, fast.decode(fast.encode(held_out)))
        watcher.say(
            f"{quantiser.levels} levels: held out rmse {after:.4f} (in floats {before.rmse:.4f}), "
            f"{_rmse_of(points[-1], pixels):.4f} with the search, {bits:.2f} bits"
        )

    quantisers = with_lambdas(learned, points, recipe.code.coordinates)
    bounds = recipe.code.most_bits or (0.0,) * len(quantisers)
    quantisers = tuple(
        within(quantiser, integer, most_bits, held_out) if most_bits else quantiser
        for quantiser, most_bits in zip(quantisers, bounds, strict=True)
    )
    integer = replace(integer, quantisers=quantisers)

    notes = notes_of(recipe, data.train.device)
    for quantiser in quantisers:
        point = measured(Codec(integer, quantiser.levels), held_out)
        line = (
            f"rmse {_rmse_of(point, pixels):.4f} at the default effort, {point.bits:.2f} bits, "
            f"lambda {quantiser.lambda_}"
        )
        notes[f"held_out.{quantiser.levels}"] = line
        watcher.say(f"{quantiser.levels} levels: held out {line}")
    integer = replace(integer, notes=notes)

    if recipe.residual.steps:
        learned_from = images[: max(1, recipe.residual.pixels // pixels)]
        (integer,) = with_residual_model(
            [integer], learned_from, recipe.residual, watcher, seed=recipe.seed
        )
    return finish(labelled(integer, recipe, data, watcher), data, out)


def labelled(model: Model, recipe: Recipe, data: Data, watcher: Watcher) -> Model:
    """Return a model with the label model of a recipe, where it has one."""
    if not recipe.labels.steps or data.labels is None:
        return model
    images = np.concatenate([data.as_images(each) for each in (data.train, data.held_out)])
    held_out = len(data.held_out)
    return with_label_model(
        model, images, data.labels, recipe.labels, watcher, held_out=held_out, seed=recipe.seed
    )


def finish(model: Model, data: Data, out: Path) -> Measured:
    """Attach a known answer and bounds on RMSE to a model, verify, write and measure it."""
    held_out = data.as_images(data.held_out)
    model = bounded(with_known_answer(model, held_out), held_out)
    verify(model, held_out)
    save(out, model)
    whole = creating.compress(held_out, model=model)
    error = rmse(held_out, reading.decompress(whole, model=model))
    return Measured(len(held_out), len(whole), error)


def with_known_answer(model: Model, held_out: Images) -> Model:
    """Attach codes of images uint8 [n, h, w] and random ones, and their reconstructions."""
    codec = Codec(model, effort=0)
    random = np.random.default_rng(0)
    shape = (KNOWN // 2, model.shape.dims)
    real = codec.encode(held_out[: KNOWN // 2])
    codes = np.concatenate([real, random.integers(0, codec.levels, shape, np.uint8)])
    return replace(model, known_codes=codes, known_images=codec.decode(codes))


def notes_of(recipe: object, device: torch.device) -> dict[str, str]:
    """Return how and on what a model was made, as its file states it."""
    return {
        "recipe": to_json(recipe),
        "trained_with": f"torch {torch.__version__.split('+')[0]}",
        "trained_on": describe(device),
    }


def _rmse_of(point: Point, pixels: int) -> float:
    return math.sqrt(point.error / pixels) / 255
