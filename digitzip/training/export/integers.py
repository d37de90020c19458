"""Affine layers -> integer layers: scales, shifts, and weights rounded so that errors cancel.

Activations between layers are integers 0 ... 255: a real number r stands for `zero + r / scale`.
Each row of weights has its own power of two: the largest by which its weights, rounded, fit their
type and its sums stay exact in float32.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from digitzip.kernels import Layer, Network
from digitzip.kernels.layers import MAX_SHIFT
from digitzip.training.export.affine import Affine, run
from digitzip.training.nets.activations import Activation, Floats
from digitzip.training.nets.rounding import HIGHEST, LEAST, Steps, best_end

EXACT = 1 << 24  # sum |w| max |x| + |b| stays below: float32 is exact in any order
FINE = 4  # steps of the sums of a layer without skips, to a step of its table
NARROW, WIDE = 127, 32767  # int8 where weights are many,
FEW = 10  # int16 in layers with so few inputs or outputs: those beside the code
GELU_FLAT = 6.0  # below minus this, gelu is 0 for our purposes
REACH = {Activation.SIGMOID: 8, Activation.TANH: 5}  # of tables with bounds
SQUASH_UNIT = 512  # 1 before a sigmoid or tanh
CALIBRATION = 1 << 15  # rows, about, that are enough
ROWS = 256  # from which the range of activations is chosen
DAMPING = 0.01  # of the mean variance: keeps the inverse covariance tame

Integers = NDArray[np.int64]


@dataclass(frozen=True, slots=True, eq=False)
class Output:
    """What a layer gives: integers of this scale, clipped, maybe looked up.

    The entries of the table have the steps `given` where those are others.
    """

    scale: float
    low: int
    high: int
    table: NDArray[np.int32] | None = None
    given: Steps | None = None


def round_chain(
    chain: list[Affine], inputs: Integers, scale: float, reach: tuple[int, int], output: Output
) -> Network:
    """Turn a chain into integers, calibrated on inputs [n, in] of this scale and reach."""
    hidden = _steps_of(chain, run(chain, inputs.astype(np.float64) * scale))
    layers: list[Layer] = []
    given, span, before = inputs, reach, Steps(scale, 0)
    for index, affine in enumerate(chain):
        out = output if affine is chain[-1] else _hidden(affine, hidden[index])
        weight, bias = affine.weight * (before.scale / out.scale), affine.bias / out.scale
        bias = bias - weight.sum(axis=1) * before.zero
        if affine.skip:
            bias = bias - hidden[index - affine.skip].zero
        if out.table is None and out.given is not None:
            bias = bias + out.given.zero
        limit = WIDE if min(weight.shape) <= FEW else NARROW
        rounded, added, shift = _round_rows(
            weight, bias, _some(affine, given), max(map(abs, span)), limit
        )
        layers.append(
            Layer(rounded, added, shift, out.low, out.high, affine.skip, out.table, affine.window)
        )
        network = Network(layers, *reach)
        given, span = network(inputs).astype(np.int64), network.range
        before = out.given or before
    return network


def _some(affine: Affine, inputs: Integers) -> Integers:
    """Return the rows that a layer multiplies, for enough of the inputs [n, in] to calibrate it."""
    positions = 1 if affine.window is None else affine.window.count
    return affine.seen(inputs[:: max(len(inputs) * positions // CALIBRATION, 1)])


def _hidden(affine: Affine, steps: Steps) -> Output:
    """Return what a hidden layer gives: integers 0 ... 255 of these steps.

    A table takes finer sums, except where they are added to the integers of an earlier layer.
    """
    activation = affine.activation
    if activation in (Activation.NONE, Activation.RELU):
        return Output(steps.scale, 0, HIGHEST, given=steps)
    if activation in REACH:
        unit = 1 / SQUASH_UNIT
        low, high = -REACH[activation] * SQUASH_UNIT, REACH[activation] * SQUASH_UNIT
    else:
        fine = 1 if affine.skip else FINE
        unit = steps.scale / fine
        low, high = -math.ceil(GELU_FLAT / unit), (HIGHEST - steps.zero) * fine
    values = activation(np.arange(low, high + 1, dtype=np.float64) * unit)
    table = np.rint(values / steps.scale) + steps.zero
    return Output(unit, low, high, np.clip(table, 0, HIGHEST).astype(np.int32), steps)


def _steps_of(chain: list[Affine], outputs: list[Floats]) -> list[Steps]:
    """Return the steps of what each layer gives; all layers of the residual stream share theirs."""
    ends = [_end(layer, y) for layer, y in zip(chain, outputs, strict=True)]
    stream = {i for i, layer in enumerate(chain) if layer.skip}
    stream |= {i - chain[i].skip for i in stream}
    shared = max((ends[i] for i in stream), default=0.0)
    return [
        layer.steps or Steps.to(shared if i in stream else end, _least(layer))
        for i, (layer, end) in enumerate(zip(chain, ends, strict=True))
    ]


def _end(layer: Affine, y: Floats) -> float:
    """Return the end of the range that is best for outputs y [n, out] of a layer."""
    if layer.steps is not None:
        return 0.0
    if layer.activation in REACH:
        return 1.0
    return float(best_end(torch.from_numpy(y[:: max(1, len(y) // ROWS)]), _least(layer)))


def _least(layer: Affine) -> float | None:
    return 0.0 if layer.activation is Activation.SIGMOID else LEAST.get(layer.activation)


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
