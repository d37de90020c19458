"""How long the command line takes to start: `--version`, and decompressing a one-digit file."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.speed import interleaved

ROUNDS: Final = 15


def run(*arguments: str) -> None:
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        one, out = Path(folder) / "one.dz", Path(folder) / "one.npy"
        one.write_bytes(digitzip.compress(record.test_images()[:1]))
        command = ("-m", "digitzip", "decompress", str(one), "-f", "-o", str(out))
        run(*command)
        np.testing.assert_array_equal(np.load(out), digitzip.decompress(one.read_bytes()))
        seconds = interleaved(
            {
                "python -c pass": lambda: run("-c", "pass"),
                "digitzip --version": lambda: run("-m", "digitzip", "--version"),
                "decompress one digit": lambda: run(*command),
            },
            ROUNDS,
        )
    medians = {name: float(np.median(times)) for name, times in seconds.items()}
    record.write("startup", {**record.environment(), "rounds": ROUNDS, "median_seconds": medians})


if __name__ == "__main__":
    main()
