"""Training: recipes and images -> verified weights files.

`recipe` and `recipes` hold every hyper-parameter, `nets` the float networks, `fit` the training
loop, `export` what turns them into integers, and `jobs` what can be trained; a run of a model
starts at `jobs.model.train`. This is the only room that imports torch, and nothing but the command
line imports it.
"""

from digitzip.model import read_classifier, read_model
from digitzip.training.export.saving import save_model
from digitzip.training.fit.checkpoint import discard_checkpoint, epochs_done, load_checkpoint
from digitzip.training.fit.device import set_threads
from digitzip.training.fit.watch import Figures, Milestones, Screen, Silent, Watcher
from digitzip.training.jobs.bounds import with_bounds
from digitzip.training.jobs.classifier import train_classifier
from digitzip.training.jobs.measure import Measured, measure
from digitzip.training.jobs.model import export_checkpoint, train
from digitzip.training.jobs.residual_model import with_residual_model
from digitzip.training.recipe import Classifier, Plain, Recipe, Residual
from digitzip.training.recipes import (
    CLASSIFIER,
    EXPERIMENT_2016,
    MNIST_10,
    OWN,
    TOY,
    adapted,
    recipe_of,
)
from digitzip.training.settings import changed, values_of

__all__ = [
    "CLASSIFIER",
    "EXPERIMENT_2016",
    "MNIST_10",
    "OWN",
    "TOY",
    "Classifier",
    "Figures",
    "Measured",
    "Milestones",
    "Plain",
    "Recipe",
    "Residual",
    "Screen",
    "Silent",
    "Watcher",
    "adapted",
    "changed",
    "discard_checkpoint",
    "epochs_done",
    "export_checkpoint",
    "load_checkpoint",
    "measure",
    "read_classifier",
    "read_model",
    "recipe_of",
    "save_model",
    "set_threads",
    "train",
    "train_classifier",
    "values_of",
    "with_bounds",
    "with_residual_model",
]
