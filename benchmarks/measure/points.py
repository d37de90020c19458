"""Measure one case, a setting of one model: what a file costs, and what it loses."""

from __future__ import annotations

import hashlib
import json
import os
import re
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Final

import numpy as np
import zstandard

import digitzip
from benchmarks import record
from benchmarks.measure import classifier
from benchmarks.record import Images, Labels
from digitzip.codec import Codec, Codes
from digitzip.entropy.probability import ideal_bits
from digitzip.format import Chunk
from digitzip.metrics import d32, psnr, rmse, ssim
from digitzip.model import bundled_folder, load_model

_NAME: Final = re.compile(r"mnist-(\d+)")
_SKIPPABLE: Final = 0x184D2A5  # the magic number of a skippable frame without its last digit
_REPEATED: Final = 1  # a Zstandard block of one byte, RFC 8878 section 3.1.1.2.2


@dataclass(frozen=True, slots=True)
class Case:
    """What a file is made with."""

    model: str
    quality: int
    effort: int


@dataclass(frozen=True, slots=True)
class Point:
    """What a file of all test images costs and what it loses."""

    model: str
    dims: int
    levels: int
    quality: int
    effort: int
    bytes: int
    bytes_per_image: float
    ideal_bytes_per_image: float  # of an arithmetic coder with the model's own entropy model
    codes_over_ideal: float  # bytes of the codes alone over the ideal, less 1
    rmse: float
    psnr: float
    ssim: float
    d32: float
    label_change_rate: float
    default_levels: bool  # of its model
    default: bool  # `digitzip.compress(images, guard=False)`


def bundled() -> list[Path]:
    """Return the bundled models of MNIST in the order of their dims."""
    found = (path for path in bundled_folder().glob("*.safetensors") if _NAME.fullmatch(path.stem))
    return sorted(found, key=lambda path: int(path.stem.partition("-")[2]))


def path_of(case: Case) -> Path:
    return bundled_folder() / f"{case.model}.safetensors"


def round_trip(images: Images, case: Case) -> tuple[bytes, Codes, Images]:
    """Return the file of images uint8 [n, 28, 28], its codes and what it decompresses to.

    Raises `ValueError` unless the file holds the codes of the encoder, their reconstructions come
    back, and these are nearer to the images than blank images are.
    """
    model = load_model(path_of(case))
    codec = Codec(model, model.qualities[case.quality - 1], case.effort)
    data = digitzip.compress(
        images, model=model, quality=case.quality, effort=case.effort, guard=False
    )
    recon = digitzip.decompress(data, model=model)
    with digitzip.open(data, model=model) as dz:
        codes = dz.codes[:]
    few = slice(0, 100)
    if not np.array_equal(codes[few], codec.encode(images[few])):
        raise ValueError(f"{case}: the file has other codes than the encoder gives")
    if not np.array_equal(recon, codec.decode(codes)):
        raise ValueError(f"{case}: the file gives other images than its codes")
    if rmse(images, recon) >= rmse(images, np.zeros_like(images)):
        raise ValueError(f"{case}: the images that come back are no nearer than blank ones")
    return data, codes, recon


def losses(images: Images, recon: Images) -> dict[str, float]:
    """Return by every measure what reconstructions of images uint8 [n, 28, 28] lose."""
    return {measure.__name__: measure(images, recon) for measure in (rmse, psnr, ssim, d32)}


def measure(case: Case) -> Point:
    """Compress and decompress all test images; classify what comes back."""
    images, model = record.test_images(), load_model(path_of(case))
    data, codes, recon = round_trip(images, case)
    levels = model.qualities[case.quality - 1]
    ideal = ideal_bits(model.quantiser(levels).scores, codes) / 8
    default = Codec(model)
    return Point(
        model=model.name,
        dims=model.shape.dims,
        levels=levels,
        quality=case.quality,
        effort=case.effort,
        bytes=len(data),
        bytes_per_image=len(data) / len(images),
        ideal_bytes_per_image=ideal,
        codes_over_ideal=(len(data) - overhead(data)) / len(images) / ideal - 1,
        **losses(images, recon),
        label_change_rate=classifier.change_rate(_labels_before(), classifier.classify(recon)),
        default_levels=levels == default.levels,
        default=(model.id, levels, case.effort)
        == (load_model().id, default.levels, default.effort),
    )


def measure_once(case: Case) -> Point:
    """Return what `measure` gives, kept in `runs/` until code, model or classifier change.

    A run that was stopped continues with the next case.
    """
    package = Path(digitzip.__file__).parent
    digest = hashlib.sha256(repr(case).encode())
    sources = [path_of(case), Path(__file__), *sorted(package.rglob("*.py")), classifier.CACHED]
    for path in sources:
        digest.update(path.read_bytes())
    kept = record.CACHE / "points" / f"{digest.hexdigest()[:32]}.json"
    if kept.exists():
        return Point(**json.loads(kept.read_text(encoding="utf-8")))
    point = measure(case)
    kept.parent.mkdir(parents=True, exist_ok=True)
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(asdict(point)), encoding="utf-8")
    part.replace(kept)
    return point


def overhead(data: bytes) -> int:
    """Return how many bytes of a file without names, labels or corrections are not codes.

    Headers of frames and blocks, checksums, header and trailer of the file are overhead. So is the
    head of a chunk up to the representation of its codes, a few bytes that do not compress.
    """
    offset, codes = 0, 0
    while offset < len(data):
        if int.from_bytes(data[offset : offset + 4], "little") >> 4 == _SKIPPABLE:
            offset += 8 + int.from_bytes(data[offset + 4 : offset + 8], "little")
            continue
        start, last = offset, False
        offset += zstandard.frame_header_size(data[offset : offset + 18])
        while not last:
            block = int.from_bytes(data[offset : offset + 3], "little")
            last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
            stored = 1 if kind == _REPEATED else size
            codes += stored
            offset += 3 + stored
        offset += 4  # checksum
        frame = data[start:offset]
        (layer,) = Chunk.from_bytes(frame).layers
        codes -= zstandard.frame_content_size(frame) - len(layer.body) + 1
    return len(data) - codes


@cache
def _labels_before() -> Labels:
    return classifier.classify(record.test_images())
