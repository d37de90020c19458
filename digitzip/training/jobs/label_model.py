"""A model and labelled images -> the label model, which tells labels from codes."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from digitzip.codec import Codec, Images
from digitzip.entropy.labels import LabelModel
from digitzip.entropy.probability import UNIT
from digitzip.errors import InputError
from digitzip.kernels import Integers, Layer, Network
from digitzip.model import Model
from digitzip.model.schema import LABELS
from digitzip.training.export.encoding import encode
from digitzip.training.export.fold import fold_scores
from digitzip.training.export.integers import Output, round_chain
from digitzip.training.export.verify import verify
from digitzip.training.fit.data import check_labels
from digitzip.training.fit.loop import Learner, chunks, fit, seeded
from digitzip.training.fit.watch import Watcher
from digitzip.training.nets.label_model import LabelNetwork
from digitzip.training.recipe import Labels

SCORE_CLIP: Final = 8191
REPORTED: Final = 500  # steps between two lines
CALIBRATION: Final = 8192  # codes
VERIFIED: Final = 512  # images
SEED: Final = 2026

LabelArray = NDArray[np.uint8]


def with_label_model(
    model: Model,
    images: Images,
    labels: LabelArray,
    recipe: Labels,
    watcher: Watcher,
    *,
    held_out: int,
    seed: int = SEED,
) -> Model:
    """Return the model with a label model, learned from images uint8 [n, h, w] and labels [n].

    It learns their codes at every number of levels. The last `held_out` images are not learned;
    what their labels take is reported. Raises `InputError` for labels that cannot be learned,
    `ModelError` when PyTorch and NumPy give other scores.
    """
    check_labels(labels, len(images))
    if (learned := len(images) - held_out) < 1:
        raise InputError(f"found {len(images)} images, of which {held_out} are held out")
    seen = _Seen.by(model)
    codecs = [Codec(model, quantiser.levels) for quantiser in model.quantisers]
    codes = [encode(codec, images) for codec in codecs]
    points = [q.dequantise(each) for q, each in zip(model.quantisers, codes, strict=True)]
    inputs = np.concatenate([seen.inputs(each[:learned]) for each in points])
    targets = np.tile(labels[:learned], len(points))
    network = learn_label_model(inputs / seen.reach, targets, recipe, watcher, seed=seed)

    every = max(1, len(inputs) // CALIBRATION)
    output = Output(1 / UNIT, -SCORE_CLIP, SCORE_CLIP)
    calibration = inputs[::every].astype(np.int64)
    span = (-seen.reach, seen.reach)
    rounded = round_chain(fold_scores(network), calibration, 1 / seen.reach, span, output)
    whole = Network([*seen.layers, *rounded.layers], *model.decoder.input_range)
    model = replace(model, labels=whole)
    verify(model, images[-VERIFIED:])
    for quantiser, each in zip(model.quantisers, codes, strict=True):
        if held_out:
            coder = LabelModel(whole, quantiser.dequantise)
            size = len(coder.encode(labels[learned:], each[learned:]))
            watcher.say(
                f"{quantiser.levels} levels: {8 * size / held_out:.4f} bits a held-out label"
            )
    return model


def learn_label_model(
    inputs: NDArray[np.float32],
    targets: LabelArray,
    recipe: Labels,
    watcher: Watcher,
    *,
    seed: int = SEED,
) -> LabelNetwork:
    """Return a network that gives scores of labels [n] for inputs [n, k] in [-1, 1]."""
    count = max(int(targets.max()) + 1, LABELS[0])
    x, y = torch.from_numpy(inputs), torch.from_numpy(targets.astype(np.int64))
    random = torch.Generator().manual_seed(seed)
    with seeded(seed):
        network = LabelNetwork(x.shape[1], recipe.width, count)
    learner = Learner(network, recipe.learning, random)

    def loss(step: int) -> Tensor:
        rows = torch.randint(len(x), (recipe.learning.batch,), generator=random)
        return F.cross_entropy(network(x[rows]), y[rows])

    fit(
        learner,
        chunks(recipe.steps, REPORTED),
        loss,
        epochs=-(-recipe.steps // REPORTED),
        steps=recipe.steps,
        after=lambda loss: None,
        progress=lambda step, _: watcher.step(step, recipe.steps, "label model"),
    )
    return learner.average.model


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What a label model sees of points: themselves, or one by one where they are categorical.

    `layers` come before those that are learned, and what they give is within ±`reach`.
    """

    layers: tuple[Layer, ...]
    reach: int

    @classmethod
    def by(cls, model: Model) -> "_Seen":
        if model.categorical:  # the first layer of the decoder tells values apart
            return cls(model.decoder.layers[:1], 1)
        return cls((), max(map(abs, model.decoder.input_range)))

    def inputs(self, points: Integers) -> NDArray[np.float32]:
        """Return the inputs float32 [n, k], whole numbers, of points int [n, d]."""
        if not self.layers:
            return points.astype(np.float32)
        return Network(self.layers, int(points.min()), int(points.max()))(points, np.float32)
