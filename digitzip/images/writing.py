"""Batches into one output: a folder of PNGs, NPY, or IDX, chosen by its name."""

import gzip
import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np

from digitzip import atomic
from digitzip.errors import InputError, OutputError
from digitzip.format.names import has_image_suffix
from digitzip.images import idx, npy
from digitzip.images.frame import Pixels
from digitzip.images.names import Names, number_name
from digitzip.images.reading import Batch

_FILE_ENDS = (".npy", ".npz", ".idx", "idx3-ubyte", ".gz")
"""What names end in that are taken for files, beside those of images."""


def write(
    out: str | os.PathLike[str],
    batches: Iterable[Batch],
    *,
    count: int,
    height: int,
    width: int,
    overwrite: bool = False,
    names: Sequence[str] | None = None,
) -> None:
    """Write `count` images to `out`, which appears whole or not at all.

    A name ending in .npy gives uint8 [count, height, width], in -idx3-ubyte or -idx3-ubyte.gz an
    IDX file, any other name a folder of PNGs. Those are called by `names`, else by the names of
    the batches, else 00000.png and so on. Names given in `names` are all checked before anything
    is written. Raises InputError for unsafe or colliding names and for images that are not as
    announced, and OutputError where `out` cannot be written or must not be overwritten, or has
    the name of another kind of file.
    """
    images = _checked(batches, count, height, width)
    kind = os.fspath(out).lower()
    if kind.endswith(".npy"):
        header, gzipped = npy.format_header(count, height, width), False
    elif kind.endswith(("-idx3-ubyte", "-idx3-ubyte.gz")):
        header, gzipped = idx.format_header(count, height, width), kind.endswith(".gz")
    else:
        _check_folder_name(Path(out))
        _write_folder(Path(out), images, count, overwrite, names)
        return
    _write_array(Path(out), images, header, gzipped, overwrite)


def _check_folder_name(out: Path) -> None:
    """Refuse a folder that would be taken for a file, unless it is there already."""
    name = out.name.lower()
    exists = os.path.isdir(out)  # noqa: PTH112 (raises nothing)
    if (name.endswith(_FILE_ENDS) or has_image_suffix(name)) and not exists:
        raise OutputError(
            f"cannot write {str(out)!r} as a file of that kind, nor a folder of that name;"
            " expected NAME.npy, NAME-idx3-ubyte, NAME-idx3-ubyte.gz, or a folder for PNGs"
        )


def _write_array(
    out: Path, batches: Iterable[Batch], header: bytes, gzipped: bool, overwrite: bool
) -> None:
    with atomic.file(out, overwrite=overwrite) as file:
        if gzipped:
            # No file name and no time: the same images give the same bytes.
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
                packed.write(header)
                for images, _ in batches:
                    packed.write(np.ascontiguousarray(images).data)
        else:
            file.write(header)
            for images, _ in batches:
                file.write(np.ascontiguousarray(images).data)


def _write_folder(
    out: Path,
    batches: Iterable[Batch],
    count: int,
    overwrite: bool,
    names: Sequence[str] | None,
) -> None:
    if names is not None and len(names) != count:
        raise InputError(f"{len(names):,} names for {count:,} images; expected as many")
    taken = Names()
    planned = None if names is None else [taken.take(name) for name in names]
    number = 0
    with atomic.folder(out, overwrite=overwrite) as root:
        for images, batch_names in batches:
            for index, image in enumerate(images):
                if planned is not None:
                    path = planned[number]
                elif batch_names is not None:
                    path = taken.take(batch_names[index])
                else:
                    path = number_name(number, count)
                _write_png(root / path, image, str(out / path))
                number += 1


def _write_png(path: Path, image: Pixels, label: str) -> None:
    from PIL import Image

    try:
        try:
            Image.fromarray(image).save(path, "PNG")
        except FileNotFoundError:
            path.parent.mkdir(parents=True)
            Image.fromarray(image).save(path, "PNG")
    except OSError as error:
        raise OutputError(f"cannot write {label!r}: {error.strerror or error}") from error


def _checked(batches: Iterable[Batch], count: int, height: int, width: int) -> Iterator[Batch]:
    """Pass batches on; raise InputError unless they are, and are as many as, announced."""
    found = 0
    for images, names in batches:
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (height, width):
            raise InputError(
                f"images are {images.dtype} {list(images.shape)};"
                f" expected uint8 [n, {height}, {width}]"
            )
        if names is not None and len(names) != len(images):
            raise InputError(f"{len(names):,} names for {len(images):,} images; expected as many")
        found += len(images)
        if found > count:
            break
        yield images, names
    if found != count:
        raise InputError(f"{found:,} images or more; expected {count:,}")
