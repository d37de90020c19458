"""Images and labels -> a classifier, which the guard asks whether a reconstruction changes a label.

Its networks learn from originals and warps of them, never from reconstructions: they must notice
what a codec changes.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from digitzip.codec import Images
from digitzip.errors import InputError
from digitzip.kernels import Network
from digitzip.model.classifier import UNIT
from digitzip.model.classifier import Classifier as IntegerClassifier
from digitzip.training.export.fold import fold_classifier
from digitzip.training.export.integers import Output, round_chain
from digitzip.training.export.saving import save
from digitzip.training.export.verify import check_same
from digitzip.training.fit.loop import Learner, fit, measure_statistics, seeded
from digitzip.training.fit.warp import warp
from digitzip.training.fit.watch import Watcher
from digitzip.training.nets.classifier import ClassifierNetwork
from digitzip.training.recipe import Classifier
from digitzip.training.recipes import CLASSIFIER
from digitzip.training.settings import to_json

WARPED_AT_ONCE: Final = 256  # images
STATISTICS: Final = 128  # batches from which the averaged weights take their BatchNorm statistics
CALIBRATION: Final = 4096  # images
KNOWN: Final = 8  # images in the known-answer vector
REACH: Final = 2**15 - 1  # of a score

Labels = NDArray[np.uint8]


def train_classifier(
    images: Images,
    labels: Labels,
    *,
    out: Path,
    watcher: Watcher,
    recipes: Sequence[Classifier] = CLASSIFIER,
    held_out: int = 10_000,
) -> IntegerClassifier:
    """Train one network for each recipe, verify them, and write the classifier to `out`.

    Images uint8 [n, h, w] and labels uint8 [n]; the last `held_out` images are not learned. Raises
    `InputError` for too few images, `ModelError` when PyTorch and NumPy give other scores.
    """
    if not KNOWN <= held_out < len(images) or len(images) != len(labels):
        raise InputError(
            f"found {len(images)} images and {len(labels)} labels, of which {held_out} are held out"
        )
    learned, unseen = images[:-held_out], images[-held_out:]
    networks: list[Network] = []
    for recipe in recipes:
        network = learn_labels(recipe, learned, labels[:-held_out], watcher)
        networks.append(round_classifier(network, learned, unseen))
    notes = {
        "recipes": json.dumps([json.loads(to_json(recipe)) for recipe in recipes]),
        "trained_with": f"torch {torch.__version__.split('+')[0]}",
        "held_out": f"the last {len(unseen)} training images",
    }
    height, width = images.shape[1:]
    unknown = np.zeros((0, len(networks), networks[0].outputs), np.int32)
    classifier = IntegerClassifier(
        out.stem, height, width, tuple(networks), unseen[:KNOWN], unknown, notes
    )
    classifier = replace(classifier, known_scores=classifier.scores(unseen[:KNOWN]))
    save(out, classifier)
    right = (classifier.read(unseen) == labels[-held_out:, None]).mean(axis=0)
    shares = " and ".join(f"{share:.2%}" for share in right)
    watcher.say(f"{shares} of the held-out images are classified as they are labelled")
    return classifier


def learn_labels(
    recipe: Classifier, images: Images, labels: Labels, watcher: Watcher
) -> ClassifierNetwork:
    """Learn images uint8 [n, h, w] and labels uint8 [n]; return the average of the weights."""
    random = torch.Generator().manual_seed(recipe.seed)
    n, height, width = images.shape
    y = torch.from_numpy(labels.astype(np.int64))
    with seeded(recipe.seed):
        network = ClassifierNetwork(height, width, int(labels.max()) + 1, recipe)
    learner = Learner(network, recipe.learning, random)
    steps = recipe.epochs * (n // recipe.learning.batch)

    def loss(batch: tuple[Tensor, Tensor]) -> Tensor:
        x, rows = batch
        return F.cross_entropy(network(x), y[rows], label_smoothing=recipe.smoothing)

    fit(
        learner,
        lambda epoch: batches_of(recipe, images, random),
        loss,
        epochs=recipe.epochs,
        steps=steps,
        after=lambda loss: watcher.say(
            f"epoch {learner.epoch} of {recipe.epochs}: loss {loss:.4f}"
        ),
        progress=lambda step, loss: watcher.step(step, steps, f"loss {loss:.4f}"),
    )
    average = learner.average.model
    some = zip(range(STATISTICS), batches_of(recipe, images, random), strict=False)
    measure_statistics(average, average, (x for _, (x, _) in some))
    return average


def batches_of(
    recipe: Classifier, images: Images, random: torch.Generator
) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield an epoch of pixels [batch, h*w] in [0, 1], most of them warped, and their rows."""
    n, height, width = images.shape
    batch = recipe.learning.batch
    pixels = torch.from_numpy(images.reshape(n, -1))
    warped = round(batch * recipe.warp_share)
    order = torch.randperm(n, generator=random)
    for rows in order[: n // batch * batch].reshape(-1, batch):  # none of fewer images
        x = pixels[rows].float() / 255
        for part in torch.split(x[:warped], WARPED_AT_ONCE):
            part.copy_(warp(part, height, width, random, recipe.bend))
        yield x, rows


def round_classifier(network: ClassifierNetwork, images: Images, held_out: Images) -> Network:
    """Turn a float network into integers, calibrated on images uint8 [n, h, w].

    Raises `ModelError` when NumPy and PyTorch disagree on one score of the held-out images.
    """
    pixels, rows = (x.reshape(len(x), -1) for x in (images[:CALIBRATION], held_out))
    output = Output(1 / UNIT, -REACH, REACH)
    chain = fold_classifier(network)
    integer = round_chain(chain, pixels.astype(np.int64), 1 / 255, (0, 255), output)
    check_same("classifier", integer, rows)
    return integer
