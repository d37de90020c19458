"""`python -m digitzip.training.residual`: give given models one residual network.

It learns from what they make of the training images. Their ids change, since corrections are
decoded with it.
"""

import argparse
import sys
from pathlib import Path

import numpy as np

from digitzip import images
from digitzip.errors import DigitzipError
from digitzip.model import read_model
from digitzip.training.export.saving import save_model
from digitzip.training.fit.pixels import Recipe
from digitzip.training.jobs.residual_model import expecting


def main() -> int:
    parser = argparse.ArgumentParser(
        prog="python -m digitzip.training.residual", description=__doc__
    )
    parser.add_argument("models", type=Path, nargs="+", help="model files, written anew")
    parser.add_argument("--data", type=Path, required=True, help="IDX file of training images")
    parser.add_argument("--steps", type=int, default=Recipe().steps)
    arguments = parser.parse_args()
    try:
        models = [read_model(path) for path in arguments.models]
        first = models[0].shape
        found = images.read([str(arguments.data)], height=first.height, width=first.width)
        pixels = np.concatenate([batch for batch, _ in found])
        for path, model in zip(
            arguments.models,
            expecting(models, pixels, Recipe(steps=arguments.steps), print),
            strict=True,
        ):
            save_model(path, model)
            print(f"{model.name}: {model.id.hex()}")
    except DigitzipError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
