"""Folders of image files, walked in sorted order with one folder's listing in memory at a time."""

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Literal, NoReturn

from digitzip.errors import InputError

Sort = Literal["name", "natural"]
"""The order of a folder: by the bytes of names (10 before 2), or by the numbers in them, too."""
Report = Callable[[str, InputError], None]
"""Takes what cannot be read: a place and its error."""

_LITTER = frozenset(["desktop.ini", "thumbs.db", "__macosx"])
_NUMBER = re.compile(rb"([0-9]+)")


def _refuse(place: str, error: InputError) -> NoReturn:
    raise error


def walk(root: Path, sort: Sort = "name", report: Report = _refuse) -> Iterator[str]:
    """Yield the relative POSIX path of every file, sorted by its UTF-8 bytes, or naturally.

    Hidden files and folders (.name) are skipped; links are followed. Reports an `InputError` for
    what cannot be listed, a name that is not UTF-8, a special file, or a loop of links.
    """
    yield from _walk(root, "", (), sort, report)


def folders_in(root: Path, sort: Sort = "name") -> list[str]:
    """Return the names of the folders in a folder, sorted; raises `InputError` as `walk` does."""
    listed = _listed(root, sort, _refuse)
    return [key.decode().removesuffix("/") for key, is_folder in listed if is_folder]


def native(name: str) -> str:
    """Return the path that the system knows for a relative path of `walk`, whatever its locale."""
    return os.fsdecode(name.encode())


def is_hidden(name: str) -> bool:
    """Tell whether a file or folder of this name is skipped."""
    return name.startswith(".") or name.lower() in _LITTER


def sort_key(sort: Sort, key: bytes) -> tuple[list[bytes | int], bytes]:
    """Return what a path, in UTF-8, is sorted by."""
    if sort == "name":
        return [], key
    parts: list[bytes | int] = list(_NUMBER.split(key))
    parts[1::2] = map(int, parts[1::2])
    return parts, key


def _walk(
    root: Path, prefix: str, above: tuple[tuple[int, int], ...], sort: Sort, report: Report
) -> Iterator[str]:
    here = root / native(prefix)
    try:
        status = here.stat()
    except OSError as error:
        report(str(here), _unlisted(here, error))
        return
    identity = (status.st_dev, status.st_ino)
    if identity in above:
        loop = f"{str(here)!r} leads back to a folder that contains it"
        report(str(here), InputError(loop))
        return
    for key, is_folder in _listed(here, sort, report):
        path = prefix + key.decode()
        if is_folder:
            yield from _walk(root, path, (*above, identity), sort, report)
        else:
            yield path


def _unlisted(folder: Path, error: OSError) -> InputError:
    return InputError(f"cannot list the folder {str(folder)!r}: {error.strerror or error}")


def _listed(folder: Path, sort: Sort, report: Report) -> list[tuple[bytes, bool]]:
    """List a folder as (UTF-8 name, is a folder); a folder's name ends in /, to sort its files."""
    entries = []
    try:
        with os.scandir(folder) as listing:
            for entry in listing:
                if is_hidden(entry.name):
                    continue
                is_folder = entry.is_dir()
                if not is_folder and not entry.is_file():
                    odd = f"{entry.path!r} is neither a file nor a folder"
                    report(entry.path, InputError(odd))
                    continue
                key = os.fsencode(entry.name)
                try:
                    key.decode()
                except UnicodeDecodeError:
                    odd = f"the name {entry.path!r} is not UTF-8; rename it"
                    report(entry.path, InputError(odd))
                    continue
                entries.append((key + b"/" if is_folder else key, is_folder))
    except OSError as error:
        report(str(folder), _unlisted(folder, error))
    return sorted(entries, key=lambda each: sort_key(sort, each[0]))
