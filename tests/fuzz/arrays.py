"""IDX, NPY and NPZ files, plain and behind gzip, which is made good again around broken content."""

from __future__ import annotations

import gzip
import io
import zipfile
import zlib
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from digitzip import images
from digitzip.images import idx, npy
from digitzip.images.frame import Fit
from tests.fuzz.case import Case, Target
from tests.fuzz.damage import damage, number

_PIXELS: Final = np.random.default_rng(2).integers(0, 256, (6, 28, 28), dtype=np.uint8).tobytes()
_FITS: Final[tuple[Fit, ...]] = ("none",) * 16 + ("resize",) * 3 + ("mnist",)


def idx_target(folder: Path) -> Target:
    """Return the target of IDX files, read from `folder`."""
    path = folder / "fuzz-idx3-ubyte"

    def case(random: Random) -> Case:
        shape = [random.choice((n, n, n, number(random, 1 << 32))) for n in (6, 28, 28)]
        header = idx.HEADER.pack(idx.MAGIC, *shape)
        if random.random() < 0.3:
            header = damage(random, header)
        if random.random() < 0.1:
            return _labels_case(random, path, shape[0])
        return _case(random, path, _pixels(random, header))

    return case


def npy_target(folder: Path) -> Target:
    """Return the target of NPY and NPZ files, read from `folder`."""
    path = folder / "fuzz.npz"

    def case(random: Random) -> Case:
        data = _pixels(random, _npy_header(random))
        return _case(random, path, _zipped(random, data) if random.random() < 0.4 else data)

    return case


def _pixels(random: Random, header: bytes) -> bytes:
    body = damage(random, _PIXELS) if random.random() < 0.3 else _PIXELS
    return header + body


def _npy_header(random: Random) -> bytes:
    if random.random() < 0.2:
        return damage(random, npy.format_header(6, 28, 28))
    numbers = [str(random.choice((n,) * 20 + (number(random), -n))) for n in (6, 28, 28)]
    shape = ", ".join(numbers[: random.choice((3,) * 12 + (2, 1, 0))])
    values = {
        "descr": random.choice(("'|u1'",) * 16 + ("'<u1'", "'<f8'", "'|O'", "[('a', '|u1')]", "7")),
        "fortran_order": random.choice(("False",) * 12 + ("True", "1", "None")),
        "shape": f"({shape})" if random.random() < 0.97 else "(" * 300,
    }
    if random.random() < 0.03:
        del values[random.choice(list(values))]
    text = "{" + "".join(f"'{key}': {value}, " for key, value in values.items()) + "}"
    text = text.ljust(random.choice((117, 117, 200))) + "\n"
    data = damage(random, text.encode()) if random.random() < 0.2 else text.encode()
    version = random.choice((b"\x01\0",) * 6 + (b"\x02\0", b"\x02\0", b"\x03\0", b"\x00\x09"))
    size = 2 if version[0] == 1 else 4
    length = random.choice((len(data),) * 15 + (number(random, 1 << 32),)) % (1 << 8 * size)
    return npy.MAGIC + version + length.to_bytes(size, "little") + data


def _zipped(random: Random, data: bytes) -> bytes:
    """Return an NPZ file with `data` for one of its arrays, damaged itself at times."""
    out = io.BytesIO()
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2))
    with zipfile.ZipFile(out, "w", method) as file:
        for name in random.choice(
            (("a.npy",),) * 6 + (("a.npy", "b.npy"), ("../a.npy",), ("a",), ())
        ):
            file.writestr(name, data)
    zipped = out.getvalue()
    return damage(random, zipped) if random.random() < 0.5 else zipped


def _labels_case(random: Random, path: Path, count: int) -> Case:
    """Return a case of a file of labels, IDX or NPY, that claims so many."""
    header = random.choice((b"\0\0\x08\x01" + count.to_bytes(4, "big"), _npy_header(random)))
    data = (damage(random, header) if random.random() < 0.3 else header) + bytes(range(6))
    data = gzip.compress(data, 1, mtime=0) if random.random() < 0.2 else data

    def read() -> None:
        path.write_bytes(data)
        labels = images.read_labels(path)
        assert labels.dtype == np.uint8
        assert labels.ndim == 1

    return Case("read labels", data, read)


def _case(random: Random, path: Path, data: bytes) -> Case:
    if random.random() < 0.25:
        packed = gzip.compress(data, 1, mtime=0)
        if random.random() < 0.3:
            packed = damage(random, packed)
        elif random.random() < 0.2:
            packed += zlib.compress(data)
        data = packed
    fit = random.choice(_FITS)
    zipped = b"PK" in data[:4]
    name = str(path) + random.choice(("",) * 9 + ((":a", ":a", ":a", ":b") if zipped else (":a",)))

    def read() -> None:
        path.write_bytes(data)
        source = images.read_images([name], height=28, width=28, fit=fit, batch=4)
        found = 0
        for batch, names in source:
            assert batch.dtype == np.uint8
            assert batch.shape[1:] == (28, 28)
            assert names is None
            found += len(batch)
        assert found == source.count

    return Case(f"read, fit {fit}", data, read)
