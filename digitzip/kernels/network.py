"""Integer networks in NumPy: the reference forward pass.

Integers are held in float32 while every partial sum of a row stays below 2^24, else in float64
below 2^52. BLAS then runs them at full speed, and exactly, whatever its summation order.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.errors import ModelError
from digitzip.kernels.layers import Integers, Layer, check

Floats = npt.NDArray[np.floating[Any]]

BATCH: Final = 256  # rows at a time: the activations of one batch stay in the cache
MAX_BATCH_VALUES: Final = 1 << 23  # activations at a time: fewer rows where layers are very wide

_FLOAT32_EXACT: Final = 1 << 24
_FLOAT64_EXACT: Final = 1 << 52  # half of what float64 holds: room for a skipped output


class Network:
    """A chain of layers: integers [n, in] -> integers [n, out].

    `low` and `high` bound the inputs, which calls do not check. Raises `ModelError` where a layer
    does not fit the one before it, or could leave the range in which its float type is exact.
    """

    def __init__(self, layers: Sequence[Layer], low: int, high: int) -> None:
        if not layers:
            raise ModelError("network: no layers")
        self.layers = tuple(layers)
        self.range = (low, high)
        self._types: list[type[np.floating[Any]]] = []
        for index, layer in enumerate(self.layers):
            check(self.layers, index)
            self._types.append(float_type(layer, self.range, index))
            self.range = layer.range
        self.input_range = (low, high)
        self.inputs, self.outputs = layers[0].inputs, layers[-1].outputs
        held = sum(layer.outputs for layer in layers) + max(layer.gathered for layer in layers)
        self._batch = max(1, min(BATCH, MAX_BATCH_VALUES // held))

    @property
    def multiplications(self) -> int:
        """Multiplications for one row of input."""
        return sum(layer.multiplications for layer in self.layers)

    def __call__(self, x: Integers, dtype: type[Any] = np.int32) -> npt.NDArray[Any]:
        """Return the outputs as `dtype`; the caller knows that they fit."""
        out = np.empty((len(x), self.outputs), dtype)
        for start in range(0, len(x), self._batch):
            part = slice(start, start + self._batch)
            out[part] = self._forward(x[part])
        return out

    @cached_property
    def _stages(self) -> list[_Stage]:
        """The layers prepared for NumPy; networks that another backend runs never need them."""
        stages = []
        for index, (layer, dtype) in enumerate(zip(self.layers, self._types, strict=True)):
            skipped = self.layers[index - layer.skip].range if layer.skip else (0, 0)
            stages.append(_Stage(layer, dtype, skipped))
        return stages

    def _forward(self, x: Integers) -> Floats:
        outputs: list[Floats] = []
        for stage in self._stages:
            skip = stage.layer.skip
            outputs.append(stage(outputs[-1] if outputs else x, outputs[-skip] if skip else None))
        return outputs[-1]


class _Stage:
    """A layer prepared for NumPy: integers held in floats, the weight transposed.

    Weights and bias are divided by 2^shift beforehand, which is exact. Where a table follows and
    sums are exact wherever they lie in it, `low` is subtracted beforehand as well: conversion to an
    index rounds down, and negative sums, which it rounds up, are clipped.
    """

    def __init__(
        self, layer: Layer, dtype: type[np.floating[Any]], skipped: tuple[int, int]
    ) -> None:
        self.layer = layer
        self._dtype = dtype
        scale = np.ldexp(np.ones(1, dtype), -layer.shift.astype(np.int32)).astype(dtype)
        self._weight: Floats = np.ascontiguousarray(layer.weight.T, dtype) * scale
        self._bias = layer.bias.astype(dtype) * scale
        self._table: npt.NDArray[np.float32] | None = None
        self._direct = False
        if layer.table is not None:
            self._table = layer.table.astype(np.float32)
            self._direct = _is_direct(layer, dtype, max(map(abs, skipped)))
        if self._direct:
            self._bias -= layer.low

    def __call__(self, x: Integers | Floats, skipped: Floats | None) -> Floats:
        layer = self.layer
        x = x.astype(self._dtype, copy=False)
        y: Floats = (x if layer.window is None else layer.window.gather(x)) @ self._weight
        y += self._bias
        y = y.reshape(len(x), layer.outputs)
        if not self._direct:
            np.floor(y, out=y)
        if skipped is not None:
            y += skipped
        if self._table is None:
            np.clip(y, layer.low, layer.high, out=y)
            return y
        if not self._direct:
            y -= layer.low
        return self._table.take(y.astype(np.intp), mode="clip")


def _is_direct(layer: Layer, dtype: type[np.floating[Any]], skipped: int) -> bool:
    """Return whether table indices of `layer` can be summed without rounding down first.

    A sum of multiples of 2^-shift is exact below 2^(bits - shift). Where that covers the table and
    a skipped output, a sum that is not exact lies outside the table.
    """
    bits = np.finfo(dtype).nmant + 1
    span = layer.high - layer.low + 1 + skipped
    first = layer.bias.astype(np.int64) - (layer.low << layer.shift.astype(np.int64))
    far = span << int(layer.shift.max())
    return far <= 1 << bits and int(np.abs(first).max()) < 1 << bits


def float_type(layer: Layer, inputs: tuple[int, int], index: int = 0) -> type[np.floating[Any]]:
    """Return the float type in which `layer` is exact for inputs in this range.

    No partial sum, in any order, exceeds `sum(|w|) * max(|x|) + |b|`; raises `ModelError` when
    that can reach 2^52.
    """
    reach = max(abs(inputs[0]), abs(inputs[1]))
    rows = np.abs(layer.weight, dtype=np.int32).sum(axis=1, dtype=np.int64)
    bound = int(rows.max()) * reach + max(map(abs, layer.bias.tolist()))  # of any row, and quick
    if bound >= _FLOAT32_EXACT:
        pairs = zip(rows.tolist(), layer.bias.tolist(), strict=True)
        bound = max(row * reach + abs(bias) for row, bias in pairs)
    if bound < _FLOAT32_EXACT:
        return np.float32
    if bound < _FLOAT64_EXACT:
        return np.float64
    raise ModelError(f"network: a sum of layer {index} can reach {bound}, expected below 2^52")
