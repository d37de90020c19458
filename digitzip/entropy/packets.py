"""One code <-> a packet: as few bytes as its probability allows, without a header.

An exact arithmetic coder on Python integers. The nested CDF intervals of the latents give an
interval of [0, 1). A packet is the shortest byte string, of equal lengths the smallest, for which
every number whose binary fraction begins with its bits lies in that interval.

Source: I. Witten, R. Neal, J. Cleary, "Arithmetic coding for data compression", 1987.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.errors import DamagedError
from digitzip.kernels.rans import BITS, TOTAL

Code = npt.NDArray[np.uint8]
Cdf = Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.integer[Any]]]
"""Previous latents uint8 [n, j] -> CDFs int [n, levels + 1] of latent j, from 0 to 2^14."""

_MAX_EXTRA: Final = 1  # bytes beyond those of the interval's own precision


def pack_code(code: Code, cdf: Cdf) -> bytes:
    """Return the packet of a code, uint8 [d]."""
    low, size = 0, 1  # the interval, in units of TOTAL^-j
    for j, value in enumerate(code.tolist()):
        row = cdf(code[None, :j])[0].tolist()
        low = low * TOTAL + size * row[value]
        size *= row[value + 1] - row[value]
    bits, length = BITS * len(code), 0
    while True:
        first = -(-(low << 8 * length) >> bits)  # rounded up
        if (first + 1) << bits <= (low + size) << 8 * length:
            return first.to_bytes(length, "big")
        length += 1


def unpack_code(data: bytes, dims: int, cdf: Cdf) -> Code:
    """Return the code, uint8 [dims], of a packet.

    Raises `DamagedError` for bytes that are no packet: `pack_code` gives one for each code.
    """
    if len(data) > (longest := -(-BITS * dims // 8) + _MAX_EXTRA):
        raise DamagedError(f"packet: {len(data)} bytes, expected at most {longest}")
    point, shift = int.from_bytes(data, "big"), 8 * len(data)
    code = np.zeros(dims, np.uint8)
    low, size = 0, 1
    for j in range(dims):
        row = cdf(code[None, :j])[0].tolist()
        low *= TOTAL
        slot = ((point << BITS * (j + 1) >> shift) - low) // size
        value = bisect_right(row, slot) - 1
        code[j] = value
        low += size * row[value]
        size *= row[value + 1] - row[value]
    if pack_code(code, cdf) != data:
        raise DamagedError(f"packet: {data.hex() or 'no bytes'} is not the packet of any code")
    return code
