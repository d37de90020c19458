"""Image files, array files and folders <-> arrays.

    for images, names in read_images(["digits", "more.npy"]):  # uint8 [n, h, w], list[str] | None
        ...
    write_images("out", images)                        # a folder, .npy, -idx3-ubyte[.gz], one .png
    labels = read_labels("train-labels-idx1-ubyte")    # uint8 [n]

Everything streams in batches, in bounded memory. This room knows NumPy, and Pillow where pictures
are read or written (it is imported only then). It must not know codes, models or archives.
Names are loaded when they are first used.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from digitzip.images.fit_arrays import fit_images as fit_images
    from digitzip.images.frame import Fit as Fit
    from digitzip.images.labels import read_labels as read_labels, write_labels as write_labels
    from digitzip.images.reading import (
        Batch as Batch,
        ImageSource as ImageSource,
        read_images as read_images,
    )
    from digitzip.images.sidecar import (
        read_sidecar as read_sidecar,
        write_sidecar as write_sidecar,
    )
    from digitzip.images.writing import write_images as write_images
else:
    _ROOMS = {
        "fit_arrays": "fit_images",
        "frame": "Fit",
        "labels": "read_labels write_labels",
        "reading": "Batch ImageSource read_images",
        "sidecar": "read_sidecar write_sidecar",
        "writing": "write_images",
    }
    _HOME = {name: room for room, names in _ROOMS.items() for name in names.split()}
    __all__ = list(_HOME)

    def __getattr__(name: str) -> object:
        if name not in _HOME:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
