"""An archive of some digits of another, with the same codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from digitzip.archive.frames import Writable, opened
from digitzip.archive.reader import Archive
from digitzip.archive.writer import Writer
from digitzip.errors import UnsupportedError

_STEP: Final = 4096


def extract(
    dz: Archive,
    digits: slice | Sequence[int] | npt.NDArray[np.intp],
    out: Writable,
    *,
    overwrite: bool = False,
) -> int:
    """Write some digits of an open archive as an archive of their own; return their number.

    They come in the order given and keep their codes and names, so they decode to the same
    pixels. The chunks they stand in are proved as a whole first. A path appears whole or not at
    all. Raises `DamagedError` for chunks that do not decode as their writer saw, and
    `UnsupportedError` for digits with labels, or a layer unknown to this build.
    """
    places = np.atleast_1d(dz.resolve(digits))
    for number, _ in dz.locate(places):
        if not dz.chunks.plain(number):
            raise UnsupportedError(
                f"digits from {dz.chunks.first(number)} on have layers beside codes and names, "
                "which this build cannot divide: extract them as images"
            )
    dz.prove(places)
    with (
        opened(out, overwrite=overwrite) as target,
        Writer(target, dz.codec, guard=dz.header.guard) as writer,
    ):
        for start in range(0, len(places), _STEP):
            part = places[start : start + _STEP]
            writer.append_codes(dz.codes[part], None if dz.names is None else dz.names[part])
    return len(places)
