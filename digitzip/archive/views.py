"""What an open archive has beside its images: codes and names, indexed alike."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from digitzip.archive.store import ChunkStore
from digitzip.codec import Codes


class CodesView:
    """The codes of an archive: `view[i]` is uint8 [d], `view[a:b]` uint8 [n, d]."""

    def __init__(self, store: ChunkStore) -> None:
        self._store = store

    def __len__(self) -> int:
        return len(self._store)

    def __getitem__(self, key: Any) -> Codes:
        rows = self._store.rows(key)
        codes = self._store.codes_of(rows.reshape(-1))
        return codes.reshape(*rows.shape, codes.shape[1])


class NamesView:
    """The names of an archive: `view[i]` is a string, `view[a:b]` a list of them."""

    def __init__(self, store: ChunkStore) -> None:
        self._store = store

    def __len__(self) -> int:
        return len(self._store)

    def __iter__(self) -> Iterator[str]:
        for number in self._store.numbers:
            yield from self._store.names(number)

    def __getitem__(self, key: Any) -> Any:
        rows = self._store.rows(key)
        names = self._store.names_of(rows.reshape(-1))
        return names if rows.ndim else names[0]
