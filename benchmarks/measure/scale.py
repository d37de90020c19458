"""Measure time and peak memory of the command line against the number of images (`.npy`).

`--full` measures ten million images, once, into a result of its own. What a billion would take lies
on the line through the two largest runs.
"""

from __future__ import annotations

import argparse
import filecmp
import math
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.measure.access import index_bytes
from benchmarks.measure.timing import spread
from benchmarks.record import Images, Result
from digitzip.metrics import rmse
from digitzip.model import load_model

ROUNDS: Final = {10_000: 3, 100_000: 3, 1_000_000: 1}
"""How often each number of images is compressed and decompressed."""
FULL: Final = 10_000_000
UNTIMED: Final = 100_000
"""Up to so many images are checked before they are timed; what runs once is checked after."""
ENDS: Final = 1_000
"""Images at each end that must equal those of a round trip in memory."""
NEAR: Final = 0.75
"""Of the RMSE of blank images; images shifted by up to two pixels reach half to two thirds."""
BATCH: Final = 10_000
PAPER: Final = 1_000_000_000
"""Images of the estimate."""

_MEASURE: Final = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def write_images(path: Path, images: Images, n: int) -> None:
    """Write `n` images as `.npy`: the test set over and over, each copy shifted."""
    out = np.lib.format.open_memmap(path, "w+", np.uint8, (n, 28, 28))
    for copy, start in enumerate(range(0, n, len(images))):
        part = out[start : start + len(images)]
        part[:] = np.roll(images, (copy % 5 - 2, copy // 5 % 5 - 2), axis=(1, 2))[: len(part)]
    out.flush()


def measured(rounds: int, *arguments: str) -> dict[str, float]:
    """Run `digitzip` in processes of its own; return seconds and the highest peak in MB."""
    command = [sys.executable, "-c", _MEASURE, sys.executable, "-m", "digitzip", *arguments]
    seconds, peaks = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds.append(time.perf_counter() - start)
        peaks.append(peak_bytes(int(done.stdout.split()[-1]), sys.platform) / 1e6)
    found = spread(seconds)
    return {"seconds": found.pop("median"), **found, "peak_mb": max(peaks)}


def peak_bytes(ru_maxrss: int, platform: str) -> int:
    """Return a peak resident size in bytes; macOS gives bytes, other systems KiB."""
    return ru_maxrss if platform == "darwin" else ru_maxrss * 1024


def require_space(n: int, one_thread: bool) -> None:
    """Raise `SystemExit` unless the temporary folder has room for a run of `n` images."""
    pixels, files = (3, 2) if one_thread else (2, 1)
    needed = n * (784 * pixels + 20 * files) + 50_000_000
    free = shutil.disk_usage(tempfile.gettempdir()).free
    if free < needed:
        raise SystemExit(
            f"{n:,} images need {needed / 1e9:.1f} GB of temporary space, {free / 1e9:.1f} are free"
        )


def verified(images: Images, recon: Images, effort: int) -> float:
    """Return the RMSE of decompressed images uint8 [n, 28, 28].

    Raises `ValueError` unless both ends equal a round trip in memory, and all are well nearer to
    the originals than blank images are.
    """
    n = len(images)
    if (recon.shape, recon.dtype) != (images.shape, images.dtype):
        raise ValueError(f"{n} images: {recon.dtype} {list(recon.shape)} came back")
    for end in (slice(ENDS), slice(max(0, n - ENDS), n)):
        again = digitzip.decompress(digitzip.compress(images[end], effort=effort, guard=False))
        if not np.array_equal(recon[end], again):
            raise ValueError(f"{n} images: a round trip in memory gives others")
    parts = [(images[i : i + BATCH], recon[i : i + BATCH]) for i in range(0, n, BATCH)]
    error = math.sqrt(sum(rmse(x, y) ** 2 * len(x) for x, y in parts) / n)
    blank = math.sqrt(sum(rmse(x, np.zeros_like(x)) ** 2 * len(x) for x, _ in parts) / n)
    if error > NEAR * blank:
        raise ValueError(f"{n} images: RMSE {error:.3f}, and blank images have {blank:.3f}")
    return error


def run_of(n: int, images: Images, effort: int, rounds: int, one_thread: bool = True) -> Result:
    """Return what `n` images take on all cores and, if asked, on one thread.

    Raises `ValueError` if other images come back, or if one thread writes another file.
    """
    require_space(n, one_thread)
    with tempfile.TemporaryDirectory() as name:
        source, packed, back, packed_1, back_1 = (
            Path(name) / file for file in ("in.npy", "x.dz", "out.npy", "1.dz", "1.npy")
        )
        write_images(source, images, n)
        originals = np.load(source, mmap_mode="r")
        # No guard: shifted images are not what the models were made for.
        options = ("--effort", str(effort), "--guard", "off", "-f", "-o")
        compress = ("compress", str(source), *options)
        decompress = ("decompress", str(packed), "-f", "-o")
        if n <= UNTIMED:
            measured(1, *compress, str(packed))
            measured(1, *decompress, str(back))
            verified(originals, np.load(back, mmap_mode="r"), effort)
        run: Result = {
            "images": n,
            "rounds": rounds,
            "compress": measured(rounds, *compress, str(packed)),
            "decompress": measured(rounds, *decompress, str(back)),
            "bytes": packed.stat().st_size,
            "rmse": verified(originals, np.load(back, mmap_mode="r"), effort),
            "index_bytes": index_bytes(packed),
        }
        if one_thread:
            one = ("--jobs", "1")
            run["one_thread"] = {
                "compress": measured(rounds, *compress, str(packed_1), *one),
                "decompress": measured(rounds, *decompress, str(back_1), *one),
            }
            for file, other in ((packed, packed_1), (back, back_1)):
                if not filecmp.cmp(file, other, shallow=False):
                    raise ValueError(f"{n} images: one thread wrote another {file.name}")
        return run


def along(x: tuple[float, float], y: tuple[float, float], at: float) -> float:
    """Return the height at `at` of the line through two points."""
    return y[1] + (y[1] - y[0]) / (x[1] - x[0]) * (at - x[1])


def estimate(runs: list[Result], images: int = PAPER) -> Result:
    """Return what so many images would take by the slope between the last two runs.

    Memory is the highest peak plus the growth of an open archive's index: all else has a fixed
    size, and its peaks differ by chance more than by the number of images.
    """
    before, last = runs[-2:]
    n = before["images"], last["images"]

    def hours(way: str) -> float:
        seconds = tuple(run["one_thread"][way]["seconds"] for run in (before, last))
        return along(n, (seconds[0], seconds[1]), images) / 3600

    held = before["index_bytes"], last["index_bytes"]
    peak = max(run[way]["peak_mb"] for run in runs for way in ("compress", "decompress"))
    return {
        "images": images,
        "from_images": list(n),
        "bytes": round(along(n, (before["bytes"], last["bytes"]), images)),
        "threads": 1,
        "compress_hours": hours("compress"),
        "decompress_hours": hours("decompress"),
        "peak_mb": peak + (along(n, held, images) - held[1]) / 1e6,
    }


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale", description=__doc__)
    parser.add_argument("--effort", type=int, default=0)
    parser.add_argument("--full", action="store_true", help=f"{FULL:,} images, all cores")
    arguments = parser.parse_args(sys.argv[2:])
    images, effort = record.test_images(), arguments.effort
    result = {**record.environment(load_model()), "effort": effort}
    if arguments.full:
        record.write("scale_full", result | {"runs": [run_of(FULL, images, effort, 1, False)]})
        return
    runs = []
    require_space(max(ROUNDS), one_thread=True)
    for n, rounds in ROUNDS.items():
        runs.append(run_of(n, images, effort, rounds))
        print(runs[-1], flush=True)
    record.write("scale", result | {"runs": runs, "estimate": estimate(runs)})
