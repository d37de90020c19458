"""The native backend: kernels in C (native.c), called through ctypes without the GIL.

All results equal those of the NumPy kernels, which are the reference. `PATHS` names the instruction
sets that the library can use; the best one that the processor has is chosen at run time.
"""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from weakref import WeakKeyDictionary

import numpy as np
import numpy.typing as npt

from digitzip import jobs
from digitzip.errors import DamagedError, UnsupportedError
from digitzip.kernels import probability, rans, residuals
from digitzip.kernels.gauss_newton import Exact, Pixels, Slopes, Steps
from digitzip.kernels.layers import Integers, Layer
from digitzip.kernels.network import Network
from digitzip.kernels.rans import CdfIntervals

Images = npt.NDArray[np.uint8]

LIBRARY: Final = Path(__file__).with_name(
    "_native.dll" if sys.platform == "win32" else "_native.so"
)
PATHS: Final = ("portable", "avx2", "avx512")

_ABI: Final = 3  # of the functions of native.c
_BLOCK: Final = 16
_PIXELS: Final = 1 << 13  # that one call codes: Ctrl-C waits for its end
_PAIRS, _PAIRS8, _QUADS = 0, 1, 2
_MULTIPLIES_BYTES: Final = ("avx512",)
_NO_MEMORY, _DAMAGED = -1, -2
_KINDS: Final = {np.dtype(np.int32): 0, np.dtype(np.uint8): 1, np.dtype(np.float32): 2}
_INT16: Final = range(-(1 << 15), 1 << 15)


