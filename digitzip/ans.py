"""The entropy coder: asymmetric numeral systems in lanes (FORMAT.md section 4.1).

Symbols come in rounds, and are dealt to lanes that take turns; so NumPy decodes many at once. What
a symbol is, and how likely, this room is told as intervals of `TOTAL`.

Source: J. Duda, "Asymmetric numeral systems", arXiv 1311.2540; the lanes: F. Giesen, "Interleaved
entropy coders", arXiv 1402.3392.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.errors import DamagedError

Integers = npt.NDArray[np.integer[Any]]
Intervals = tuple[Integers, Integers]
"""Where the intervals of the symbols of a round begin, [n], and where they end, [n]."""

BITS: Final = 14
TOTAL: Final = 1 << BITS
"""What all intervals of a symbol's alphabet fill together."""
MAX_LANES: Final = 256

_WORD: Final = 16
_LEAST: Final = 1 << _WORD  # states lie from here to below 2^32
_STATE_BYTES: Final = 4


def encode(rounds: Sequence[Intervals], lanes: int) -> bytes:
    """Return the bytes from which `Decoder` takes these symbols, round by round.

    In each round symbol i goes to lane `i % lanes`. Intervals are not empty and end at `TOTAL` at
    most.
    """
    states = [_LEAST] * lanes
    words: list[int] = []
    for begins, ends in reversed(rounds):
        sizes = ends - begins
        lane = (len(begins) - 1) % lanes
        for begin, size in zip(begins[::-1].tolist(), sizes[::-1].tolist(), strict=True):
            state = states[lane]
            if state >= size << (32 - BITS):
                words.append(state & (_LEAST - 1))
                state >>= _WORD
            times, rest = divmod(state, size)
            states[lane] = (times << BITS) + rest + begin
            lane = (lane or lanes) - 1
    return np.array(states, "<u4").tobytes() + np.array(words[::-1], "<u2").tobytes()


class Decoder:
    """Takes symbols from what `encode` returned; calls raise `DamagedError` for other bytes."""

    def __init__(self, data: bytes, lanes: int, symbols: int) -> None:
        head = lanes * _STATE_BYTES
        most = head + 2 * symbols  # a word for each at most
        if not head <= len(data) <= most or len(data) % 2:
            raise DamagedError(
                f"codes: {len(data)} bytes, expected an even number from {head} to {most}"
            )
        self._states = np.frombuffer(data, "<u4", lanes).astype(np.int64)
        self._words = np.frombuffer(data, "<u2", offset=head).astype(np.int64)
        self._used = 0
        if int(self._states.min()) < _LEAST:
            raise DamagedError(f"codes: a state is {self._states.min()}, expected from {_LEAST}")

    def take(self, bounds: Integers) -> Integers:
        """Return the symbols [n] of a round, or of as much of it as is a multiple of the lanes.

        Symbol s of row i has the interval from `bounds[i, s]` to below `bounds[i, s + 1]`; bounds
        are [n, symbols + 1], from 0 to `TOTAL`.
        """
        n, lanes = len(bounds), len(self._states)
        ahead = np.arange(n) << BITS  # one row of intervals after the other
        alphabet = bounds.shape[1] - 1
        begins = np.append((bounds[:, :-1] + ahead[:, None]).ravel(), n << BITS)
        found = np.empty(n, np.intp)
        for start in range(0, n, lanes):
            here = ahead[start : start + lanes]
            state = self._states[: len(here)]
            place = (state & (TOTAL - 1)) + here
            after = begins.searchsorted(place, "right")
            begin = begins[after - 1]
            size = begins[after] - begin
            state >>= BITS
            state *= size
            state += place - begin
            (short,) = (state < _LEAST).nonzero()
            words = self._words[self._used : self._used + len(short)]
            if len(words) < len(short):
                raise DamagedError("codes: they end early")
            self._used += len(short)
            state[short] = state[short] << _WORD | words
            found[start : start + lanes] = after
        symbols: Integers = found - 1 - np.arange(n) * alphabet
        return symbols

    def finish(self) -> None:
        """Check that nothing is left: there is one way only to write the same symbols."""
        if self._used < len(self._words) or (self._states != _LEAST).any():
            raise DamagedError("codes: something is left after the last")
