"""Originals <-> images of an archive: by name where both have names, else in order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from digitzip.archive.store import ChunkStore
from digitzip.archive.views import NamesView
from digitzip.errors import InputError

_SHOWN: Final = 80  # characters of a name in an error


class Matching:
    """Gives each original one image of `store`. Originals come in batches of any size."""

    def __init__(self, store: ChunkStore) -> None:
        self._store = store
        self._given = 0
        self._named: bool | None = None  # of the originals so far
        self._numbers: dict[str, int] = {}
        self._met = np.zeros(0, np.bool_)

    def find(self, count: int, names: Sequence[str] | None) -> npt.NDArray[np.intp]:
        """Return the images, intp [count], of the next originals; raises `InputError`."""
        if self._named not in (None, names is not None):
            raise InputError("some originals have names and others none; give all a name, or none")
        if self._named is None and names is not None and self._store.named:
            self._numbers = self._by_name()
            self._met = np.zeros(len(self._store), np.bool_)
        self._named = names is not None
        start, self._given = self._given, self._given + count
        if names is not None and self._store.named:
            return np.array([self._number(name) for name in names], np.intp)
        if self._given > len(self._store):
            raise InputError(
                f"more originals than the {len(self._store)} images of the file; give one for each"
            )
        return np.arange(start, self._given)

    def end(self) -> None:
        """Raise `InputError` unless every image has its original."""
        if self._given == len(self._store):
            return
        told = f"{self._given} originals for the {len(self._store)} images of the file"
        if self._numbers:
            unmet = next(name for name, index in self._numbers.items() if not self._met[index])
            told += f": there is none for {unmet[:_SHOWN]!r}"
        raise InputError(f"{told}; give one for each")

    def _by_name(self) -> dict[str, int]:
        numbers: dict[str, int] = {}
        for index, name in enumerate(NamesView(self._store)):
            if numbers.setdefault(name, index) != index:
                raise InputError(
                    f"images {numbers[name]} and {index} have one name, {name[:_SHOWN]!r}; "
                    "give originals without names, in the order of the images"
                )
        return numbers

    def _number(self, name: str) -> int:
        index = self._numbers.get(name)
        if index is None:
            raise InputError(f"no image of the file is named {name[:_SHOWN]!r}, as an original is")
        if self._met[index]:
            raise InputError(f"two originals are named {name[:_SHOWN]!r}; give one for each image")
        self._met[index] = True
        return index
