"""`python -m digitzip.training.reader`: the door through which the shipped reader is made.

Its networks learn all images but the last ones, which are held out for choosing.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch

from digitzip import images
from digitzip.errors import DigitzipError, ModelError
from digitzip.images.labels import read_labels
from digitzip.kernels import Network
from digitzip.model.classifier import UNIT, Classifier
from digitzip.training.export.integers import Output, round_chain
from digitzip.training.export.saving import save_classifier
from digitzip.training.export.verify import forward
from digitzip.training.nets.classifier import (
    MATRICES,
    WINDOWS,
    Images,
    Labels,
    Reading,
    Recipe,
    fold,
    train,
)

NAME = "mnist-classifier"
HELD_OUT = 10_000
CALIBRATION = 4096  # images
KNOWN = 8  # images in the known-answer vector
REACH = 2**15 - 1  # of a score


def rounded(network: Reading, data: Images, held_out: Images) -> Network:
    """Turn a float network into integers, calibrated on images uint8 [n, h, w].

    Raises `ModelError` when NumPy and PyTorch disagree on one score of the images held out.
    """
    pixels, rows = (images.reshape(len(images), -1) for images in (data[:CALIBRATION], held_out))
    output = Output(1 / UNIT, -REACH, REACH)
    integer = round_chain(fold(network), pixels.astype(np.int64), 1 / 255, (0, 255), output)
    if different := int((forward(integer, rows) != integer(rows)).any(axis=1).sum()):
        raise ModelError(f"reader: NumPy and PyTorch differ on {different} of {len(rows)} images")
    return integer


def classifier_of(
    networks: Sequence[Network], recipes: Sequence[Recipe], held_out: Images, name: str = NAME
) -> Classifier:
    """Return the reader of networks that these recipes made, with a known answer and notes."""
    _, height, width = held_out.shape
    notes = {
        "recipes": json.dumps([asdict(recipe) for recipe in recipes]),
        "trained_with": f"torch {torch.__version__.split('+')[0]}",
        "held_out": f"the last {len(held_out)} training images",
    }
    known = held_out[:KNOWN]
    unknown = np.zeros((0, len(networks), networks[0].outputs), np.int32)
    reader = Classifier(name, height, width, tuple(networks), known, unknown, notes)
    return replace(reader, known_scores=reader.scores(known))


def load(data: Path, labels: Path) -> tuple[Images, Labels]:
    """Return the images uint8 [n, h, w] and labels uint8 [n] of two IDX files."""
    first = images.find_first([str(data)])
    found = images.read([str(data)], height=first.height, width=first.width)
    pixels = np.concatenate([batch for batch, _ in found])
    return pixels, read_labels(labels, len(pixels))


def accuracy(reader: Classifier, data: Images, labels: Labels) -> list[float]:
    """Return the share of images uint8 [n, h, w] that each network reads as their labels [n]."""
    return [float(share) for share in (reader.read(data) == labels[:, None]).mean(axis=0)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m digitzip.training.reader", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="IDX file of images")
    parser.add_argument("--labels", type=Path, required=True, help="IDX file of their labels")
    parser.add_argument("--out", type=Path, required=True, help="weights file to write")
    parser.add_argument("--threads", type=int, default=1)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    recipes = MATRICES, WINDOWS
    try:
        pixels, labels = load(arguments.data, arguments.labels)
        learned, held_out = pixels[:-HELD_OUT], pixels[-HELD_OUT:]
        networks = [
            rounded(train(recipe, learned, labels[:-HELD_OUT], print), learned, held_out)
            for recipe in recipes
        ]
        reader = classifier_of(networks, recipes, held_out)
        save_classifier(arguments.out, reader)
    except DigitzipError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    right = " and ".join(f"{each:.2%}" for each in accuracy(reader, held_out, labels[-HELD_OUT:]))
    print(f"read {right} of the images held out as they are labelled")
    return 0


if __name__ == "__main__":
    sys.exit(main())
