"""Append to an archive: write the whole file again beside the old one, then rename it.

The old file stays whole until the new one replaces it, even if the process is killed. Processes
that read the old file meanwhile can read it to its end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from os import PathLike
from pathlib import Path
from typing import BinaryIO

from digitzip import atomic
from digitzip.archive.opening import Opening
from digitzip.archive.store import ChunkStore
from digitzip.archive.writer import Writer
from digitzip.codec import Codec
from digitzip.errors import OutputError
from digitzip.fidelity import encoder_from_promise
from digitzip.images import Fit
from digitzip.limits import DEFAULT_CHUNK_IMAGES
from digitzip.model import Model


def append(
    path: str | PathLike[str],
    *,
    model: str | Path | Model | None = None,
    effort: int | None = None,
    fit: Fit = "none",
    chunk: int = DEFAULT_CHUNK_IMAGES,
    jobs: int = 1,
    progress: Callable[[int], object] | None = None,
) -> Writer:
    """Return a `Writer` that adds images after those of the archive at `path`.

    They get the model, the quality and the promise of the file; `model` is needed only when no
    known folder holds that model. `jobs` and `progress` are as for `create`. The file changes when
    the writer is closed, or not at all: at every moment it is the old one or the new one, with the
    same permissions and, where that is allowed, owner and group. A symbolic link is followed; hard
    links keep the old file.

    Raises `OutputError` where the file cannot be written, or another run appends to it or changes
    it meanwhile, `DamagedError` where it is damaged, and `BoundError` where it promises labels by
    a classifier that is not found.
    """
    try:
        target = Path(os.path.realpath(path))
    except UnicodeError as error:
        raise OutputError(f"cannot read {str(path)!r}: {error}; set PYTHONUTF8=1") from error
    with ExitStack() as pending:
        old = pending.enter_context(_alone(target))
        before = os.fstat(old.fileno())
        out = pending.enter_context(atomic.file(target, overwrite=True))
        _like(out, before)  # before private data is written
        pending.enter_context(_unchanged(target, before))
        store = ChunkStore(old, Opening(model))
        codec = Codec(store.codec.model, store.header.levels, effort)
        encoder = encoder_from_promise(codec, store.header.promise)
        outputs = ExitStack()
        writer = Writer(
            out,
            codec,
            encoder,
            chunk=chunk,
            fit=fit,
            header=store.header,
            jobs=jobs,
            progress=progress,
            outputs=outputs,
        )
        writer.resume(store)
        if sys.platform == "win32":
            old.close()  # Windows renames onto no open file
        outputs.push(pending.pop_all())
        return writer


@contextmanager
def _unchanged(target: Path, before: os.stat_result) -> Iterator[None]:
    """Raise `OutputError` where the file was changed when the block ends."""
    yield
    if _identity(target.stat()) != _identity(before):
        raise OutputError(f"{str(target)!r} was changed meanwhile; append to it once more")


@contextmanager
def _alone(target: Path) -> Iterator[BinaryIO]:
    """Open and lock the file at `target`, so that only one process appends to it."""
    while True:
        with target.open("r+b") as file:
            try:
                atomic.lock(file.fileno())
            except BlockingIOError:
                raise OutputError(
                    f"another run is appending to {str(target)!r}; wait until it has ended"
                ) from None
            if not os.path.samestat(os.fstat(file.fileno()), target.stat()):
                continue  # it was replaced before it was locked
            yield file
            return


def _like(out: BinaryIO, old: os.stat_result) -> None:
    """Give a file the mode of the old one and, where the system allows it, owner and group."""
    if sys.platform != "win32":
        for owner, group in ((-1, old.st_gid), (old.st_uid, -1)):
            with suppress(OSError):
                os.fchown(out.fileno(), owner, group)
        os.fchmod(out.fileno(), old.st_mode & 0o777)  # last: a new owner may clear bits of it


def _identity(status: os.stat_result) -> tuple[int, ...]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
