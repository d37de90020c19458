"""The bound on RMSE that the guard keeps by default: new images hardly ever exceed it."""

import math
from dataclasses import replace

import numpy as np

from digitzip.codec import Codec
from digitzip.errors import ModelError
from digitzip.model import Model, Quantiser
from digitzip.model.classifier import Classifier, Images
from digitzip.model.schema import MAX_RMSE

DEVIATIONS = 4  # above the mean: images of new writers have more error than held-out ones


def with_bounds(model: Model, classifier: Classifier, margin: int, held_out: Images) -> Model:
    """Return the model with a classifier, its margin and bounds on RMSE; its id stays."""
    known = replace(bounded(model, held_out), classifier_id=classifier.id, margin=margin)
    if known.id != model.id:
        raise ModelError(f"{model.name}: its id changed from {model.id.hex()}; nothing written")
    return known


def bounded(model: Model, held_out: Images) -> Model:
    """Return the model with a bound for each number of levels, at the default effort.

    They come from images uint8 [n, h, w], which the model must not have learned.
    """

    def bound(quantiser: Quantiser) -> Quantiser:
        codec = Codec(model, quantiser.levels)
        difference = codec.decode(codec.encode(held_out)).astype(np.float64) - held_out
        errors = np.sqrt((difference**2).mean(axis=(1, 2))) / 255  # [n]
        greatest = float(errors.mean() + DEVIATIONS * errors.std())
        return replace(quantiser, max_rmse=min(max(1, math.ceil(greatest * MAX_RMSE)), MAX_RMSE))

    return replace(model, quantisers=tuple(map(bound, model.quantisers)))
