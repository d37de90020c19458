"""The entropy coder: asymmetric numeral systems in lanes, in NumPy and Python (FORMAT.md 4.1).

Symbols come in rounds and are dealt to lanes in turn. A symbol is an interval of the `2^bits` slots
of its CDF; what it stands for this module does not know.

Source: J. Duda, "Asymmetric numeral systems", arXiv 1311.2540; lanes: F. Giesen, "Interleaved
entropy coders", arXiv 1402.3392.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import cycle
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.errors import DamagedError

Integers = npt.NDArray[np.integer[Any]]
CdfIntervals = tuple[Integers, Integers]
"""First slots of the symbols of a round, [n], and the slots after their last, [n]."""

Lookup = Callable[[slice, Integers], tuple[Integers, Integers, Integers]]
"""Rows of a round, and a slot of each [k] -> their symbols, and the CDF intervals of those."""

BITS: Final = 14
TOTAL: Final = 1 << BITS
"""Slots of a CDF, unless a caller has more."""
MAX_LANES: Final = 256

CODES: Final = "codes"
"""What errors call data, unless a caller says otherwise."""

_WORD: Final = 16
_LEAST: Final = 1 << _WORD  # states lie from here to below 2^32
_STATE_BYTES: Final = 4


def encode(rounds: Sequence[CdfIntervals], lanes: int, bits: int = BITS) -> bytes:
    """Return the bytes from which `Decoder` takes these symbols, round by round.

    In each round symbol i goes to lane `i % lanes`. Intervals are not empty and end at `2^bits` at
    most; `bits` is at most 16.
    """
    room = 32 - bits
    states = [_LEAST] * lanes
    words: list[int] = []
    for starts, ends in reversed(rounds):
        sizes = ends - starts
        lane = (len(starts) - 1) % lanes
        for start, size in zip(starts[::-1].tolist(), sizes[::-1].tolist(), strict=True):
            state = states[lane]
            if state >= size << room:
                words.append(state & (_LEAST - 1))
                state >>= _WORD
            times, rest = divmod(state, size)
            states[lane] = (times << bits) + rest + start
            lane = (lane or lanes) - 1
    return np.array(states, "<u4").tobytes() + np.array(words[::-1], "<u2").tobytes()


class Decoder:
    """Takes symbols from what `encode` returned; calls raise `DamagedError` for other bytes."""

    def __init__(
        self, data: bytes, lanes: int, symbols: int, what: str = CODES, bits: int = BITS
    ) -> None:
        """Start with `data`, which holds at most `symbols` symbols; `what` names it in errors."""
        states, words = split(data, lanes, symbols, what)
        self._bits, self._what = bits, what
        self._states, self._words = states.astype(np.int64), words.astype(np.int64)
        self._used = 0

    def take(self, cdf: Integers) -> Integers:
        """Return the next symbols [n] by their CDFs, [n, symbols + 1] from 0 to `2^bits`.

        n is a round, or a part of one that divides by the lanes. Symbols are searched one by one:
        the time does not depend on the number of lanes.
        """
        n, width = cdf.shape
        edges = np.ascontiguousarray(cdf).reshape(-1).data
        states: list[int] = self._states.tolist()
        words = self._words[self._used : self._used + n].tolist()
        bits, mask, used = self._bits, (1 << self._bits) - 1, 0
        found = []
        for lane, row in zip(cycle(range(len(states))), range(0, n * width, width), strict=False):
            state = states[lane]
            slot = state & mask
            end = bisect_right(edges, slot, row, row + width)
            start = edges[end - 1]
            state = (edges[end] - start) * (state >> bits) + slot - start
            if state < _LEAST:
                if used == len(words):
                    raise DamagedError(f"{self._what}: they end early")
                state = state << _WORD | words[used]
                used += 1
            states[lane] = state
            found.append(end - 1 - row)
        self._states[:] = states
        self._used += used
        return np.array(found, np.int64)

    def take_by(self, lookup: Lookup, symbols: int) -> Integers:
        """Return the next symbols [symbols] as `take`, looked up for all lanes at once."""
        found = np.empty(symbols, np.int64)
        for start in range(0, symbols, len(self._states)):
            rows = slice(start, min(start + len(self._states), symbols))
            state = self._states[: rows.stop - start]
            slot = state & ((1 << self._bits) - 1)
            found[rows], first, end = lookup(rows, slot)
            state >>= self._bits
            state *= end - first
            state += slot - first
            (short,) = (state < _LEAST).nonzero()
            words = self._words[self._used : self._used + len(short)]
            if len(words) < len(short):
                raise DamagedError(f"{self._what}: they end early")
            self._used += len(short)
            state[short] = state[short] << _WORD | words
        return found

    def finish(self) -> None:
        """Check that nothing is left: each sequence of symbols has one encoding."""
        check_end(self._states, len(self._words) - self._used, self._what)


def split(
    data: bytes, lanes: int, symbols: int, what: str = CODES
) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint16]]:
    """Return the states [lanes] and words of data that holds at most `symbols` symbols.

    Raises `DamagedError` for a size or a state that `encode` does not give; `what` names the data.
    """
    head = lanes * _STATE_BYTES
    most = head + 2 * symbols  # at most a word for each
    if not head <= len(data) <= most or len(data) % 2:
        raise DamagedError(
            f"{what}: {len(data)} bytes, expected an even number from {head} to {most}"
        )
    states = np.frombuffer(data, "<u4", lanes).astype(np.uint32)
    if int(states.min()) < _LEAST:
        raise DamagedError(f"{what}: a state is {states.min()}, expected from {_LEAST}")
    return states, np.frombuffer(data, "<u2", offset=head).astype(np.uint16)


def check_end(states: Integers, words_left: int, what: str = CODES) -> None:
    """Raise `DamagedError` unless all words are used and all states are at their start."""
    if words_left or (states != _LEAST).any():
        raise DamagedError(f"{what}: something is left after the last")
