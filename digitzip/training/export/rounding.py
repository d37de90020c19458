"""A float autoencoder -> an integer encoder, decoder and quantisers.

Calibration calls networks directly, which is the NumPy reference, and not through the backend that
`digitzip.kernels` selected: the integers of a model must not depend on what is built here.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from digitzip.codec import Images
from digitzip.kernels import Network
from digitzip.model import Model, Quantiser, Shape
from digitzip.training.export import grid
from digitzip.training.export.fold import Chains, fold_autoencoder, fold_plain
from digitzip.training.export.integers import Output, round_chain
from digitzip.training.nets import FloatModel
from digitzip.training.nets.plain import PlainAutoencoder
from digitzip.training.recipe import Code, Recipe

CODE_UNIT: Final = 4096  # u = 1 at the encoder's output, which clips at 8
LOGIT_UNIT: Final = 128  # logit 1 at the decoder's output, which clips at 8
CALIBRATION: Final = 4096  # images


def round_model(model: FloatModel, recipe: Recipe, pixels: Images) -> Model:
    """Turn a float model into integers, calibrated on images uint8 [n, h, w].

    Entropy models and a known answer are still missing.
    """
    height, width = pixels.shape[1:]
    rows = pixels[:CALIBRATION].reshape(-1, height * width).astype(np.int64)
    output = Output(1 / CODE_UNIT, -(2**15) + 1, 2**15 - 1)
    code, chains = recipe.code, _chains_of(model, recipe.code)
    encoder = round_chain(chains.encoder, rows, 1 / 255, (0, 255), output)
    quantisers = tuple(
        Quantiser(cells, thresholds_of(cells, chains), points_of(cells, code.coordinates), ())
        for cells in map(code.cells, code.levels)
    )
    first = quantisers[0]
    points = first.dequantise(first.quantise(encoder(rows))).astype(np.int64)
    reach = max(int(quantiser.points.max()) for quantiser in quantisers)
    output = Output(1 / LOGIT_UNIT, -8 * LOGIT_UNIT, 8 * LOGIT_UNIT - 1, pixel_table())
    decoder = round_chain(chains.decoder, points, 1 / grid.POINT_UNIT, (-reach, reach), output)
    if code.axes > 1:
        encoder, decoder, first = _on_a_grid(encoder, decoder, first, code)
        quantisers = (first,)
    none = np.zeros((0, code.dims), np.uint8)
    shape = Shape(height, width, code.dims)
    nothing = np.zeros((0, height, width), np.uint8)
    return Model(recipe.name, shape, encoder, decoder, quantisers, none, nothing)


def _on_a_grid(
    encoder: Network, decoder: Network, axes: Quantiser, code: Code
) -> tuple[Network, Network, Quantiser]:
    """Return networks of latents, not of coordinates as `axes` quantises, and their quantiser."""
    after = grid.values(axes.thresholds, code.axes)
    before = grid.coordinates(axes.levels, code.axes, code.dims)
    (levels,) = code.levels
    values = np.tile(np.arange(levels, dtype=np.int16), (code.dims, 1))
    return (
        Network([*encoder.layers, *after], 0, 255),
        Network([*before, *decoder.layers], 0, levels - 1),
        Quantiser(levels, values[:, :-1], values, ()),
    )


def thresholds_of(levels: int, chains: Chains) -> NDArray[np.int16]:
    """Return the encoder outputs [m, L-1] above which a coordinate has the next value."""
    u = chains.before(2 * np.arange(1, levels) / levels - 1)  # of the borders of cells of z
    return np.rint(u * CODE_UNIT - 0.5).astype(np.int16)  # outputs are rounded, and compared with >


def points_of(levels: int, dims: int) -> NDArray[np.int16]:
    """Return the decoder inputs [m, L]: the centres of the cells."""
    return np.tile(grid.centres(levels), (dims, 1))


def pixel_table() -> NDArray[np.int32]:
    """Return the pixel, 0 ... 255, of every logit from -8 to just below 8."""
    logits = np.arange(-8 * LOGIT_UNIT, 8 * LOGIT_UNIT) / LOGIT_UNIT
    return np.rint(255 / (1 + np.exp(-logits))).astype(np.int32)


def _chains_of(model: FloatModel, code: Code) -> Chains:
    if isinstance(model, PlainAutoencoder):
        return fold_plain(model, max(code.levels))
    return fold_autoencoder(model, code.coordinates)
