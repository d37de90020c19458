"""`python -m digitzip.training.reader`: the door through which the shipped reader is made.

It learns all images but the last ones, which are held out for choosing.
"""

import argparse
import json
import sys
from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from digitzip import images
from digitzip.errors import DigitzipError, ModelError
from digitzip.images.labels import read_labels
from digitzip.reader import UNIT, Reader
from digitzip.training.integers import Output, round_chain
from digitzip.training.reading import Images, Labels, Reading, Recipe, fold, train
from digitzip.training.saving import save_reader
from digitzip.training.verify import forward

HELD_OUT = 10_000
CALIBRATION = 4096  # images
KNOWN = 8  # images in the known-answer vector
REACH = 2**15 - 1  # of a score


def round_reader(network: Reading, recipe: Recipe, data: Images, held_out: Images) -> Reader:
    """Turn a float network into an integer reader, calibrated on images uint8 [n, h, w].

    Raises `ModelError` when NumPy and PyTorch disagree on one score of the images held out.
    """
    _, height, width = data.shape
    pixels = data[:CALIBRATION].reshape(-1, height * width).astype(np.int64)
    output = Output(1 / UNIT, -REACH, REACH)
    integer = round_chain(fold(network), pixels, 1 / 255, (0, 255), output)
    rows = held_out.reshape(-1, height * width)
    scores = integer(rows).astype(np.int32)
    if different := int((forward(integer, rows) != scores).any(axis=1).sum()):
        raise ModelError(f"reader: NumPy and PyTorch differ on {different} of {len(rows)} images")
    notes = {
        "recipe": json.dumps(asdict(recipe)),
        "trained_with": f"torch {torch.__version__.split('+')[0]}",
        "held_out": f"the last {len(held_out)} training images",
    }
    return Reader("mnist-reader", height, width, integer, held_out[:KNOWN], scores[:KNOWN], notes)


def load(data: Path, labels: Path) -> tuple[Images, Labels]:
    """Return the images uint8 [n, h, w] and labels uint8 [n] of two IDX files."""
    first = images.find_first([str(data)])
    found = images.read([str(data)], height=first.height, width=first.width)
    pixels = np.concatenate([batch for batch, _ in found])
    return pixels, read_labels(labels, len(pixels))


def accuracy(reader: Reader, data: Images, labels: Labels) -> float:
    """Return the share of images uint8 [n, h, w] that are read as their labels uint8 [n]."""
    return float((reader.read(data) == labels).mean())


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m digitzip.training.reader", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="IDX file of images")
    parser.add_argument("--labels", type=Path, required=True, help="IDX file of their labels")
    parser.add_argument("--out", type=Path, required=True, help="weights file to write")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    recipe = Recipe()
    try:
        pixels, labels = load(arguments.data, arguments.labels)
        learned, held_out = pixels[:-HELD_OUT], pixels[-HELD_OUT:]
        network = train(recipe, learned, labels[:-HELD_OUT], print)
        reader = round_reader(network, recipe, learned, held_out)
        save_reader(arguments.out, reader)
    except DigitzipError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    right = accuracy(reader, held_out, labels[-HELD_OUT:])
    print(f"reads {right:.2%} of the images held out as they are labelled")
    return 0


if __name__ == "__main__":
    sys.exit(main())
