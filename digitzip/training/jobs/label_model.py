"""A model and labelled images -> the label model, which tells labels from codes."""

from dataclasses import dataclass, replace
from typing import Final

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from digitzip.codec import Codec, Images
from digitzip.entropy.probability import UNIT
from digitzip.errors import InputError
from digitzip.kernels import Integers, Layer, Network
from digitzip.model import Model
from digitzip.model.schema import LABELS
from digitzip.training.export.encoding import encode
from digitzip.training.export.fold import fold_scores
from digitzip.training.export.integers import Output, round_chain
from digitzip.training.export.verify import verify
from digitzip.training.fit.data import check_labels, warped_copies
from digitzip.training.fit.loop import Learner, chunks, fit, seeded
from digitzip.training.fit.watch import Watcher
from digitzip.training.nets.label_model import LabelNetwork
from digitzip.training.recipe import Labels

SCORE_CLIP: Final = 8191
CHUNK: Final = 500  # steps
CALIBRATION: Final = 8192  # codes
VERIFIED: Final = 512  # images
SEED: Final = 2026

LabelArray = NDArray[np.uint8]
Inputs = NDArray[np.float32]


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

    It learns the codes of images and of warped copies at every number of levels, without search.
    The last `held_out` images are not learned; what their labels take is reported. Raises
    `InputError` for labels that cannot be learned, `ModelError` when PyTorch and NumPy give other
    scores.
    """
    check_labels(labels, len(images))
    if (learned := len(images) - held_out) < 1:
        raise InputError(f"found {len(images)} images, of which {held_out} are held out")
    seen = _Seen.by(model)
    _, height, width = images.shape
    rows = torch.from_numpy(images[:learned].reshape(learned, -1))
    copies = warped_copies(rows, height, width, recipe.copies, seed).numpy()
    every = np.concatenate([images[:learned], copies.reshape(-1, height, width)])
    points = _points(model, every)
    targets = np.resize(labels[:learned], len(points))  # again and again
    network = learn_label_model(seen, points, targets, recipe, watcher, seed)

    some = seen.inputs(points[:: max(1, len(points) // CALIBRATION)]).astype(np.int64)
    span, output = (-seen.reach, seen.reach), Output(1 / UNIT, -SCORE_CLIP, SCORE_CLIP)
    rounded = round_chain(fold_scores(network), some, 1 / seen.reach, span, output)
    whole = Network([*seen.layers, *rounded.layers], *seen.span)
    model = replace(model, labels=whole)
    verify(model, images[-VERIFIED:])
    if held_out:
        _report(model, images[learned:], labels[learned:], watcher)
    return model


def learn_label_model(
    seen: "_Seen",
    points: Integers,
    targets: LabelArray,
    recipe: Labels,
    watcher: Watcher,
    seed: int,
) -> LabelNetwork:
    """Return a network that gives scores of labels [n] for what is seen of points [n, d]."""
    y = torch.from_numpy(targets.astype(np.int64))
    count = max(int(targets.max()) + 1, LABELS[0])
    random = torch.Generator().manual_seed(seed)
    with seeded(seed):
        network = LabelNetwork(seen.inputs(points[:1]).shape[1], recipe.width, count)
    learner = Learner(network, recipe.learning, random)

    def loss(step: int) -> Tensor:
        rows = torch.randint(len(y), (recipe.learning.batch,), generator=random)
        x = torch.from_numpy(seen.inputs(points[rows.numpy()])) / seen.reach
        return F.cross_entropy(network(x), y[rows])

    fit(
        learner,
        chunks(recipe.steps, CHUNK),
        loss,
        epochs=-(-recipe.steps // CHUNK),
        steps=recipe.steps,
        after=lambda loss: None,
        progress=lambda step, _: watcher.step(step, recipe.steps, "label model"),
    )
    return learner.average.model


def _points(model: Model, images: Images) -> Integers:
    """Return the points [n, d] of the codes of images, at one number of levels after another."""
    found = []
    for quantiser in model.quantisers:
        codes = encode(Codec(model, quantiser.levels, effort=0), images)
        found.append(quantiser.dequantise(codes))
    return np.concatenate(found)


def _report(model: Model, images: Images, labels: LabelArray, watcher: Watcher) -> None:
    for levels in model.qualities:
        codec = Codec(model, levels)
        assert codec.labels is not None
        bits = 8 * len(codec.labels.encode(labels, encode(codec, images))) / len(images)
        watcher.say(f"{levels} levels: a held-out label takes {bits:.4f} bits")


@dataclass(frozen=True, slots=True, eq=False)
class _Seen:
    """What the learned layers of a label model see of points, within ±`reach`.

    Points of smooth latents are seen as they are. Those of categorical ones are told apart by
    `layers`.
    """

    layers: tuple[Layer, ...]
    reach: int
    span: tuple[int, int]  # of the points

    @classmethod
    def by(cls, model: Model) -> "_Seen":
        span = model.decoder.input_range
        if model.categorical:  # the first layer of the decoder tells values apart
            return cls(model.decoder.layers[:1], 1, span)
        return cls((), max(map(abs, span)), span)

    def inputs(self, points: Integers) -> Inputs:
        """Return the inputs [n, k], whole numbers, of points int [n, d]."""
        if not self.layers:
            return points.astype(np.float32)
        return Network(self.layers, *self.span)(points, np.float32)
