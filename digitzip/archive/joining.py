"""Join archives: chunks are copied and never decoded, so no model is needed."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from os import PathLike, fspath
from typing import Any

from digitzip.archive.index import Extras
from digitzip.archive.sink import ChunkSink, Writable, opened
from digitzip.archive.storage import Readable
from digitzip.archive.store import ChunkStore
from digitzip.archive.views import NamesView
from digitzip.errors import DigitzipError, DigitzipWarning, InputError, OutputError
from digitzip.format import Header
from digitzip.images.taken_names import file_key


def join(files: Sequence[Readable], out: Writable, *, overwrite: bool = False) -> int:
    """Write the images of all `files`, one after another, as one archive; return their number.

    Chunks are copied byte for byte, and all stored bytes are checked on the way. Either all images
    have names, no two files the same, or none has; likewise labels. The promise of the joined file
    is what all files promise, and its metadata are those of all files. A path appears whole or not
    at all. Raises `InputError` for files that do not fit together, and whatever
    opening them raises, with the name of the file.
    """
    if isinstance(files, str | bytes | PathLike):
        raise TypeError(f"files is a sequence of archives, not {files!r}")
    if not files:
        raise InputError("no archive to join, expected at least one")
    with opened(out, overwrite=overwrite) as target:
        header, dropped = _common_header(files)
        if dropped:
            warnings.warn(
                f"{dropped} promises nothing of its images, so the joined file promises nothing",
                DigitzipWarning,
                stacklevel=2,
            )
        sink, joined = ChunkSink(target, header), _JoinedFiles()
        for number, file in enumerate(files):
            label = _label(file, number)
            with _reading(file, label) as store:
                # The file may have changed since its header was read.
                match(header, store.header, _label(files[0], 0), label)
                joined.take(store, label)
                sink.extras = joined.extras
                for chunk in store.numbers:
                    sink.copy(store.chunk_bytes(chunk))
        sink.close()
    return sink.images


def match(header: Header, other: Header, label: str, other_label: str) -> Header:
    """Return the header of a file with the images of both; raises `InputError` where none fits."""
    for name, one, two in (
        ("model", header.model_id.hex(), other.model_id.hex()),
        ("levels", header.levels, other.levels),
        ("shape", _shape(header), _shape(other)),
    ):
        if one != two:
            raise InputError(
                f"{other_label}: {name} {two}, expected {one} as in {label}: "
                "compress its originals as the others were"
            )
    return header.common(other)


class _JoinedFiles:
    """Whether the images of the files so far have names and labels, and all their names."""

    def __init__(self) -> None:
        self.extras = Extras()
        self._first: str | None = None  # the first file that has images
        self._from: dict[str, str] = {}

    def take(self, store: ChunkStore, label: str) -> None:
        """Add a file; raise `InputError` where it disagrees with the files before it."""
        if not len(store):
            return
        if self._first is None:
            self._first, self.extras = label, store.index.extras
        if what := self.extras.disagreement(store.index.extras):
            has = store.index.extras.has(what)
            with_, without = (label, self._first) if has else (self._first, label)
            raise InputError(
                f"{without}: its images have no {what}, those of {with_} do; "
                f"give {what} to all images, or to none"
            )
        own: dict[str, str] = {}
        for name in NamesView(store) if store.named else ():
            if (other := self._from.get(key := file_key(name))) is not None:
                raise InputError(
                    f"{label}: the name {name[:80]!r} is in {other} too, or one that makes the "
                    "same file; leave one image out with digitzip.extract"
                )
            own[key] = label
        self._from |= own


def _common_header(files: Sequence[Readable]) -> tuple[Header, str | None]:
    """Return the header of the joined file, and the first file that drops a promise of others."""
    header: Header | None = None
    promised, without = False, None
    for number, file in enumerate(files):
        label = _label(file, number)
        with _reading(file, label) as store:
            promised |= store.header.promise.on
            if not store.header.promise.on:
                without = without or label
            if header is None:
                header = store.header
            else:
                header = match(header, store.header, _label(files[0], 0), label)
    if header is None:
        raise InputError("no archive to join, expected at least one")
    return header, without if promised else None


@contextmanager
def _reading(file: Readable, label: str) -> Iterator[ChunkStore]:
    """Open an archive for reading; errors in it name it, errors of the output do not."""
    try:
        with closing(ChunkStore(file)) as store:
            yield store
    except (InputError, OutputError):
        raise
    except DigitzipError as error:
        raise type(error)(f"{label}: {error}") from error


def _label(file: Readable, number: int) -> str:
    return fspath(file) if isinstance(file, str | PathLike) else f"archive {number + 1}"


def _shape(header: Header) -> tuple[Any, ...]:
    return header.height, header.width, header.dims
