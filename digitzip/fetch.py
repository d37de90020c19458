"""MNIST from its public mirrors: each file whole and the right one, or not there at all.

A file grows beside its name, as `NAME.part`, from which a later run goes on. What it holds is known
by the SHA-256 of its unpacked contents. This room knows no images and no command line.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import os
import time
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

from digitzip.errors import InputError, OutputError
from digitzip.staging import writing

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
"""Each file, and the SHA-256 of what is in it once unpacked."""

ROUNDS: Final = 3  # over the mirrors, until one gives a file
PAUSE: Final = 2.0  # seconds before another
TIMEOUT: Final = 30.0  # seconds without a byte
MAX_BYTES: Final = 64 << 20  # of a file, packed or not: more is not MNIST

_CHUNK: Final = 1 << 16

Progress = Callable[[str, int, int | None], object]
"""Called with a file's name, its bytes so far and, where the mirror says it, its bytes in all."""


class _MirrorError(Exception):
    """Why a mirror did not give a file."""


def fetch_mnist(
    folder: str | os.PathLike[str],
    *,
    mirrors: Sequence[str] = MIRRORS,
    overwrite: bool = False,
    progress: Progress | None = None,
) -> list[Path]:
    """Download the four files of MNIST to `folder` and return their paths.

    Files that are there already and right stay as they are. Raises `InputError` when no mirror
    gives a file, in a few rounds; what came of it is kept, and the same call goes on from there.
    Raises `OutputError` where a file cannot be written or would replace another one, unless
    `overwrite`.
    """
    place = Path(folder)
    with writing(place):
        place.mkdir(parents=True, exist_ok=True)
    return [
        _fetch(place / name, digest, mirrors, overwrite, progress or (lambda *_: None))
        for name, digest in MNIST.items()
    ]


def _fetch(
    path: Path, digest: str, mirrors: Sequence[str], overwrite: bool, progress: Progress
) -> Path:
    if path.exists():
        if path.is_file() and _is_right(path, digest):
            return path
        if not overwrite or not path.is_file():
            raise OutputError(f"{str(path)!r} exists and is not MNIST's; -f replaces it")
    part = path.with_name(f"{path.name}.part")
    reasons: dict[str, str] = {}
    for turn, mirror in enumerate([*mirrors] * ROUNDS):
        if turn and turn % len(mirrors) == 0:
            time.sleep(PAUSE)
        try:
            _download(f"{mirror.rstrip('/')}/{path.name}", part, progress)
            if not _is_right(part, digest):
                part.unlink()
                raise _MirrorError("it gave another file: its SHA-256 is not MNIST's")
        except _MirrorError as error:
            reasons[mirror] = str(error)
            continue
        with writing(path):
            part.replace(path)
        return path
    told = "; ".join(f"{mirror}: {reason}" for mirror, reason in reasons.items())
    raise InputError(f"cannot fetch {path.name}: {told}; try again, it goes on where it stopped")


def _download(url: str, part: Path, progress: Progress) -> None:
    """Append to `part` what is missing of the file at `url`; raises `_MirrorError`."""
    have = part.stat().st_size if part.exists() else 0
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            if have and answer.status != http.HTTPStatus.PARTIAL_CONTENT:
                have = 0  # the mirror begins anew
            _receive(answer, part, have, progress)
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # there is no more: the digest will tell
        raise _MirrorError(f"HTTP status {error.code}") from error
    except urllib.error.URLError as error:
        raise _MirrorError(str(error.reason)) from error
    except (TimeoutError, ConnectionError, http.client.HTTPException) as error:
        raise _MirrorError(str(error) or type(error).__name__) from error


def _receive(answer: http.client.HTTPResponse, part: Path, have: int, progress: Progress) -> None:
    """Write an answer to `part` after the `have` bytes that are there; raises `_MirrorError`."""
    length = answer.length  # None where the mirror does not say
    total = None if length is None else have + length
    with writing(part):
        file = part.open("ab" if have else "wb", buffering=0)
    with file:
        while chunk := answer.read(_CHUNK):
            with writing(part):
                file.write(chunk)
            have += len(chunk)
            progress(part.stem, have, total)
            if have > MAX_BYTES:
                break
    if have > MAX_BYTES:
        part.unlink()
        raise _MirrorError(f"it gave more than {MAX_BYTES:,} bytes, which is not MNIST")
    if total is not None and have < total:
        raise _MirrorError(f"the connection ended after {have:,} of {total:,} bytes")


def _is_right(path: Path, digest: str) -> bool:
    """Tell whether a gzip file holds what has this SHA-256."""
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