class NativeKernels:
    """The kernels of a compiled library on one of the `PATHS`, by default the best one.

    Raises `UnsupportedError` where the library cannot be loaded or is of another version.
    """

    def __init__(self, library: Path = LIBRARY, path: str | None = None) -> None:
        try:
            self._library = ctypes.CDLL(str(library))
            abi = int(self._library.digitzip_abi())
        except (OSError, AttributeError) as error:
            raise UnsupportedError(f"no native kernels in {library}: {error}") from error
        if abi != _ABI:
            raise UnsupportedError(
                f"native kernels of version {abi}, expected {_ABI}: rebuild them"
            )
        for name in ("rans_encode", "rans_take", "decode_positions"):
            getattr(self._library, f"digitzip_{name}").restype = ctypes.c_int64
        self._library.digitzip_residuals_open.restype = ctypes.c_void_p
        self.paths = PATHS[: int(self._library.digitzip_best_path()) + 1]
        """The paths that this processor has, the slowest first."""
        self.path = self.paths[-1] if path is None else path
        self._path = self.paths.index(self.path)
        self._packed: WeakKeyDictionary[Network, _PackedNetwork] = WeakKeyDictionary()

    def forward(
        self, network: Network, x: Integers, dtype: type[Any] = np.int32
    ) -> npt.NDArray[Any]:
        """Return the outputs [n, out] of a network for integers [n, in] as `dtype`."""
        packed = self._pack(network)
        x = np.ascontiguousarray(x, np.uint8 if x.dtype == np.uint8 else np.int32)
        kind = np.dtype(dtype) if np.dtype(dtype) in _KINDS else np.dtype(np.int32)
        out = np.empty((len(x), network.outputs), kind)
        result = self._library.digitzip_forward(
            self._path, packed.layers, packed.count, _data(x), x.dtype == np.uint8, _int64(len(x)),
            _data(out), _KINDS[kind],
        )  # fmt: skip
        _check(result)
        return out.astype(dtype, copy=False)

    def costs(self, scores: Integers) -> Integers:
        """Return the cost of each value, int32 [n, levels]; see `probability.costs`."""
        scores = np.ascontiguousarray(scores, np.int32)
        n, levels = scores.shape
        exponentials, borders = probability.tables()
        found = np.empty((n, levels), np.int32)
        self._library.digitzip_costs(
            _data(scores), _int64(n), levels, _data(exponentials), len(exponentials) - 1,
            _data(borders), len(borders), _data(found),
        )  # fmt: skip
        return found

    def cdf(self, scores: Integers, total: int) -> Integers:
        """Return CDF tables, int64 [n, levels + 1]; see `probability.cdf`."""
        scores = np.ascontiguousarray(scores, np.int32)
        n, levels = scores.shape
        exponentials, _ = probability.tables()
        found = np.empty((n, levels + 1), np.int64)
        self._library.digitzip_cdf(
            _data(scores), _int64(n), levels, _data(exponentials), len(exponentials) - 1,
            _int64(total), _data(found),
        )  # fmt: skip
        return found

    def squared_errors(self, images: Pixels, recon: Pixels) -> Exact:
        """Return the squared errors [n]; see `gauss_newton.squared_errors`."""
        images, recon = np.ascontiguousarray(images), np.ascontiguousarray(recon)
        n, pixels = images.shape
        found = np.empty(n)
        self._library.digitzip_squared_errors(
            _data(images), _data(recon), _int64(n), _int64(pixels), _data(found)
        )
        return found

    def slopes_and_curvature(
        self, recon: Pixels, here: Pixels, steps: Steps
    ) -> tuple[Slopes, Exact]:
        """Return slopes int16 [n, d, p] and curvature [d, d, n]; see `gauss_newton`."""
        recon, here = np.ascontiguousarray(recon), np.ascontiguousarray(here)
        steps = np.ascontiguousarray(steps, np.int16)
        n, dims, pixels = recon.shape
        slopes, curvature = np.empty(recon.shape, np.int16), np.empty((dims, dims, n))
        self._library.digitzip_slopes(
            _data(recon), _data(here), _data(steps), _int64(n), dims, _int64(pixels),
            _data(slopes), _data(curvature),
        )  # fmt: skip
        return slopes, curvature

    def gradient(self, slopes: Slopes, images: Pixels, recon: Pixels) -> Exact:
        """Return the gradient [n, d] for slopes of this backend; see `gauss_newton`."""
        images, recon = np.ascontiguousarray(images), np.ascontiguousarray(recon)
        n, dims, pixels = slopes.shape
        halves, found = np.empty(pixels, np.int16), np.empty((n, dims))
        self._library.digitzip_gradient(
            _data(slopes), _data(images), _data(recon), _int64(n), dims, _int64(pixels),
            _data(halves), _data(found),
        )  # fmt: skip
        return found

    def rans_encode(self, rounds: Sequence[CdfIntervals], lanes: int) -> bytes:
        """Return the bytes of symbols, round by round; see `rans.encode`."""
        sizes = np.array([len(start) for start, _ in rounds], np.int64)
        none = np.zeros(0, np.int32)
        start = np.concatenate([none, *(start for start, _ in rounds)]).astype(np.int32)
        end = np.concatenate([none, *(end for _, end in rounds)]).astype(np.int32)
        return self._encode(start, end, sizes, lanes, rans.BITS)

    def rans_decoder(
        self, data: bytes, lanes: int, symbols: int, what: str = rans.CODES
    ) -> NativeRansDecoder:
        """Return the decoder of what `rans_encode` gave, `what` in errors; see `rans.Decoder`."""
        return NativeRansDecoder(self._library, data, lanes, symbols, what)

    def encode_residuals(
        self, network: Network, final: Images, recon: Images, bounds: Integers, lanes: int
    ) -> bytes:
        """Return the bytes of final pixels [n, h, w]; see `residuals.encode`."""
        final = np.ascontiguousarray(final, np.uint8)
        n, pixels = len(final), final[0].size if len(final) else 0
        start, end = np.empty((pixels, n), np.int32), np.empty((pixels, n), np.int32)
        with self._residuals(network, recon, bounds) as state:
            for part in _positions(n, pixels):
                self._library.digitzip_encode_positions(
                    state, part.start, part.stop, _data(final), _data(start[part]), _data(end[part])
                )
        sizes = np.full(pixels, n, np.int64)
        return self._encode(start.ravel(), end.ravel(), sizes, lanes, residuals.BITS)

    def decode_residuals(
        self, network: Network, data: bytes, recon: Images, bounds: Integers, lanes: int
    ) -> Images:
        """Return the final pixels [n, h, w]; see `residuals.decode`."""
        n, pixels = len(recon), recon[0].size if len(recon) else 0
        states, words = rans.split(data, lanes, recon.size, residuals.WHAT)
        final = np.empty(recon.shape, np.uint8)
        with self._residuals(network, recon, bounds) as state:
            for part in _positions(n, pixels):
                used = self._library.digitzip_decode_positions(
                    state, part.start, part.stop, lanes, _data(states), _data(words),
                    _int64(len(words)), _data(final),
                )  # fmt: skip
                words = words[_check(used, residuals.WHAT) :]
        rans.check_end(states, len(words), residuals.WHAT)
        return final

    def _encode(
        self, start: Integers, end: Integers, sizes: Integers, lanes: int, bits: int
    ) -> bytes:
        """Return the bytes of symbols with int32 slots [total] in rounds of int64 sizes."""
        states, words = np.empty(lanes, np.uint32), np.empty(len(start), np.uint16)
        used = self._library.digitzip_rans_encode(
            _data(start), _data(end), _data(sizes), _int64(len(sizes)), lanes, bits,
            _data(states), _data(words),
        )  # fmt: skip
        return _joined(states, words, _check(used))

    @contextmanager
    def _residuals(
        self, network: Network, recon: Images, bounds: Integers
    ) -> Iterator[ctypes.c_void_p]:
        """Return the state of native.c for images [n, h, w] whose final pixels are coded next."""
        recon, bounds = (np.ascontiguousarray(a, np.uint8) for a in (recon, bounds))
        packed, (n, height, width) = self._pack(network), recon.shape
        state = ctypes.c_void_p(
            self._library.digitzip_residuals_open(
                self._path, packed.layers, packed.count, _int64(n), height, width, _data(recon),
                _data(bounds),
            )
        )  # fmt: skip
        if not state:
            raise MemoryError
        try:
            yield state
        finally:
            self._library.digitzip_residuals_close(state)

    def _pack(self, network: Network) -> _PackedNetwork:
        found = self._packed.get(network)
        if found is None:
            found = _PackedNetwork(network, self.path in _MULTIPLIES_BYTES)
            self._packed[network] = found
        return found


