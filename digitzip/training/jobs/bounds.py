"""Models and held-out images -> the same models with what the guard needs; their ids stay."""

from dataclasses import replace

from digitzip.errors import ModelError
from digitzip.model import Model
from digitzip.model.classifier import Classifier, Images
from digitzip.training.export.bounds import bounded


def with_bounds(model: Model, classifier: Classifier, margin: int, held_out: Images) -> Model:
    """Return the model with this classifier and margin, and bounds from images uint8 [n, h, w].

    For each number of levels it gets a bound on RMSE, four deviations above the mean of the images,
    which the model must not have learned, at the default effort.
    """
    known = replace(bounded(model, held_out), classifier_id=classifier.id, margin=margin)
    if known.id != model.id:
        raise ModelError(f"{model.name}: its id changed from {model.id.hex()}; nothing written")
    return known
