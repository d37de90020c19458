"""Download MNIST from its public mirrors; each file appears whole and verified, or not at all.

A file grows as `NAME.part`, which its run keeps locked and which a later run resumes. It is
verified by the SHA-256 of its unpacked contents. This room knows no images and no command line.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import io
import os
import sys
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from digitzip.atomic import lock, writing
from digitzip.errors import InputError, OutputError

MIRRORS: Final = (
    "https://ossci-datasets.s3.amazonaws.com/mnist/",
    "https://storage.googleapis.com/cvdf-datasets/mnist/",
)
MNIST: Final = {
    "train-images-idx3-ubyte.gz": (
        "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db"
    ),
    "train-labels-idx1-ubyte.gz": (
        "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5"
    ),
    "t10k-images-idx3-ubyte.gz": (
        "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7"
    ),
    "t10k-labels-idx1-ubyte.gz": (
        "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2"
    ),
}
"""Each file, and the SHA-256 of its unpacked contents."""

ROUNDS: Final = 3  # over the mirrors, until one gives a file
PAUSE: Final = 2.0  # seconds before another
TIMEOUT: Final = 30.0  # seconds without a byte
MAX_BYTES: Final = 64 << 20  # of a file, packed or not: more is not MNIST

_CHUNK: Final = 1 << 16

Progress = Callable[[str, int, int | None], object]
"""Called with the name of a file, its bytes so far, and its total bytes or None if unknown."""


class _MirrorError(Exception):
    """Why a mirror failed to provide a file."""


def fetch_mnist(
    folder: str | os.PathLike[str],
    *,
    mirrors: Sequence[str] | None = None,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Download the four files of MNIST to `folder` and return their paths.

    Verified files that exist are kept. `mirrors` are the URLs of folders, by default public ones,
    tried in turn. Raises `InputError` when no mirror provides a file in three rounds; the part
    received is kept, and the same call resumes it. Raises `OutputError` where a file cannot be
    written, another run is fetching it, or another file has its name and `overwrite` is false.
    """
    mirrors = MIRRORS if mirrors is None else mirrors
    if not mirrors:
        raise InputError("mirrors= is empty; expected at least one URL")
    for mirror in mirrors:
        _check_mirror(mirror)
    target = Path(folder)
    with writing(target):
        target.mkdir(parents=True, exist_ok=True)
    return [
        _fetch(target / name, digest, mirrors, overwrite, progress or (lambda *_: None))
        for name, digest in MNIST.items()
    ]


def _check_mirror(url: str) -> None:
    try:
        parts = urlsplit(url)
        _ = parts.port  # raises for what is no number
        fine = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isascii()
    except ValueError:
        fine = False
    if not fine:
        raise InputError(f"mirror {url!r} is not an http or https URL in ASCII")


def _fetch(
    path: Path, digest: str, mirrors: Sequence[str], overwrite: bool, progress: Progress
) -> Path:
    if _is_there(path, digest, overwrite):
        return path
    part = path.with_name(f"{path.name}.part")
    with _alone(part) as file:
        if _is_there(path, digest, overwrite):
            return path  # another run fetched it meanwhile
        reasons: dict[str, str] = {}
        for turn, mirror in enumerate([*mirrors] * ROUNDS):
            if turn and turn % len(mirrors) == 0:
                time.sleep(PAUSE)
            try:
                _download(f"{mirror.rstrip('/')}/{path.name}", part, file, progress)
                if not _is_right(part, digest):
                    _empty(part, file)
                    raise _MirrorError("wrong file: its SHA-256 is not that of MNIST")
            except _MirrorError as error:
                reasons[mirror] = str(error)
                continue
            if sys.platform == "win32":
                file.close()  # Windows renames no open file
            with writing(path):
                part.replace(path)
            return path
    found = "; ".join(f"{mirror}: {reason}" for mirror, reason in reasons.items())
    raise InputError(f"cannot fetch {path.name}: {found}; run again to resume")


def _is_there(path: Path, digest: str, overwrite: bool) -> bool:
    """Tell whether the right file exists; raises `OutputError` where another must be kept."""
    if not path.exists():
        return False
    if not path.is_file():
        raise OutputError(f"cannot write {str(path)!r}: it exists and is not a regular file")
    if _is_right(path, digest):
        return True
    if not overwrite:
        raise OutputError(f"{str(path)!r} exists and is not MNIST's; overwrite=True replaces it")
    return False


@contextmanager
def _alone(part: Path) -> Iterator[io.FileIO]:
    """Open and lock `part`; an empty one is removed."""
    while True:
        with writing(part):
            file = part.open("a+b", buffering=0)
        with file:
            try:
                lock(file.fileno())
            except BlockingIOError:
                name = str(part.with_suffix(""))
                raise OutputError(
                    f"another run is fetching {name!r}; wait until it has ended"
                ) from None
            if not part.exists() or not os.path.samestat(os.fstat(file.fileno()), part.stat()):
                continue  # it was renamed or deleted before it was locked
            try:
                yield file
            finally:
                with suppress(OSError):
                    if not file.closed and not os.fstat(file.fileno()).st_size:
                        part.unlink()
            return


def _empty(part: Path, file: io.FileIO) -> None:
    """Truncate `part` and keep its lock."""
    with writing(part):
        file.truncate(0)


def _download(url: str, part: Path, file: io.FileIO, progress: Progress) -> None:
    """Append the rest of the file at `url` to `part`; raises `_MirrorError`."""
    have = file.seek(0, io.SEEK_END)
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            if have and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                have = 0  # the mirror starts from the beginning
                _empty(part, file)
            _receive(answer, part, file, have, progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # nothing is left: the digest decides
        raise _MirrorError(f"HTTP status {error.code}") from error
    except urllib.error.URLError as error:
        raise _MirrorError(str(error.reason)) from error
    except OutputError:
        raise
    except (OSError, http.client.HTTPException, ValueError) as error:  # ValueError: a redirection
        raise _MirrorError(str(error) or type(error).__name__) from error


def _receive(
    answer: http.client.HTTPResponse, part: Path, file: io.FileIO, have: int, progress: Progress
) -> None:
    """Append an answer to the `have` bytes of `part`; raises `_MirrorError`."""
    length = answer.length  # None if unknown
    total = None if length is None else have + length
    while chunk := answer.read(_CHUNK):
        with writing(part):
            file.write(chunk)
        have += len(chunk)
        progress(part.stem, have, total)
        if have > MAX_BYTES:
            _empty(part, file)
            raise _MirrorError(f"more than {MAX_BYTES:,} bytes, which is not MNIST")
    if total is not None and have < total:
        raise _MirrorError(f"the connection ended after {have:,} of {total:,} bytes")


def _is_right(path: Path, digest: str) -> bool:
    """Tell whether the contents of a gzip file have this SHA-256."""
    found, size = hashlib.sha256(), 0
    try:
        with gzip.open(path) as file:
            while chunk := file.read(_CHUNK):
                found.update(chunk)
                if (size := size + len(chunk)) > MAX_BYTES:
                    return False
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False
    return found.hexdigest() == digest
