"""The kernels: networks, costs and CDF tables, the search's products, rANS, context coding.

`Kernels` is the interface of a backend. NumPy is the reference; the native backend gives the same
integers and the same bytes, and is used where it was built. The environment variable
`DIGITZIP_BACKEND`, `numpy` or `native`, forces one. This room knows neither models nor files.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from digitzip.blas import one_thread
from digitzip.errors import InputError
from digitzip.kernels import gauss_newton, probability, rans, residuals
from digitzip.kernels.gauss_newton import Exact, Pixels, Slopes, Steps
from digitzip.kernels.layers import Integers, Layer, Window
from digitzip.kernels.native import LIBRARY, NativeKernels
from digitzip.kernels.network import Network
from digitzip.kernels.rans import CdfIntervals

Images = npt.NDArray[np.uint8]

__all__ = [
    "KERNELS",
    "RELEASES_GIL",
    "Integers",
    "Kernels",
    "Layer",
    "Network",
    "NumPyKernels",
    "RansDecoder",
    "Window",
    "backend",
    "select_kernels",
]


class RansDecoder(Protocol):
    """Takes symbols from bytes; see `rans.Decoder`."""

    def take(self, cdf: Integers) -> Integers:
        """Return the next symbols [n] by their CDFs [n, symbols + 1]."""

    def finish(self) -> None:
        """Raise `DamagedError` where anything is left."""


class Kernels(Protocol):
    """What a backend provides; the docstrings of the NumPy functions are the contract."""

    def forward(
        self, network: Network, x: Integers, dtype: type[Any] = np.int32
    ) -> npt.NDArray[Any]:
        """Return the outputs [n, out] of a network for integers [n, in]; see `Network`."""

    def costs(self, scores: Integers) -> Integers:
        """Return the cost of each value, int32 [n, levels]; see `probability.costs`."""

    def cdf(self, scores: Integers, total: int) -> Integers:
        """Return CDF tables, int64 [n, levels + 1]; see `probability.cdf`."""

    def squared_errors(self, images: Pixels, recon: Pixels) -> Exact:
        """Return the squared errors [n]; see `gauss_newton.squared_errors`."""

    def slopes_and_curvature(
        self, recon: Pixels, here: Pixels, steps: Steps
    ) -> tuple[Slopes, Exact]:
        """Return slopes [n, d, p] and curvature [d, d, n]; see `gauss_newton`."""

    def gradient(self, slopes: Slopes, images: Pixels, recon: Pixels) -> Exact:
        """Return the gradient [n, d] for slopes of the same backend; see `gauss_newton`."""

    def rans_encode(self, rounds: Sequence[CdfIntervals], lanes: int) -> bytes:
        """Return the bytes of symbols, round by round; see `rans.encode`."""

    def rans_decoder(
        self, data: bytes, lanes: int, symbols: int, what: str = rans.CODES
    ) -> RansDecoder:
        """Return the decoder of what `rans_encode` gave, `what` in errors; see `rans.Decoder`."""

    def encode_residuals(
        self, network: Network, final: Images, recon: Images, bounds: Integers, lanes: int
    ) -> bytes:
        """Return the bytes of final pixels [n, h, w]; see `residuals.encode`."""

    def decode_residuals(
        self, network: Network, data: bytes, recon: Images, bounds: Integers, lanes: int
    ) -> Images:
        """Return the final pixels [n, h, w]; see `residuals.decode`."""


class NumPyKernels:
    """The reference."""

    @staticmethod
    @one_thread
    def forward(network: Network, x: Integers, dtype: type[Any] = np.int32) -> npt.NDArray[Any]:
        return network(x, dtype)

    costs = staticmethod(probability.costs)
    cdf = staticmethod(probability.cdf)
    squared_errors = staticmethod(gauss_newton.squared_errors)
    slopes_and_curvature = staticmethod(gauss_newton.slopes_and_curvature)
    gradient = staticmethod(gauss_newton.gradient)
    rans_encode = staticmethod(rans.encode)
    rans_decoder = staticmethod(rans.Decoder)
    encode_residuals = staticmethod(one_thread(residuals.encode))
    decode_residuals = staticmethod(one_thread(residuals.decode))


def select_kernels(name: str | None) -> Kernels:
    """Return the backend of this name; without one, native kernels where they were built.

    Raises `InputError` for another name, and `UnsupportedError` where native kernels are asked for
    and cannot be loaded.
    """
    if name not in (None, "", "numpy", "native"):
        raise InputError(f"DIGITZIP_BACKEND is {name!r}, expected numpy or native")
    if name == "native" or (not name and LIBRARY.exists()):
        return NativeKernels(LIBRARY)
    return NumPyKernels()


def backend() -> str:
    """Return the backend in use: `numpy`, or `native` with the instruction set it uses."""
    return f"native ({KERNELS.path})" if isinstance(KERNELS, NativeKernels) else "numpy"


KERNELS: Final[Kernels] = select_kernels(os.environ.get("DIGITZIP_BACKEND"))
"""The backend in use."""
RELEASES_GIL: Final = isinstance(KERNELS, NativeKernels)
"""Whether threads make it faster; else processes do."""
