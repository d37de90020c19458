"""What it looks like: originals over reconstructions of test digits, at digitzip's defaults.

`results/looks.json` names the digits that were picked and the digest of their pixels.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any, Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.measure.picked import Digit, Looks, pick, rmse_of_each
from benchmarks.report.looks_page import digest_of, picture
from digitzip.metrics import rmse
from digitzip.model import load_model

PICTURE: Final = record.ROOT / "docs" / "figures" / "looks.png"
PERCENTILES: Final = (0, 1, 10, 50, 90, 99, 100)

Result = dict[str, Any]


def measured(images: record.Images) -> tuple[Result, bytes]:
    """Return what becomes of digits uint8 [n, 28, 28] at digitzip's defaults, and its picture."""
    from benchmarks.measure import classifier as reader

    data = digitzip.compress(images, guard=False)
    decoded = digitzip.decompress(data)
    errors = rmse_of_each(images, decoded)
    looks = pick(errors, reader.read(images), reader.read(decoded))
    looks = replace(looks, pixels=digest_of(looks, images, decoded))
    result = {
        **record.environment(load_model()),
        "digits": len(images),
        "bytes": len(data),
        "rmse": rmse(images, decoded),
        "rmse_percentiles": {str(p): float(np.percentile(errors, p)) for p in PERCENTILES},
        "looks": asdict(looks),
    }
    return result, picture(looks, images, decoded)


def looks_of(result: Result) -> Looks:
    """Return what `looks.json` says was picked."""
    stored = dict(result["looks"])
    pixels = stored.pop("pixels")
    groups = {name: tuple(Digit(**digit) for digit in group) for name, group in stored.items()}
    return Looks(**groups, pixels=pixels)


def main() -> None:
    result, page = measured(record.test_images())
    record.write("looks", result)
    PICTURE.write_bytes(page)
    print(f"drew {PICTURE.relative_to(record.ROOT)}, {len(page):,} bytes")


if __name__ == "__main__":
    main()
