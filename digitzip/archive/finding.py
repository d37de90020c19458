"""Find images of an archive by numbers, ranges, names and patterns of names."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fnmatch import translate
from typing import Final

import numpy as np
import numpy.typing as npt

from digitzip.archive.store import ChunkStore
from digitzip.archive.views import NamesView
from digitzip.errors import InputError, LimitError

_NUMBER: Final = re.compile(r"-?[0-9]{1,18}")
_RANGE: Final = re.compile(r"(-?[0-9]{1,18})?:(-?[0-9]{1,18})?")
_PATTERN: Final = re.compile(r"[*?\[]")


def find(store: ChunkStore, words: Sequence[str]) -> npt.NDArray[np.intp]:
    """Return the rows, intp [n], that words mean, in their order, each once.

    A word is a number, negative from the end; a range A:B, without B itself, within
    the archive; a name; or a pattern of
    names with * ? [] as in a shell, but * stands for / too. A word that is a number or a range is
    never taken for a name. Raises `InputError` for a word that means no image of the archive, and
    `LimitError` for more images than may be decoded at once.
    """
    named = _find_named(store, [word for word in words if not _is_number(word)])
    found: dict[int, None] = {}
    for word in words:
        rows = _numbers(word, len(store)) if _is_number(word) else named[word]
        if len(rows) <= store.opening.max_images:
            found |= dict.fromkeys(rows)
        if max(len(rows), len(found)) > store.opening.max_images:
            raise LimitError(
                f"more than {store.opening.max_images} images at once: ask for fewer of them"
            )
    return np.array(list(found), np.intp)


def _is_number(word: str) -> bool:
    return bool(_NUMBER.fullmatch(word) or _RANGE.fullmatch(word))


def _numbers(word: str, count: int) -> range:
    """Return the images of `count` that a number or a range means; raises `InputError`."""
    if match := _RANGE.fullmatch(word):
        bounds = [int(text) if text else None for text in match.groups()]
        beyond = any(each is not None and not -count <= each <= count for each in bounds)
        images = range(0) if beyond else range(*slice(*bounds).indices(count))
    else:
        number = int(word)
        images = range(count)[number:][:1] if -count <= number < count else range(0)
    if not images:
        has = f"{count:,} image{'s' * (count != 1)}"
        raise InputError(f"no image {word}: the archive has {has}, counted from 0")
    return images


def _find_named(store: ChunkStore, words: Sequence[str]) -> dict[str, list[int]]:
    """Return the rows that each word names, or else matches; reads the names once, if at all."""
    if not words:
        return {}
    if not store.named:
        raise InputError(f"no image {words[0][:80]!r}: the images of the archive have no names")
    exact: dict[str, list[int]] = {word: [] for word in words}
    patterns = {word: re.compile(translate(word)) for word in words if _PATTERN.search(word)}
    matched: dict[str, list[int]] = {word: [] for word in patterns}
    for row, name in enumerate(NamesView(store)):
        if name in exact:
            exact[name].append(row)
        for word, pattern in patterns.items():
            if pattern.match(name):
                matched[word].append(row)
    found = {word: rows or matched.get(word, []) for word, rows in exact.items()}
    for word, rows in found.items():
        if not rows:
            kind = "whose name matches" if word in patterns else "named"
            raise InputError(f"no image {kind} {word[:80]!r}; digitzip list shows the names")
    return found
