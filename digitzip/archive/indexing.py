"""NumPy indexing of an archive: a key between brackets -> the rows to decode and an index."""

from __future__ import annotations

import operator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from digitzip.errors import LimitError

Rows = npt.NDArray[np.intp]
_Whole = slice(None)


@dataclass(frozen=True, slots=True)
class Selection:
    """The rows to decode, intp [k], and the index to apply to the array of these rows."""

    rows: Rows
    index: tuple[Any, ...]


def select(key: Any, shape: tuple[int, ...], most: int) -> Selection:
    """Return the rows to decode for `array[key]`, and the index to apply to them.

    `shape` is the shape of the array. Keys are integers of any type, slices, `...`, arrays or lists
    of integers, boolean masks of the first axis, and tuples of these, one for each axis. Raises
    `IndexError` and `TypeError` for other keys, and `LimitError` for more than `most` rows, before
    anything is allocated.
    """
    first, rest = _by_axes(key, len(shape))
    rows, index = _rows_of(first, shape[0], most)
    if all(isinstance(each, slice) for each in rest) and np.ndim(index) == 1:
        index = _Whole  # the rows as they are, without a copy
    if rest:  # NumPy refuses what fits no axis, before anything is decoded
        _ = np.broadcast_to(np.uint8(0), (len(rows), *shape[1:]))[index, *rest]
    return Selection(rows, (index, *rest))


def _by_axes(key: Any, axes: int) -> tuple[Any, tuple[Any, ...]]:
    """Return the key of the first axis and the keys of the other axes, with `...` expanded."""
    keys = key if isinstance(key, tuple) else (key,)
    at = [number for number, each in enumerate(keys) if each is Ellipsis]
    if len(at) > 1 or len(keys) - len(at) > axes:
        raise IndexError(f"{len(keys)} indexes, expected at most {axes}, and '...' once")
    if at:
        missing = axes - (len(keys) - 1)
        keys = (*keys[: at[0]], *[_Whole] * missing, *keys[at[0] + 1 :])
    return (keys[0] if keys else _Whole), keys[1:]


def _rows_of(key: Any, length: int, most: int) -> tuple[Rows, Any]:
    """Return the rows that the key of the first axis means, and the index into those rows."""
    if isinstance(key, slice):
        span = range(*key.indices(length))
        _check_number(len(span), most)
        return np.arange(span.start, span.stop, span.step, dtype=np.intp), _Whole
    if isinstance(key, bool | np.bool_ | str | bytes) or key is None:
        raise _unusable(key)
    try:
        array = np.array(operator.index(key), object)
    except TypeError:
        array = _array_of(key, length, most)
    if array.size and not (-length <= int(array.min()) and int(array.max()) < length):
        raise IndexError(f"image {key} is out of range: the archive has {length}")
    found = array.astype(np.intp)
    rows = np.where(found < 0, found + length, found)
    if not rows.ndim:
        return rows.reshape(1), 0
    return rows.reshape(-1), np.arange(rows.size).reshape(rows.shape)


def _array_of(key: Any, length: int, most: int) -> npt.NDArray[Any]:
    """Return a key as an array of integers; a boolean mask becomes the rows it is true for."""
    try:
        array = np.asarray(key)
    except (TypeError, ValueError):  # a list of lists of several lengths
        raise _unusable(key) from None
    if array.dtype == np.bool_:
        if array.shape != (length,):
            raise IndexError(f"a mask of shape {array.shape}, expected ({length},)")
        array = np.flatnonzero(array)
    if not array.ndim or (array.size and not np.issubdtype(array.dtype, np.integer)):
        raise _unusable(key)
    _check_number(array.size, most)
    return array


def _unusable(key: Any) -> TypeError:
    return TypeError(f"expected an integer, a slice, an array of integers or a mask, not {key!r}")


def _check_number(images: int, most: int) -> None:
    if images > most:
        raise LimitError(
            f"{images} images at once, expected at most {most}: "
            "read them with batches(), or raise max_images="
        )
