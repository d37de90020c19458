"""How long the command line takes to start, beside `cwebp`, `flac` and `zstd` where there are any.

What a program says of its version, and one digit: compressed by all, decompressed by ours.
"""

from __future__ import annotations

import io
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import zstandard
from PIL import Image

import digitzip
from benchmarks import record
from benchmarks.measure.speed import Timed, elsewhere, interleaved
from digitzip.model import load_model

ROUNDS: Final = 15

_RAW: Final = ("--force-raw-format", "--endian=little", "--sign=unsigned")
_SOUND: Final = ("--channels=1", "--bps=8", "--sample-rate=8000")

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """A compressor with a command line of its own, made to pack one digit without loss."""

    name: str
    version: str  # the option that asks for it
    source: Callable[[record.Images], bytes]  # the file that it is given
    options: tuple[str, ...]
    unpack: Callable[[Path], bytes]  # what the packed file holds, as `source` gives it

    def pack(self, source: Path, packed: Path) -> list[str]:
        """Return the command that packs a file."""
        return [self.name, *self.options, str(source), "-o", str(packed)]


def png(image: record.Images) -> bytes:
    """Return an image, uint8 [28, 28], as a PNG file."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


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
        "flac", "--version", np.ndarray.tobytes,
        ("--silent", "--force", *_RAW, *_SOUND), _unflac,
    ),
    Command("zstd", "--version", np.ndarray.tobytes, ("-q", "-f"), _unzstd),
)  # fmt: skip


def run(*command: str) -> str:
    """Run a command to its end; return what it prints."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def our_tasks(image: record.Images, folder: Path) -> dict[str, Callable[[], object]]:
    """Return what is timed of digitzip on an image, uint8 [28, 28], checked."""
    python = sys.executable
    source, one, packed, out = (
        str(folder / name) for name in ("one.npy", "one.dz", "packed.dz", "out.npy")
    )
    np.save(source, image[None])
    Path(one).write_bytes(digitzip.compress(image[None]))
    compress = (python, "-m", "digitzip", "compress", source, "-f", "-o", packed)
    decompress = (python, "-m", "digitzip", "decompress", one, "-f", "-o", out)
    run(*compress)
    run(*decompress)
    same = np.array_equal(np.load(out), digitzip.decompress(Path(one).read_bytes()))
    if not same or Path(packed).read_bytes() != Path(one).read_bytes():
        raise ValueError("digitzip: the command line and the library disagree")
    return {
        "python -c pass": lambda: run(python, "-c", "pass"),
        "digitzip --version": lambda: run(python, "-m", "digitzip", "--version"),
        "decompress one digit": lambda: run(*decompress),
        "compress one digit": lambda: run(*compress),
    }


def their_tasks(
    command: Command, image: record.Images, folder: Path
) -> dict[str, Callable[[], object]]:
    """Return what is timed of another program on an image, uint8 [28, 28], checked."""
    name = Path(command.name).name
    source, packed = folder / f"{name}.source", folder / f"{name}.packed"
    source.write_bytes(command.source(image))
    pack = command.pack(source, packed)
    run(*pack)
    if command.unpack(packed) != source.read_bytes():
        raise ValueError(f"{command.name}: other pixels came back")
    return {
        f"{command.name} --version": lambda: run(command.name, command.version),
        f"{command.name} one digit": lambda: run(*pack),
    }


def measured(image: record.Images, rounds: int) -> Result:
    """Time the command lines by turns on an image, uint8 [28, 28]; returns what the JSON has.

    Raises `ValueError` if a round trip fails.
    """
    present = [command for command in COMMANDS if shutil.which(command.name)]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tasks = our_tasks(image, folder)
        for command in present:
            tasks |= their_tasks(command, image, folder)
        seconds = interleaved(tasks, rounds)
    timed = {name: Timed(1, times) for name, times in seconds.items()}
    return {
        "rounds": rounds,
        "median_seconds": {name: float(np.median(times)) for name, times in seconds.items()},
        "spread_seconds": {
            name: {"least": min(times), "most": max(times)} for name, times in seconds.items()
        },
        "times_as_long": {
            command.name: {
                "version": timed[f"{command.name} --version"].over(timed["digitzip --version"]),
                "one digit": timed[f"{command.name} one digit"].over(timed["compress one digit"]),
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
    if elsewhere("startup"):
        return
    result = measured(record.test_images()[0], ROUNDS)
    record.write("startup", {**record.environment(load_model()), **result})


if __name__ == "__main__":
    main()
