"""Run a little of every benchmark: `python -m benchmarks --quick`, a few minutes.

It trains no network and writes no result. It shows that what is measured still round-trips, and
that the pages show what was measured.
"""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from typing import Final

from benchmarks import record
from benchmarks.measure.points import Case, round_trip
from benchmarks.measure.timing import elsewhere
from benchmarks.record import Images
from digitzip.codec import DEFAULT_EFFORT
from digitzip.errors import DigitzipError
from digitzip.metrics import d32, psnr, rmse, ssim

FEW: Final = 300  # images
SEARCHED: Final = 20  # images whose search is timed at every effort
SCALE: Final = 10_000  # images
STARTUP_ROUNDS: Final = 3
CASES: Final = (
    Case("mnist-10", 3, 0),
    Case("mnist-10", 3, DEFAULT_EFFORT),
    Case("mnist-10", 1, DEFAULT_EFFORT),
    Case("mnist-4", 1, 0),
    Case("mnist-1", 3, 0),
)

Part = Callable[[Images], None]


def rate(images: Images) -> None:
    """Print what files cost and lose in a few cases."""
    images = images[:FEW]
    print(f"{len(images):,} images a file    bytes per image   RMSE   PSNR   SSIM    D32")
    for case in CASES:
        data, _, recon = round_trip(images, case)
        print(
            f"  {case.model:8} quality {case.quality}, effort {case.effort}: "
            f"{len(data) / len(images):.3f} {rmse(images, recon):.4f} "
            f"{psnr(images, recon):.2f} {ssim(images, recon):.3f} {d32(images, recon):.2f}"
        )


def throughput(images: Images) -> None:
    """Print speeds beside PNG, and of each effort beside lossless WebP."""
    from benchmarks.measure import speed

    for way, ratio in speed.whole(images[:FEW])["over_png"].items():
        print(f"  {way} / PNG: {ratio['median']:.2f}")
    found = speed.searched(images[:SEARCHED])["effort_over_webp"]
    ratios = ", ".join(f"{effort}: {ratio['median']:.3g}" for effort, ratio in found.items())
    print(f"  compress / lossless WebP, by effort: {ratios}")


def peer_speed(images: Images) -> None:
    """Print speeds beside the peers at the smaller numbers of images."""
    from benchmarks.peers import speed
    from benchmarks.peers.formats import CODERS, FAST

    for n, rounds in speed.QUICK_ROUNDS.items():
        found = speed.measured(images[:n], CODERS.values(), FAST.values(), rounds)
        print(speed.lines(found), flush=True)


def startup(images: Images) -> None:
    """Print how long command lines take to start."""
    from benchmarks.measure import startup

    found = startup.measured(images[0], STARTUP_ROUNDS)
    for name, seconds in found["median_seconds"].items():
        print(f"  {name:30} {seconds * 1000:8.1f} ms")
    print(f"  not installed: {', '.join(found['absent']) or 'none'}")


def scale(images: Images) -> None:
    """Print what some thousand images take on the command line."""
    from benchmarks.measure import scale

    run = scale.run_of(SCALE, images, effort=0, rounds=1)
    for threads, ways in (("all cores", run), ("one thread", run["one_thread"])):
        for way in ("compress", "decompress"):
            seconds, peak = ways[way]["seconds"], ways[way]["peak_mb"]
            print(f"  {way} {SCALE:,}, {threads}: {seconds:.2f} s, peak {peak:.0f} MB")


def access(images: Images) -> None:
    """Print how long one image of a file takes."""
    from benchmarks.measure import access

    for run in access.measured(images[:FEW], (1, 10), guard=False):
        for name in ("open_and_read_ms", "read_ms"):
            found = run[name]
            print(f"  {run['images']:,}, {name}: {found['median']:.2f}, most {found['most']:.2f}")


def peers(images: Images) -> None:
    """Run the peers' own `--quick`; raise `ValueError` if it fails."""
    command = [sys.executable, "-m", "benchmarks", "peers", "--quick"]
    if code := subprocess.run(command).returncode:
        raise ValueError(f"peers --quick: exit code {code}")


def pages(images: Images) -> None:
    """Raise `ValueError` if a page does not show what the results say."""
    from benchmarks.report import render

    for page in render.PAGES:
        text = page.read_text(encoding="utf-8")
        try:
            same = render.rendered(text) == text
        except KeyError as error:
            raise ValueError(f"{page.name}: a result lacks {error}; measure it again") from error
        if not same:
            raise ValueError(f"{page.name} is stale: run python -m benchmarks render")
        print(f"  {page.name} shows what was measured")


PARTS: Final[dict[str, Part]] = {
    part.__name__: part
    for part in (rate, throughput, peer_speed, startup, scale, access, peers, pages)
}


def run(parts: dict[str, Part], images: Images) -> list[str]:
    """Run each part on images uint8 [n, 28, 28]; return the names of those that failed."""
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
