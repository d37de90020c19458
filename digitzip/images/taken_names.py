"""Names taken by images, so that no two images decompress to the same file.

A name is a relative POSIX path that makes the same file on every machine. It leads nowhere
outside its folder, Windows does not reserve it, and every file system tells it apart from the
other names. The rules hold for reading folders too, so what is compressed can be decompressed.
"""

import unicodedata
from collections.abc import Callable, Sequence

from digitzip.errors import InputError
from digitzip.format.names import file_problem, png_path

Locate = Callable[[str], str]
"""Turns the name of an image into the path of the input file that holds it."""


class TakenNames:
    """The names taken so far, so that no two images decompress to the same file."""

    def __init__(self, hint: str = "") -> None:
        self._hint = hint  # what else to do where names of two inputs collide
        self._taken: dict[str, str] = {}
        self._folders: dict[str, str] = {}
        self._origins: list[tuple[int, Locate]] = []

    def enter(self, locate: Locate) -> None:
        """Use `locate` in error messages for the names taken from now on."""
        self._origins.append((len(self._taken), locate))

    def take(self, name: str) -> str:
        """Return the path of the PNG file of `name`, and take the name.

        Raises `InputError` for a name that is unsafe or taken: equal but for case or Unicode
        form, or the name of a folder in one case and of a file in the other.
        """
        problem = file_problem(name)
        if problem is not None:
            what = repr(self._locate(name, len(self._taken))) if self._origins else "the image"
            raise InputError(f"{name!r} is no name for a file: {problem}; rename {what}")
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

    def take_all(self, names: Sequence[str]) -> list[str]:
        """Return the paths of several names, as `take` does; where it refuses one, take none."""
        counts = [(taken, len(taken)) for taken in (self._taken, self._folders)]
        try:
            return [self.take(name) for name in names]
        except InputError:
            for taken, count in counts:
                while len(taken) > count:
                    taken.popitem()
            raise

    def _collision(self, first: str, second: str) -> InputError:
        # Names are kept in the order taken, so their origins need no memory per name.
        index = list(self._taken).index(_fold(png_path(first)))
        paths = self._locate(first, index), self._locate(second, len(self._taken))
        hint = self._hint if self._origin(index) != self._origin(len(self._taken)) else ""
        return InputError(
            f"{paths[0]!r} and {paths[1]!r} would decompress to the same file,"
            f" {png_path(second)!r}; rename one of them{hint}"
        )

    def _locate(self, name: str, index: int) -> str:
        """Return the origin of the name taken, or to be taken, at this index."""
        origin = self._origin(index)
        return name if origin < 0 else self._origins[origin][1](name)

    def _origin(self, index: int) -> int:
        return sum(start <= index for start, _ in self._origins) - 1


def number_name(number: int, count: int) -> str:
    """Return the name of image `number` of `count` without names: 00000.png, 00001.png, ..."""
    return f"{number:0{max(5, len(str(count - 1)))}}.png"


def file_key(name: str) -> str:
    """Return one key for all names whose PNG files some file system does not tell apart."""
    return _fold(png_path(name))


def _fold(path: str) -> str:
    """Return one key for all paths that some file system does not tell apart."""
    if path.isascii():
        folded = path.lower()
    else:
        folded = unicodedata.normalize("NFC", unicodedata.normalize("NFD", path).casefold())
    return path if folded == path else folded  # the same object, to spare memory


def _folders_of(key: str) -> list[str]:
    parts = key.split("/")[:-1]
    return ["/".join(parts[: end + 1]) for end in range(len(parts))]
