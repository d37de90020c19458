"""Layers of integer networks: weights, shifts, clips, tables and windows, checked.

A layer computes `W x + b`, shifts right with floor, may add the output of an earlier layer, clips,
and may look the result up in a table; with a window it does so everywhere in an image.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.errors import ModelError

Integers = npt.NDArray[np.integer[Any]]

MAX_SHIFT: Final = 30
MAX_VALUE: Final = 1 << 23
MAX_WINDOW_VALUES: Final = 1 << 16
"""Values in all windows of a layer together, before and after."""


@dataclass(frozen=True, slots=True)
class Window:
    """Squares of `size` x `size` pixels, `step` apart, in images of `height` x `width` pixels.

    Pixels are in row order with channels last, and so are windows. Raises `ModelError` where the
    window does not fit the image.
    """

    height: int
    width: int
    size: int
    step: int

    def __post_init__(self) -> None:
        if not 1 <= self.size <= min(self.height, self.width) or self.step < 1:
            raise ModelError(f"network: {self} does not fit its image")

    @property
    def count(self) -> int:
        """Number of windows in an image."""
        rows, columns = ((side - self.size) // self.step + 1 for side in (self.height, self.width))
        return rows * columns

    def gather(self, x: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return all windows of images [n, pixels x channels]: [n x count, size^2 x channels]."""
        pixels = x.reshape(len(x), self.height, self.width, -1)
        views = np.lib.stride_tricks.sliding_window_view(pixels, (self.size, self.size), (1, 2))
        views = views[:, :: self.step, :: self.step].transpose(0, 1, 2, 4, 5, 3)
        return views.reshape(len(x) * self.count, self.size**2 * pixels.shape[3])


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """`clip(floor((weight @ x + bias) * 2^-shift) + skipped, low, high)`, then `table[y - low]`.

    `weight` is int8 or int16 [out, in], `bias` integers [out], `shift` integers [out] in 0 … 30.
    `skip` is 0, or the distance in layers to the output that is added before the clip. `table` is
    None or int32 [high - low + 1]: an activation function on clipped integers. With a `window`, `x`
    is each window in turn.
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
        """Number of inputs."""
        columns = self.weight.shape[1]
        if self.window is None:
            return int(columns)
        pixels = self.window.height * self.window.width
        return pixels * (int(columns) // self.window.size**2)

    @property
    def outputs(self) -> int:
        """Number of outputs."""
        return self._windows * int(self.weight.shape[0])

    @property
    def gathered(self) -> int:
        """Number of inputs after windows are gathered."""
        return self._windows * int(self.weight.shape[1])

    @property
    def multiplications(self) -> int:
        """Multiplications for one row of input."""
        return self._windows * int(self.weight.size)

    @property
    def _windows(self) -> int:
        return 1 if self.window is None else self.window.count

    @property
    def range(self) -> tuple[int, int]:
        """Smallest and largest output."""
        if self.table is None:
            return self.low, self.high
        return int(self.table.min()), int(self.table.max())


def check(layers: tuple[Layer, ...], index: int) -> None:
    """Raise `ModelError` for a layer that does not fit itself or the layers before it."""
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
        raise ModelError(f"{what} skips {layer.skip} layers back, where no output has its size")
    if layer.table is not None and layer.table.shape != (layer.high - layer.low + 1,):
        raise ModelError(f"{what} has a table of {layer.table.shape}, expected one for its clip")
    if max(map(abs, layer.range)) > MAX_VALUE:
        raise ModelError(f"{what} has table entries outside ±2^23")


def _check_window(window: Window, weight: Integers, what: str) -> None:
    """Raise `ModelError` for a weight that does not fit its window, or too many windows."""
    rows, columns = weight.shape
    if columns % window.size**2 or not columns:
        raise ModelError(f"{what} has {columns} weights, expected a multiple of {window.size}^2")
    if (most := window.count * max(rows, columns)) > MAX_WINDOW_VALUES:
        raise ModelError(
            f"{what}: {most} values in its windows, expected at most {MAX_WINDOW_VALUES}"
        )
