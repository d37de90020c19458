"""`python -m benchmarks --quick`: a little of every benchmark, in minutes.

No network is trained; only `peers` learns, from training images, components and small codebooks. It
measures no claim: it shows that what is measured still round-trips, and that the pages show what
was measured. Nothing is written into `benchmarks/results`.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

import digitzip
from benchmarks import record
from benchmarks.measure.speed import elsewhere
from digitzip.codec import DEFAULT_EFFORT
from digitzip.errors import DigitzipError
from digitzip.metrics import d32, psnr, rmse, ssim

DIGITS: Final = 300
SEARCHED: Final = 20  # digits whose search is timed at every effort
SCALE_DIGITS: Final = 10_000
STARTUP_ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Setting:
    """What a file is made with; no quality is the model's default."""

    dims: int
    quality: int | None
    effort: int


SETTINGS: Final = (
    Setting(10, None, 0),
    Setting(10, None, DEFAULT_EFFORT),
    Setting(10, 1, DEFAULT_EFFORT),
    Setting(4, None, 0),
    Setting(1, None, 0),
)


def round_trip(images: record.Images, setting: Setting) -> tuple[bytes, record.Images]:
    """Return the file of digits uint8 [n, 28, 28] and what it holds.

    Raises `ValueError` unless the file has the codes of the encoder, its codes give the digits that
    come back, and these come nearer than a blank page.
    """
    dims, quality, effort = setting.dims, setting.quality, setting.effort
    codec = digitzip.load_codec(dims=dims, quality=quality, effort=effort)
    data = digitzip.compress(images, dims=dims, quality=quality, effort=effort, guard=False)
    decoded = digitzip.decompress(data)
    with digitzip.open(data) as dz:
        codes = dz.codes[:]
    if not np.array_equal(codes, codec.encode(images)):
        raise ValueError(f"{setting}: the file has other codes than the encoder gives")
    if not np.array_equal(decoded, codec.decode(codes)):
        raise ValueError(f"{setting}: other digits came back than the codes give")
    if rmse(images, decoded) >= rmse(images, np.zeros_like(images)):
        raise ValueError(f"{setting}: what came back is no nearer than a blank page")
    return data, decoded


def rate(images: record.Images) -> None:
    """Print what files of digits uint8 [n, 28, 28] cost and lose at a few settings."""
    images = images[:DIGITS]
    print(f"{len(images):,} digits a file   bytes a digit   RMSE   PSNR   SSIM    D32")
    for setting in SETTINGS:
        data, decoded = round_trip(images, setting)
        quality = "default" if setting.quality is None else setting.quality
        print(
            f"  {setting.dims:2} numbers, quality {quality}, effort {setting.effort}: "
            f"{len(data) / len(images):.3f} {rmse(images, decoded):.4f} "
            f"{psnr(images, decoded):.2f} {ssim(images, decoded):.3f} {d32(images, decoded):.2f}"
        )


def peers(images: record.Images) -> None:
    """Run the peers' own `--quick`; raises `ValueError` if it fails."""
    command = [sys.executable, "-m", "benchmarks", "peers", "--quick"]
    if code := subprocess.run(command).returncode:
        raise ValueError(f"peers --quick: exit code {code}")


def throughput(images: record.Images) -> None:
    """Print speeds beside PNG, and of each effort beside lossless WebP."""
    from benchmarks.measure import speed

    for way, ratio in speed.whole(images[:DIGITS])["over_png"].items():
        print(f"  {way} / PNG: {ratio['median']:.2f}")
    found = speed.searched(images[:SEARCHED])["effort_over_webp"]
    ratios = ", ".join(f"{effort}: {ratio['median']:.3g}" for effort, ratio in found.items())
    print(f"  compress / lossless WebP, by effort: {ratios}")


def speeds(images: record.Images) -> None:
    """Print speeds beside the peers at the smaller numbers of digits."""
    from benchmarks.peers import speed as peer_speed
    from benchmarks.peers.formats import CODERS, FAST

    for n, rounds in peer_speed.QUICK_ROUNDS.items():
        size = peer_speed.measured(images[:n], CODERS.values(), FAST.values(), rounds)
        print(peer_speed.table(size), flush=True)


def startup(images: record.Images) -> None:
    """Print how long command lines take to start."""
    from benchmarks.measure import startup

    found = startup.measured(images[0], STARTUP_ROUNDS)
    for name, seconds in found["median_seconds"].items():
        print(f"  {name:30} {seconds * 1000:8.1f} ms")
    if found["absent"]:
        print(f"  not installed: {', '.join(found['absent'])}")


def scale(images: record.Images) -> None:
    """Print what some thousand digits take on the command line, and one of them at random."""
    from benchmarks.measure import scale

    run = scale.run_of(SCALE_DIGITS, images, effort=0, rounds=1)
    for threads, ways in (("all cores", run), ("one thread", run["one_thread"])):
        for way in ("compress", "decompress"):
            seconds, peak = ways[way]["seconds"], ways[way]["peak_mb"]
            print(f"  {way} {SCALE_DIGITS:,}, {threads}: {seconds:.2f} s, peak {peak:.0f} MB")
    for name in ("open_and_read_ms", "read_ms"):
        found = run["random_access"][name]
        print(f"  {name}: median {found['median']:.2f}, most {found['most']:.2f}")


def pages(images: record.Images) -> None:
    """Raise `ValueError` if a page does not show what the results say."""
    from benchmarks.report import render

    for page in render.PAGES:
        text = page.read_text(encoding="utf-8")
        try:
            same = render.rendered(text) == text
        except KeyError as error:
            raise ValueError(f"{page.name}: a result lacks {error}; measure it anew") from error
        if not same:
            raise ValueError(f"{page.name} is stale: run python -m benchmarks render")
        print(f"  {page.name} shows what was measured")


PARTS: Final[dict[str, Callable[[record.Images], None]]] = {
    part.__name__: part for part in (rate, throughput, speeds, startup, scale, peers, pages)
}


def run(parts: dict[str, Callable[[record.Images], None]], images: record.Images) -> list[str]:
    """Run each part on digits uint8 [n, 28, 28]; return the names of those that failed."""
    failed = []
    for name, part in parts.items():
        start = time.perf_counter()
        print(f"== {name}", flush=True)
        try:
            part(images)
        except (ValueError, DigitzipError, subprocess.CalledProcessError) as error:
            failed.append(name)
            print(f"  FAILED: {error}")
        print(f"  {time.perf_counter() - start:.1f} s", flush=True)
    return failed


def main() -> None:
    if elsewhere("--quick"):
        return
    failed = run(PARTS, record.test_images())
    verdict = f"failed: {', '.join(failed)}" if failed else "all round trips hold"
    print(f"{verdict}; nothing was written into benchmarks/results")
    if failed:
        raise SystemExit(1)
