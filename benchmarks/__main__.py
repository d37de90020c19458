"""`python -m benchmarks` runs all benchmarks that take minutes; `python -m benchmarks rate` one.

`--quick` runs a little of each that takes minutes at most, and writes no result.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

BENCHMARKS: Final = (
    "rate",
    "dims",
    "speed",
    "peer_speed",
    "startup",
    "scale",
    "peers",
    "looks",
    "render",
)
APART: Final = (
    "reader",
    "judge",
    "margins",
    "guard",
    "factorised",
    "experiment",
)  # trained once and kept
QUICK: Final = "--quick"


def main() -> None:
    if sys.argv[1:] == [QUICK]:
        import_module("benchmarks.quick").main()
        return
    chosen = sys.argv[1:2] or list(BENCHMARKS)
    if not set(chosen) <= {*BENCHMARKS, *APART}:
        known = ", ".join(BENCHMARKS + APART)
        raise SystemExit(f"no benchmark {chosen[0]!r}, expected one of {known}")
    for name in chosen:
        import_module(f"benchmarks.{name}").main()


if __name__ == "__main__":
    main()