class NativeRansDecoder:
    """Takes symbols from what `rans_encode` returned; raises `DamagedError` for other bytes."""

    def __init__(
        self, library: ctypes.CDLL, data: bytes, lanes: int, symbols: int, what: str
    ) -> None:
        self._library, self._what = library, what
        self._states, self._words = rans.split(data, lanes, symbols, what)

    def take(self, cdf: Integers) -> Integers:
        """Return the next symbols [n] by their CDFs [n, symbols + 1]; see `rans.Decoder.take`."""
        cdf = np.ascontiguousarray(cdf, np.int64)
        n, width = cdf.shape
        found = np.empty(n, np.int64)
        used = self._library.digitzip_rans_take(
            _data(cdf), _int64(n), _int64(width), len(self._states), rans.BITS,
            _data(self._states), _data(self._words), _int64(len(self._words)), _data(found),
        )  # fmt: skip
        self._words = self._words[_check(used, self._what) :]
        return found

    def finish(self) -> None:
        """Raise `DamagedError` where anything is left."""
        rans.check_end(self._states, len(self._words), self._what)


class _Layer(ctypes.Structure):
    """`layer_t` of native.c."""

    _fields_ = (
        *(
            (name, ctypes.c_int32)
            for name in (
                "inputs", "outputs", "low", "high", "skip", "in_size", "out_size", "wide", "kind",
                "groups", "height", "width", "size", "step", "channels", "windows",
            )
        ),
        *((name, ctypes.c_void_p) for name in ("packed", "plain", "bias", "shift", "table")),
    )  # fmt: skip


