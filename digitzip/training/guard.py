"""`python -m digitzip.training.guard`: give model files what a guard needs; their ids stay.

For each number of levels a bound on RMSE, four deviations above the mean of held-out images at the
default effort; and the reader, with the margin that `python -m benchmarks margins` led to.
"""

import argparse
import math
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitzip import images
from digitzip.codec import Codec
from digitzip.errors import DigitzipError, ModelError
from digitzip.model import LevelSet, Model, read_model, read_reader
from digitzip.model.file import MAX_RMSE
from digitzip.reader import Images, Reader
from digitzip.training.saving import save_model

DEVIATIONS = 4  # above the mean: images of new hands err more than those held out
HELD_OUT = 1000  # the first images, which no shipped model has learned


def bounded(model: Model, held_out: Images) -> Model:
    """Return the model with bounds on RMSE from images uint8 [n, h, w] that it has not learned."""

    def bound(level_set: LevelSet) -> LevelSet:
        errors = rmse_of_each(Codec(model, level_set.levels), held_out)
        greatest = float(errors.mean() + DEVIATIONS * errors.std())
        return replace(level_set, max_rmse=min(max(1, math.ceil(greatest * MAX_RMSE)), MAX_RMSE))

    return replace(model, level_sets=tuple(map(bound, model.level_sets)))


def guarded(model: Model, reader: Reader, margin: int, held_out: Images) -> Model:
    """Return the model with this reader and margin, and bounds from images uint8 [n, h, w]."""
    known = replace(bounded(model, held_out), reader=reader.id, margin=margin)
    if known.id != model.id:
        raise ModelError(f"{model.name}: its id changed from {model.id.hex()}; nothing written")
    return known


def rmse_of_each(codec: Codec, originals: Images) -> NDArray[np.float64]:
    """Return the RMSE [n] of each of the images uint8 [n, h, w], pixels in [0, 1]."""
    difference = codec.decode(codec.encode(originals)).astype(np.float64) - originals
    errors: NDArray[np.float64] = np.sqrt((difference**2).mean(axis=(1, 2))) / 255
    return errors


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m digitzip.training.guard", description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", help="model files, written anew")
    parser.add_argument("--data", type=Path, required=True, help="IDX file of training images")
    parser.add_argument("--reader", type=Path, required=True, help="the reader's file")
    parser.add_argument("--margin", type=int, required=True, help="in units of the reader")
    arguments = parser.parse_args()
    try:
        reader = read_reader(arguments.reader)
        found = images.read([str(arguments.data)], height=reader.height, width=reader.width)
        held_out = next(iter(found))[0][:HELD_OUT]
        for path in arguments.models:
            model = guarded(read_model(path), reader, arguments.margin, held_out)
            save_model(path, model)
            bounds = {s.levels: (s.max_rmse or 0) / MAX_RMSE for s in model.level_sets}
            told = ", ".join(f"{bound:.4f} at {levels} levels" for levels, bound in bounds.items())
            print(f"{model.name}: RMSE at most {told}", flush=True)
    except DigitzipError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
