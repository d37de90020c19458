"""Image files, array files and folders <-> arrays.

    for images, names in read_images(["digits", "more.npy"]):  # uint8 [n, h, w], list[str] | None
        ...
    write_images("out", images)                        # a folder, .npy, -idx3-ubyte[.gz], one .png
    labels = read_labels("train-labels-idx1-ubyte")    # uint8 [n]

Everything streams in batches, in bounded memory. This room knows NumPy, and Pillow where pictures
are read or written (it is imported only then). It must not know codes, models or containers.
"""

from digitzip.images.fit_arrays import fit_images
from digitzip.images.frame import Fit
from digitzip.images.labels import read_labels, write_labels
from digitzip.images.reading import Batch, ImageSource, read_images
from digitzip.images.sidecar import read_sidecar, write_sidecar
from digitzip.images.writing import write_images

__all__ = [
    "Batch",
    "Fit",
    "ImageSource",
    "fit_images",
    "read_images",
    "read_labels",
    "read_sidecar",
    "write_images",
    "write_labels",
    "write_sidecar",
]
