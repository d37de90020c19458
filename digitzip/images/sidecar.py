"""Sidecars: the names and labels of images that lie in an array file, which has room for neither.

A CSV file with a header, one line an image in the order of the array: `index`, then `name` and
`label` where the images have them.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import numpy as np

from digitzip import atomic
from digitzip.errors import InputError
from digitzip.images.labels import MAX_CLASSES, Labels, PathLike

_COLUMNS: Final = ("index", "name", "label")
_LONGEST: Final = 1 << 26
"""Bytes of a sidecar at most, for each of its images a few."""


def write_sidecar(
    out: PathLike,
    *,
    names: Iterable[str] | None = None,
    labels: Labels | None = None,
    overwrite: bool = False,
) -> None:
    """Write the names and labels, uint8 [n], of images to a CSV file that appears whole or not.

    Raises `InputError` where there are neither, or not as many of one as of the other, and
    `OutputError` where `out` cannot be written or exists and `overwrite` is false.
    """
    import csv

    given = {"name": names, "label": None if labels is None else labels.tolist()}
    columns = {column: list(values) for column, values in given.items() if values is not None}
    counts = {len(values) for values in columns.values()}
    if len(counts) != 1:
        found = "neither names nor labels" if not counts else "unlike numbers of names and labels"
        raise InputError(f"the images have {found}; leave out the sidecar")
    with atomic.file(out, overwrite=overwrite) as file:
        text = io.TextIOWrapper(file, "utf-8", newline="")
        try:
            writer = csv.writer(text, lineterminator="\n")
            writer.writerow(["index", *columns])
            writer.writerows(zip(range(counts.pop()), *columns.values(), strict=True))
        finally:
            text.detach()


def read_sidecar(path: PathLike, count: int) -> tuple[list[str] | None, Labels | None]:
    """Read the names and the labels, uint8 [n], of `count` images; None where there are none.

    Raises `InputError` for another kind of file, and unless its lines are as many and in order.
    """
    import csv

    label = repr(str(path))
    try:
        if (size := Path(path).stat().st_size) > _LONGEST + 2048 * count:
            raise InputError(f"{label} has {size:,} bytes, too many for {count:,} images")
        rows = list(csv.DictReader(io.StringIO(Path(path).read_text("utf-8-sig"), newline="")))
    except (OSError, UnicodeEncodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"cannot read {label}: {reason}") from error
    except (ValueError, csv.Error) as error:
        raise InputError(f"{label} is no CSV file in UTF-8: {error}") from error
    columns = list(rows[0]) if rows else list(_COLUMNS)
    if columns[:1] != ["index"] or not set(columns) <= set(_COLUMNS):
        raise InputError(f"{label} has other columns; expected index, name and label")
    if len(rows) != count:
        raise InputError(f"{label} names {len(rows):,} images; expected {count:,}")
    if any(row["index"] != str(index) or None in row.values() for index, row in enumerate(rows)):
        raise InputError(f"{label} is out of order or lacks values; expected index 0, 1, 2, ...")
    names = [row["name"] for row in rows] if "name" in columns else None
    if "label" not in columns:
        return names, None
    numbers = [row["label"] for row in rows]
    if any(not (each.isdecimal() and int(each) < MAX_CLASSES) for each in numbers):
        raise InputError(f"{label} has other labels; expected 0 ... {MAX_CLASSES - 1}")
    return names, np.array([int(each) for each in numbers], np.uint8)
