"""One setting of one model, measured: what a file costs, what it loses, what it could cost."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final

import digitzip
from benchmarks import record
from digitzip.archive.writer import Writer
from digitzip.codec import Codec
from digitzip.entropy.probability import ideal_bits
from digitzip.format.header import Header
from digitzip.metrics import d32, psnr, rmse, ssim
from digitzip.model import Model, load_model, shipped_folder

_NAME: Final = re.compile(r"mnist-(\d+)")


@dataclass(frozen=True, slots=True)
class Setting:
    """What a file is made with."""

    path: Path
    levels: int
    effort: int


@dataclass(frozen=True, slots=True)
class Point:
    """What a file of all test digits costs and what it loses."""

    model: str
    dims: int
    levels: int
    quality: int  # 1 for the fewest levels of the model
    effort: int
    bytes: int
    bytes_per_digit: float
    ideal_bytes_per_digit: float  # of an arithmetic coder with the model's own predictor
    codes_over_ideal: float  # bytes of the codes alone over that, less 1
    rmse: float
    psnr: float
    ssim: float
    d32: float
    read_differently: float
    default_levels: bool  # of its model
    default: bool  # what `digitzip.compress(images)` does


def shipped() -> list[Path]:
    """Return the shipped models of MNIST, by how many numbers a code of theirs has."""
    found = (path for path in shipped_folder().glob("*.safetensors") if _NAME.fullmatch(path.stem))
    return sorted(found, key=lambda path: int(path.stem.partition("-")[2]))


def compressed(images: record.Images, codec: Codec) -> bytes:
    """Return the bytes of a file of these images."""
    out = io.BytesIO()
    with Writer(out, codec) as writer:
        writer.append(images)
    return out.getvalue()


def measure_once(setting: Setting) -> Point:
    """Return what `measure` gives, kept in `runs/` for as long as code and model stay the same.

    A run that is broken off goes on where it was.
    """
    from benchmarks.measure import classifier as reader

    digest = hashlib.sha256(repr((setting.path.stem, setting.levels, setting.effort)).encode())
    for path in (setting.path, *_sources(), reader.CACHED):
        digest.update(path.read_bytes())
    kept = record.CACHE / "points" / f"{digest.hexdigest()[:32]}.json"
    if kept.exists():
        return Point(**json.loads(kept.read_text(encoding="utf-8")))
    point = measure(setting)
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(asdict(point)), encoding="utf-8")
    part.replace(kept)
    return point


def measure(setting: Setting) -> Point:
    """Compress and decompress all test digits at one setting, and read what comes back."""
    from benchmarks.measure import classifier as reader

    images = record.test_images()
    model = load_model(setting.path)
    codec = Codec(model, setting.levels, setting.effort)
    data = compressed(images, codec)
    with digitzip.open(data, model=model) as dz:
        codes = dz.codes[:]
    decoded = digitzip.decompress(data, model=model)
    ideal = ideal_bits(model.level_set(setting.levels).predict, codes) / 8
    default = Codec(model)
    default_levels = setting.levels == default.levels
    return Point(
        model=model.name,
        dims=model.shape.dims,
        levels=setting.levels,
        quality=model.qualities.index(setting.levels) + 1,
        effort=setting.effort,
        bytes=len(data),
        bytes_per_digit=len(data) / len(images),
        ideal_bytes_per_digit=ideal,
        codes_over_ideal=(len(data) - overhead(data)) / len(images) / ideal - 1,
        rmse=rmse(images, decoded),
        psnr=psnr(images, decoded),
        ssim=ssim(images, decoded),
        d32=d32(images, decoded),
        read_differently=reader.share_changed(_read_before(), reader.read(decoded)),
        default_levels=default_levels,
        default=default_levels and setting.effort == default.effort and _is_default(model),
    )


def overhead(data: bytes) -> int:
    """Return how many bytes of a file of one unnamed chunk are not the codes themselves.

    Counts header, trailer, frame header, chunk head, the header of every Zstandard block, checksum.
    """
    header = Header.from_bytes(data)
    position = header.size + 5 + {0: 1, 1: 2, 2: 4, 3: 8}[data[header.size + 4] >> 6]
    codes, blocks, last = 0, 0, False
    while not last:
        block = int.from_bytes(data[position : position + 3], "little")
        last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
        stored = 1 if kind == 1 else size
        codes += stored if blocks else 0  # the first block is the head of the chunk
        position += 3 + stored
        blocks += 1
    return len(data) - codes


def _sources() -> list[Path]:
    """Return the code that a point depends on."""
    package = Path(digitzip.__file__).parent
    return [Path(__file__), *sorted(package.rglob("*.py"))]


def _is_default(model: Model) -> bool:
    return model.id == load_model().id


@cache
def _read_before() -> record.Labels:
    from benchmarks.measure import classifier as reader

    return reader.read(record.test_images())
