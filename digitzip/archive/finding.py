"""Which digits of an archive are meant by numbers, ranges, names and patterns of names."""

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
    """Return the digits, intp [n], that words mean, in their order, each once.

    A word is a number, negative from the end; a range A:B as in a slice; a name; or a pattern of
    names with * ? [] as in a shell, but * stands for / too. A word that is a number or a range is
    never taken for a name. Raises `InputError` for a word that means no digit of the archive, and
    `LimitError` for more digits than may be decoded at once.
    """
    named = _find_named(store, [word for word in words if not _is_number(word)])
    found: dict[int, None] = {}
    for word in words:
        digits = _numbers(word, len(store)) if _is_number(word) else named[word]
        if len(digits) <= store.max_images:
            found |= dict.fromkeys(digits)
        if max(len(digits), len(found)) > store.max_images:
            raise LimitError(f"more than {store.max_images} images at once: ask for fewer of them")
    return np.array(list(found), np.intp)


def _is_number(word: str) -> bool:
    return bool(_NUMBER.fullmatch(word) or _RANGE.fullmatch(word))


def _numbers(word: str, count: int) -> range:
    """Return the digits of `count` that a number or a range means; raises `InputError`."""
    if match := _RANGE.fullmatch(word):
        start, stop = (int(text) if text else None for text in match.groups())
        digits = range(*slice(start, stop).indices(count))
    else:
        number = int(word)
        digits = range(count)[number:][:1] if -count <= number < count else range(0)
    if not digits:
        raise InputError(f"no digit {word}: the archive has {count:,}, counted from 0")
    return digits


def _find_named(store: ChunkStore, words: Sequence[str]) -> dict[str, list[int]]:
    """Return the digits that each word names, or else matches; reads the names once, if at all."""
    if not words:
        return {}
    if not store.named:
        raise InputError(f"no digit {words[0][:80]!r}: the digits of the archive have no names")
    exact: dict[str, list[int]] = {word: [] for word in words}
    patterns = {word: re.compile(translate(word)) for word in words if _PATTERN.search(word)}
    matched: dict[str, list[int]] = {word: [] for word in patterns}
    for digit, name in enumerate(NamesView(store)):
        if name in exact:
            exact[name].append(digit)
        for word, pattern in patterns.items():
            if pattern.match(name):
                matched[word].append(digit)
    found = {word: digits or matched.get(word, []) for word, digits in exact.items()}
    for word, digits in found.items():
        if not digits:
            kind = "whose name matches" if word in patterns else "named"
            raise InputError(f"no digit {kind} {word[:80]!r}; digitzip list tells the names")
    return found
