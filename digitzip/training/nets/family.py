"""The two families of networks that a recipe can ask for."""

from digitzip.training.nets.autoencoder import Autoencoder
from digitzip.training.nets.plain import Plain
from digitzip.training.recipe import Recipe

Model = Autoencoder | Plain


def build(pixels: int, recipe: Recipe) -> Model:
    """Return new networks for images of so many pixels, drawn from PyTorch's own generator."""
    return Plain(pixels, recipe) if recipe.encoder_network else Autoencoder(pixels, recipe)
