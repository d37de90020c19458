"""Image files, array files and folders <-> arrays.

    for images, names in read(["digits", "more.npy"]):     # uint8 [n, 28, 28], list[str] | None
        ...
    write("out", batches, count=10, height=28, width=28)   # a folder, .npy or -idx3-ubyte[.gz]

Everything streams in batches, in bounded memory. This room knows NumPy, and Pillow where pictures
are read or written (it is imported only then). It must not know codes, models or containers.
"""

from digitzip.images.frame import Fit
from digitzip.images.reading import Batch, Source, read
from digitzip.images.sizing import First, find_first
from digitzip.images.writing import write

__all__ = ["Batch", "First", "Fit", "Source", "find_first", "read", "write"]
