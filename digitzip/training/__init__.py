"""Training: recipes and images -> verified weights files.

`recipe` and `recipes` hold every hyper-parameter, `nets` the float networks, `fit` the training
loop, `export` what turns them into integers, and `jobs` what can be trained; a run of a model
starts at `jobs.model.train`. This is the only room that imports torch, and nothing but the command
line imports it.
"""

from torch import set_num_threads

from digitzip.images.labels import labels_beside
from digitzip.model import read_classifier, read_model
from digitzip.training.export.saving import save
from digitzip.training.fit.checkpoint import discard_checkpoint, load_checkpoint
from digitzip.training.fit.watch import SILENT, Screen, Watcher
from digitzip.training.jobs.bounds import with_bounds
from digitzip.training.jobs.classifier import train_classifier
from digitzip.training.jobs.export import Measured
from digitzip.training.jobs.label_model import with_label_model
from digitzip.training.jobs.model import train
from digitzip.training.jobs.residual_model import with_residual_model
from digitzip.training.recipe import Labels, Recipe, Residual
from digitzip.training.recipes import CLASSIFIER, EXPERIMENT_2016, TOY, adapted, recipe_of
from digitzip.training.settings import changed

__all__ = [
    "CLASSIFIER", "EXPERIMENT_2016", "SILENT", "TOY",
    "Labels", "Measured", "Recipe", "Residual", "Screen", "Watcher",
    "adapted", "changed", "discard_checkpoint", "labels_beside", "load_checkpoint",
    "read_classifier", "read_model", "recipe_of", "save", "set_num_threads", "train",
    "train_classifier", "with_bounds", "with_label_model", "with_residual_model",
]  # fmt: skip
