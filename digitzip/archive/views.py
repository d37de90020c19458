"""Views of the codes, names and labels of an open archive, indexed like its images."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from digitzip.archive.store import ChunkStore
from digitzip.codec import Codes


class CodesView:
    """The codes of an archive: `view[i]` is uint8 [d], `view[a:b]` uint8 [n, d]."""

    def __init__(self, store: ChunkStore) -> None:
        self._store = store

    def __len__(self) -> int:
        return len(self._store)

    def __getitem__(self, key: Any) -> Codes:
        found = self._store.select(key, (self._store.header.dims,))
        codes: Codes = self._store.codes_of(found.rows)[found.index]
        return codes


class LabelsView:
    """The labels of an archive: `view[i]` is a number, `view[a:b]` uint8 [n]."""

    def __init__(self, store: ChunkStore) -> None:
        self._store = store

    def __len__(self) -> int:
        return len(self._store)

    def __getitem__(self, key: Any) -> Any:
        found = self._store.select(key)
        return self._store.labels_of(found.rows)[found.index]


class NamesView:
    """The names of an archive: `view[i]` is a string, `view[a:b]` a list of them."""

    def __init__(self, store: ChunkStore) -> None:
        self._store = store

    def __len__(self) -> int:
        return len(self._store)

    def __iter__(self) -> Iterator[str]:
        for number in self._store.numbers:
            yield from self._store.chunk_names(number)

    def __getitem__(self, key: Any) -> Any:
        found = self._store.select(key)
        names = np.array(self._store.names_of(found.rows), object)[found.index]
        return names.tolist() if isinstance(names, np.ndarray) else names
