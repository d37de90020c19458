"""Latents of several axes: each value names a cell of a grid.

Where a code has few latents, each stands for several coordinates: value k of L = c^a is the index
of a cell among c along each of a axes, the first axis fastest. Networks work on coordinates; at
export two integer layers map values to coordinates, and two others map coordinates to values.
"""

import numpy as np
from numpy.typing import NDArray

from digitzip.kernels import Integers, Layer

POINT_UNIT = 960  # z = 1; a multiple of many counts of cells, so that their centres are exact

Values = NDArray[np.int64]


def cells_of(cells: int, axes: int) -> Values:
    """Return the cell of each value along each axis, [cells ** axes, axes]."""
    values = np.arange(cells**axes)[:, None]
    along: Values = values // cells ** np.arange(axes) % cells
    return along


def centres(cells: int) -> NDArray[np.int16]:
    """Return the centre of each cell of an axis, in units of `POINT_UNIT`: [c]."""
    z = (2 * np.arange(cells) + 1) / cells - 1
    return np.rint(z * POINT_UNIT).astype(np.int16)


def lookup(tables: Integers, low: int, high: int) -> list[Layer]:
    """Return the layers that map values [n, d] to the sum of their rows in `tables` [d, L, out].

    Layer 0 turns the value k into k ones and then zeros; layer 1 sums the steps from each row of a
    table to the next. The sums lie in `low` to `high`.
    """
    dims, levels, _ = tables.shape
    each = np.repeat(np.eye(dims, dtype=np.int8), levels - 1, axis=0)  # [d * (L-1), d]
    below = np.tile(np.arange(levels - 1, dtype=np.int32), dims)
    unary = Layer(each, -below, np.zeros(len(below), np.uint8), 0, 1)
    steps = np.diff(tables.astype(np.int16), axis=1).reshape(len(below), -1).T  # [out, d * (L-1)]
    first = tables[:, 0].sum(axis=0, dtype=np.int32)
    total = Layer(np.ascontiguousarray(steps), first, np.zeros(len(first), np.uint8), low, high)
    return [unary, total]


def coordinates(cells: int, axes: int, dims: int) -> list[Layer]:
    """Return the layers that map values [n, dims] to coordinates [n, dims * axes]: centres."""
    points = centres(cells)
    rows = points[cells_of(cells, axes)]  # [L, a]
    tables = np.zeros((dims, len(rows), dims, axes), np.int16)
    for j in range(dims):
        tables[j, :, j] = rows
    flat = tables.reshape(dims, len(rows), dims * axes)
    return lookup(flat, int(points[0]), int(points[-1]))


def values(thresholds: Integers, axes: int) -> list[Layer]:
    """Return the layers that map encoder outputs [n, dims * axes] to values [n, dims].

    A cell is the number of `thresholds` [dims * axes, c-1] of its axis that are below the output.
    """
    total, borders = thresholds.shape
    each = np.repeat(np.eye(total, dtype=np.int8), borders, axis=0)
    above = Layer(each, -thresholds.reshape(-1).astype(np.int32), _zeros(len(each)), 0, 1)
    dims, cells = total // axes, borders + 1
    weight = np.kron(np.eye(dims), np.repeat(cells ** np.arange(axes), borders))
    index = Layer(
        weight.astype(np.int16), np.zeros(dims, np.int32), _zeros(dims), 0, cells**axes - 1
    )
    return [above, index]


def _zeros(n: int) -> NDArray[np.uint8]:
    return np.zeros(n, np.uint8)
