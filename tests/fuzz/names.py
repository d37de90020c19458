"""Names of images: into an archive, out of it, and down to the files of a folder."""

from __future__ import annotations

from pathlib import Path, PureWindowsPath
from random import Random
from typing import Final

from digitzip.errors import DigitzipError
from digitzip.format import names as format_names
from digitzip.images.taken_names import TakenNames
from tests.fuzz.case import Case, Target
from tests.fuzz.damage import damage

_PIECES: Final = (
    "a", "b", "A", "1", "09", "10", "é", "e\u0301", "É", "ß", "SS", "ı", "İ", "ﬁ", "K", "Å", "Å",
    "/", "/", "/", "//", "..", ".", "../", "\\", ":", "C:", "CON", "nul", "com1", "LPT¹",
    "aux.png", " ", "~",
    ".png", ".PNG", ".jpg", ".tar.gz", "\0", "\n", "\x1b[2J", "\x7f", "\u202e", "\u2028", "\ud800",
    "𝔘", "ご", "x" * 250, "*", "?", "[", "%s", "-o", "\u200d", "\ufeff",
)  # fmt: skip


def target(folder: Path) -> Target:
    """Return the target; nothing is written to `folder`, below which names must stay."""

    def case(random: Random) -> Case:
        names = [_name(random) for _ in range(random.choice((1, 2, 5)))]
        if random.random() < 0.2:
            names = [f"{names[0]}{random.choice((0, 7, 99)) + i}.png" for i in range(4)]
        if random.random() < 0.3:
            body = damage(
                random, format_names.pack(["a/1.png", "a/2.png", random.choice(("a/3", "é"))])
            )
            return Case("unpack", body, lambda: _place(format_names.unpack(body, 3), folder))
        data = "\n".join(names).encode("utf-8", "surrogatepass")
        return Case("pack", data, lambda: _through(names, folder))

    return case


def _name(random: Random) -> str:
    return "".join(random.choice(_PIECES) for _ in range(random.randrange(7)))


def _through(names: list[str], folder: Path) -> None:
    """Pack names that an archive takes; they must come back, and lead into the folder."""
    checked = [format_names.check(name) for name in names]
    assert format_names.unpack(format_names.pack(checked), len(checked)) == names
    _place(checked, folder)


def _place(names: list[str], folder: Path) -> None:
    """Give names their files: each its own, on any machine, and within the folder."""
    taken, found = TakenNames(), set[str]()
    for name in names:
        path = taken.take(name)
        for parts in (Path(path).parts, PureWindowsPath(path).parts):
            assert ".." not in parts
            assert not Path(path).is_absolute()
            assert not PureWindowsPath(path).is_absolute()
        assert (folder / path).resolve().is_relative_to(folder.resolve())
        assert path.casefold() not in found
        assert "\n" not in path
        assert "\x1b" not in path
        found.add(path.casefold())
    if not names:
        raise DigitzipError("no names")
