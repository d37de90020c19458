"""Throughput beside Pillow's PNG and lossless WebP: one thread each, arrays to bytes and back.

Everything runs in one process, by turns. What an effort gains for its time is in `rate.json`.
"""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, Final

import numpy as np
from PIL import Image

import digitzip
from benchmarks import record
from benchmarks.record import Images
from digitzip.codec import DEFAULT_EFFORT
from digitzip.model import load_model

THREADS: Final = (
    "OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS",
)  # fmt: skip
ONE_THREAD: Final = dict.fromkeys(THREADS, "1")
OVERRIDES: Final = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")
"""Settings of a shell that keep the matrix library from choosing its kernels for this CPU."""

ROUNDS: Final = 7
TURNS: Final = ((range(4), 7), (range(4, 10), 2))
"""Efforts that take turns with lossless WebP, and how often: the slow ones apart from the fast."""
GUARDED: Final = "guarded"  # what `digitzip.compress` does by default, at the default effort
SEARCHED: Final = 1000  # digits whose search is timed, beside as many WebP files

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Timed:
    """How long a task that does something to `digits` digits took, round by round."""

    digits: int
    seconds: list[float]

    def rate(self) -> dict[str, float]:
        """Return the median, the least and the most digits a second."""
        return spread([self.digits / seconds for seconds in self.seconds])

    def over(self, peer: Timed) -> dict[str, float]:
        """Return our digits a second over a peer's in the same round: median, least and most."""
        pairs = zip(self.seconds, peer.seconds, strict=True)
        return spread([self.digits / mine * theirs / peer.digits for mine, theirs in pairs])


def spread(found: list[float]) -> dict[str, float]:
    """Return the median, the least and the most of what was found in each round."""
    return {"median": float(np.median(found)), "least": min(found), "most": max(found)}


def elsewhere(part: str) -> bool:
    """Run a part of the benchmarks in a process of its own, unless this one can time it.

    A process can if its matrix library uses one thread and chooses its own kernels. Returns whether
    the part was run, with this process's arguments; raises `SystemExit` if it failed.
    """
    overrides = {name for name in os.environ if name in OVERRIDES}
    if not overrides and all(os.environ.get(name) == "1" for name in ONE_THREAD):
        return False
    kept = {name: value for name, value in os.environ.items() if name not in overrides}
    command = [sys.executable, "-m", "benchmarks", part, *sys.argv[2:]]
    if code := subprocess.run(command, env={**kept, **ONE_THREAD}).returncode:
        raise SystemExit(code)
    return True


def interleaved(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each task in each round; tasks take turns, so that noise is shared."""
    seconds: dict[str, list[float]] = {name: [] for name in tasks}
    for _ in range(rounds):
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            seconds[name].append(time.perf_counter() - start)
    return seconds


def png_encode(images: Images) -> list[bytes]:
    files = []
    for image in images:
        out = io.BytesIO()
        Image.fromarray(image).save(out, "PNG")
        files.append(out.getvalue())
    return files


def webp_encode(images: Images) -> list[bytes]:
    files = []
    for image in images:
        out = io.BytesIO()
        Image.fromarray(image).save(out, "WEBP", lossless=True)
        files.append(out.getvalue())
    return files


def pillow_decode(files: list[bytes]) -> list[Images]:
    return [np.asarray(Image.open(io.BytesIO(file))) for file in files]


def whole(images: Images) -> Result:
    """Time effort 0 and decompression of digits uint8 [n, 28, 28] beside Pillow's PNG."""
    files, data = png_encode(images), digitzip.compress(images, effort=0, guard=False)
    np.testing.assert_array_equal(np.stack(pillow_decode(files)), images)
    with digitzip.open(data) as dz:
        again = dz.codec.decode(dz.codes[:])
    np.testing.assert_array_equal(digitzip.decompress(data), again)
    seconds = interleaved(
        {
            "png encode": partial(png_encode, images),
            "compress without search": partial(digitzip.compress, images, effort=0, guard=False),
            "png decode": partial(pillow_decode, files),
            "decompress": partial(digitzip.decompress, data),
        },
        ROUNDS,
    )
    timed = {name: Timed(len(images), times) for name, times in seconds.items()}
    ratios = {
        "compress without search": timed["compress without search"].over(timed["png encode"]),
        "decompress": timed["decompress"].over(timed["png decode"]),
    }
    return {
        "digits": len(images),
        "digits_per_second": {name: task.rate() for name, task in timed.items()},
        "over_png": ratios,
        "decompress_over_png_decode": ratios["decompress"]["median"],
        "compress_without_search_over_png_encode": ratios["compress without search"]["median"],
    }


def searched(images: Images) -> Result:
    """Time each effort on digits uint8 [n, 28, 28] beside Pillow's lossless WebP."""
    colours = np.stack(pillow_decode(webp_encode(images)))
    np.testing.assert_array_equal(colours, np.repeat(images[:, :, :, None], 3, axis=3))
    peer: list[float] = []
    rates, ratios, rounds_of = {}, {}, {}
    for efforts, rounds in TURNS:
        ours = {
            str(effort): partial(digitzip.compress, images, effort=effort, guard=False)
            for effort in efforts
        }
        if DEFAULT_EFFORT in efforts:
            ours[GUARDED] = partial(digitzip.compress, images)
        seconds = interleaved({"webp": partial(webp_encode, images), **ours}, rounds)
        theirs = Timed(len(images), seconds["webp"])
        peer += seconds["webp"]
        for effort in ours:
            mine = Timed(len(images), seconds[effort])
            rates[effort], ratios[effort] = mine.rate(), mine.over(theirs)
            rounds_of[effort] = rounds
    del rounds_of[GUARDED]
    return {
        GUARDED: {"digits_per_second": rates.pop(GUARDED), "over_webp": ratios.pop(GUARDED)},
        "digits_searched": len(images),
        "default_effort": DEFAULT_EFFORT,
        "webp_digits_per_second": Timed(len(images), peer).rate(),
        "rounds_of_effort": rounds_of,
        "digits_per_second_of_effort": rates,
        "effort_over_webp": ratios,
        "compress_over_webp_encode": ratios[str(DEFAULT_EFFORT)]["median"],
    }


def main() -> None:
    if elsewhere("speed"):
        return
    images = record.test_images()
    result = {
        **record.environment(load_model()),
        "threads": 1,
        "kernels": "as the matrix library chooses for this CPU",
        "rounds": ROUNDS,
        **whole(images),
        **searched(images[:SEARCHED]),
    }
    record.write("speed", result)


if __name__ == "__main__":
    main()
