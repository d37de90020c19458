"""Tables of images: CSV files as Kaggle writes them, and ARFF files as OpenML does.

One row is one image: its pixels, row by row, and perhaps its label. The header says which column is
which; a table without a header is taken only where all of its columns are pixels.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from math import isqrt
from pathlib import PurePath
from typing import Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray

from digitzip.errors import InputError
from digitzip.images.frame import Pixels
from digitzip.images.locations import Location
from digitzip.images.shapes import Size

LONGEST_LINE: Final = 1 << 20
_RUN: Final = 1 << 22  # bytes of lines that are parsed at a time
_LABELS: Final = frozenset(["label", "labels", "class", "target", "y", "digit"])
_NUMBERED: Final = re.compile(r"(.*?)(\d+)")
_ATTRIBUTE: Final = re.compile(rb"""@attribute\s+('[^']*'|"[^"]*"|\S+)""", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Table:
    """A table of images in a file: `pixels` are the columns of their pixels, in order."""

    location: Location
    count: int
    height: int
    width: int
    separator: str
    columns: int
    pixels: tuple[int, ...]
    label: int | None
    header: int
    """Lines before the first row."""

    @property
    def stem(self) -> str:
        """The prefix of the names of its images, when they need names."""
        name = PurePath(self.location.name).name
        for suffix in (".gz", ".xz", ".bz2", ".csv", ".arff"):
            name = name.removesuffix(suffix)
        return f"{name}/{self.location.array}" if self.location.array else name

    def runs(self, most: int) -> Iterator[Pixels]:
        """Yield all images in order, uint8 [<= most, height, width] at a time."""
        order = np.array(self.pixels)
        for values in self._values(most):
            yield _bytes(values[:, order], "pixels", self.location.label).reshape(
                -1, self.height, self.width
            )

    def labels(self) -> NDArray[np.uint8] | None:
        """Return the labels of all images, uint8 [n]; None where there is no such column."""
        if self.label is None:
            return None
        parts = [values[:, self.label] for values in self._values(1 << 12)]
        labels = _bytes(np.concatenate([np.empty(0), *parts]), "labels", self.location.label)
        return labels

    def _values(self, most: int) -> Iterator[NDArray[np.float64]]:
        with self.location.open() as file:
            lines = _lines(file, self.location.label)
            for _ in range(self.header):
                next(lines)
            held: list[str] = []
            done = size = 0
            for line in lines:
                held.append(line.decode("latin-1"))
                size += len(line)
                if len(held) == most or size >= _RUN:
                    yield self._parsed(held, done)
                    done, held, size = done + len(held), [], 0
            if held:
                yield self._parsed(held, done)

    def _parsed(self, lines: list[str], done: int) -> NDArray[np.float64]:
        label = self.location.label
        try:
            values: NDArray[Any] = np.loadtxt(
                (line.replace('"', "").replace("'", "") for line in lines),
                np.float64, comments=None, delimiter=self.separator, ndmin=2,
            )  # fmt: skip
        except ValueError as error:
            text = str(error).partition("\n")[0][:100]
            where = f"its rows {done:,} to {done + len(lines) - 1:,}"
            raise InputError(f"{label!r} has no numbers in {where}: {ascii(text)[1:-1]}") from error
        if values.shape[1] != self.columns:
            raise InputError(
                f"{label!r} has rows of {values.shape[1]:,} values; expected {self.columns:,}"
            )
        return values


