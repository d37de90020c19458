"""What an index, a slice or an array of indexes means: rows of an archive."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np
import numpy.typing as npt

from digitzip.errors import LimitError

Rows = npt.NDArray[np.intp]


def resolve(key: Any, length: int, most: int) -> Rows:
    """Return the rows that an index, a slice or an index array means: intp [] or [n].

    Negative indexes count from the end. Raises `IndexError` and `TypeError` as a list would, and
    `LimitError` for more than `most` rows, before they are allocated.
    """
    if isinstance(key, slice):
        rows = range(*key.indices(length))
        _check_number(len(rows), most)
        return np.arange(rows.start, rows.stop, rows.step, dtype=np.intp)
    if isinstance(key, int | np.integer):
        array = np.array(operator.index(key), object)
    else:
        array = np.asarray(key)
        if array.dtype == np.bool_ and array.shape == (length,):
            array = np.flatnonzero(array)
        if array.ndim != 1 or (array.size and not np.issubdtype(array.dtype, np.integer)):
            raise TypeError(f"an index, a slice or a list of indexes is expected, not {key!r}")
        _check_number(array.size, most)
    if array.size and not (-length <= int(array.min()) and int(array.max()) < length):
        raise IndexError(f"digit {key} is out of range: the archive has {length}")
    found = array.astype(np.intp)
    return np.where(found < 0, found + length, found)


def _check_number(images: int, most: int) -> None:
    if images > most:
        raise LimitError(
            f"{images} digits at once, expected at most {most}: use batches(), or raise max_digits"
        )
