"""The entropy coder: asymmetric numeral systems in lanes (FORMAT.md section 4.1).

Symbols come in rounds, and are dealt to lanes that take turns; so NumPy decodes many at once. What
a symbol is, and how likely, this room is told as intervals of `2^bits` places.

Source: J. Duda, "Asymmetric numeral systems", arXiv 1311.2540; the lanes: F. Giesen, "Interleaved
entropy coders", arXiv 1402.3392.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.errors import DamagedError

Integers = npt.NDArray[np.integer[Any]]
CdfIntervals = tuple[Integers, Integers]
"""Where the intervals of the symbols of a round begin, [n], and where they end, [n]."""

Lookup = Callable[[slice, Integers], tuple[Integers, Integers, Integers]]
"""Rows of a round, and a place of each [k] -> the symbols that own it, their begins, their ends."""

BITS: Final = 14
TOTAL: Final = 1 << BITS
"""The places that all intervals of a symbol's alphabet fill together, unless there are more."""
MAX_LANES: Final = 256

_WORD: Final = 16
_LEAST: Final = 1 << _WORD  # states lie from here to below 2^32
_STATE_BYTES: Final = 4


def encode(rounds: Sequence[CdfIntervals], lanes: int, bits: int = BITS) -> bytes:
    """Return the bytes from which `Decoder` takes these symbols, round by round.

    In each round symbol i goes to lane `i % lanes`. Intervals are not empty and end at `2^bits` at
    most; `bits` is 16 at most.
    """
    most = 32 - bits
    states = [_LEAST] * lanes
    words: list[int] = []
    for begins, ends in reversed(rounds):
        sizes = ends - begins
        lane = (len(begins) - 1) % lanes
        for begin, size in zip(begins[::-1].tolist(), sizes[::-1].tolist(), strict=True):
            state = states[lane]
            if state >= size << most:
                words.append(state & (_LEAST - 1))
                state >>= _WORD
            times, rest = divmod(state, size)
            states[lane] = (times << bits) + rest + begin
            lane = (lane or lanes) - 1
    return np.array(states, "<u4").tobytes() + np.array(words[::-1], "<u2").tobytes()


def within(bounds: Integers) -> Lookup:
    """Return what finds symbol s of row i from `bounds[i, s]` to below `bounds[i, s + 1]`."""

    def find(rows: slice, places: Integers) -> tuple[Integers, Integers, Integers]:
        here = bounds[rows]
        symbols, each = (here[:, 1:] > places[:, None]).argmax(axis=1), np.arange(len(here))
        return symbols, here[each, symbols], here[each, symbols + 1]

    return find


class Decoder:
    """Takes symbols from what `encode` returned; calls raise `DamagedError` for other bytes."""

    def __init__(
        self, data: bytes, lanes: int, symbols: int, bits: int = BITS, what: str = "codes"
    ) -> None:
        """Begin with `data`, which holds at most so many symbols; `what` names it in errors."""
        self._what = what
        head = lanes * _STATE_BYTES
        most = head + 2 * symbols  # a word for each at most
        if not head <= len(data) <= most or len(data) % 2:
            raise DamagedError(
                f"{what}: {len(data)} bytes, expected an even number from {head} to {most}"
            )
        self._bits = bits
        self._states = np.frombuffer(data, "<u4", lanes).astype(np.int64)
        self._words = np.frombuffer(data, "<u2", offset=head).astype(np.int64)
        self._used = 0
        if int(self._states.min()) < _LEAST:
            raise DamagedError(f"{what}: a state is {self._states.min()}, expected from {_LEAST}")

    def take(self, symbols: int, find: Lookup) -> Integers:
        """Return the symbols [symbols] of a round, or of as much of it as divides by the lanes."""
        found = np.empty(symbols, np.int64)
        for start in range(0, symbols, len(self._states)):
            rows = slice(start, min(start + len(self._states), symbols))
            state = self._states[: rows.stop - start]
            place = state & ((1 << self._bits) - 1)
            found[rows], begin, end = find(rows, place)
            state >>= self._bits
            state *= end - begin
            state += place - begin
            (short,) = (state < _LEAST).nonzero()
            words = self._words[self._used : self._used + len(short)]
            if len(words) < len(short):
                raise DamagedError(f"{self._what}: they end early")
            self._used += len(short)
            state[short] = state[short] << _WORD | words
        return found

    def finish(self) -> None:
        """Check that nothing is left: there is one way only to write the same symbols."""
        if self._used < len(self._words) or (self._states != _LEAST).any():
            raise DamagedError(f"{self._what}: something is left after the last")
