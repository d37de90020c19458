"""Time and peak memory of the command line against the number of digits, `.npy` in and out.

Digits are written as they are made, never all held. `--full` measures ten million, once, into a
result of its own. What a billion would take is reckoned along the line through the two largest
runs.
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
from typing import Any, Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.measure.access import random_access
from benchmarks.measure.speed import elsewhere
from digitzip.metrics import rmse
from digitzip.model import load_model

ROUNDS: Final = {10_000: 3, 100_000: 3, 1_000_000: 1}
"""How often each number of digits is compressed and decompressed."""
FULL: Final = 10_000_000
UNTIMED: Final = 100_000
"""As many digits are checked before they are timed; what is run once is its own check."""
UNGUARDED: Final = ("--guard", "off")  # shifted digits are not what the models were made for
ENDS: Final = 1_000
"""Digits, the first and the last, that have to be those of a round trip in memory."""
NEAR: Final = 0.75
"""Of the error of a blank page; digits shifted by up to two pixels have half to two thirds."""
BATCH: Final = 10_000
"""Digits that are compared at once."""
PAPER: Final = 1_000_000_000
"""Digits of the estimate."""

Result = dict[str, Any]

_MEASURE: Final = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:]).returncode
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)
"""


def write_digits(path: Path, images: record.Images, n: int) -> None:
    """Write `n` digits, the test set over and over with each copy shifted, as `.npy`."""
    out = np.lib.format.open_memmap(path, "w+", np.uint8, (n, 28, 28))
    for number, start in enumerate(range(0, n, len(images))):
        part = out[start : start + len(images)]
        part[:] = np.roll(images, (number % 5 - 2, number // 5 % 5 - 2), axis=(1, 2))[: len(part)]
    out.flush()


def measured(rounds: int, *arguments: str) -> dict[str, float]:
    """Run `digitzip` with these arguments, each time in a process of its own.

    Returns the median, the least and the most seconds, and the highest peak in MB.
    """
    command = [sys.executable, "-c", _MEASURE, sys.executable, "-m", "digitzip", *arguments]
    seconds, peaks = [], []
    for _ in range(rounds):
        start = time.perf_counter()
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        seconds.append(time.perf_counter() - start)
        peaks.append(peak_bytes(int(done.stdout.split()[-1]), sys.platform) / 1e6)
    return {
        "seconds": float(np.median(seconds)),
        "least": min(seconds),
        "most": max(seconds),
        "peak_mb": max(peaks),
    }


def peak_bytes(ru_maxrss: int, platform: str) -> int:
    """Return a peak resident size in bytes; macOS tells it so, other systems in KiB."""
    return ru_maxrss if platform == "darwin" else ru_maxrss * 1024


def space(n: int, alone: bool) -> int:
    """Return the bytes on disk that a run of `n` digits takes: pixels and files, with a reserve."""
    pixels, files = (3, 2) if alone else (2, 1)
    return n * (784 * pixels + 20 * files) + 50_000_000


def require_space(n: int, alone: bool) -> None:
    """Raise `SystemExit` unless the temporary folder has room for `n` digits."""
    free, needed = shutil.disk_usage(tempfile.gettempdir()).free, space(n, alone)
    if free < needed:
        raise SystemExit(
            f"{n:,} digits need {needed / 1e9:.1f} GB of temporary space, {free / 1e9:.1f} are free"
        )


def verified(digits: record.Images, decoded: record.Images, effort: int) -> float:
    """Return the RMSE of decoded digits uint8 [n, 28, 28] of a file.

    Raises `ValueError` unless their ends are those of a round trip in memory, and all of them come
    well nearer than a blank page.
    """
    n = len(digits)
    if (decoded.shape, decoded.dtype) != (digits.shape, digits.dtype):
        raise ValueError(f"{n} digits: {decoded.dtype} {list(decoded.shape)} came back")
    for end in (slice(ENDS), slice(max(0, n - ENDS), n)):
        again = digitzip.decompress(digitzip.compress(digits[end], effort=effort, guard=False))
        if not np.array_equal(decoded[end], again):
            raise ValueError(f"{n} digits: a round trip in memory gives others")
    parts = [(digits[i : i + BATCH], decoded[i : i + BATCH]) for i in range(0, n, BATCH)]
    error = math.sqrt(sum(rmse(x, y) ** 2 * len(x) for x, y in parts) / n)
    blank = math.sqrt(sum(rmse(x, np.zeros_like(x)) ** 2 * len(x) for x, _ in parts) / n)
    if error > NEAR * blank:
        raise ValueError(f"{n} digits: RMSE {error:.3f}, and a blank page has {blank:.3f}")
    return error


def run_of(n: int, images: record.Images, effort: int, rounds: int, alone: bool = True) -> Result:
    """Return what `n` digits take on all cores and, if `alone`, on one thread as well.

    Up to `UNTIMED` digits are compressed and decompressed once before, and checked; what was timed
    last is checked after. Raises `ValueError` if the digits do not come back, or if one thread
    writes another file than all cores do.
    """
    require_space(n, alone)
    with tempfile.TemporaryDirectory() as name:
        source, packed, back, packed_1, back_1 = (
            Path(name) / file for file in ("in.npy", "x.dz", "out.npy", "1.dz", "1.npy")
        )
        write_digits(source, images, n)
        digits = np.load(source, mmap_mode="r")
        compress = ("compress", str(source), "--effort", str(effort), *UNGUARDED, "-f", "-o")
        decompress = ("decompress", str(packed), "-f", "-o")
        if n <= UNTIMED:
            measured(1, *compress, str(packed))
            measured(1, *decompress, str(back))
            verified(digits, np.load(back, mmap_mode="r"), effort)
        run: Result = {"digits": n, "rounds": rounds}
        run["compress"] = measured(rounds, *compress, str(packed))
        run["decompress"] = measured(rounds, *decompress, str(back))
        run["bytes"] = packed.stat().st_size
        decoded = np.load(back, mmap_mode="r")
        run["rmse"] = verified(digits, decoded, effort)
        if alone:
            one = ("--threads", "1")
            run["one_thread"] = {
                "compress": measured(rounds, *compress, str(packed_1), *one),
                "decompress": measured(rounds, *decompress, str(back_1), *one),
            }
            for file, other in ((packed, packed_1), (back, back_1)):
                if not filecmp.cmp(file, other, shallow=False):
                    raise ValueError(f"{n} digits: one thread wrote another {file.name}")
        run["random_access"] = random_access(packed, decoded)
        return run


def along(x: tuple[float, float], y: tuple[float, float], at: float) -> float:
    """Return the height at `at` of the line through two points."""
    return y[1] + (y[1] - y[0]) / (x[1] - x[0]) * (at - x[1])


def estimate(runs: list[Result], digits: int = PAPER) -> Result:
    """Return what so many digits would take by the slope between the last two runs.

    Memory is the highest peak seen, and what the index of an open archive grows by: all else is
    of a fixed size, and its peaks differ by chance more than by the number of digits.
    """
    before, last = runs[-2:]
    n = before["digits"], last["digits"]

    def hours(way: str) -> float:
        seconds = tuple(run["one_thread"][way]["seconds"] for run in (before, last))
        return along(n, (seconds[0], seconds[1]), digits) / 3600

    held = before["random_access"]["held_bytes"], last["random_access"]["held_bytes"]
    peak = max(run[way]["peak_mb"] for run in runs for way in ("compress", "decompress"))
    return {
        "digits": digits,
        "from_digits": list(n),
        "bytes": round(along(n, (before["bytes"], last["bytes"]), digits)),
        "threads": 1,
        "compress_hours": hours("compress"),
        "decompress_hours": hours("decompress"),
        "peak_mb": peak + (along(n, held, digits) - held[1]) / 1e6,
    }


def main() -> None:
    if elsewhere("scale"):
        return
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale", description=__doc__)
    parser.add_argument("--effort", type=int, default=0)
    parser.add_argument("--full", action="store_true", help=f"{FULL:,} digits, all cores")
    arguments = parser.parse_args(sys.argv[2:])
    images = record.test_images()
    if arguments.full:
        runs = [run_of(FULL, images, arguments.effort, 1, alone=False)]
    else:
        runs = []
        require_space(max(ROUNDS), alone=True)
        for n, rounds in ROUNDS.items():
            runs.append(run_of(n, images, arguments.effort, rounds))
            print(runs[-1], flush=True)
    result = {**record.environment(load_model()), "effort": arguments.effort, "runs": runs}
    if arguments.full:
        record.write("scale_full", result)
    else:
        record.write("scale", result | {"estimate": estimate(runs)})


if __name__ == "__main__":
    main()