class _PackedNetwork:
    """A network as native.c takes it; holds the arrays that the layers point to.

    With `bytes_` the instruction set multiplies uint8 by int8.
    """

    def __init__(self, network: Network, bytes_: bool) -> None:
        self.count = len(network.layers)
        self.layers = (_Layer * self.count)()
        self._arrays: list[npt.NDArray[Any]] = []
        spans = [network.input_range, *(layer.range for layer in network.layers)]
        eights = [layer.weight.dtype == np.int8 for layer in network.layers]
        readers = [*eights, False]
        sizes = [
            _size(span, bytes_ and reader) for span, reader in zip(spans, readers, strict=True)
        ]
        for i, layer in enumerate(network.layers):
            skipped = max(map(abs, network.layers[i - layer.skip].range)) if layer.skip else 0
            self.layers[i].in_size, self.layers[i].out_size = sizes[i], sizes[i + 1]
            self._fill(self.layers[i], layer, max(map(abs, spans[i])), skipped)

    def _fill(self, slot: _Layer, layer: Layer, reach: int, skipped: int) -> None:
        """Fill one layer, whose inputs and skipped outputs are within +-reach and +-skipped."""
        outputs, inputs = layer.weight.shape
        bias = layer.bias.astype(np.int64)
        sums = np.abs(layer.weight.astype(np.int64)).sum(axis=1) * reach + np.abs(bias)
        slot.inputs, slot.outputs, slot.windows = inputs, outputs, 1
        slot.low, slot.high, slot.skip = layer.low, layer.high, layer.skip
        slot.wide = slot.in_size == 4 or int(sums.max()) + skipped >= 1 << 31
        if (window := layer.window) is not None:
            slot.height, slot.width = window.height, window.width
            slot.size, slot.step, slot.windows = window.size, window.step, window.count
            slot.channels = inputs // window.size**2
        eight = layer.weight.dtype == np.int8
        slot.kind = _QUADS if slot.in_size == 1 else _PAIRS8 if eight else _PAIRS
        packed = _pack(layer.weight, 4 if slot.in_size == 1 else 2)
        slot.groups = packed.shape[1]
        slot.packed, slot.plain = self._keep(packed), self._keep(layer.weight.astype(np.int16))
        slot.bias, slot.shift = self._keep(bias), self._keep(layer.shift.astype(np.uint8))
        slot.table = None if layer.table is None else self._keep(layer.table.astype(np.int32))

    def _keep(self, array: npt.NDArray[Any]) -> int:
        array = np.ascontiguousarray(array)
        self._arrays.append(array)
        return int(array.ctypes.data)


def _pack(weight: Integers, group: int) -> Integers:
    """Return a weight [out, in] in blocks of 16 outputs and groups of inputs; see native.c."""
    outputs, inputs = weight.shape
    padded = np.zeros((-outputs % _BLOCK + outputs, -inputs % group + inputs), weight.dtype)
    padded[:outputs, :inputs] = weight
    blocks = padded.reshape(len(padded) // _BLOCK, _BLOCK, padded.shape[1] // group, group)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1, 3))


def _size(span: tuple[int, int], bytes_: bool) -> int:
    """Return the bytes of an activation: 1 for uint8 where allowed, 2 for int16, 4 for int32."""
    if bytes_ and span[0] >= 0 and span[1] <= 255:
        return 1
    return 2 if span[0] in _INT16 and span[1] in _INT16 else 4


def _positions(n: int, pixels: int) -> Iterator[slice]:
    """Yield all positions of n images, in parts that take milliseconds; stops where cancelled."""
    step = max(1, _PIXELS // max(n, 1))
    for start in range(0, pixels, step):
        jobs.check()
        yield slice(start, min(start + step, pixels))


def _joined(states: npt.NDArray[np.uint32], words: npt.NDArray[np.uint16], used: int) -> bytes:
    """Return states and the last `used` words as they are stored."""
    return states.astype("<u4").tobytes() + words[len(words) - used :].astype("<u2").tobytes()


def _data(array: npt.NDArray[Any]) -> ctypes.c_void_p:
    return ctypes.c_void_p(array.ctypes.data)


def _int64(value: int) -> ctypes.c_int64:
    return ctypes.c_int64(value)


def _check(result: int, what: str = rans.CODES) -> int:
    if result == _NO_MEMORY:
        raise MemoryError
    if result == _DAMAGED:
        raise DamagedError(f"{what}: they end early")
    return int(result)
