"""Labels of images, uint8 [n]: IDX or NPY files, or the sub-folders that images lie in."""

import gzip
import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitzip import atomic
from digitzip.errors import InputError, OutputError
from digitzip.images import folders, idx, npy
from digitzip.images.finding import unpacked
from digitzip.images.locations import Location
from digitzip.images.tables import find_table

Labels = NDArray[np.uint8]
PathLike = str | os.PathLike[str]

MAX_CLASSES = 256
"""Classes that labels can tell apart: one byte each."""

_RUN = 1 << 20  # bytes read at a time
_IMAGES, _LABELS = "-images-idx3-ubyte", "-labels-idx1-ubyte"


def labels_beside(images: str) -> Path | None:
    """Return the labels file that belongs to a file of images by its name, if it exists."""
    path = Path(images)
    stem = path.name.removesuffix(".gz")
    if not stem.endswith(_IMAGES):
        return None
    name = stem.removesuffix(_IMAGES) + _LABELS
    found = (path.with_name(name), path.with_name(f"{name}.gz"))
    return next((file for file in found if file.is_file()), None)


def read_labels(
    inputs: PathLike | Sequence[PathLike], count: int | None = None, *, sort: folders.Sort = "name"
) -> Labels:
    """Read labels, uint8 [n], in the order in which `read_images` reads the images.

    An input is an IDX or NPY file of integers 0 ... 255, packed or not, a table of images with a
    column named label, or a folder of images
    with one sub-folder per class: the sorted names of the sub-folders of all inputs stand for 0,
    1, 2, ..., and `sort` is as for `read_images`. Raises `InputError` for other inputs, for more
    than 256 classes, and unless there are `count` labels, if it is given.
    """
    paths = [Path(each) for each in _listed(inputs)]
    roots = [path for path in paths if path.is_dir()]
    classes = _classes(roots, sort)
    parts = [_of_folder(path, classes, sort) if path in roots else _of_file(path) for path in paths]
    labels = np.concatenate([np.empty(0, np.uint8), *parts])
    if count is not None and len(labels) != count:
        names = ", ".join(repr(str(path)) for path in paths)
        raise InputError(
            f"{names}: found {len(labels):,} labels; expected {count:,}, one per image"
        )
    return labels


def write_labels(out: PathLike, labels: Labels, *, overwrite: bool = False) -> None:
    """Write labels, uint8 [n], to a .npy, -idx1-ubyte or -idx1-ubyte.gz file.

    The file appears whole or not at all. Raises `OutputError` for another name, and where `out`
    cannot be written or exists and `overwrite` is false.
    """
    kind = os.fspath(out).lower()
    if kind.endswith(".npy"):
        data = npy.format_header(len(labels))
    elif kind.endswith(("-idx1-ubyte", "-idx1-ubyte.gz")):
        data = idx.format_labels_header(len(labels))
    else:
        raise OutputError(
            f"cannot write labels to {str(out)!r};"
            " expected NAME.npy, NAME-idx1-ubyte or NAME-idx1-ubyte.gz"
        )
    data += np.asarray(labels, np.uint8).tobytes()
    with atomic.file(out, overwrite=overwrite) as file:
        file.write(gzip.compress(data, 6, mtime=0) if kind.endswith(".gz") else data)


def _listed(inputs: PathLike | Sequence[PathLike]) -> Sequence[PathLike]:
    return [inputs] if isinstance(inputs, str | os.PathLike) else inputs


def _of_file(path: Path) -> Labels:
    location, kind = unpacked(Location(path))
    if kind == "table":
        labels = find_table(location, None).labels()
        if labels is None:
            raise InputError(f"{location.label!r} has no column named label")
        return labels
    with location.open() as file:
        start = file.read(idx.LABELS_HEADER.size)
        if idx.looks_like_idx(start):
            count, dtype = idx.parse_labels_header(start, location.label), np.dtype(np.uint8)
        elif start.startswith(npy.MAGIC):
            file.seek(0)
            count, dtype = npy.parse_labels_header(file, location.label)
        else:
            raise InputError(
                f"{location.label!r} holds no labels; expected an IDX, NPY or CSV file"
            )
        size, data = count * dtype.itemsize, bytearray()
        while len(data) <= size and (run := file.read(_RUN)):  # the count may claim anything
            data += run
    if len(data) != size:
        found = f"{len(data):,} bytes of labels" if len(data) < size else "more bytes"
        raise InputError(f"{location.label!r} has {found}; expected {size:,} for {count:,} labels")
    labels = np.frombuffer(data, dtype)
    if labels.size and not 0 <= labels.min() <= labels.max() < MAX_CLASSES:
        raise InputError(
            f"{location.label!r} has labels {labels.min()} ... {labels.max()};"
            f" expected 0 ... {MAX_CLASSES - 1}"
        )
    return labels.astype(np.uint8)


def _classes(roots: Sequence[Path], sort: folders.Sort) -> dict[str, int]:
    """Return the number of each class: the sorted names of the sub-folders of all folders."""
    names = {name for root in roots for name in folders.folders_in(root)}
    if len(names) > MAX_CLASSES:
        raise InputError(
            f"found {len(names):,} sub-folders; expected at most {MAX_CLASSES} classes"
        )
    ordered = sorted(names, key=lambda name: folders.sort_key(sort, name.encode()))
    return {name: number for number, name in enumerate(ordered)}


def _of_folder(root: Path, classes: dict[str, int], sort: folders.Sort) -> Labels:
    numbers = (classes[_class_of(root, name)] for name in folders.walk(root, sort))
    return np.fromiter(numbers, np.uint8)


def _class_of(root: Path, name: str) -> str:
    first, slash, _ = name.partition("/")
    if not slash:
        raise InputError(f"{str(root / name)!r} has no label: it lies in no sub-folder")
    return first
