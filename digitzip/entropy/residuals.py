"""Pixels <-> bytes, given what a decoder made of them: FORMAT.md section 4.2, coded.

A small integer network expects each pixel from those above and to its left, as they come back, and
from the reconstruction around it. Pixels are coded one after the other, those of many images at
once. Models, files and layers this room does not know.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.kernels import rans
from digitzip.kernels.network import Network

Images = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.floating[Any]]

VALUES: Final = 256
MAX_BOUND: Final = 127
"""How far a pixel may come back from its original at most."""
MAX_WEIGHT: Final = 1 << 16
"""A value of a pixel has at most this weight: float32 adds up all of them exactly."""
ABOVE: Final = 5
"""Rows above a pixel, and columns to either side of it, that the network sees as they come back."""
NEAR: Final = 3
"""Rows and columns around a pixel that it sees of the reconstruction."""

_BEFORE: Final = ABOVE * (2 * ABOVE + 2)
_SEEN: Final = _BEFORE + (2 * NEAR + 1) ** 2
_FAINT: Final = 8  # what a reconstruction has of less ink counts as none
_BITS: Final = 16  # of places that the values of a pixel fill
_SHARED: Final = (1 << _BITS) - VALUES  # after one place for each
_BATCH: Final = 1024
_GROUPS: Final = 16  # of as many values
_INDEX: Final = np.arange(_GROUPS)
_EDGES: Final = np.arange(_GROUPS + 1)
_LESS: Final = (np.arange(VALUES)[:, None] < _GROUPS * _EDGES).astype(np.float32)


def inputs_of(height: int, width: int) -> int:
    """Return how many inputs the residual network of images of this size has."""
    return _SEEN + height + width + 1


def steps_of(images: Images, decoded: Images, bound: int) -> Integers:
    """Return how many steps of `2 bound + 1` images are from `decoded`: int16, nearest."""
    steps: Integers = (images.astype(np.int16) - decoded + bound) // (2 * bound + 1)
    return steps


def stepped(decoded: Images, steps: Integers, bound: int) -> Images:
    """Return what comes back so many steps from `decoded`; shapes are the same."""
    back = np.clip(decoded + steps.astype(np.int32) * (2 * bound + 1), 0, VALUES - 1)
    return np.asarray(back, np.uint8)


class Surroundings:
    """What the network sees of each pixel of images of one size.

    Outside an image is 0. Pixels count row by row. Of images it gets what `as_before` and `as_near`
    give: `before`, as they come back, and `near`, their reconstructions.
    """

    def __init__(self, height: int, width: int) -> None:
        pixels = np.arange(height * width)
        rows, columns = np.divmod(pixels, width)
        square = _places(rows, columns, width, ABOVE)
        self._before, self._here = square[:, :_BEFORE], square[:, _BEFORE]
        self._near = _places(rows, columns, width, NEAR)
        self._where = np.zeros((height * width, height + width), np.uint8)
        self._where[pixels, rows] = 255
        self._where[pixels, height + columns] = 255

    def of(self, before: Images, near: Images, digits: Integers, pixels: Integers) -> Images:
        """Return what is seen around pixels [k] of digits [k], uint8 [k, 109]."""
        rows = digits[:, None]
        seen = before[rows, self._before[pixels]], near[rows, self._near[pixels]]
        return np.concatenate(seen, axis=1)

    def around(self, before: Images, near: Images, pixel: int) -> Images:
        """Return what is seen around one pixel of all digits, uint8 [n, 109]."""
        seen = before.take(self._before[pixel], axis=1), near.take(self._near[pixel], axis=1)
        return np.concatenate(seen, axis=1)

    def inputs(self, seen: Images, pixels: Integers | int, bound: int) -> Images:
        """Return the inputs of the network, uint8 [k, inputs], for what is seen of pixels [k]."""
        told = np.full((len(seen), 1), bound, np.uint8)
        where = np.broadcast_to(self._where[pixels], (len(seen), self._where.shape[1]))
        return np.concatenate([seen, where, told], axis=1)

    def put(self, before: Images, pixel: int, values: Integers) -> None:
        """Let a pixel of all digits have come back as values [n]."""
        before[:, self._here[pixel]] = values

    def unpadded(self, before: Images) -> Images:
        """Return all pixels of all digits, uint8 [n, pixels]."""
        return before.take(self._here, axis=1)


def as_before(images: Images) -> Images:
    """Return images uint8 [n, h, w] as they come back, as `Surroundings` looks at them."""
    return _padded(images, ABOVE)


def as_near(decoded: Images) -> Images:
    """Return reconstructions uint8 [n, h, w] as `Surroundings` looks at them: no faint ink."""
    return _padded(np.where(decoded < _FAINT, 0, decoded).astype(np.uint8), NEAR)


class Residual:
    """Codes pixels of images of one size, as likely as `network` says they are."""

    def __init__(self, network: Network, height: int, width: int) -> None:
        self.network = network
        self.surroundings = Surroundings(height, width)
        self._pixels = height * width

    def encode(self, images: Images, decoded: Images, bound: int, lanes: int) -> bytes:
        """Return the bytes from which `decode` gets images uint8 [n, height, width] back."""
        back = stepped(decoded, steps_of(images, decoded, bound), bound)
        before, n = as_before(back), len(images)
        values, near = (x.reshape(n, self._pixels).astype(np.intp) for x in (images, decoded))
        rounds = [(np.empty(n, np.int64), np.empty(n, np.int64)) for _ in range(self._pixels)]
        for rows in _slices(n):
            run = _Run(self, before[rows], decoded[rows], bound)
            for pixel, (begins, ends) in enumerate(rounds):
                shares = run.shares(pixel)
                first, last, _ = same(values[rows, pixel], near[rows, pixel], bound)
                each = np.arange(len(first))
                begins[rows], ends[rows] = shares.begin(each, first), shares.begin(each, last + 1)
        return rans.encode(rounds, lanes, _BITS)

    def decode(self, data: bytes, decoded: Images, bound: int, lanes: int) -> Images:
        """Return what comes back, uint8 [n, height, width]; raises `DamagedError`."""
        decoder = rans.Decoder(data, lanes, len(decoded) * self._pixels, _BITS, "corrections")
        before = as_before(np.zeros_like(decoded))
        near = decoded.reshape(len(decoded), self._pixels).astype(np.intp)
        batches = list(_slices(len(decoded)))
        runs = [_Run(self, before[rows], decoded[rows], bound) for rows in batches]
        for pixel in range(self._pixels):
            for rows, run in zip(batches, runs, strict=True):
                shares, mine = run.shares(pixel), near[rows, pixel]
                values = decoder.take(len(mine), shares.find(mine, bound))
                run.put(pixel, same(values, mine, bound)[2])
        decoder.finish()
        return self.surroundings.unpadded(before).reshape(decoded.shape)


class _Run:
    """The pixels of a batch of images, one after the other; `before` gets what comes back."""

    def __init__(self, residual: Residual, before: Images, decoded: Images, bound: int) -> None:
        self._network, self._around = residual.network, residual.surroundings
        self._before, self._near, self._bound = before, as_near(decoded), bound
        pixels = np.arange(decoded[0].size)
        self._quiet = self._expected(np.zeros((len(pixels), _SEEN), np.uint8), pixels)

    def shares(self, pixel: int) -> _Shares:
        """Return how likely the values of a pixel are in each image."""
        seen = self._around.around(self._before, self._near, pixel)
        busy = seen.any(axis=1)  # the others see no ink, and all of them the same
        weights = np.empty((len(seen), VALUES), np.float32)
        weights[:] = self._quiet[pixel]
        weights[busy] = self._expected(seen[busy], pixel)
        return _Shares(weights)

    def put(self, pixel: int, values: Integers) -> None:
        """Let a pixel of each image have come back as values [n]."""
        self._around.put(self._before, pixel, values)

    def _expected(self, seen: Images, pixels: Integers | int) -> Floats:
        inputs = self._around.inputs(seen, pixels, self._bound)
        return self._network(inputs, np.float32)


class _Shares:
    """What the values of a pixel own of all places, by their weights, whole float32 [n, 256].

    Weights sum to 2^24 at most, so float32 adds them exactly, in groups of 16 first.
    """

    def __init__(self, weights: Floats) -> None:
        less = (weights @ _LESS).astype(np.float64)  # before each group, and in all
        if not less[:, -1].all():  # no trained network gives none
            weights[less[:, -1] == 0, -1] = 1
            less[less[:, -1] == 0, -1] = 1
        self._weights = weights.reshape(len(weights), _GROUPS, _GROUPS)
        self._less, self._total = less, less[:, -1]

    def begin(self, rows: Integers, values: Integers) -> Integers:
        """Return where values [k], 0 … 256, of these rows begin."""
        group = np.minimum(values // _GROUPS, _GROUPS - 1)
        inside = (values - group * _GROUPS)[:, None] > _INDEX
        less = (self._weights[rows, group] * inside).sum(axis=1, dtype=np.float64)
        return self._placed(less + self._less[rows, group], self._total[rows], values)

    def find(self, decoded: Integers, bound: int) -> rans.Find:
        """Return what finds a value by its place, with all that come back as it does."""

        groups = self._placed(self._less, self._total[:, None], _GROUPS * _EDGES)

        def find(rows: slice, places: Integers) -> tuple[Integers, Integers, Integers]:
            each, all_ = np.arange(rows.start, rows.stop), np.arange(rows.stop - rows.start)
            group = (groups[rows, 1:] > places[:, None]).argmax(axis=1)
            less = np.zeros((len(each), _GROUPS + 1))
            self._weights[each, group].cumsum(axis=1, out=less[:, 1:])
            less += self._less[each, group, None]
            first = group * _GROUPS
            edges = self._placed(less, self._total[rows, None], first[:, None] + _EDGES)
            inside = (edges[:, 1:] > places[:, None]).argmax(axis=1)
            values = first + inside
            if not bound:
                return values, edges[all_, inside], edges[all_, inside + 1]
            low, high, _ = same(values, decoded[rows], bound)
            return values, self.begin(each, low), self.begin(each, high + 1)

        return find

    def _placed(self, less: Floats, total: Floats, values: Integers) -> Integers:
        """Return where values begin before which weights sum to `less`."""
        shares = less * _SHARED / total  # rounded, but never up to a whole number
        placed: Integers = shares.astype(np.int64) + values
        return placed


def same(values: Integers, decoded: Integers, bound: int) -> tuple[Integers, Integers, Integers]:
    """Return the first and the last value [n] that come back as these do, and what that is."""
    step = 2 * bound + 1
    middle = decoded + (values - decoded + bound) // step * step
    top = VALUES - 1
    first, last = np.maximum(middle - bound, 0), np.minimum(middle + bound, top)
    return first, last, np.minimum(np.maximum(middle, 0), top)


def _padded(images: Images, reach: int) -> Images:
    around = ((0, 0), (reach, reach), (reach, reach))
    padded = np.pad(images, around)
    return padded.reshape(len(padded), padded.shape[1] * padded.shape[2])


def _places(rows: Integers, columns: Integers, width: int, reach: int) -> Integers:
    """Return where the square around each pixel stands in a padded image, [pixels, (2r + 1)^2]."""
    span = np.arange(2 * reach + 1)
    down = (rows[:, None, None] + span[:, None]) * (width + 2 * reach)
    places: Integers = (down + columns[:, None, None] + span).reshape(len(rows), -1)
    return places


def _slices(n: int) -> Iterator[slice]:
    return (slice(start, min(start + _BATCH, n)) for start in range(0, n, _BATCH))
