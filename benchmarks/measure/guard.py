"""What the guard costs, and what it is worth: bytes against digits that a stranger reads otherwise.

A curve over the reader's margin, from which the default was chosen, on training digits that
neither the reader nor the judge has learned; and the same curve on the test digits, judged by
`reader`, another network still, which chose nothing. Then every setting of the default model with
the guard on and off, bounds on each pixel down to none lost, and images that are no digits.
"""

from __future__ import annotations

import io
import string
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import digitzip
from benchmarks import record
from benchmarks.measure.classifier import read, read_with
from benchmarks.measure.judge import HELD_OUT, judge
from benchmarks.record import Images, Labels
from digitzip.archive.writer import Writer
from digitzip.codec import Codec
from digitzip.fidelity import Fallback, fidelity_encoder
from digitzip.limits import EFFORTS
from digitzip.metrics import rmse
from digitzip.model import Model, load_model

MARGINS: Final = (0, 32, 64, 96, 128, 160, 192, 224)
BOUNDS: Final = (64, 16, 4, 1)  # on each pixel
QUICK: Final = 1000  # digits
ODD: Final = 500  # images of each kind that is no digit

Read = Callable[[Images], Labels]


@dataclass(frozen=True, slots=True)
class Guarded:
    """What a file costs and loses with its fallbacks."""

    what: str
    levels: int
    effort: int
    bytes: int
    bytes_per_digit: float
    rmse: float
    greatest_error: int  # of a pixel, 0 … 255
    read_differently: int | None  # digits; None where nobody read
    rungs: dict[str, int]  # images by fallback; none without a guard
    correction_bytes: int
    compress_per_second: float  # digits, one thread
    decompress_per_second: float


def measure(
    what: str, codec: Codec, images: Images, read_by: Read | None, **bounds: Any
) -> Guarded:
    """Compress and decompress digits uint8 [n, 28, 28] with `bounds`, as `digitzip.compress`."""
    out, start = io.BytesIO(), time.perf_counter()
    with Writer(out, codec, fidelity_encoder(codec, **bounds)) as writer:
        writer.append(images)
    counts = writer.counts
    data, half = out.getvalue(), time.perf_counter()
    back = digitzip.decompress(data, model=codec.model)
    end = time.perf_counter()
    differently = None if read_by is None else int((read_by(back) != read_by(images)).sum())
    found = Guarded(
        what,
        codec.levels,
        codec.effort,
        len(data),
        len(data) / len(images),
        rmse(images, back),
        int(np.abs(images.astype(np.int16) - back).max()),
        differently,
        {each.name.lower(): counts.images[each] for each in Fallback if counts.total},
        counts.correction_bytes,
        len(images) / (half - start),
        len(images) / (end - half),
    )  # fmt: skip
    print(
        f"{what:32} {found.levels:3} levels {found.bytes_per_digit:8.3f} B RMSE {found.rmse:.4f} "
        f"most {found.greatest_error:3} otherwise {differently} {found.rungs}",
        flush=True,
    )
    return found


def curve(model: Model, images: Images, read_by: Read) -> Iterator[Guarded]:
    """Yield the default setting without a guard, and with each margin."""
    codec = Codec(model)
    yield measure("off", codec, images, read_by, guard=False)
    for margin in MARGINS:
        yield measure(f"margin {margin}", codec, images, read_by, margin=margin)


def settings(model: Model, images: Images) -> Iterator[Guarded]:
    """Yield each number of levels, and the highest effort, with the guard off and on."""
    usual = Codec(model)
    chosen = [(levels, usual.effort) for levels in sorted(model.qualities)]
    for levels, effort in (*chosen, (usual.levels, EFFORTS[-1])):
        for guard in (False, True):
            what = "on" if guard else "off"
            yield measure(what, Codec(model, levels, effort), images, read, guard=guard)


def bounded(model: Model, images: Images) -> Iterator[Guarded]:
    """Yield bounds on each pixel at the default levels, and at all of them when none is lost."""
    for bound in BOUNDS:
        yield measure(f"max_error {bound}", Codec(model), images, read, max_error=bound)
    for levels in sorted(model.qualities):
        yield measure("lossless", Codec(model, levels), images, None, lossless=True)


def odd(images: Images) -> dict[str, Images]:
    """Return images that are no digits, some of them made of digits, each uint8 [n, 28, 28]."""
    random = np.random.default_rng(2026)
    digits = images[:ODD]
    rows, columns = np.indices((28, 28))
    slopes = random.uniform(-9, 9, (2, ODD, 1, 1))
    ramps = 128 + slopes[0] * (rows - 14) + slopes[1] * (columns - 14)
    return {
        "black on white": 255 - digits,
        "upside down": digits[:, ::-1].copy(),
        "two digits at once": np.maximum(digits, images[ODD : 2 * ODD]),
        "noise": random.integers(0, 256, digits.shape, dtype=np.uint8),
        "ramps of grey": np.clip(ramps, 0, 255).astype(np.uint8),
        "clouds of grey": clouds(random),
        "letters": letters(random),
        "blank": np.zeros_like(digits),
    }


def clouds(random: np.random.Generator) -> Images:
    """Return smooth fields, uint8 [ODD, 28, 28], whose spectrum falls as that of photographs."""
    rows, columns = np.fft.fftfreq(28)[:, None], np.fft.rfftfreq(28)
    frequency = np.maximum(np.hypot(rows, columns), 1 / 28)
    waves = np.fft.rfft2(random.standard_normal((ODD, 28, 28))) / frequency
    fields = np.fft.irfft2(waves, s=(28, 28))
    spread = fields.std(axis=(1, 2), keepdims=True)
    found: Images = np.clip(128 + 56 * fields / spread, 0, 255).astype(np.uint8)
    return found


def letters(random: np.random.Generator) -> Images:
    """Return printed capital letters, uint8 [ODD, 28, 28], white on black, of several sizes."""
    found = np.zeros((ODD, 28, 28), np.uint8)
    for image in found:
        canvas = Image.new("L", (28, 28))
        font = ImageFont.load_default(float(random.uniform(18, 26)))
        letter = string.ascii_uppercase[int(random.integers(26))]
        ImageDraw.Draw(canvas).text((14, 14), letter, 255, font, anchor="mm")
        image[:] = np.asarray(canvas)
    return found


def main() -> None:
    quick = "--quick" in sys.argv[2:]
    model, images = load_model(), record.test_images()
    held_out = record.train_images()[-HELD_OUT:]
    if quick:
        images, held_out = images[:QUICK], held_out[:QUICK]
    network = judge()
    result = record.environment(model, learned=True)
    result["margin"] = model.margin
    result["digits"], result["held_out_digits"] = len(images), len(held_out)
    for name, found in (
        ("held_out", curve(model, held_out, lambda images: read_with(network, images))),
        ("curve", curve(model, images, read)),
        ("settings", settings(model, images)),
        ("bounds", bounded(model, images)),
        ("odd", (measure(name, Codec(model), some, None) for name, some in odd(images).items())),
    ):
        result[name] = list(map(asdict, found))
    if not quick:
        record.write("guard", result)


if __name__ == "__main__":
    main()
