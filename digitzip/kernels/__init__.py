"""The kernels: all that runs for every image, latent or pixel, behind one seam.

`Kernels` is what a backend provides. NumPy is the reference, and the only backend: another must
give the same integers and the same bytes. This room knows neither models nor files.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Protocol

import numpy as np
import numpy.typing as npt

from digitzip.kernels import rans, residuals
from digitzip.kernels.layers import Integers, Layer, Window
from digitzip.kernels.network import Network
from digitzip.kernels.rans import CdfIntervals

Images = npt.NDArray[np.uint8]

__all__ = ["KERNELS", "Integers", "Kernels", "Layer", "Network", "RansDecoder", "Window"]


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

    def rans_encode(self, rounds: Sequence[CdfIntervals], lanes: int) -> bytes:
        """Return the bytes of symbols, round by round; see `rans.encode`."""

    def rans_decoder(self, data: bytes, lanes: int, symbols: int) -> RansDecoder:
        """Return the decoder of what `rans_encode` gave; see `rans.Decoder`."""

    def encode_residuals(
        self, network: Network, final: Images, recon: Images, bounds: Integers, lanes: int
    ) -> bytes:
        """Return the bytes of final pixels [n, h, w]; see `residuals.encode`."""

    def decode_residuals(
        self, network: Network, data: bytes, recon: Images, bounds: Integers, lanes: int
    ) -> Images:
        """Return the final pixels [n, h, w]; see `residuals.decode`."""


class _NumPy:
    @staticmethod
    def forward(network: Network, x: Integers, dtype: type[Any] = np.int32) -> npt.NDArray[Any]:
        return network(x, dtype)

    rans_encode = staticmethod(rans.encode)
    rans_decoder = staticmethod(rans.Decoder)
    encode_residuals = staticmethod(residuals.encode)
    decode_residuals = staticmethod(residuals.decode)


KERNELS: Final[Kernels] = _NumPy()
"""The backend in use."""
