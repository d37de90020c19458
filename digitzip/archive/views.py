"""What an open archive shows beside its images: codes and names, indexed alike."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from digitzip.errors import LimitError

if TYPE_CHECKING:
    from digitzip.archive.archive import Archive


class CodesView:
    """The codes of an archive: `view[i]` is uint8 [d], `view[a:b]` uint8 [n, d]."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def __len__(self) -> int:
        return len(self._archive)

    def __getitem__(self, key: Any) -> npt.NDArray[np.uint8]:
        digits = self._archive.resolve(key)
        flat = digits.reshape(-1)
        codes = np.empty((flat.size, self._archive.header.dims), np.uint8)
        for number, positions in self._archive.locate(flat):
            first = self._archive.chunks.first(number)
            codes[positions] = self._archive.chunks.codes(number)[flat[positions] - first]
        return codes.reshape(*digits.shape, codes.shape[1])


class NamesView:
    """The names of an archive: `view[i]` is a string, `view[a:b]` a list of them."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive

    def __len__(self) -> int:
        return len(self._archive)

    def __iter__(self) -> Iterator[str]:
        for number in range(len(self._archive.chunks)):
            yield from self._archive.chunks.names(number)

    def __getitem__(self, key: Any) -> Any:
        digits = self._archive.resolve(key)
        flat = digits.reshape(-1)
        names = [""] * flat.size
        for number, positions in self._archive.locate(flat):
            chunk, first = self._archive.chunks.names(number), self._archive.chunks.first(number)
            for position in positions:
                names[position] = chunk[flat[position] - first]
        return names if digits.ndim else names[0]


def resolve(key: Any, length: int, most: int) -> npt.NDArray[np.intp]:
    """Return the places that an index, a slice or an index array means: intp [] or [n].

    Negative indexes count from the end. Raises `IndexError` and `TypeError` as a list would, and
    `LimitError` for more than `most` places, before they are allocated.
    """
    if isinstance(key, slice):
        places = range(*key.indices(length))
        _check_number(len(places), most)
        return np.arange(places.start, places.stop, places.step, dtype=np.intp)
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
    digits = array.astype(np.intp)
    return np.where(digits < 0, digits + length, digits)


def _check_number(digits: int, most: int) -> None:
    if digits > most:
        raise LimitError(
            f"{digits} digits at once, expected at most {most}: use batches(), or raise max_digits"
        )
