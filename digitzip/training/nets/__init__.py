"""Float networks: the two families that a recipe can ask for, and those of their parts."""

from digitzip.training.nets.autoencoder import Autoencoder
from digitzip.training.nets.plain import PlainAutoencoder
from digitzip.training.recipe import Recipe

FloatModel = Autoencoder | PlainAutoencoder


def build(pixels: int, recipe: Recipe) -> FloatModel:
    """Return new networks for images of `pixels` pixels, drawn from PyTorch's own generator."""
    if recipe.plain is not None:
        return PlainAutoencoder(pixels, recipe.plain)
    return Autoencoder(pixels, recipe)
