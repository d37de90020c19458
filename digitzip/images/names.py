"""Names of images: which are safe, and under which file names they come back.

A name is a relative POSIX path. It must make the same file on every machine: nothing that leads
outside a folder, that Windows reserves, or that two machines would tell apart differently. The
same rules hold when a folder is read, so what is compressed can be decompressed.
"""

import re
import unicodedata

from digitzip.errors import InputError

_IMAGE_SUFFIX = re.compile(
    r"(?<=[^/])\.(apng|avif|bmp|dib|gif|ico|j2k|jfif|jp2|jpe|jpe?g|p[bgnp]m|pcx|qoi|sgi|tga"
    r"|tiff?|webp)\Z",
    re.IGNORECASE,
)
_DEVICES = frozenset(
    ["CON", "PRN", "AUX", "NUL", "CONIN$", "CONOUT$"]
    + [f"{port}{digit}" for port in ("COM", "LPT") for digit in "0123456789¹²³"]
)
_CONTROLS = frozenset(["Cc", "Cs", "Zl", "Zp"])


class Names:
    """The names taken so far, so that no two images come back as one file."""

    def __init__(self) -> None:
        self._taken: dict[str, str] = {}
        self._folders: dict[str, str] = {}

    def take(self, name: str) -> str:
        """Return the path of the PNG that `name` comes back as.

        Raises InputError when the name is unsafe, or is taken: equal but for case or Unicode
        form, or one a folder and the other a file.
        """
        check(name)
        path = png_path(name)
        key = _fold(path)
        for folder in _folders_of(key):
            if folder in self._taken:
                raise _collision(self._taken[folder], name)
            self._folders.setdefault(folder, name)
        other = self._taken.get(key) or self._folders.get(key)
        if other is not None:
            raise _collision(other, name)
        self._taken[key] = name
        return path


def number_name(number: int, count: int) -> str:
    """Name image `number` of `count` that has no name of its own: 00000.png, 00001.png, ..."""
    return f"{number:0{max(5, len(str(count - 1)))}}.png"


def png_path(name: str) -> str:
    """Replace the suffix of an image by .png; any other name gets one more suffix."""
    return name if name.lower().endswith(".png") else _IMAGE_SUFFIX.sub("", name) + ".png"


def check(name: str) -> None:
    """Raise InputError unless the name is a safe relative path on every machine."""
    problem = _problem(name)
    if problem is not None:
        raise InputError(f"the name {name!r} cannot be kept: {problem}; rename the image")


def _problem(name: str) -> str | None:
    if not name.isprintable() and any(unicodedata.category(sign) in _CONTROLS for sign in name):
        return "it has control characters or is not Unicode"
    if name.startswith("/"):
        return "it is an absolute path"
    if "\\" in name or ":" in name:
        return "it has a backslash or a colon"
    for part in name.split("/"):
        if part in ("", ".", ".."):
            return f"it has a part {part!r}"
        if part.endswith((" ", ".")):
            return "a part of it ends in a dot or space, which Windows drops"
        if part.partition(".")[0].rstrip().upper() in _DEVICES:
            return "Windows reserves it"
    return None


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


def _collision(first: str, second: str) -> InputError:
    return InputError(
        f"{first!r} and {second!r} would come back under one name,"
        f" {png_path(second)!r}; rename one of them"
    )
