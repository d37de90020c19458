"""What all targets share: a case, and how one is tried."""

from __future__ import annotations

import resource
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Final

from digitzip.errors import DigitzipError

MEMORY: Final = 300 << 20
"""Bytes that the whole process may ever hold."""
SECONDS: Final = 60.0
"""CPU time that one case may take: most take a thousandth of a second."""


@dataclass(frozen=True, slots=True)
class Case:
    """Some bytes, and what is done with them."""

    what: str
    data: bytes
    act: Callable[[], object]


Target = Callable[[Random], Case]
Maker = Callable[[Path], Target]
"""Gets a folder for its files and returns a target."""


@dataclass(frozen=True, slots=True)
class Tried:
    """How a case ended: read, refused, or as no case may."""

    refused: bool
    problem: str | None
    error: BaseException | None = None


def attempt(case: Case) -> Tried:
    """Try a case; all that is not allowed of it, but for memory, is its `problem`."""
    started, refused = time.process_time(), False
    try:
        case.act()
    except DigitzipError as error:
        refused, text = True, str(error)
        if not text or len(text.splitlines()) != 1:
            return Tried(True, f"its message is not one line: {text!r}", error)
    except Exception as error:
        return Tried(False, f"{type(error).__name__}: {error}", error)
    if (taken := time.process_time() - started) > SECONDS:
        return Tried(refused, f"it took {taken:.0f} seconds")
    return Tried(refused, None)


def peak() -> int:
    """Return the most bytes that this process has held at a time."""
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most << 10
