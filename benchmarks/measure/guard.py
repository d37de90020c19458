"""Measure the guard: the bytes it adds against the label changes it leaves.

A curve over the margin of the classifier, from which the default was chosen, on training images
that neither the classifier nor the judge has learned; the same curve on the test images, by the
independent classifier, which chose nothing. Then every quality of the default model with the guard
on and off, bounds on each pixel down to lossless, and images that are no digits.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.measure.classifier import classify, labels_of
from benchmarks.measure.judge import HELD_OUT, judge
from benchmarks.measure.odd import odd_images
from benchmarks.record import Images, Labels, Result
from digitzip.archive.writer import Writer
from digitzip.codec import Codec
from digitzip.fidelity import Fallback, encoder_from_arguments
from digitzip.limits import EFFORTS
from digitzip.metrics import rmse
from digitzip.model import Model, load_model

MARGINS: Final = (0, 32, 64, 96, 128, 160, 192, 224)
BOUNDS: Final = (64, 16, 4, 1)  # on each pixel
QUICK: Final = 1000  # images

Classify = Callable[[Images], Labels]


@dataclass(frozen=True, slots=True)
class Guarded:
    """What a file costs and loses whose images were checked and corrected."""

    what: str
    levels: int
    effort: int
    bytes: int
    bytes_per_image: float
    rmse: float
    greatest_error: int  # of a pixel, 0 … 255
    label_changes: int | None  # None where no classifier was asked
    fallbacks: dict[str, int]  # images by fallback; empty without a guard
    correction_bytes: int
    compress_per_second: float  # images, one thread
    decompress_per_second: float


def measure(
    what: str, codec: Codec, images: Images, classify_by: Classify | None, **bounds: Any
) -> Guarded:
    """Compress and decompress images uint8 [n, 28, 28] with `bounds`, as `digitzip.compress`.

    Raises `ValueError` if `max_error` or `lossless` is not kept.
    """
    out, start = io.BytesIO(), time.perf_counter()
    with Writer(out, codec, encoder_from_arguments(codec, **bounds)) as writer:
        writer.append(images)
    data, half = out.getvalue(), time.perf_counter()
    recon = digitzip.decompress(data, model=codec.model)
    end = time.perf_counter()
    greatest = int(np.abs(images.astype(np.int16) - recon).max())
    if greatest > (0 if bounds.get("lossless") else bounds.get("max_error", 255)):
        raise ValueError(f"{what}: a pixel is off by {greatest}")
    changes = None
    if classify_by is not None:
        changes = int((classify_by(recon) != classify_by(images)).sum())
    counts = writer.counts
    found = Guarded(
        what,
        codec.levels,
        codec.effort,
        len(data),
        len(data) / len(images),
        rmse(images, recon),
        greatest,
        changes,
        {each.name.lower(): counts.images[each] for each in Fallback if counts.total},
        counts.correction_bytes,
        len(images) / (half - start),
        len(images) / (end - half),
    )  # fmt: skip
    print(
        f"{what:32} {found.levels:3} levels {found.bytes_per_image:8.3f} B RMSE {found.rmse:.4f} "
        f"greatest error {greatest:3} label changes {changes} {found.fallbacks}",
        flush=True,
    )
    return found


def curve(model: Model, images: Images, classify_by: Classify) -> Iterator[Guarded]:
    """Yield the default setting without a guard, and with each margin."""
    codec = Codec(model)
    yield measure("off", codec, images, classify_by, guard=False)
    for margin in MARGINS:
        yield measure(f"margin {margin}", codec, images, classify_by, margin=margin)


def settings(model: Model, images: Images) -> Iterator[Guarded]:
    """Yield each quality, and the highest effort, with the guard off and on."""
    usual = Codec(model)
    chosen = [(levels, usual.effort) for levels in sorted(model.qualities)]
    for levels, effort in (*chosen, (usual.levels, EFFORTS[-1])):
        for guard in (False, True):
            what = "on" if guard else "off"
            yield measure(what, Codec(model, levels, effort), images, classify, guard=guard)


def bounded(model: Model, images: Images) -> Iterator[Guarded]:
    """Yield bounds on each pixel at the default levels, and lossless at all levels."""
    for bound in BOUNDS:
        yield measure(f"max_error {bound}", Codec(model), images, classify, max_error=bound)
    for levels in sorted(model.qualities):
        yield measure("lossless", Codec(model, levels), images, None, lossless=True)


def quick_start(images: Images) -> Result:
    """Return what the command line at its defaults makes of the file of the test images.

    Raises `ValueError` if the command line and the library disagree.
    """
    name = "t10k-images-idx3-ubyte"
    source = next(record.data_folder().glob(f"{name}*"))
    with tempfile.TemporaryDirectory() as folder:
        packed = Path(folder) / "digits.dz"
        command = [sys.executable, "-m", "digitzip", "compress", str(source), "-o", str(packed)]
        subprocess.run(command, check=True, capture_output=True)
        data = packed.read_bytes()
    recon = digitzip.decompress(data)
    if not np.array_equal(recon, digitzip.decompress(digitzip.compress(images))):
        raise ValueError("digitzip: the command line and the library disagree")
    return {
        "bytes": len(data),
        "bytes_per_image": len(data) / len(images),
        "rmse": rmse(images, recon),
        "label_changes": int((classify(recon) != classify(images)).sum()),
    }


def main() -> None:
    quick = "--quick" in sys.argv[2:]
    model, images = load_model(), record.test_images()
    held_out = record.train_images()[-HELD_OUT:]
    if quick:
        images, held_out = images[:QUICK], held_out[:QUICK]
    odd = odd_images(images)
    parts = {
        "held_out": curve(model, held_out, lambda images: labels_of(judge(), images)),
        "curve": curve(model, images, classify),
        "settings": settings(model, images),
        "bounds": bounded(model, images),
        "odd": (measure(name, Codec(model), some, None) for name, some in odd.items()),
    }
    result = {
        **record.environment(model, learned=True),
        "margin": model.margin,
        "images": len(images),
        "held_out_images": len(held_out),
        **{name: list(map(asdict, found)) for name, found in parts.items()},
    }
    if not quick:
        record.write("guard", result | {"quick_start": quick_start(images)})
