"""Measure how long command lines take to start, beside `cwebp`, `flac` and `zstd` where installed.

Each program prints its version and compresses one image; ours also decompresses one.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import zstandard
from PIL import Image

import digitzip
from benchmarks import record
from benchmarks.measure.speed import pillow_encode
from benchmarks.measure.timing import Task, Timed, interleaved, spread
from benchmarks.record import Images, Result
from digitzip.model import load_model

ROUNDS: Final = 15

_RAW: Final = ("--force-raw-format", "--endian=little", "--sign=unsigned")
_SOUND: Final = ("--channels=1", "--bps=8", "--sample-rate=8000")


@dataclass(frozen=True, slots=True)
class Command:
    """A program that compresses one image without loss, and how its output is checked."""

    name: str
    version: str  # the option that prints it
    source: Callable[[Images], bytes]  # the file that it is given
    options: tuple[str, ...]
    unpack: Callable[[Path], bytes]  # what the packed file holds, as `source` gives it

    def pack(self, source: Path, packed: Path) -> list[str]:
        return [self.name, *self.options, str(source), "-o", str(packed)]


def png(image: Images) -> bytes:
    return pillow_encode(image[None], "PNG")[0]


def _webp_as_png(packed: Path) -> bytes:
    with Image.open(packed, formats=["WEBP"]) as image:
        return png(np.asarray(image.convert("L")))


def _unflac(packed: Path) -> bytes:
    command = ["flac", "--decode", "--silent", *_RAW, "--stdout", str(packed)]
    return subprocess.run(command, check=True, capture_output=True).stdout


def _unzstd(packed: Path) -> bytes:
    return zstandard.ZstdDecompressor().decompress(packed.read_bytes())


COMMANDS: Final = (
    Command("cwebp", "-version", png, ("-quiet", "-lossless"), _webp_as_png),
    Command(
        "flac", "--version", np.ndarray.tobytes, ("--silent", "--force", *_RAW, *_SOUND), _unflac
    ),
    Command("zstd", "--version", np.ndarray.tobytes, ("-q", "-f"), _unzstd),
)


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def our_tasks(image: Images, folder: Path) -> dict[str, Task]:
    """Return our command lines on an image, uint8 [28, 28], checked against the library."""
    digitzip_ = (sys.executable, "-m", "digitzip")
    source, one, packed, out = (
        str(folder / name) for name in ("one.npy", "one.dz", "packed.dz", "out.npy")
    )
    np.save(source, image[None])
    compress = (*digitzip_, "compress", source, "-f", "-o", packed)
    decompress = (*digitzip_, "decompress", one, "-f", "-o", out)
    run(*compress)
    shutil.copyfile(packed, one)
    run(*decompress)
    data = Path(one).read_bytes()
    recon = digitzip.decompress(data)
    if not np.array_equal(np.load(out), recon) or not np.array_equal(
        recon, digitzip.decompress(digitzip.compress(image[None]))
    ):
        raise ValueError("digitzip: the command line and the library disagree")
    return {
        "python -c pass": lambda: run(sys.executable, "-c", "pass"),
        "digitzip --version": lambda: run(*digitzip_, "--version"),
        "decompress one image": lambda: run(*decompress),
        "compress one image": lambda: run(*compress),
    }


def peer_tasks(command: Command, image: Images, folder: Path) -> dict[str, Task]:
    """Return the command lines of a peer on an image, uint8 [28, 28], checked."""
    name = Path(command.name).name
    source, packed = folder / f"{name}.source", folder / f"{name}.packed"
    source.write_bytes(command.source(image))
    pack = command.pack(source, packed)
    run(*pack)
    if command.unpack(packed) != source.read_bytes():
        raise ValueError(f"{command.name}: other pixels came back")
    return {
        f"{command.name} --version": lambda: run(command.name, command.version),
        f"{command.name} one image": lambda: run(*pack),
    }


def measured(image: Images, rounds: int) -> Result:
    """Time the command lines by turns on an image, uint8 [28, 28].

    Raises `ValueError` if a round trip fails.
    """
    present = [command for command in COMMANDS if shutil.which(command.name)]
    with tempfile.TemporaryDirectory() as name:
        tasks = our_tasks(image, Path(name))
        for command in present:
            tasks |= peer_tasks(command, image, Path(name))
        seconds = interleaved(tasks, rounds)
    timed = {name: Timed(1, times) for name, times in seconds.items()}
    spreads = {name: spread(times) for name, times in seconds.items()}
    return {
        "rounds": rounds,
        "median_seconds": {name: found.pop("median") for name, found in spreads.items()},
        "spread_seconds": spreads,
        "times_as_long": {
            command.name: {
                "version": timed[f"{command.name} --version"].over(timed["digitzip --version"]),
                "one image": timed[f"{command.name} one image"].over(timed["compress one image"]),
            }
            for command in present
        },
        "versions_of_commands": {
            command.name: first_version(run(command.name, command.version)) for command in present
        },
        "absent": [command.name for command in COMMANDS if command not in present],
    }


def first_version(text: str) -> str:
    """Return the first version number that a program prints, without a `v`."""
    words = (word.strip(",v*") for word in text.split())
    return next((word for word in words if word[:1].isdigit() and "." in word), "unknown")


def main() -> None:
    result = measured(record.test_images()[0], ROUNDS)
    record.write("startup", {**record.environment(load_model()), **result})
