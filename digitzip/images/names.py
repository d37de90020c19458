"""Names of images: which are safe, and under which file names they come back.

A name is a relative POSIX path. It must make the same file on every machine: nothing that leads
outside a folder, that Windows reserves, or that two machines would tell apart differently. The
same rules hold when a folder is read, so what is compressed can be decompressed.
"""

import unicodedata
from collections.abc import Callable

from digitzip.errors import InputError
from digitzip.format.names import file_problem, png_path

Locate = Callable[[str], str]
"""Turns the name of an image into the path of the input file that holds it."""


class Names:
    """The names taken so far, so that no two images come back as one file."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        self._origins: list[tuple[int, Locate]] = []

    def enter(self, locate: Locate) -> None:
        """Say where the names taken from now on are, for errors to name the files."""
        self._origins.append((len(self._taken), locate))

    def take(self, name: str) -> str:
        """Return the path of the PNG that `name` comes back as.

        Raises InputError when the name is unsafe, or is taken: equal but for case or Unicode
        form, or one a folder and the other a file.
        """
        problem = file_problem(name)
        if problem is not None:
            what = repr(self._locate(name, len(self._taken))) if self._origins else "the image"
            raise InputError(f"the name {name!r} cannot be kept: {problem}; rename {what}")
        path = png_path(name)
        key = _fold(path)
        folders = _folders_of(key)
        for other in (*map(self._taken.get, (*folders, key)), self._folders.get(key)):
            if other is not None:
                raise self._collision(other, name)
        for folder in folders:
            self._folders.setdefault(folder, name)
        self._taken[key] = name
        return path

    def _collision(self, first: str, second: str) -> InputError:
        # Names are kept in the order taken, so that none needs memory for where it is.
        at = list(self._taken).index(_fold(png_path(first)))
        places = self._locate(first, at), self._locate(second, len(self._taken))
        return InputError(
            f"{places[0]!r} and {places[1]!r} would come back under one name,"
            f" {png_path(second)!r}; rename one of them"
        )

    def _locate(self, name: str, at: int) -> str:
        """Return where the name is that was, or would be, taken as number `at`."""
        entered = [locate for start, locate in self._origins if start <= at]
        return entered[-1](name) if entered else name


def number_name(number: int, count: int) -> str:
    """Name image `number` of `count` that has no name of its own: 00000.png, 00001.png, ..."""
    return f"{number:0{max(5, len(str(count - 1)))}}.png"


def _fold(path: str) -> str:
    """Map the paths that some file system takes for one to one key."""
    if path.isascii():
        folded = path.lower()
    else:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
    return path if folded == path else folded  # the same object, to spare memory


def _folders_of(key: str) -> list[str]:
    parts = key.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]
