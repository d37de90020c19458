"""Throughput beside Pillow's PNG and lossless WebP: one thread each, arrays to bytes and back.

Everything runs in one process, by turns. What an effort gains for its time is in `rate.json`.
"""

from __future__ import annotations

import io
import os
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import numpy as np

THREADS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
ONE_THREAD: Final = dict.fromkeys(THREADS, "1")
OVERRIDES: Final = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Settings of a shell that keep the matrix library from choosing its kernels for this CPU."""

ROUNDS: Final = 7
SEARCH_ROUNDS: Final = 3
EFFORTS: Final = range(10)
SEARCHED: Final = 1000  # digits whose search is timed, beside as many WebP files


def interleaved(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each task in each round; tasks take turns, so that noise is shared."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def main() -> None:
    overrides = {name for name in os.environ if name in OVERRIDES}
    if overrides or any(os.environ.get(name) != "1" for name in ONE_THREAD):
        kept = {name: value for name, value in os.environ.items() if name not in overrides}
        command = [sys.executable, "-m", "benchmarks", "speed"]
        os.execve(sys.executable, command, {**kept, **ONE_THREAD})
    from PIL import Image

    import digitzip
    from benchmarks import record
    from digitzip.codec import DEFAULT_EFFORT
    from digitzip.model import load_model

    images = record.test_images()
    model = load_model()

    few = images[:SEARCHED]

    def encode(digits: record.Images, kind: str, **settings: bool) -> list[bytes]:
        files = []
        for image in digits:
            out = io.BytesIO()
            Image.fromarray(image).save(out, kind, **settings)
            files.append(out.getvalue())
        return files

    def png_encode() -> list[bytes]:
        return encode(images, "PNG")

    def webp_encode() -> list[bytes]:
        return encode(few, "WEBP", lossless=True)

    def png_decode() -> list[Any]:
        return [np.asarray(Image.open(io.BytesIO(file))) for file in png]

    png, data = png_encode(), digitzip.compress(images, effort=0)
    np.testing.assert_array_equal(np.stack(png_decode()), images)
    for file, image in zip(webp_encode(), few, strict=True):
        decoded = np.asarray(Image.open(io.BytesIO(file)))
        np.testing.assert_array_equal(decoded, np.repeat(image[:, :, None], 3, axis=2))
    with digitzip.open(data) as dz:
        np.testing.assert_array_equal(digitzip.decompress(data), dz[:])

    seconds = interleaved(
        {
            "png encode": png_encode,
            "compress without search": lambda: digitzip.compress(images, effort=0),
            "png decode": png_decode,
            "decompress": lambda: digitzip.decompress(data),
        },
        ROUNDS,
    )
    searched = interleaved(
        {
            "webp lossless encode": webp_encode,
            **{f"effort {e}": partial(digitzip.compress, few, effort=e) for e in EFFORTS},
        },
        SEARCH_ROUNDS,
    )
    seconds |= searched
    digits = {name: len(few) if name in searched else len(images) for name in seconds}

    def rate(name: str) -> dict[str, float]:
        rates = [digits[name] / s for s in seconds[name]]
        return {"median": float(np.median(rates)), "least": min(rates), "most": max(rates)}

    def ratio(ours: str, peer: str) -> float:
        if digits[ours] != digits[peer]:
            raise ValueError(f"{ours} and {peer} were timed on different digits")
        pairs = zip(seconds[peer], seconds[ours], strict=True)
        return float(np.median([theirs / mine for theirs, mine in pairs]))

    result = {
        **record.environment(model),
        "digits": len(images),
        "digits_searched": len(few),
        "threads": 1,
        "kernels": "as the matrix library chooses for this CPU",
        "default_effort": DEFAULT_EFFORT,
        "digits_per_second": {name: rate(name) for name in seconds if name not in searched},
        "webp_digits_per_second": rate("webp lossless encode"),
        "digits_per_second_of_effort": {str(e): rate(f"effort {e}") for e in EFFORTS},
        "decompress_over_png_decode": ratio("decompress", "png decode"),
        "compress_without_search_over_png_encode": ratio("compress without search", "png encode"),
        "compress_over_webp_encode": ratio(f"effort {DEFAULT_EFFORT}", "webp lossless encode"),
    }
    record.write("speed", result)


if __name__ == "__main__":
    main()
