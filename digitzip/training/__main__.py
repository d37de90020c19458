"""`python -m digitzip.training`: the laboratory's own door, for the shipped weights.

`digitzip train` is the command for users; this one sets any hyper-parameter of the recipe.
"""

import argparse
import sys
from dataclasses import fields, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args, get_origin

import numpy as np
import torch

from digitzip import images
from digitzip.errors import DigitzipError
from digitzip.limits import DIMS
from digitzip.training import export_checkpoint, train
from digitzip.training.recipe import TOY, Recipe, mnist


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m digitzip.training", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="IDX file of images")
    parser.add_argument("--out", type=Path, required=True, help="weights file to write")
    parser.add_argument("--checkpoint", type=Path, required=True, help="folder for checkpoints")
    parser.add_argument("--resume", action="store_true", help="go on from the checkpoint")
    parser.add_argument("--export-only", action="store_true", help="export the checkpoint")
    parser.add_argument("--toy", action="store_true", help="start from the toy recipe")
    parser.add_argument("--mnist", type=int, default=10, choices=DIMS, metavar="D",
                        help="start from the recipe of the shipped model of D numbers")  # fmt: skip
    parser.add_argument("--device", default="auto")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--logdir", type=Path, default=None)
    for field in fields(Recipe):
        flag = "--" + field.name.replace("_", "-")
        if get_origin(field.type) is tuple:
            number = get_args(field.type)[0]
            parser.add_argument(flag, type=partial(_numbers, number))
        elif field.type is bool:
            parser.add_argument(flag, action=argparse.BooleanOptionalAction)
        else:
            assert isinstance(field.type, type)
            parser.add_argument(flag, type=field.type)
    return parser.parse_args()


def _numbers(number: type, text: str) -> tuple[Any, ...]:
    return tuple(map(number, text.split(",")))


def main() -> int:
    arguments = parse()
    if arguments.threads:
        torch.set_num_threads(arguments.threads)
    given = {field.name: getattr(arguments, field.name) for field in fields(Recipe)}
    changes = {name: value for name, value in given.items() if value is not None}
    try:
        recipe = replace(TOY if arguments.toy else mnist(arguments.mnist), **changes)
        first = images.find_first([str(arguments.data)])
        found = images.read([str(arguments.data)], height=first.height, width=first.width)
        pixels = np.concatenate([batch for batch, _ in found])
        if arguments.export_only:
            export_checkpoint(
                pixels,
                out=arguments.out,
                checkpoint=arguments.checkpoint,
                device=arguments.device,
            )
        else:
            train(
                recipe,
                pixels,
                out=arguments.out,
                checkpoint=arguments.checkpoint,
                device=arguments.device,
                resume=arguments.resume,
                logdir=arguments.logdir,
            )
    except DigitzipError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
