"""Images into one output: a folder of PNG files, one PNG file, NPY or IDX, as its name says."""

import gzip
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from digitzip import atomic
from digitzip.errors import InputError, OutputError
from digitzip.format.names import has_image_suffix
from digitzip.images import idx, npy
from digitzip.images.frame import Pixels
from digitzip.images.reading import Batch, ImageSource
from digitzip.images.taken_names import TakenNames, number_name

Images = NDArray[Any] | ImageSource | Iterable[NDArray[Any] | Batch]

_FILE_ENDS = (".npy", ".npz", ".idx", "idx3-ubyte", "idx1-ubyte", ".gz")
"""The ends of names that stand for files, besides those of images."""

_FORMS = (
    "expected NAME.npy, NAME-idx3-ubyte, NAME-idx3-ubyte.gz, NAME.png for one image,"
    " or a folder without a suffix"
)

_SUFFIX = re.compile(r"\.[a-z][a-z0-9]{0,7}", re.IGNORECASE)
"""The suffix of a file of some kind: .txt, but not the last part of the folder run-1.5."""


def write_images(
    out: str | os.PathLike[str] | BinaryIO,
    images: Images,
    *,
    count: int | None = None,
    height: int | None = None,
    width: int | None = None,
    names: Sequence[str] | None = None,
    overwrite: bool = False,
) -> None:
    """Write images, uint8 [n, height, width], to `out`, which appears whole or not at all.

    `images` are an array, what `read_images` returns, or any batches: arrays, or pairs of an array
    and its names. Batches need `count`, `height` and `width`. The name of `out` picks its form:
    .npy; -idx3-ubyte or -idx3-ubyte.gz; .png for exactly one image; any other name is a folder of
    PNG files, called by `names`, else by the names of the batches, else 00000.png and so on. A
    binary file object gets an NPY file.

    Raises `InputError` for names that are unsafe or collide and for images that are not as
    announced, and `OutputError` where `out` cannot be written, exists and `overwrite` is false, or
    has the name of another kind of file.
    """
    if isinstance(images, np.ndarray):
        if images.ndim != 3:
            raise InputError(f"images are {images.dtype} {list(images.shape)}; expected uint8 [n,"
                             " height, width]")  # fmt: skip
        count, height, width = images.shape
        images = [images]
    elif isinstance(images, ImageSource):
        count, height, width = images.count, images.height, images.width
    if count is None or height is None or width is None:
        raise InputError("batches of images need count=, height= and width=")
    batches = _checked(images, count, height, width)
    if not isinstance(out, str | os.PathLike):
        _write_array(out, batches, npy.format_header(count, height, width))
        return
    kind = os.fspath(out).lower()
    if kind.endswith(".npy"):
        header = npy.format_header(count, height, width)
    elif kind.endswith(("-idx3-ubyte", "-idx3-ubyte.gz")):
        header = idx.format_header(count, height, width)
    elif kind.endswith(".png") and not os.path.isdir(out):  # noqa: PTH112 (raises nothing)
        _write_picture(Path(out), batches, count, overwrite)
        return
    else:
        _check_folder_name(Path(out))
        _write_folder(Path(out), batches, count, overwrite, names)
        return
    with atomic.file(out, overwrite=overwrite) as file:
        if kind.endswith(".gz"):
            # No file name and no time: the same images give the same bytes.
            with gzip.GzipFile("", "wb", 6, file, mtime=0) as packed:
                _write_array(packed, batches, header)
        else:
            _write_array(file, batches, header)


def _write_array(
    out: BinaryIO | gzip.GzipFile | Any, batches: Iterable[Batch], header: bytes
) -> None:
    out.write(header)
    for images, _ in batches:
        out.write(np.ascontiguousarray(images).data)


def _write_picture(out: Path, batches: Iterable[Batch], count: int, overwrite: bool) -> None:
    if count != 1:
        raise OutputError(f"cannot write {count:,} images to {str(out)!r}; {_FORMS}")
    with atomic.file(out, overwrite=overwrite) as file:
        for images, _ in batches:
            for image in images:
                with atomic.writing(out):
                    _save_png(file, image)


def _check_folder_name(out: Path) -> None:
    """Refuse a folder with the name of a file, unless it exists."""
    name = out.name.lower()
    named = name.endswith(_FILE_ENDS) or has_image_suffix(name) or _SUFFIX.fullmatch(out.suffix)
    if named and not os.path.isdir(out):  # noqa: PTH112 (raises nothing)
        raise OutputError(f"cannot write images to {str(out)!r}; {_FORMS}")


def _write_folder(
    out: Path,
    batches: Iterable[Batch],
    count: int,
    overwrite: bool,
    names: Sequence[str] | None,
) -> None:
    if names is not None and len(names) != count:
        raise InputError(f"{len(names):,} names for {count:,} images; expected as many")
    taken = TakenNames()
    planned = None if names is None else [taken.take(name) for name in names]
    number, made = 0, set[Path]()
    with atomic.folder(out, overwrite=overwrite) as root:
        for images, batch_names in batches:
            for row, image in enumerate(images):
                if planned is not None:
                    path = planned[number]
                elif batch_names is not None:
                    path = taken.take(batch_names[row])
                else:
                    path = number_name(number, count)
                with atomic.writing(out / path):
                    if (folder := (root / path).parent) not in made:
                        folder.mkdir(parents=True, exist_ok=True)
                        made.add(folder)
                    _save_png(root / path, image)
                number += 1


def _save_png(out: Path | BinaryIO, image: Pixels) -> None:
    from PIL import Image

    Image.fromarray(image).save(out, "PNG")


def _checked(
    images: Iterable[NDArray[Any] | Batch], count: int, height: int, width: int
) -> Iterator[Batch]:
    """Pass batches on; raise `InputError` unless they and their number are as announced."""
    found = 0
    for each in images:
        batch, names = each if isinstance(each, tuple) else (each, None)
        if batch.dtype != np.uint8 or batch.ndim != 3 or batch.shape[1:] != (height, width):
            raise InputError(
                f"images are {batch.dtype} {list(batch.shape)};"
                f" expected uint8 [n, {height}, {width}]"
            )
        if names is not None and len(names) != len(batch):
            raise InputError(f"{len(names):,} names for {len(batch):,} images; expected as many")
        found += len(batch)
        if found > count:
            break
        yield batch, names
    if found != count:
        raise InputError(f"{found:,} images or more; expected {count:,}")
