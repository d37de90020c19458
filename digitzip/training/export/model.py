"""Float model -> integer model: round, learn the predictors, measure, verify, write."""

import math
import os
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from digitzip.codec import Codec
from digitzip.entropy.probability import UNIT, ideal_bits
from digitzip.kernels import Network
from digitzip.limits import THREADS
from digitzip.metrics import rmse
from digitzip.model import Model, Quantiser, Shape
from digitzip.model.model_file import MAX_LAMBDA
from digitzip.training.export import grid
from digitzip.training.export.bounds import bounded
from digitzip.training.export.fold import Chains, fold_residual
from digitzip.training.export.fold_plain import fold_plain
from digitzip.training.export.integers import Output, round_chain
from digitzip.training.export.saving import save_model
from digitzip.training.export.verify import verify
from digitzip.training.fit import pixels as surroundings
from digitzip.training.fit.data import Data
from digitzip.training.fit.device import describe
from digitzip.training.fit.evaluate import evaluate
from digitzip.training.fit.watch import Watcher
from digitzip.training.jobs.entropy_model import train_predictor
from digitzip.training.jobs.residual_model import expecting
from digitzip.training.nets.family import Model as FloatModel
from digitzip.training.nets.plain import Plain
from digitzip.training.recipe import Recipe

CODE_UNIT = 4096  # u = 1 at the encoder's output, which clips at 8
LOGIT_UNIT = 128  # logit 1 at the decoder's output, which clips at 8
CALIBRATION = 4096  # images
KNOWN = 8  # codes in the known-answer vector

Images = NDArray[np.uint8]


def thresholds_of(levels: int, chains: Chains) -> NDArray[np.int16]:
    """Return the encoder outputs [m, L-1] above which a coordinate has the next value."""
    u = chains.before(2 * np.arange(1, levels) / levels - 1)  # of the borders of cells of z
    return np.rint(u * CODE_UNIT - 0.5).astype(np.int16)  # outputs are rounded, and compared with >


def points_of(levels: int, dims: int) -> NDArray[np.int16]:
    """Return the decoder inputs [m, L]: the centres of the cells."""
    return np.tile(grid.centres(levels), (dims, 1))


def pixel_table() -> NDArray[np.int32]:
    """Return the pixel, 0 ... 255, of every logit from -8 to just below 8."""
    logits = np.arange(-8 * LOGIT_UNIT, 8 * LOGIT_UNIT) / LOGIT_UNIT
    return np.rint(255 / (1 + np.exp(-logits))).astype(np.int32)


def chains_of(model: FloatModel, recipe: Recipe) -> Chains:
    """Return a float model of either family as chains of layers."""
    if isinstance(model, Plain):
        return fold_plain(model, max(recipe.levels))
    return fold_residual(model, recipe.coordinates)


def round_model(model: FloatModel, recipe: Recipe, data: Data) -> Model:
    """Turn a float model into integers; its predictors are still missing."""
    pixels = data.train[:CALIBRATION].cpu().numpy().astype(np.int64)
    output = Output(1 / CODE_UNIT, -(2**15) + 1, 2**15 - 1)
    chains = chains_of(model, recipe)
    encoder = round_chain(chains.encoder, pixels, 1 / 255, (0, 255), output)
    quantisers = tuple(
        Quantiser(cells, thresholds_of(cells, chains), points_of(cells, recipe.coordinates), ())
        for cells in map(recipe.cells, recipe.levels)
    )
    first = quantisers[0]
    points = first.dequantise(first.quantise(encoder(pixels))).astype(np.int64)
    reach = max(int(quantiser.points.max()) for quantiser in quantisers)
    output = Output(1 / LOGIT_UNIT, -8 * LOGIT_UNIT, 8 * LOGIT_UNIT - 1, pixel_table())
    decoder = round_chain(chains.decoder, points, 1 / grid.POINT_UNIT, (-reach, reach), output)
    if recipe.axes > 1:
        encoder, decoder, first = _on_a_grid(encoder, decoder, first, recipe)
        quantisers = (first,)
    none = np.zeros((0, recipe.dims), np.uint8)
    shape = Shape(data.height, data.width, recipe.dims)
    images = np.zeros((0, data.height, data.width), np.uint8)
    return Model(recipe.name, shape, encoder, decoder, quantisers, none, images)


