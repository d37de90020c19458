"""An archive of some digits of another, with the same codes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from digitzip.archive.archive import Archive
from digitzip.archive.corrections import TYPES, Corrections, merged
from digitzip.archive.frames import Writable, opened
from digitzip.archive.writer import Writer
from digitzip.errors import UnsupportedError
from digitzip.format import LayerType

Integers = npt.NDArray[np.intp]

_STEP: Final = 4096


def extract(
    dz: Archive,
    digits: slice | Sequence[int] | npt.NDArray[np.intp],
    out: Writable,
    *,
    overwrite: bool = False,
) -> int:
    """Write some digits of an open archive as an archive of their own; return their number.

    They come in the order given and keep codes, corrections and names, so they decode to the same
    pixels. The chunks they stand in are proved as a whole. A path appears whole or not at
    all. Raises `DamagedError` for chunks that do not decode as their writer saw, and
    `UnsupportedError` for digits with labels, or a layer unknown to this build.
    """
    places = np.atleast_1d(dz.resolve(digits))
    for number, _ in dz.locate(places):
        if not dz.chunks.divisible(number):
            raise UnsupportedError(
                f"digits from {dz.chunks.first(number)} on have layers that this build cannot "
                "divide: extract them as images"
            )
    with (
        opened(out, overwrite=overwrite) as target,
        Writer(target, dz.codec, promise=dz.header.guard) as writer,
    ):
        for start in range(0, len(places), _STEP):
            part = places[start : start + _STEP]
            dz.prove(part)
            for some in _alike(dz, part):
                names = None if dz.names is None else dz.names[some]
                writer.append_codes(dz.codes[some], names, _corrections(dz, some))
    return len(places)


def _alike(dz: Archive, digits: Integers) -> Iterator[Integers]:
    """Yield runs of digits [n] whose chunks have corrections of the same bounds, or none."""
    kinds: dict[tuple[int, ...], int] = {}
    kind = np.empty(len(digits), np.intp)
    for number, positions in dz.locate(digits):
        bounds = (dz.chunks.corrections(number).get(type_) for type_ in TYPES)
        key = tuple(-1 if each is None else each.bound for each in bounds)
        kind[positions] = kinds.setdefault(key, len(kinds))
    yield from np.split(digits, np.flatnonzero(np.diff(kind)) + 1)


def _corrections(dz: Archive, digits: Integers) -> dict[LayerType, Corrections]:
    """Return what corrects some of the digits [n], by their places among them."""
    found: dict[LayerType, Corrections] = {}
    for type_ in TYPES:
        parts: list[Corrections] = []
        for number, positions in dz.locate(digits):
            if (each := dz.chunks.corrections(number).get(type_)) is not None:
                parts += each.of(digits[positions] - dz.chunks.first(number), positions)
        if parts:
            found[type_] = merged(parts)
    return found
