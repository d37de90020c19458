"""Packed streams, zip and tar files, tables; the checksums of tar headers are made good again."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from PIL import Image

from digitzip import images
from digitzip.images.frame import Fit
from tests.fuzz.case import Case, Target
from tests.fuzz.damage import damage, number

_DIGITS: Final = np.random.default_rng(4).integers(0, 256, (4, 28, 28), dtype=np.uint8)
_PACKERS: Final[tuple[Callable[[bytes], bytes], ...]] = (
    lambda data: gzip.compress(data, 1, mtime=0),
    lambda data: lzma.compress(data, preset=0),
    lambda data: bz2.compress(data, 1),
)
_FITS: Final[tuple[Fit, ...]] = ("none",) * 8 + ("resize",)
_NAMES: Final = ("a.png", "b/2.png", "b/10.png", "./c.png", "../d.png", "/e.png", "x.npy", "y.csv",
                 ".f.png", "a.png", "é.png", "data.pkl", "z")  # fmt: skip


def target(folder: Path) -> Target:
    """Return the target of zip, tar, xz and bzip2 files, read from `folder`."""
    path = folder / "fuzz.zip"

    def case(random: Random) -> Case:
        files = [(random.choice(_NAMES), _content(random)) for _ in range(random.randrange(5))]
        data = random.choice((_zip, _tar, _tar, _first))(random, files)
        if random.random() < 0.4:
            data = damage(random, data)
        if random.random() < 0.5:
            data = random.choice(_PACKERS)(data)
            data = damage(random, data) if random.random() < 0.5 else data
        return _case(random, path, data)

    return case


def table_target(folder: Path) -> Target:
    """Return the target of CSV and ARFF files, read from `folder`."""
    path = folder / "fuzz.csv"

    def case(random: Random) -> Case:
        data = _table(random)
        data = damage(random, data) if random.random() < 0.7 else data
        if random.random() < 0.1:
            data = random.choice(_PACKERS)(data)
        return _case(random, path, data)

    return case


def _case(random: Random, path: Path, data: bytes) -> Case:
    fit, skip = random.choice(_FITS), random.random() < 0.3
    name = str(path) + random.choice(("",) * 8 + (":a.png", ":x"))
    labelled = random.random() < 0.2

    def read() -> None:
        path.write_bytes(data)
        source = images.read_images([name], height=28, width=28, fit=fit, batch=3, skip_bad=skip)
        if labelled and (labels := source.labels()) is not None:
            assert len(labels) == source.count
        source.check()
        found = 0
        for batch, names in source:
            assert batch.shape[1:] == (28, 28)
            assert names is None or len(names) == len(batch)
            found += len(batch)
        assert found == source.count - len(source.bad) or skip

    return Case(f"read, fit {fit}", data, read)


def _content(random: Random) -> bytes:
    out = io.BytesIO()
    match random.randrange(6):
        case 0:
            np.save(out, _DIGITS)
        case 1:
            return b"\0\0\x08\x03" + np.array(_DIGITS.shape, ">u4").tobytes() + _DIGITS.tobytes()
        case 2:
            return _table(random)
        case _:
            Image.fromarray(random.choice(_DIGITS)).save(out, random.choice(("PNG", "BMP", "GIF")))
    data = out.getvalue()
    return damage(random, data) if random.random() < 0.2 else data


def _first(random: Random, files: list[tuple[str, bytes]]) -> bytes:
    return files[0][1] if files else b""


def _zip(random: Random, files: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    method = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_DEFLATED,
                            zipfile.ZIP_BZIP2))  # fmt: skip
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in dict(files).items():
            file.writestr(zipfile.ZipInfo(name), data, method)
    return out.getvalue()


def _tar(random: Random, files: list[tuple[str, bytes]]) -> bytes:
    out = io.BytesIO()
    format_ = random.choice((tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT))
    with tarfile.open(fileobj=out, mode="w", format=format_) as file:
        for name, data in files:
            most = 0 if format_ == tarfile.USTAR_FORMAT else 200
            info = tarfile.TarInfo(name + "x" * random.choice((0,) * 9 + (most,)))
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    whole = bytearray(out.getvalue())
    if random.random() < 0.4:
        header = bytearray(damage(random, bytes(whole[:512])).ljust(512, b"\0")[:512])
        if random.random() < 0.5:
            header[124:136] = b"%011o\0" % number(random, 1 << 33)
        header[148:156] = b"%06o\0 " % (sum(header[:148]) + 256 + sum(header[156:]))
        whole[:512] = header
    return bytes(whole)


def _table(random: Random) -> bytes:
    pixels = random.choice((784,) * 9 + (49, 783))
    rows = _DIGITS.reshape(4, 784)[: random.randrange(5), :pixels].tolist()
    labelled = random.random() < 0.6
    names = [f"pixel{at}" for at in range(pixels)]
    if labelled:
        rows, names = [[7, *row] for row in rows], ["label", *names]
    lines = [",".join(map(str, row)) for row in rows]
    match random.randrange(5):
        case 0:
            pass
        case 1:
            lines = ["@relation x", *(f"@attribute {name} real" for name in names), "@data", *lines]
        case _:
            lines = [",".join(names), *lines]
    return "\n".join(lines).encode()
