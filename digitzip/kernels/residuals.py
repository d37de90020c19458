"""Context coding of residuals in NumPy (FORMAT.md section 4.2, coded).

Pixels are coded position by position, all images at once; the residual network gives the weights of
the 256 values of a pixel. A step is a run of `2 bound + 1` values; all values of a step share one
symbol.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.kernels import rans
from digitzip.kernels.context import CONTEXT_SIZE, VALUES, Context, pad_final, pad_recon
from digitzip.kernels.network import Network

Images = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.floating[Any]]

BITS: Final = 16
"""The CDF of a pixel has 2^16 slots."""
WHAT: Final = "corrections"
"""What errors call the data."""

_SHARED_SLOTS: Final = (1 << BITS) - VALUES  # after one slot for each value
_BATCH: Final = 1024  # images; a multiple of any number of lanes
_BLANKS: Final = 4096  # contexts without ink, weighed at once
_GROUPS: Final = 16  # of 16 values: a value is found in two steps
_INDEX: Final = np.arange(_GROUPS)
_EDGES: Final = np.arange(_GROUPS + 1)
_BELOW: Final = (np.arange(VALUES)[:, None] < _GROUPS * _EDGES).astype(np.float32)


def encode(network: Network, final: Images, recon: Images, bounds: Integers, lanes: int) -> bytes:
    """Return the bytes from which `decode` recovers `final`.

    Final pixels and reconstructions are uint8 [n, h, w], bounds [n] 0 … 127. A final pixel is a
    whole number of steps from its reconstruction, clipped to 0 … 255.
    """
    n, pixels = len(final), final[0].size if len(final) else 0
    values, near = (x.reshape(n, pixels).astype(np.intp) for x in (final, recon))
    weigher, each_bound = _Weigher(network, pad_final(final), recon, bounds), _shared(bounds)
    rounds = []
    for position in range(pixels):
        starts, ends = np.empty(n, np.int64), np.empty(n, np.int64)
        for rows in _batches(n):
            cdf = _PixelCdf(weigher.weights(rows, position))
            first, last, _ = step_interval(
                values[rows, position], near[rows, position], _part(each_bound, rows)
            )
            each = np.arange(len(first))
            starts[rows], ends[rows] = cdf.start(each, first), cdf.start(each, last + 1)
        rounds.append((starts, ends))
    return rans.encode(rounds, lanes, BITS)


def decode(network: Network, data: bytes, recon: Images, bounds: Integers, lanes: int) -> Images:
    """Return the final pixels, uint8 [n, h, w], for reconstructions [n, h, w] and bounds [n].

    Raises `DamagedError` for bytes that `encode` does not give.
    """
    n, pixels = len(recon), recon[0].size if len(recon) else 0
    decoder = rans.Decoder(data, lanes, n * pixels, WHAT, BITS)
    near = recon.reshape(n, pixels).astype(np.intp)
    weigher = _Weigher(network, pad_final(np.zeros_like(recon)), recon, bounds)
    each_bound = _shared(bounds)
    for position in range(pixels):
        for rows in _batches(n):
            cdf = _PixelCdf(weigher.weights(rows, position))
            here, bound = near[rows, position], _part(each_bound, rows)
            values = decoder.take_by(cdf.lookup(here, bound), len(here))
            weigher.put(rows, position, step_interval(values, here, bound)[2])
    decoder.finish()
    return weigher.final.reshape(recon.shape)


def step_interval(
    values: Integers, recon: Integers, bounds: Integers | int
) -> tuple[Integers, Integers, Integers]:
    """Return the first and last value [n] of the same step as `values`, and its final pixel.

    Steps are `2 bound + 1` wide, centred on the reconstruction.
    """
    step = 2 * bounds + 1
    centre = recon + (values - recon + bounds) // step * step
    top = VALUES - 1
    first, last = np.maximum(centre - bounds, 0), np.minimum(centre + bounds, top)
    return first, last, np.minimum(np.maximum(centre, 0), top)


class _Weigher:
    """Weights of the values of one position after the other, in images of n rows.

    Most contexts are blank. The network weighs those once for each bound, for many positions at
    once.
    """

    def __init__(self, network: Network, final: Images, recon: Images, bounds: Integers) -> None:
        self._network, self._context = network, _context(*recon.shape[1:])
        self._final, self._recon, self._bounds = final, pad_recon(recon), bounds
        self._distinct, self._group = np.unique(bounds, return_inverse=True)
        self._blank: Floats = np.empty((0, 0, VALUES), np.float32)  # [positions, bounds, 256]
        self._blank_from, self._pixels = 0, recon.shape[1] * recon.shape[2]

    def weights(self, rows: slice, position: int) -> Floats:
        """Return whole weights float32 [rows, 256]."""
        context = self._context.gather_at(self._final[rows], self._recon[rows], position)
        weights = self._blank_at(position)[self._group[rows]]
        busy = context.any(axis=1)
        weights[busy] = self._weigh(context[busy], position, self._bounds[rows][busy])
        return weights

    def put(self, rows: slice, position: int, values: Integers) -> None:
        """Set one position of some images to values [rows]."""
        self._context.put(self._final[rows], position, values)

    @property
    def final(self) -> Images:
        """All pixels put so far, uint8 [n, pixels]."""
        return self._context.crop(self._final)

    def _blank_at(self, position: int) -> Floats:
        """Return the weights of blank contexts, float32 [bounds, 256]."""
        at = position - self._blank_from
        if not 0 <= at < len(self._blank):
            count = max(1, _BLANKS // max(1, len(self._distinct)))
            positions = np.arange(position, min(position + count, self._pixels))
            each = np.repeat(positions, len(self._distinct))
            bounds = np.tile(self._distinct, len(positions))
            weights = self._weigh(np.zeros((len(each), CONTEXT_SIZE), np.uint8), each, bounds)
            self._blank = weights.reshape(len(positions), len(self._distinct), VALUES)
            self._blank_from, at = position, 0
        blank: Floats = self._blank[at]
        return blank

    def _weigh(self, context: Images, positions: Integers | int, bounds: Integers) -> Floats:
        inputs = self._context.inputs(context, positions, bounds)
        weights: Floats = self._network(inputs, np.float32)
        return weights


class _PixelCdf:
    """CDFs of n pixels from whole weights float32 [n, 256].

    Weights sum to at most 2^24, so float32 adds them exactly.
    """

    def __init__(self, weights: Floats) -> None:
        below = (weights @ _BELOW).astype(np.float64)  # before each group, and in all
        if not below[:, -1].all():  # no trained network gives none
            weights[below[:, -1] == 0, -1] = 1
            below[below[:, -1] == 0, -1] = 1
        self._weights = weights.reshape(len(weights), _GROUPS, _GROUPS)
        self._below, self._total = below, below[:, -1]

    def start(self, rows: Integers, values: Integers) -> Integers:
        """Return the first slot of values [k], 0 … 256, of these rows."""
        group = np.minimum(values // _GROUPS, _GROUPS - 1)
        inside = (values - group * _GROUPS)[:, None] > _INDEX
        below = (self._weights[rows, group] * inside).sum(axis=1, dtype=np.float64)
        return self._slots(below + self._below[rows, group], self._total[rows], values)

    def lookup(self, recon: Integers, bounds: Integers | int) -> rans.Lookup:
        """Return the lookup of a value by a slot of its step."""
        groups = self._slots(self._below, self._total[:, None], _GROUPS * _EDGES)

        def lookup(rows: slice, slots: Integers) -> tuple[Integers, Integers, Integers]:
            each, all_ = np.arange(rows.start, rows.stop), np.arange(rows.stop - rows.start)
            group = (groups[rows, 1:] > slots[:, None]).argmax(axis=1)
            below = np.zeros((len(each), _GROUPS + 1))
            self._weights[each, group].cumsum(axis=1, out=below[:, 1:])
            below += self._below[each, group, None]
            first = group * _GROUPS
            edges = self._slots(below, self._total[rows, None], first[:, None] + _EDGES)
            inside = (edges[:, 1:] > slots[:, None]).argmax(axis=1)
            values = first + inside
            here = _part(bounds, rows)
            if not np.any(here):
                return values, edges[all_, inside], edges[all_, inside + 1]
            low, high, _ = step_interval(values, recon[rows], here)
            return values, self.start(each, low), self.start(each, high + 1)

        return lookup

    def _slots(self, below: Floats, total: Floats, values: Integers) -> Integers:
        """Return the first slots of values below which weights sum to `below`."""
        shared = below * _SHARED_SLOTS / total  # rounded, but never up to a whole number
        slots: Integers = shared.astype(np.int64) + values
        return slots


@lru_cache(maxsize=4)
def _context(height: int, width: int) -> Context:
    return Context(height, width)


def _shared(bounds: Integers) -> Integers | int:
    """Return the one bound of all images, with which NumPy is faster, or else all."""
    distinct = np.unique(bounds)
    return int(distinct[0]) if len(distinct) == 1 else bounds.astype(np.intp)


def _part(bounds: Integers | int, rows: slice) -> Integers | int:
    return bounds if isinstance(bounds, int) else bounds[rows]


def _batches(n: int) -> Iterator[slice]:
    return (slice(start, min(start + _BATCH, n)) for start in range(0, n, _BATCH))
