"""Affine layers -> integer layers: scales, shifts, and weights rounded so that errors cancel.

A real number r stands for the integer r / scale. Each row has its own power of two: the largest by
which its weights, rounded, fit their type and its sums stay exact in float32.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from digitzip.kernels import Layer, Network
from digitzip.kernels.layers import MAX_SHIFT
from digitzip.training.export.affine import Affine, run
from digitzip.training.nets.activations import Activation, Floats

EXACT = 1 << 24  # sum |w| max |x| + |b| stays below: float32 is exact in any order
ACTIVATION_HIGH = 1023
NARROW, WIDE = 127, 32767  # int8 where weights are many,
FEW = 10  # int16 in layers with so few inputs or outputs: those beside the code
GELU_FLAT = 6.0  # below minus this, gelu is 0 for our purposes
REACH = {Activation.SIGMOID: 8, Activation.TANH: 5}  # of tables with bounds
SQUASH_UNIT = 512  # 1 before a sigmoid or tanh
CALIBRATION = 1 << 15  # rows, about, that are enough
DAMPING = 0.01  # of the mean variance: keeps the inverse covariance tame

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """What a layer gives: integers of this scale, clipped, maybe looked up.

    The entries of the table have the scale `looked_up` where that is another.
    """

    scale: float
    low: int
    high: int
    table: NDArray[np.int32] | None = None
    looked_up: float | None = None

    @property
    def given(self) -> float:
        """The scale of what the next layer gets."""
        return self.looked_up or self.scale


def round_chain(
    chain: list[Affine], inputs: Integers, scale: float, reach: tuple[int, int], output: Output
) -> Network:
    """Turn a chain into integers, calibrated on inputs [n, in] of this scale and reach."""
    scales = _activation_scales(chain, run(chain, inputs.astype(np.float64) * scale))
    layers: list[Layer] = []
    given, span = inputs, reach
    for affine, own_scale in zip(chain, scales, strict=True):
        last = len(layers) == len(chain) - 1
        out = output if last else _hidden(affine.activation, own_scale)
        weight, bias = affine.weight * (scale / out.scale), affine.bias / out.scale
        limit = WIDE if min(weight.shape) <= FEW else NARROW
        rounded, added, shift = _round_rows(
            weight, bias, _some(affine, given), max(map(abs, span)), limit
        )
        layers.append(
            Layer(rounded, added, shift, out.low, out.high, affine.skip, out.table, affine.window)
        )
        network = Network(layers, *reach)
        given, span, scale = network(inputs).astype(np.int64), network.range, out.given
    return network


def _some(affine: Affine, inputs: Integers) -> Integers:
    """Return the rows that a layer multiplies, for enough of the inputs [n, in] to calibrate it."""
    positions = 1 if affine.window is None else affine.window.count
    return affine.seen(inputs[:: max(len(inputs) * positions // CALIBRATION, 1)])


def _hidden(activation: Activation, scale: float) -> Output:
    """Return what a hidden layer gives: integers up to ACTIVATION_HIGH, of this scale or of one."""
    if activation in REACH:
        low, high = -REACH[activation] * SQUASH_UNIT, REACH[activation] * SQUASH_UNIT
        values = activation(np.arange(low, high + 1, dtype=np.float64) / SQUASH_UNIT)
        table = np.rint(values * ACTIVATION_HIGH).astype(np.int32)
        return Output(1 / SQUASH_UNIT, low, high, table, 1 / ACTIVATION_HIGH)
    if activation is Activation.NONE:
        return Output(scale, -ACTIVATION_HIGH, ACTIVATION_HIGH)
    if activation is not Activation.GELU:
        return Output(scale, 0, ACTIVATION_HIGH)
    low = -min(math.ceil(GELU_FLAT / scale), ACTIVATION_HIGH)
    table = np.rint(
        activation(np.arange(low, ACTIVATION_HIGH + 1, dtype=np.float64) * scale) / scale
    )
    return Output(scale, low, ACTIVATION_HIGH, table.astype(np.int32))


def _activation_scales(chain: list[Affine], outputs: list[Floats]) -> list[float]:
    """Return a scale for each layer; all layers of the residual stream share one."""
    greatest = [max(float(np.abs(y).max()), 1e-6) for y in outputs]
    stream = {i for i, layer in enumerate(chain) if layer.skip}
    stream |= {i - chain[i].skip for i in stream}
    shared = max((greatest[i] for i in stream), default=0.0)
    return [(shared if i in stream else g) / ACTIVATION_HIGH for i, g in enumerate(greatest)]


def _round_rows(
    weight: Floats, bias: Floats, inputs: Integers, reach: int, limit: int
) -> tuple[NDArray[np.int16], Integers, NDArray[np.uint8]]:
    """Return integer weights, biases and shifts with `floor((W x + b) >> shift)` ~ weight x + bias.

    `limit` bounds the weights; a row whose sums could leave the exact range gets smaller ones.
    """
    mean, cross = _moments(inputs)
    greatest = np.maximum(np.abs(weight).max(axis=1, initial=0), 2.0**-MAX_SHIFT)
    shift = np.clip(np.floor(np.log2(limit / greatest)), 0, MAX_SHIFT).astype(np.int64)
    rounded = np.zeros(weight.shape, np.int64)
    added = np.zeros(len(bias), np.int64)
    rows = np.arange(len(bias))
    while len(rows):
        unit = np.exp2(shift[rows])[:, None]
        exact = weight[rows] * unit
        rounded[rows] = np.clip(_round_weights(exact, cross), -limit, limit)
        missed = (exact - rounded[rows]) @ mean  # what rounding changes on average
        half = 0.5 * (shift[rows] > 0)  # floor then rounds to the nearest
        added[rows] = np.rint((bias[rows] + half) * unit[:, 0] + missed).astype(np.int64)
        total = np.abs(rounded[rows]).sum(axis=1) * reach + np.abs(added[rows])
        rows = rows[(total >= EXACT) & (shift[rows] > 0)]
        shift[rows] -= 1
    dtype = np.int8 if np.abs(rounded).max(initial=0) <= NARROW else np.int16
    return rounded.astype(dtype), added, shift.astype(np.uint8)


def _moments(inputs: Integers) -> tuple[Floats, Floats]:
    """Return the mean [in] of inputs [n, in], and a factor U of their inverse covariance U' U."""
    x = inputs.astype(np.float64)
    mean: Floats = x.mean(axis=0)
    x -= mean
    covariance = x.T @ x / max(1, len(x))
    damping = DAMPING * max(float(np.trace(covariance)) / max(1, len(mean)), 1e-6)
    inverse = np.linalg.inv(covariance + damping * np.eye(len(mean)))
    upper: Floats = np.linalg.cholesky(inverse).T
    return mean, upper


def _round_weights(weight: Floats, upper: Floats) -> Floats:
    """Round weight [out, in] column by column, each error made up for by the columns still to come.

    The method of GPTQ (Frantar et al. 2023, arXiv 2210.17323) with the inputs' covariance.
    """
    weight, rounded = weight.copy(), np.empty_like(weight)
    for j in range(weight.shape[1]):
        rounded[:, j] = np.rint(weight[:, j])
        error = (weight[:, j] - rounded[:, j]) / upper[j, j]
        weight[:, j + 1 :] -= np.outer(error, upper[j, j + 1 :])
    return rounded