def _on_a_grid(
    encoder: Network, decoder: Network, axes: Quantiser, recipe: Recipe
) -> tuple[Network, Network, Quantiser]:
    """Return networks of numbers instead of coordinates, which `axes` cuts, and their quantiser."""
    after = grid.values(axes.thresholds, recipe.axes)
    before = grid.coordinates(axes.levels, recipe.axes, recipe.dims)
    (levels,) = recipe.levels
    values = np.tile(np.arange(levels, dtype=np.int16), (recipe.dims, 1))
    return (
        Network([*encoder.layers, *after], 0, 255),
        Network([*before, *decoder.layers], 0, levels - 1),
        Quantiser(levels, values[:, :-1], values, ()),
    )


@dataclass(frozen=True, slots=True)
class Point:
    """What a level set does to the held-out images: bits and squared error of a digit."""

    bits: float
    error: float  # of pixels 0 ... 255, summed over an image
    rounding: float = 0.0  # the part of it that rounding the encoder's answer adds


def export_model(
    model: FloatModel, recipe: Recipe, data: Data, out: Path, watcher: Watcher
) -> Model:
    """Convert, verify and write a trained model to `out`; return it.

    Raises `ModelError` when NumPy and PyTorch disagree on one byte; nothing is written then.
    """
    watcher.say("rounding to integers, then learning a predictor for each number of levels")
    integer = round_model(model, recipe, data)
    held_out = as_images(data.held_out, data)
    learned: list[Quantiser] = []
    points: list[Point] = []
    for quantiser in integer.quantisers:
        predicted, point = _with_predictor(integer, quantiser, recipe, data)
        before = evaluate(model, data.held_out, recipe.cells(quantiser.levels))
        rounding = (before.rmse**2 - before.smooth_rmse**2) * data.held_out.shape[1] * 255**2
        learned.append(predicted)
        points.append(replace(point, rounding=rounding))
        fast = Codec(integer, quantiser.levels, 0)
        after = rmse(held_out, fast.decode(fast.encode(held_out)))
        watcher.say(
            f"{quantiser.levels} levels: held out rmse {after:.4f} (in floats {before.rmse:.4f}), "
            f"{_rmse_of(point, data):.4f} with the search, {point.bits:.2f} bits"
        )
    quantisers = _with_lambdas(learned, points, recipe.coordinates)
    bounds = recipe.most_bits or (0.0,) * len(quantisers)
    quantisers = tuple(
        within(quantiser, integer, most_bits, held_out) if most_bits else quantiser
        for quantiser, most_bits in zip(quantisers, bounds, strict=True)
    )
    integer = replace(integer, quantisers=quantisers)
    notes = notes_of(recipe, data.train.device)
    for quantiser in quantisers:
        point = _measured(Codec(integer, quantiser.levels), held_out)
        line = (
            f"rmse {_rmse_of(point, data):.4f} at the default effort, {point.bits:.2f} bits, "
            f"lambda {quantiser.lambda_}"
        )
        notes[f"held_out.{quantiser.levels}"] = line
        watcher.say(f"{quantiser.levels} levels: held out {line}")
    integer = replace(integer, notes=notes)
    if recipe.residual_steps:
        integer = _with_residual(integer, recipe, data, watcher)
    return finish(integer, data, out)


