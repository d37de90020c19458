"""Many cases of a target, one after another, each made from the seed and its own number."""

from __future__ import annotations

import mmap
import os
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Final

from tests.fuzz import arrays, container, containers, models, names, pictures
from tests.fuzz.case import MEMORY, Case, Maker, Target, attempt, peak

TARGETS: Final[dict[str, Maker]] = {
    "container": container.target,
    "model": models.target,
    "idx": arrays.idx_target,
    "npy": arrays.npy_target,
    "image": pictures.target,
    "packed": containers.target,
    "table": containers.table_target,
    "names": names.target,
}
LARGEST_IMAGE: Final = 1 << 20
"""Pixels of one image, as `max_images` is for archives; the default limit is tested by itself."""
MEMORY_EVERY: Final = 50
"""Cases after which memory is looked at: asking costs as much as a case."""


@dataclass(frozen=True, slots=True)
class Crash:
    """A case that ended as none may."""

    target: str
    number: int
    what: str
    problem: str
    data: bytes


@dataclass(slots=True)
class Report:
    """What came of all cases of one target."""

    target: str
    executions: int = 0
    refused: int = 0
    seconds: float = 0.0
    peak: int = 0
    crashes: list[Crash] = field(default_factory=list)


def case_of(target: Target, name: str, seed: int, number: int) -> Case:
    """Return one case, always the same for the same seed and number."""
    return target(Random(f"{seed} {name} {number}"))


def run(
    name: str,
    seed: int,
    more: Callable[[int, float], bool],
    *,
    first: int = 0,
    make: Maker | None = None,
    on_case: Callable[[int], None] = lambda number: None,
    most_crashes: int = 20,
) -> Report:
    """Try cases of a target from number `first` on, while `more(executions, seconds)`."""
    report, started = Report(name), time.perf_counter()
    allowed = max(MEMORY, peak() + MEMORY // 2)  # who calls may hold much already
    with tempfile.TemporaryDirectory(dir=_memory_folder()) as folder:
        target = (make or TARGETS[name])(Path(folder))
        while more(report.executions, time.perf_counter() - started):
            number = first + report.executions
            on_case(number)
            case = case_of(target, name, seed, number)
            tried = attempt(case)
            report.executions += 1
            report.refused += tried.refused
            if tried.problem is not None:
                report.crashes.append(Crash(name, number, case.what, tried.problem, case.data))
            if report.executions % MEMORY_EVERY == 0 and peak() > allowed:
                problem = f"it, or one of the {MEMORY_EVERY} before, took {peak() >> 20} MB"
                report.crashes.append(Crash(name, number, case.what, problem, case.data))
                break
            if len(report.crashes) == most_crashes:
                break
    report.seconds, report.peak = time.perf_counter() - started, peak()
    return report


def last_case(work: Callable[[Callable[[int], None]], int]) -> tuple[int, int]:
    """Do `work` in a child, which tells the number of each case before it tries it.

    Returns its wait status and the last number: of what killed it, where something did.
    """
    told = mmap.mmap(-1, 8)
    child = os.fork()
    if not child:
        code = 70
        try:
            code = work(lambda number: told.__setitem__(slice(0, 8), number.to_bytes(8, "little")))
        except BaseException:
            traceback.print_exc()  # of the fuzzer itself
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return status, int.from_bytes(told[:], "little")


def _memory_folder() -> str | None:
    """Return a folder in memory, where the machine has one."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None
