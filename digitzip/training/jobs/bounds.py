"""`python -m digitzip.training.guard`: give model files what a guard needs; their ids stay.

For each number of levels a bound on RMSE, four deviations above the mean of held-out images at the
default effort; and the reader, with the margin that `python -m benchmarks margins` led to.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path

from digitzip import images
from digitzip.errors import DigitzipError, ModelError
from digitzip.model import Model, read_classifier, read_model
from digitzip.model.classifier import Classifier, Images
from digitzip.model.model_file import MAX_RMSE
from digitzip.training.export.bounds import bounded
from digitzip.training.export.saving import save_model

HELD_OUT = 1000  # the first images, which no shipped model has learned


def guarded(model: Model, reader: Classifier, margin: int, held_out: Images) -> Model:
    """Return the model with this reader and margin, and bounds from images uint8 [n, h, w]."""
    known = replace(bounded(model, held_out), classifier_id=reader.id, margin=margin)
    if known.id != model.id:
        raise ModelError(f"{model.name}: its id changed from {model.id.hex()}; nothing written")
    return known


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m digitzip.training.guard", description=__doc__)
    parser.add_argument("models", type=Path, nargs="+", help="model files, written anew")
    parser.add_argument("--data", type=Path, required=True, help="IDX file of training images")
    parser.add_argument("--reader", type=Path, required=True, help="the reader's file")
    parser.add_argument("--margin", type=int, required=True, help="in units of the reader")
    arguments = parser.parse_args()
    try:
        reader = read_classifier(arguments.reader)
        found = images.read([str(arguments.data)], height=reader.height, width=reader.width)
        held_out = next(iter(found))[0][:HELD_OUT]
        for path in arguments.models:
            model = guarded(read_model(path), reader, arguments.margin, held_out)
            save_model(path, model)
            bounds = {s.levels: (s.max_rmse or 0) / MAX_RMSE for s in model.quantisers}
            told = ", ".join(f"{bound:.4f} at {levels} levels" for levels, bound in bounds.items())
            print(f"{model.name}: RMSE at most {told}", flush=True)
    except DigitzipError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