def _with_residual(model: Model, recipe: Recipe, data: Data, watcher: Watcher) -> Model:
    """Return the model with a residual network of its own."""
    count = max(1, recipe.residual_pixels // (data.height * data.width))
    learned = as_images(data.train[:count], data)
    how = surroundings.Recipe(steps=recipe.residual_steps, seed=recipe.seed)
    (found,) = expecting(
        [model],
        learned,
        how,
        lambda line: watcher.say(f"expecting pixels, {line}"),
        min(THREADS[-1], os.cpu_count() or 1),
    )
    return found


def finish(model: Model, data: Data, out: Path) -> Model:
    """Attach a known answer and bounds for a guard to a model, verify and write it; return it."""
    held_out = as_images(data.held_out, data)
    model = bounded(with_known_answer(model, data), held_out)
    verify(model, held_out)
    save_model(out, model)
    return model


def notes_of(recipe: Recipe, device: torch.device) -> dict[str, str]:
    """Return how a model was made, and on what, as it stands in its file."""
    return {
        "recipe": recipe.to_json(),
        "trained_with": f"torch {torch.__version__.split('+')[0]}",
        "trained_on": describe(device),
    }


def _with_predictor(
    model: Model, quantiser: Quantiser, recipe: Recipe, data: Data
) -> tuple[Quantiser, Point]:
    """Return the level set with predictors of the codes that a search finds, and its point."""
    threads = min(THREADS[-1], os.cpu_count() or 1)
    codec = Codec(model, quantiser.levels, recipe.predictor_effort, threads)
    codes = codec.encode(as_images(data.train[: recipe.predictor_images], data))
    held_out = as_images(data.held_out, data)
    found = codec.encode(held_out)
    learned, bits = train_predictor(quantiser, codes, found, recipe)
    return learned, Point(bits, _error(held_out, codec.decode(found)))


def _with_lambdas(
    quantisers: list[Quantiser], points: list[Point], coordinates: int
) -> tuple[Quantiser, ...]:
    """Return the level sets, each with the slope of the model's own curve of error against bits.

    Where the search trades error for rate at the slope of the curve, no other level count gives
    less error at that rate. One level count alone takes the slope of theory: what rounding adds
    falls to a quarter with a bit more for every coordinate.
    """
    if len(points) == 1:
        slope = 2 * math.log(2) * max(0.0, points[0].rounding) / coordinates  # of a bit
        lambda_ = min(round(slope / (math.log(2) * UNIT)), MAX_LAMBDA)
        return (replace(quantisers[0], lambda_=lambda_),)
    order = sorted(range(len(points)), key=lambda i: points[i].bits)
    lambdas = [0] * len(points)
    for place, i in enumerate(order):
        fewer, more = (
            points[order[max(place - 1, 0)]],
            points[order[min(place + 1, len(order) - 1)]],
        )
        slope = (fewer.error - more.error) / max(more.bits - fewer.bits, 1e-9)  # of a bit
        lambdas[i] = max(0, round(slope / (math.log(2) * UNIT)))
    return tuple(
        replace(quantiser, lambda_=min(lambda_, MAX_LAMBDA))
        for quantiser, lambda_ in zip(quantisers, lambdas, strict=True)
    )


def within(quantiser: Quantiser, model: Model, most_bits: float, images: Images) -> Quantiser:
    """Return a level set of a model with the lambda by which a code costs `most_bits` at most.

    The least such lambda, to a sixteenth of it, by codes of images [n, h, w] at the default effort;
    where none is enough, the greatest.
    """

    def fits(lambda_: int) -> bool:
        priced = replace(model, quantisers=(replace(quantiser, lambda_=lambda_),))
        return _measured(Codec(priced), images).bits <= most_bits

    if fits(0):
        return replace(quantiser, lambda_=0)
    low, high = 0, max(64, quantiser.lambda_)
    while high < MAX_LAMBDA and not fits(high):
        low, high = high, min(MAX_LAMBDA, 2 * high)
    while high - low > max(1, high // 16):
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return replace(quantiser, lambda_=high)


def _measured(codec: Codec, images: Images) -> Point:
    codes = codec.encode(images)
    bits = ideal_bits(codec.model.quantiser(codec.levels).scores, codes)
    return Point(bits, _error(images, codec.decode(codes)))


def _error(images: Images, decoded: Images) -> float:
    difference = images.astype(np.int64) - decoded
    return float((difference**2).sum()) / len(images)


def _rmse_of(point: Point, data: Data) -> float:
    return math.sqrt(point.error / (data.height * data.width)) / 255


def with_known_answer(model: Model, data: Data) -> Model:
    """Attach codes of held-out images and of nothing in particular, and what they decode to."""
    codec = Codec(model, effort=0)
    random = np.random.default_rng(0)
    shape = (KNOWN // 2, model.shape.dims)
    real = codec.encode(as_images(data.held_out[: KNOWN // 2], data))
    codes = np.concatenate([real, random.integers(0, codec.levels, shape, np.uint8)])
    return replace(model, known_codes=codes, known_images=codec.decode(codes))


def as_images(pixels: torch.Tensor, data: Data) -> Images:
    """Pixels [n, h*w] -> images [n, h, w]."""
    images: Images = pixels.cpu().numpy().reshape(-1, data.height, data.width)
    return images