def find_table(location: Location, size: Size | None) -> Table:
    """Return the table in a file of text; `size` is that of an image, if it is known.

    Raises `InputError` where its columns are not the pixels of an image, and perhaps a label.
    """
    label = location.label
    with location.open() as file:
        lines = _lines(file, label)
        first = next(lines, b"")
        if first.lstrip()[:1] in (b"@", b"%"):
            names, header = _attributes(first, lines, label)
            separator = ","
        else:
            separator = max(",;\t", key=lambda sign: first.count(sign.encode()))
            row = first.decode("latin-1").split(separator)
            names = [name.strip().strip("\"'") for name in row]
            header = 0 if all(map(_is_number, names)) else 1
        count = sum(1 for _ in lines) + (not header)
    if not header:
        return _without_header(location, count, len(names), separator, size)
    found = [at for at, name in enumerate(names) if name.lower() in _LABELS]
    others = [at for at in range(len(names)) if at not in found]
    sides = _sides(len(others), size)
    if len(found) > 1 or sides is None:
        raise InputError(
            f"{label!r} has {len(others):,} columns besides {len(found)} of labels; expected the"
            f" {_expected(size)} pixels of an image and at most one column named label"
        )
    pixels = _in_order(names, others)
    own = found[0] if found else None
    return Table(location, count, *sides, separator, len(names), pixels, own, header)


def _without_header(
    location: Location, count: int, columns: int, separator: str, size: Size | None
) -> Table:
    if sides := _sides(columns, size):
        pixels = tuple(range(columns))
        return Table(location, count, *sides, separator, columns, pixels, None, 0)
    label = location.label
    if sides := _sides(columns - 1, size):
        height, width = sides
        raise InputError(
            f"{label!r} has {columns:,} columns and no header; expected one that names the column"
            f" label: a = np.loadtxt(FILE, np.uint8, delimiter={separator!r}); images ="
            f" a[:, 1:].reshape(-1, {height}, {width}) if labels = a[:, 0], or images ="
            f" a[:, :-1].reshape(-1, {height}, {width}) if labels = a[:, -1]"
        )
    raise InputError(
        f"{label!r} has {columns:,} columns; expected the {_expected(size)} pixels of an image"
    )


def _lines(file: BinaryIO, label: str) -> Iterator[bytes]:
    """Yield all lines that are not blank; raises `InputError` for one that is too long."""
    start = True
    while line := file.readline(LONGEST_LINE):
        if len(line) == LONGEST_LINE:
            raise InputError(f"{label!r} has a line of more than {LONGEST_LINE:,} bytes")
        line = line.removeprefix(b"\xef\xbb\xbf") if start else line
        start = False
        if line := line.strip(b"\r\n\f "):
            yield line


def _attributes(first: bytes, lines: Iterator[bytes], label: str) -> tuple[list[str], int]:
    """Return the names of the columns of an ARFF file, and the lines before its rows."""
    names: list[str] = []
    line: bytes | None = first
    header = 1
    while line is not None and not line.lower().startswith(b"@data"):
        if found := _ATTRIBUTE.match(line):
            names.append(found[1].decode("latin-1").strip("'\""))
        line, header = next(lines, None), header + 1
    if line is None or not names:
        raise InputError(f"{label!r} is an ARFF file without @attribute and @data")
    return names, header


def _in_order(names: list[str], columns: list[int]) -> tuple[int, ...]:
    """Return columns in the order of their pixels: by number, if their names count them all."""
    found = [_NUMBERED.fullmatch(names[at]) for at in columns]
    numbers = [int(each[2]) for each in found if each and each[1] == (found[0] or each)[1]]
    least = min(numbers, default=0)
    if sorted(numbers) != list(range(least, least + len(columns))):
        return tuple(columns)
    return tuple(at for _, at in sorted(zip(numbers, columns, strict=True)))


def _sides(pixels: int, size: Size | None) -> Size | None:
    if size is not None:
        return size if pixels == size[0] * size[1] else None
    side = isqrt(max(pixels, 0))
    return (side, side) if pixels > 0 and side * side == pixels else None


def _expected(size: Size | None) -> str:
    return "n x n" if size is None else f"{size[0] * size[1]:,}"


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _bytes(values: NDArray[np.float64], what: str, label: str) -> NDArray[np.uint8]:
    """Return whole numbers of 0 ... 255 as bytes; raises `InputError` for others."""
    with np.errstate(invalid="ignore"):
        found = values.astype(np.uint8)
    if not np.array_equal(found, values):
        some = values[~(found == values)].ravel()[0]
        raise InputError(
            f"{label!r} has {what} such as {some:g}; expected whole numbers of 0 ... 255"
        )
    return found
