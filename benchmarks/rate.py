"""Rate against loss on the MNIST test set: bytes of whole files against the RMSE they leave."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Final

import numpy as np

import digitzip
from benchmarks import record
from digitzip.codec import DEFAULT_EFFORT
from digitzip.container.header import Header
from digitzip.metrics import rmse
from digitzip.model import load_model, shipped_folder

EFFORTS: Final = (0, 1, 2, 3, 9)
ALONE: Final = 200  # digits compressed one by one


@dataclass(frozen=True, slots=True)
class Point:
    """One setting: what a file costs and what it loses."""

    levels: int
    effort: int
    bytes: int
    bytes_per_digit: float
    rmse: float
    default: bool


def measure(images: record.Images, levels: int, effort: int, *, default: bool) -> Point:
    """Compress and decompress all images at one setting."""
    quality = load_model().qualities.index(levels) + 1
    data = digitzip.compress(images, quality=quality, effort=effort)
    error = rmse(images, digitzip.decompress(data))
    return Point(levels, effort, len(data), len(data) / len(images), error, default)


def overhead(data: bytes) -> int:
    """Return how many bytes of a file of one unnamed chunk are not the planes themselves.

    Counts header, trailer, frame header, chunk head, the header of every Zstandard block, checksum.
    """
    header = Header.from_bytes(data)
    position = header.size + 5 + {0: 1, 1: 2, 2: 4, 3: 8}[data[header.size + 4] >> 6]
    planes, blocks, last = 0, 0, False
    while not last:
        block = int.from_bytes(data[position : position + 3], "little")
        last, kind, size = bool(block & 1), block >> 1 & 3, block >> 3
        stored = 1 if kind == 1 else size
        planes += stored if blocks else 0  # the first block is the head of the chunk
        position += 3 + stored
        blocks += 1
    return len(data) - planes


def kept_codes(images: record.Images) -> float:
    """Return the share of digits that keep their code when they are compressed once more."""
    with digitzip.open(digitzip.compress(images)) as first:
        decoded, codes = first[:], first.codes[:]
    with digitzip.open(digitzip.compress(decoded)) as second:
        return float((second.codes[:] == codes).all(axis=1).mean())


def main() -> None:
    images = record.test_images()
    model = load_model()
    default = model.level_sets[0].levels
    points = [
        measure(images, level_set.levels, effort,
                default=(level_set.levels, effort) == (default, DEFAULT_EFFORT))
        for level_set in model.level_sets for effort in EFFORTS
    ]  # fmt: skip
    whole = digitzip.compress(images)
    alone = [len(digitzip.compress(image[None])) for image in images[:ALONE]]
    result = {
        **record.environment(model),
        "digits": len(images),
        "model_bytes": (shipped_folder() / f"{model.name}.safetensors").stat().st_size,
        "points": [asdict(point) for point in points],
        "overhead_bytes": overhead(whole),
        "overhead_share": overhead(whole) / len(whole),
        "one_digit_bytes": {"median": float(np.median(alone)), "most": max(alone), "of": ALONE},
        "kept_codes": kept_codes(images),
    }
    record.write("rate", result)
    chosen = next(point for point in points if point.default)
    keys = ("date", "commit", "model")
    record.enter_in_ledger({**{key: result[key] for key in keys}, **asdict(chosen)})
    print(chosen)


if __name__ == "__main__":
    main()
