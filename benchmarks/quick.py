"""Run a little of every benchmark: `python -m benchmarks --quick`, a few minutes.

It trains no network and writes no result. It shows that what is measured still round-trips, and
that the pages show what was measured. It prints the tables of the pages.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from typing import Final

from benchmarks import record
from benchmarks.measure import access, backends, cores, roofline, scale, speed, startup
from benchmarks.measure.points import Case, losses, round_trip
from benchmarks.peers import rate as peers
from benchmarks.peers import speed as peer_speed
from benchmarks.peers.formats import CODERS, FAST
from benchmarks.record import Images
from benchmarks.report import render
from benchmarks.report import speed as tables
from digitzip.codec import DEFAULT_EFFORT
from digitzip.errors import DigitzipError
from digitzip.kernels.native import LIBRARY
from digitzip.model import load_model

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
    for case in CASES:
        data, _, recon = round_trip(images, case)
        found = {"bytes per image": len(data) / len(images), **losses(images, recon)}
        print(f"{case}:", ", ".join(f"{name} {value:.4f}" for name, value in found.items()))


def throughput(images: Images) -> None:
    """Print speeds beside PNG, and of each effort beside lossless WebP."""
    print(tables.throughput(speed.whole(images[:FEW])))
    print(tables.efforts({"points": []}, speed.searched(images[:SEARCHED])))


def beside_peers(images: Images) -> None:
    """Print speeds beside the peers at the smaller numbers of images."""
    sizes = [
        peer_speed.measured(images[:n], CODERS.values(), FAST.values(), rounds)
        for n, rounds in peer_speed.QUICK_ROUNDS.items()
    ]
    print(tables.beside({"default_effort": DEFAULT_EFFORT, "sizes": sizes}))


def native(_images: Images) -> None:
    """Print how many times as fast the native backend is, where it was built."""
    if not LIBRARY.exists():
        print("  the native backend was not built: skipped")
        return
    print(
        tables.native(
            backends.compared(FEW, 1) | {"roofline": roofline.measured(load_model(), FEW)}
        )
    )


def all_cores(images: Images) -> None:
    """Print what two jobs bring over one."""
    print(tables.all_cores(cores.measured(images[:FEW], 2, 1)))


def start(images: Images) -> None:
    """Print how long command lines take to start."""
    print(tables.start(startup.measured(images[0], STARTUP_ROUNDS)))


def growth(images: Images) -> None:
    """Print what some thousand images take on the command line."""
    runs = [scale.run_of(SCALE, images, effort=0, rounds=1)]
    print(tables.growth({"effort": 0, "runs": runs}, {"runs": []}))


def reads(images: Images) -> None:
    """Print how long one image of a file takes."""
    print(tables.access({"runs": access.measured(images[:FEW], (1, 10), guard=False)}))


def pages(images: Images) -> None:
    """Raise `ValueError` if a page does not show what the results say."""
    for page in render.PAGES:
        text = page.read_text(encoding="utf-8")
        try:
            same = render.rendered(text) == text
        except KeyError as error:
            raise ValueError(f"{page.name}: a result lacks {error}; measure it again") from error
        if not same:
            raise ValueError(f"{page.name} is stale: run python -m benchmarks render")


PARTS: Final[dict[str, Part]] = {
    "rate": rate,
    "speed": throughput,
    "peer_speed": beside_peers,
    "backends": native,
    "cores": all_cores,
    "startup": start,
    "scale": growth,
    "access": reads,
    "peers": peers.quick,
    "pages": pages,
}


def run(parts: dict[str, Part], images: Images) -> list[str]:
    """Run each part on images uint8 [n, 28, 28]; return the names of those that failed."""
    failed = []
    for name, part in parts.items():
        begun = time.perf_counter()
        print(f"== {name}", flush=True)
        try:
            part(images)
        except (ValueError, DigitzipError, subprocess.CalledProcessError) as error:
            failed.append(name)
            print(f"  FAILED: {error}")
        print(f"  {time.perf_counter() - begun:.1f} s", flush=True)
    return failed


def main() -> None:
    failed = run(PARTS, record.test_images())
    verdict = f"failed: {', '.join(failed)}" if failed else "all round trips hold"
    print(f"{verdict}; nothing was written into benchmarks/results")
    if failed:
        raise SystemExit(1)
