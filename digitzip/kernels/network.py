"""The integer forward pass: networks whose every sum is exact in floating point, in any order.

A network is a chain of layers on integers. Each computes `W x + b`, shifts right with floor, may
add the output of an earlier layer, clips, and may look the result up in a table. It may do so in
every window of an image instead of once. The integers are held in float32 while every partial sum
of a row stays below 2^24, else in float64 below 2^52: BLAS then runs them at full speed and still
exactly, whatever its summation order. This room knows neither files nor digits.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.errors import ModelError

Integers = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.floating[Any]]

MAX_SHIFT: Final = 30
MAX_VALUE: Final = 1 << 23
MAX_SEEN: Final = 1 << 16
"""Numbers in all windows of a layer together, before and after."""
BATCH: Final = 256  # rows at a time: the activations of one batch stay in the cache
MAX_HELD: Final = 1 << 23  # numbers of a batch at a time: fewer rows where layers are very wide

_FLOAT32_EXACT: Final = 1 << 24
_FLOAT64_EXACT: Final = 1 << 52  # half of what float64 holds: room for a skipped output


@dataclass(frozen=True, slots=True)
class Window:
    """Squares of `size` pixels a side, a `step` apart, in images of `height` x `width` pixels.

    Pixels count row by row, each with all its channels, before and after; so do windows. Raises
    `ModelError` where no image has one.
    """

    height: int
    width: int
    size: int
    step: int

    def __post_init__(self) -> None:
        if not 1 <= self.size <= min(self.height, self.width) or self.step < 1:
            raise ModelError(f"network: {self} is in no image")

    @property
    def places(self) -> int:
        """How many windows an image has."""
        rows, columns = ((side - self.size) // self.step + 1 for side in (self.height, self.width))
        return rows * columns

    def of(self, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return all windows of images [n, pixels x channels], [n x places, size^2 x channels]."""
        pixels = x.reshape(len(x), self.height, self.width, -1)
        views = np.lib.stride_tricks.sliding_window_view(pixels, (self.size, self.size), (1, 2))
        views = views[:, :: self.step, :: self.step].transpose(0, 1, 2, 4, 5, 3)
        return views.reshape(len(x) * self.places, self.size**2 * pixels.shape[3])


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """`clip(floor((weight @ x + bias) * 2^-shift) + skipped, low, high)`, then `table[y - low]`.

    `weight` is int8 or int16 [out, in], `bias` integers [out], `shift` integers [out] in 0 … 30.
    `skip` is 0, or how many layers back the output stands that is added before the clip. `table`
    is None or int32 [high - low + 1]: any activation function on clipped integers. With a `window`,
    `x` is each window in turn.
    """

    weight: Integers
    bias: Integers
    shift: Integers
    low: int
    high: int
    skip: int = 0
    table: Integers | None = None
    window: Window | None = None

    @property
    def inputs(self) -> int:
        """How many numbers the layer looks at."""
        columns = self.weight.shape[1]
        if self.window is None:
            return int(columns)
        pixels = self.window.height * self.window.width
        return pixels * (int(columns) // self.window.size**2)

    @property
    def outputs(self) -> int:
        """How many numbers it gives."""
        return self._places * int(self.weight.shape[0])

    @property
    def seen(self) -> int:
        """How many numbers its windows have together, or else its inputs."""
        return self._places * int(self.weight.shape[1])

    @property
    def multiplications(self) -> int:
        """Multiplications for one row of input."""
        return self._places * int(self.weight.size)

    @property
    def _places(self) -> int:
        return 1 if self.window is None else self.window.places

    @property
    def range(self) -> tuple[int, int]:
        """The least and the greatest output."""
        if self.table is None:
            return self.low, self.high
        return int(self.table.min()), int(self.table.max())


class Network:
    """A chain of layers, called with integers [n, in], returning integers [n, out].

    Raises `ModelError` when a layer does not fit the one before it or could leave the range in
    which its float type is exact. `low` and `high` bound the inputs; they are not checked again.
    """

    def __init__(self, layers: Sequence[Layer], low: int, high: int) -> None:
        if not layers:
            raise ModelError("network: it has no layers")
        self.layers = tuple(layers)
        self.range = (low, high)
        self._stages: list[_Stage] = []
        for index, layer in enumerate(self.layers):
            _check(self.layers, index)
            skipped = self.layers[index - layer.skip].range if layer.skip else (0, 0)
            self._stages.append(_Stage(layer, float_type(layer, self.range, index), skipped))
            self.range = layer.range
        self.input_range = (low, high)
        self.inputs, self.outputs = layers[0].inputs, layers[-1].outputs
        held = sum(layer.outputs for layer in layers) + max(layer.seen for layer in layers)
        self._batch = max(1, min(BATCH, MAX_HELD // held))

    @property
    def multiplications(self) -> int:
        """Multiplications for one row of input."""
        return sum(layer.multiplications for layer in self.layers)

    def __call__(self, x: Integers, dtype: type[Any] = np.int32) -> npt.NDArray[Any]:
        """Return the outputs as `dtype`, into which the caller knows that they fit."""
        out = np.empty((len(x), self.outputs), dtype)
        for start in range(0, len(x), self._batch):
            part = slice(start, start + self._batch)
            out[part] = self._forward(x[part])
        return out

    def _forward(self, x: Integers) -> Floats:
        outputs: list[Floats] = []
        for stage in self._stages:
            skip = stage.layer.skip
            outputs.append(stage(outputs[-1] if outputs else x, outputs[-skip] if skip else None))
        return outputs[-1]


class _Stage:
    """A layer made ready to run: its integers held in floats, its weight transposed.

    Weights and bias are divided by the powers of two beforehand, which changes no digit of a sum.
    A sum before a table is its place there from the start, if it is exact wherever it counts: then
    conversion rounds it down, since what it does with negative ones falls to the clip.
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
        y: Floats = (x if layer.window is None else layer.window.of(x)) @ self._weight
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
    """Tell whether places in the table of `layer` can be summed without rounding down first.

    A sum of multiples of 2^-shift is exact below 2^(bits - shift). Where that is as far as the
    table and a skipped output together reach, a sum that is not exact lies outside the table.
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
    rows = np.abs(layer.weight.astype(np.int64)).sum(axis=1)
    bound = max(
        int(row) * reach + abs(int(b)) for row, b in zip(rows, layer.bias.tolist(), strict=True)
    )
    if bound < _FLOAT32_EXACT:
        return np.float32
    if bound < _FLOAT64_EXACT:
        return np.float64
    raise ModelError(f"network: a sum of layer {index} can reach {bound}, expected below 2^52")


def _check(layers: tuple[Layer, ...], index: int) -> None:
    """Refuse a layer whose arrays or numbers do not fit each other or the layers before."""
    layer, what = layers[index], f"network: layer {index}"
    if layer.weight.ndim != 2 or not layer.weight.shape[0]:
        raise ModelError(f"{what} has a weight of {layer.weight.shape}, expected [out, in]")
    if layer.window is not None:
        _check_window(layer.window, layer.weight, what)
    if index and layer.inputs != layers[index - 1].outputs:
        raise ModelError(
            f"{what} has a weight of {layer.weight.shape} for {layer.inputs} inputs, "
            f"expected {layers[index - 1].outputs}"
        )
    rows = layer.weight.shape[0]
    for name, array in (("bias", layer.bias), ("shift", layer.shift)):
        if array.shape != (rows,):
            raise ModelError(f"{what} has a {name} of {array.shape}, expected [{rows}]")
    if int(layer.shift.min()) < 0 or int(layer.shift.max()) > MAX_SHIFT:
        raise ModelError(f"{what} has a shift outside 0 to {MAX_SHIFT}")
    if not -MAX_VALUE <= layer.low <= layer.high <= MAX_VALUE:
        raise ModelError(f"{what} clips to {layer.low} … {layer.high}, expected within ±2^23")
    if layer.skip and not (
        0 < layer.skip <= index and layers[index - layer.skip].outputs == layer.outputs
    ):
        raise ModelError(f"{what} skips {layer.skip} layers back, where no output of its width is")
    if layer.table is not None and layer.table.shape != (layer.high - layer.low + 1,):
        raise ModelError(f"{what} has a table of {layer.table.shape}, expected one for its clip")
    if max(map(abs, layer.range)) > MAX_VALUE:
        raise ModelError(f"{what} has table entries outside ±2^23")


def _check_window(window: Window, weight: Integers, what: str) -> None:
    """Refuse windows that are too many, or that a weight does not fit."""
    rows, columns = weight.shape
    if columns % window.size**2 or not columns:
        raise ModelError(f"{what} weighs {columns} numbers, expected a multiple of {window.size}^2")
    if (most := window.places * max(rows, columns)) > MAX_SEEN:
        raise ModelError(f"{what} has {most} numbers in its windows, expected {MAX_SEEN} at most")
