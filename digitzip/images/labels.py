"""Labels of images: IDX files of one unsigned byte each, such as stand beside MNIST's images."""

import gzip
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from digitzip.errors import InputError

_MAGIC = bytes([0, 0, 8, 1])
_HEADER = 8  # the magic, and the count as 32 bits, big-endian
_IMAGES, _LABELS = "-images-idx3-ubyte", "-labels-idx1-ubyte"


def labels_beside(images: str) -> Path | None:
    """Return the labels file that belongs to a file of images by its name, if there is one."""
    path = Path(images)
    stem = path.name.removesuffix(".gz")
    if not stem.endswith(_IMAGES):
        return None
    name = stem.removesuffix(_IMAGES) + _LABELS
    found = (path.with_name(name), path.with_name(f"{name}.gz"))
    return next((file for file in found if file.is_file()), None)


def read_labels(path: Path, count: int) -> NDArray[np.uint8]:
    """Read the labels [count] of an IDX file, gzipped or not; InputError when it is another."""
    try:
        data = path.read_bytes()
        if data[:2] == b"\x1f\x8b":
            data = gzip.decompress(data)
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot read labels from {str(path)!r}: {error}") from error
    if data[:4] != _MAGIC or len(data) < _HEADER:
        raise InputError(f"{str(path)!r} does not hold IDX labels (magic 00000801)")
    found = int.from_bytes(data[4:_HEADER], "big")
    if found != count or len(data) != _HEADER + count:
        raise InputError(f"{str(path)!r} holds {found} labels, expected {count}, one an image")
    return np.frombuffer(data, np.uint8, offset=_HEADER)
