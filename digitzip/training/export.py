"""Float model -> integer model: round, learn the predictors, measure, verify, write."""

from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import torch
from numpy.typing import NDArray

from digitzip import staging
from digitzip.codec import Codec
from digitzip.metrics import rmse
from digitzip.model import LevelSet, Model, Shape, read_model, write_model
from digitzip.training.data import Data
from digitzip.training.evaluate import evaluate
from digitzip.training.family import Model as FloatModel
from digitzip.training.fold import Chains, fold_residual
from digitzip.training.fold_plain import fold_plain
from digitzip.training.integers import Output, round_chain
from digitzip.training.plain import Plain
from digitzip.training.predictor import train_predictor
from digitzip.training.recipe import Recipe
from digitzip.training.verify import verify
from digitzip.training.watch import Watcher

POINT_UNIT = 960  # z = 1; a multiple of most level counts, so that their cell centres are exact
CODE_UNIT = 4096  # u = 1 at the encoder's output, which clips at 8
LOGIT_UNIT = 128  # logit 1 at the decoder's output, which clips at 8
CALIBRATION = 4096  # images
KNOWN = 8  # codes in the known-answer vector

Images = NDArray[np.uint8]


def thresholds_of(levels: int, chains: Chains) -> NDArray[np.int16]:
    """Return the encoder outputs [d, L-1] above which a number has the next value."""
    u = chains.before(2 * np.arange(1, levels) / levels - 1)  # of the borders of cells of z
    return np.rint(u * CODE_UNIT - 0.5).astype(np.int16)  # outputs are rounded, and compared with >


def points_of(levels: int, dims: int) -> NDArray[np.int16]:
    """Return the decoder inputs [d, L]: the centres of the cells."""
    centres = (2 * np.arange(levels) + 1) / levels - 1
    return np.tile(np.rint(centres * POINT_UNIT).astype(np.int16), (dims, 1))


def pixel_table() -> NDArray[np.int32]:
    """Return the pixel, 0 ... 255, of every logit from -8 to just below 8."""
    logits = np.arange(-8 * LOGIT_UNIT, 8 * LOGIT_UNIT) / LOGIT_UNIT
    return np.rint(255 / (1 + np.exp(-logits))).astype(np.int32)


def chains_of(model: FloatModel, recipe: Recipe) -> Chains:
    """Return a float model of either family as chains of layers."""
    if isinstance(model, Plain):
        return fold_plain(model, max(recipe.levels))
    return fold_residual(model, recipe.dims)


def round_model(model: FloatModel, recipe: Recipe, data: Data) -> Model:
    """Turn a float model into integers; its predictors are still missing."""
    pixels = data.train[:CALIBRATION].cpu().numpy().astype(np.int64)
    output = Output(1 / CODE_UNIT, -(2**15) + 1, 2**15 - 1)
    chains = chains_of(model, recipe)
    encoder = round_chain(chains.encoder, pixels, 1 / 255, (0, 255), output)
    level_sets = tuple(
        LevelSet(count, thresholds_of(count, chains), points_of(count, recipe.dims), ())
        for count in recipe.levels
    )
    first = level_sets[0]
    points = first.dequantise(first.quantise(encoder(pixels))).astype(np.int64)
    reach = max(int(level_set.points.max()) for level_set in level_sets)
    output = Output(1 / LOGIT_UNIT, -8 * LOGIT_UNIT, 8 * LOGIT_UNIT - 1, pixel_table())
    decoder = round_chain(chains.decoder, points, 1 / POINT_UNIT, (-reach, reach), output)
    none = np.zeros((0, recipe.dims), np.uint8)
    shape = Shape(data.height, data.width, recipe.dims)
    images = np.zeros((0, data.height, data.width), np.uint8)
    return Model(recipe.name, shape, encoder, decoder, level_sets, none, images)


def export_model(
    model: FloatModel, recipe: Recipe, data: Data, out: Path, watcher: Watcher
) -> Model:
    """Convert, verify and write a trained model to `out`; return it.

    Raises `ModelError` when NumPy and PyTorch disagree on one byte; nothing is written then.
    """
    watcher.say("rounding to integers, then learning a predictor for each number of levels")
    integer = round_model(model, recipe, data)
    held_out = as_images(data.held_out, data)
    notes = {"recipe": recipe.to_json(), "trained_with": f"torch {torch.__version__.split('+')[0]}"}
    level_sets = []
    for level_set in integer.level_sets:
        levels = level_set.levels
        codec = Codec(integer, levels, recipe.predictor_effort)
        fast = Codec(integer, levels, 0)
        before = evaluate(model, data.held_out, levels).rmse
        after = rmse(held_out, fast.decode(fast.encode(held_out)))
        codes, test_codes = codec.encode(training_images(recipe, data)), codec.encode(held_out)
        searched = rmse(held_out, codec.decode(test_codes))
        learned, bits = train_predictor(level_set, codes, test_codes, recipe)
        level_sets.append(learned)
        line = (
            f"rmse {after:.4f} (in floats {before:.4f}), {searched:.4f} at effort "
            f"{codec.effort}, {bits:.2f} bits"
        )
        notes[f"held_out.{levels}"] = line
        watcher.say(f"{levels} levels: held out {line}")
    integer = with_known_answer(replace(integer, level_sets=tuple(level_sets), notes=notes), data)
    verify(integer, held_out)
    save_model(out, integer)
    return integer


def save_model(out: Path, model: Model) -> None:
    """Write a model file, whole or not at all, once it has been read back and found valid."""
    with TemporaryDirectory() as folder:
        draft = Path(folder) / "model.safetensors"
        write_model(draft, model)
        read_model(draft)
        with staging.file(out, overwrite=True) as file:
            file.write(draft.read_bytes())


def training_images(recipe: Recipe, data: Data) -> Images:
    """Return the training images and their warped copies, from which predictors learn."""
    return as_images(torch.cat([data.train, *data.warped[: recipe.predictor_warps]]), data)


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
