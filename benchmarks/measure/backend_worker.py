"""Run tasks with the backend of this process, as `backends` asks for on standard input.

One line in, `TASK REPEATS`, gives one line out: the seconds of the task, and the CRC-32 of its
result. `DIGITZIP_BACKEND` chooses the backend.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.record import Images

FEW: Final = 1000  # images that are searched for
LOSSLESS: Final = 500  # images
CHUNK: Final = 10_000  # images of the chunk that is read cold

Task = Callable[[], Any]  # bytes, or pixels uint8


def tasks(images: Images) -> dict[str, Task]:
    """Return the tasks by name, on images uint8 [n, 28, 28]; each is run once."""
    coded = digitzip.compress(images, effort=0, guard=False, chunk=CHUNK)
    exact = digitzip.compress(images[:LOSSLESS], lossless=True)
    hundred, one = (digitzip.compress(images[:n], effort=0, guard=False) for n in (100, 1))
    found: dict[str, Task] = {
        "compress, default": partial(digitzip.compress, images[:FEW]),
        "compress, guard off": partial(digitzip.compress, images[:FEW], guard=False),
        "compress, effort 0, guard off": partial(digitzip.compress, images, effort=0, guard=False),
        "decompress": partial(digitzip.decompress, coded),
        "decompress, 100 images": partial(digitzip.decompress, hundred),
        "decompress, 1 image": partial(digitzip.decompress, one),
        f"one image of a cold chunk of {len(images):,}": partial(read_one, coded),
        "lossless compress": partial(digitzip.compress, images[:LOSSLESS], lossless=True),
        "lossless decompress": partial(digitzip.decompress, exact),
    }
    for task in found.values():
        task()
    return found


def read_one(data: bytes) -> Images:
    """Open a file in memory and return the image in its middle, uint8 [28, 28]."""
    with digitzip.open(data) as dz:
        image: Images = dz[len(dz) // 2]
        return image


def main() -> None:
    found = tasks(record.test_images()[: int(sys.argv[1])])
    print(digitzip.backend(), *found, sep="\t", flush=True)
    for line in sys.stdin:
        name, repeats = line.rstrip("\n").split("\t")
        result: Any = b""
        start = time.perf_counter()
        for _ in range(int(repeats)):
            result = found[name]()
        seconds = (time.perf_counter() - start) / int(repeats)
        print(seconds, zlib.crc32(np.ascontiguousarray(result).data), flush=True)


if __name__ == "__main__":
    main()
