"""Time and peak memory of the command line against the number of digits, `.npy` in and out."""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Final

import numpy as np

from benchmarks import record

SIZES: Final = (10_000, 100_000, 1_000_000)

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


def measured(*arguments: str) -> dict[str, float]:
    """Run `digitzip` with these arguments in a process of its own; return seconds and peak MB."""
    command = [sys.executable, "-c", _MEASURE, sys.executable, "-m", "digitzip", *arguments]
    start = time.perf_counter()
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    return {"seconds": seconds, "peak_mb": int(done.stdout.split()[-1]) / 1000}  # KiB on Linux


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks scale", description=__doc__)
    parser.add_argument("--effort", default="0")
    arguments = parser.parse_args(sys.argv[2:])
    images = record.test_images()
    runs: list[dict[str, Any]] = []
    for n in SIZES:
        with tempfile.TemporaryDirectory() as folder:
            source, packed, back = (
                str(Path(folder) / name) for name in ("in.npy", "x.dz", "out.npy")
            )
            write_digits(Path(source), images, n)
            compress = measured("compress", source, "-o", packed, "--effort", arguments.effort)
            decompress = measured("decompress", packed, "-o", back)
            if np.load(back, mmap_mode="r").shape != (n, 28, 28):
                raise SystemExit(f"{n} digits did not come back")
            size = Path(packed).stat().st_size
            runs.append(
                {"digits": n, "bytes": size, "compress": compress, "decompress": decompress}
            )
            print(runs[-1])
    record.write("scale", {**record.environment(), "effort": int(arguments.effort), "runs": runs})


if __name__ == "__main__":
    main()
