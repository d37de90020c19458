"""A tiny model, classifiers and a residual model with random weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from digitzip import load_codec
from digitzip.codec import Images
from digitzip.kernels import Layer, Network, Window
from digitzip.kernels.context import MAX_WEIGHT, VALUES, input_size
from digitzip.model import Model, Quantiser, Shape, write_classifier, write_model
from digitzip.model.classifier import Classifier

SIDE, DIMS, LEVELS = 28, 4, (8, 5)


def make_model(name: str = "toy", seed: int = 0, side: int = SIDE) -> Model:
    """Return a model that `seed` determines: random int8 networks, 4 latents of 8 or 5 levels."""
    random = np.random.default_rng(seed)
    shape = Shape(side, side, DIMS)
    quantisers = tuple(_quantiser(random, levels) for levels in LEVELS)
    decoder = Network([_layer(random, DIMS, shape.pixels, 7, 0, 255)], -256, 256)
    codes = random.integers(0, LEVELS[0], (5, DIMS), np.uint8)
    images = decoder(quantisers[0].dequantise(codes)).astype(np.uint8).reshape(-1, side, side)
    encoder = Network([_layer(random, shape.pixels, DIMS, 8, -1024, 1023)], 0, 255)
    return Model(name, shape, encoder, decoder, quantisers, codes, images)


def known_images(n: int) -> Images:
    """Return images that the default model knows, uint8 [n, 28, 28]: what random codes give."""
    codec = load_codec()
    codes = np.random.default_rng(0).integers(
        0, codec.levels, (n, codec.model.shape.dims), np.uint8
    )
    return codec.decode(codes)


def write_toy(path: Path, seed: int = 0, side: int = SIDE) -> Model:
    """Write a toy model whose bound every image keeps, named after its file, and return it."""
    model = make_model(path.stem, seed, side)
    quantisers = tuple(replace(each, max_rmse=65_535) for each in model.quantisers)
    model = replace(model, quantisers=quantisers)
    write_model(path, model)
    return model


def write_guarded(folder: Path, max_rmse: int, name: str = "mnist-10") -> Model:
    """Write a toy model with a bound on RMSE, and its classifier; return the model."""
    model, classifier = make_model(name), make_classifier()
    quantisers = tuple(replace(each, max_rmse=max_rmse) for each in model.quantisers)
    model = replace(model, quantisers=quantisers, classifier_id=classifier.id)
    write_model(folder / f"{name}.safetensors", model)
    write_classifier(folder / f"{classifier.name}.safetensors", classifier)
    return model


def make_classifier(name: str = "toy-classifier", seed: int = 0, side: int = SIDE) -> Classifier:
    """Return a classifier that `seed` determines: two random int8 layers, 4 classes."""
    random = np.random.default_rng(seed)
    layers = [_layer(random, side * side, 12, 10, 0, 1023), _layer(random, 12, 4, 6, -900, 900)]
    network = Network(layers, 0, 255)
    images = random.integers(0, 256, (3, side, side), np.uint8)
    scores = network(images.reshape(3, -1)).astype(np.int32)
    return Classifier(name, side, side, (network,), images, scores[:, None])


def make_pair(name: str = "toy-pair", seed: int = 0) -> Classifier:
    """Return a classifier of two networks from `seed`: one of matrices, one with windows."""
    matrices = make_classifier(seed=seed)
    random = np.random.default_rng(seed + 100)
    window = Window(SIDE, SIDE, 6, 4)
    first = replace(_layer(random, window.size**2, 3, 8, 0, 1023), window=window)
    layers = [first, _layer(random, window.count * 3, 4, 8, -900, 900)]
    networks = *matrices.networks, Network(layers, 0, 255)
    pair = replace(matrices, name=name, networks=networks)
    return replace(pair, known_scores=pair.scores(pair.known_images))


def make_residual(seed: int = 0, side: int = SIDE) -> Network:
    """Return a residual network that `seed` determines: weights up to all that are allowed."""
    random = np.random.default_rng(seed)
    hidden = _layer(random, input_size(side, side), 8, 9, 0, 255)
    last = _layer(random, 8, VALUES, 7, -128, 127)
    table = (MAX_WEIGHT >> np.arange(255, -1, -1) // 12).astype(np.int32)
    return Network([hidden, replace(last, table=table)], 0, 255)


def make_labels(seed: int = 0, labels: int = 10) -> Network:
    """Return the network of a label model that `seed` determines, for codes of toy models."""
    random = np.random.default_rng(seed)
    layers = [_layer(random, DIMS, 12, 7, 0, 255), _layer(random, 12, labels, 6, -900, 900)]
    return Network(layers, -256, 256)


def make_images(n: int, seed: int = 0, side: int = SIDE) -> Images:
    """Return uint8 [n, side, side]: a bright bar each, with its own offset and angle."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:side, :side] - (side - 1) / 2
    angle, offset = random.uniform(0, np.pi, n), random.uniform(-6, 6, n)
    away = np.abs(
        np.cos(angle)[:, None, None] * x + np.sin(angle)[:, None, None] * y - offset[:, None, None]
    )
    images: Images = (255 * np.clip(2.5 - away, 0, 1)).astype(np.uint8)
    return images


def _layer(
    random: np.random.Generator, inputs: int, outputs: int, shift: int, low: int, high: int
) -> Layer:
    weight = random.integers(-60, 61, (outputs, inputs), np.int8)
    bias = random.integers(-500, 501, outputs).astype(np.int32)
    return Layer(weight, bias, np.full(outputs, shift, np.uint8), low, high)


def _quantiser(random: np.random.Generator, levels: int) -> Quantiser:
    cuts = np.linspace(-400, 400, levels - 1).astype(np.int16)
    points = np.linspace(-256, 256, levels).astype(np.int16)
    predictor = tuple(
        Network([_layer(random, j, levels, 8, -200, 200)], -256, 256) for j in range(DIMS)
    )
    return Quantiser(levels, np.tile(cuts, (DIMS, 1)), np.tile(points, (DIMS, 1)), predictor)
