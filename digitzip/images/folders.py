"""Folders of image files, walked in sorted order with one folder's listing in memory at a time."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from digitzip.errors import InputError

_LITTER = frozenset(["desktop.ini", "thumbs.db"])


def walk(root: Path) -> Iterator[str]:
    """Yield the relative POSIX path of every file, sorted by its UTF-8 bytes.

    Hidden files and folders (.name) are skipped; links are followed. Raises `InputError` for what
    cannot be listed, a name that is not UTF-8, a special file, or a loop of links.
    """
    yield from _walk(root, "", ())


def folders_in(root: Path) -> list[str]:
    """Return the names of the folders in a folder, sorted; raises `InputError` as `walk` does."""
    return [key.decode().removesuffix("/") for key, is_folder in _listed(root) if is_folder]


def count(root: Path) -> int:
    """Return how many files `walk` yields."""
    return sum(1 for _ in walk(root))


def _walk(root: Path, prefix: str, above: tuple[tuple[int, int], ...]) -> Iterator[str]:
    here = root / prefix
    with _listing(here):
        status = here.stat()
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        raise InputError(f"{str(here)!r} leads back to a folder that contains it")
    for key, is_folder in _listed(here):
        path = prefix + key.decode()
        if is_folder:
            yield from _walk(root, path, (*above, identity))
        else:
            yield path


@contextmanager
def _listing(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or error
        raise InputError(f"cannot list the folder {str(folder)!r}: {reason}") from error


def _listed(folder: Path) -> list[tuple[bytes, bool]]:
    """List a folder as (UTF-8 name, is a folder); a folder's name ends in /, to sort its files."""
    entries = []
    with _listing(folder), os.scandir(folder) as listing:
        for entry in listing:
            if entry.name.startswith(".") or entry.name.lower() in _LITTER:
                continue
            is_folder = entry.is_dir()
            if not is_folder and not entry.is_file():
                raise InputError(f"{entry.path!r} is neither a file nor a folder")
            try:
                key = f"{entry.name}/".encode() if is_folder else entry.name.encode()
            except UnicodeEncodeError as error:
                raise InputError(f"the name {entry.path!r} is not UTF-8; rename it") from error
            entries.append((key, is_folder))
    return sorted(entries)
