"""The bound on RMSE that the guard keeps by default: new images hardly ever exceed it."""

import math
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from digitzip.codec import Codec
from digitzip.model import Model, Quantiser
from digitzip.model.classifier import Images
from digitzip.model.schema import MAX_RMSE

DEVIATIONS = 4  # above the mean: images of new writers have more error than held-out ones


def bounded(model: Model, held_out: Images) -> Model:
    """Return the model with bounds on RMSE from held-out images uint8 [n, h, w]."""

    def bound(quantiser: Quantiser) -> Quantiser:
        errors = _rmse_of_each(Codec(model, quantiser.levels), held_out)
        greatest = float(errors.mean() + DEVIATIONS * errors.std())
        return replace(quantiser, max_rmse=min(max(1, math.ceil(greatest * MAX_RMSE)), MAX_RMSE))

    return replace(model, quantisers=tuple(map(bound, model.quantisers)))


def _rmse_of_each(codec: Codec, originals: Images) -> NDArray[np.float64]:
    """Return the RMSE [n] of each of the images uint8 [n, h, w], pixels in [0, 1]."""
    difference = codec.decode(codec.encode(originals)).astype(np.float64) - originals
    errors: NDArray[np.float64] = np.sqrt((difference**2).mean(axis=(1, 2))) / 255
    return errors
