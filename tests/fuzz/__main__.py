"""The door: `python -m tests.fuzz --seconds 60`, or `--executions 1000000 --seed 7`."""

from __future__ import annotations

import json
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import click
import numpy as np
import PIL
import zstandard

from digitzip.images import frame
from digitzip.version import __version__
from tests.fuzz.case import MEMORY
from tests.fuzz.loop import LARGEST_IMAGE, TARGETS, Crash, Report, last_case, run

SHARES: Final = {"container": 28, "names": 30, "idx": 12, "npy": 8, "image": 6, "model": 5,
                 "packed": 6, "table": 5}  # fmt: skip
"""Of 100 executions, or seconds, how many a target gets: fewer where one takes longer."""


@click.command()
@click.option("--seconds", type=click.FloatRange(0), help="How long to run, all targets together.")
@click.option("--executions", type=click.IntRange(1), help="How many cases, all targets together.")
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--first", type=click.IntRange(0), default=0, help="Number of the first case.")
@click.option("--target", "only", type=click.Choice(list(TARGETS)), help="This target alone.")
@click.option("--jobs", type=click.IntRange(1), default=1, help="Targets at a time.")
@click.option("--crashes", type=click.Path(path_type=Path), default=Path("fuzz-crashes"),
              show_default=True, help="Folder for what must not happen.")  # fmt: skip
@click.option("--result", type=click.Path(path_type=Path), help="JSON file for the figures.")
def fuzz(
    seconds: float | None,
    executions: int | None,
    seed: int,
    first: int,
    only: str | None,
    jobs: int,
    crashes: Path,
    result: Path | None,
) -> None:
    """Try broken inputs; end with 1 where one does what none may."""
    if (seconds is None) == (executions is None):
        raise click.UsageError("give either --seconds or --executions")
    if result is not None and (executions is None or only or first):
        raise click.UsageError("--result is for all targets and a number of --executions")
    frame.LARGEST = LARGEST_IMAGE
    shares = {only: 100} if only else SHARES

    def work(name: str) -> dict[str, Any]:
        share = shares[name]
        part = (seconds or 0) * share / 100, (executions or 0) * share // 100
        return _child(name, seed, first, part, crashes)

    with ThreadPoolExecutor(jobs) as pool:
        reports = list(pool.map(work, shares))
    bad = any(report.get("crashes", 1) for report in reports)
    if result is not None and all(reports):
        result.write_text(json.dumps(_figures(reports, executions, seed), indent=1) + "\n", "utf-8")
    sys.exit(bad)


def _child(
    name: str, seed: int, first: int, part: tuple[float, int], crashes: Path
) -> dict[str, Any]:
    """Run one target in a child of its own, so that what kills it is told too."""
    reading, writing = os.pipe()

    def more(done: int, taken: float) -> bool:
        return done < part[1] if part[1] else taken < part[0]

    def work(on_case: Any) -> int:
        report = run(name, seed, more, first=first, on_case=on_case)
        os.write(writing, json.dumps(_told(report)).encode())
        for crash in report.crashes:
            _save(crash, seed, crashes)
        return bool(report.crashes)

    status, last = last_case(work)
    os.set_blocking(reading, False)  # another child may hold the other end open
    told: dict[str, Any] = {}
    with suppress(BlockingIOError):
        told = json.loads(os.read(reading, 1 << 16) or b"{}")
    os.close(reading)
    os.close(writing)
    if not os.WIFEXITED(status) or os.WEXITSTATUS(status) > 1:
        click.echo(f"{name}: case {last} ended the process (status {status}); again with "
                   f"--target {name} --seed {seed} --first {last} --executions 1")  # fmt: skip
        told = {}
    else:
        click.echo(
            f"{name:9} {told['executions']:9,} executions, {told['refused']:9,} refused, "
            f"{told['executions'] / max(told['seconds'], 1e-9):7,.0f} a second, "
            f"{told['peak_mb']} MB at most, {told['crashes']} crashes"
        )
    return told


def _told(report: Report) -> dict[str, Any]:
    told = asdict(report)
    told |= {"crashes": len(report.crashes), "seconds": round(report.seconds, 1)}
    told["peak_mb"] = told.pop("peak") >> 20
    return told


def _save(crash: Crash, seed: int, folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{crash.target}-{seed}-{crash.number}"
    path.write_bytes(crash.data)
    click.echo(
        f"{crash.target}: case {crash.number} ({crash.what}): {crash.problem[:300]!r}; its bytes "
        f"are in {path}; again with --target {crash.target} --seed {seed} "
        f"--first {crash.number} --executions 1"
    )


def _figures(reports: list[dict[str, Any]], executions: int | None, seed: int) -> dict[str, Any]:
    return {
        "date": time.strftime("%Y-%m-%d"),
        "command": f"python -m tests.fuzz --executions {executions} --seed {seed}",
        "seed": seed,
        "executions": sum(report["executions"] for report in reports),
        "crashes": sum(report["crashes"] for report in reports),
        "memory_limit_mb": MEMORY >> 20,
        "peak_mb": max(report["peak_mb"] for report in reports),
        "versions": {
            "digitzip": __version__,
            "python": sys.version.split()[0],
            "numpy": np.__version__,
            "pillow": PIL.__version__,
            "zstandard": zstandard.__version__,
        },
        "targets": reports,
    }


if __name__ == "__main__":
    fuzz()
