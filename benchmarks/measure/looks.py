"""Show what it looks like: test images over their reconstructions at the defaults, guard off.

`results/looks.json` names the images that were picked and the digest of their pixels.
"""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.measure import classifier
from benchmarks.measure.picked import Looks, Pick, pick, rmse_of_each
from benchmarks.record import Images, Result
from benchmarks.report.looks_page import PATH, digest_of, picture
from digitzip.metrics import rmse
from digitzip.model import load_model

PERCENTILES: Final = (0, 1, 10, 50, 90, 99, 100)


def measured(images: Images) -> tuple[Result, bytes]:
    """Return what the defaults make of images uint8 [n, 28, 28], and the picture."""
    data = digitzip.compress(images, guard=False)
    recon = digitzip.decompress(data)
    errors = rmse_of_each(images, recon)
    looks = pick(errors, classifier.classify(images), classifier.classify(recon))
    looks = replace(looks, pixels=digest_of(looks, images, recon))
    result = {
        **record.environment(load_model()),
        "images": len(images),
        "bytes": len(data),
        "rmse": rmse(images, recon),
        "rmse_percentiles": {str(p): float(np.percentile(errors, p)) for p in PERCENTILES},
        "looks": asdict(looks),
    }
    return result, picture(looks, images, recon)


def looks_of(result: Result) -> Looks:
    """Return what `looks.json` says was picked."""
    stored = dict(result["looks"])
    pixels = stored.pop("pixels")
    groups = {name: tuple(Pick(**pick) for pick in group) for name, group in stored.items()}
    return Looks(**groups, pixels=pixels)


def main() -> None:
    result, page = measured(record.test_images())
    record.write("looks", result)
    PATH.write_bytes(page)
    print(f"drew {PATH.relative_to(record.ROOT)}, {len(page):,} bytes")
