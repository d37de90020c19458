"""Run the benchmarks: `python -m benchmarks [PART]`.

Without a part, run every part that needs no training beforehand. `--quick` runs a little of each in
a few minutes and writes no result.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Final

from benchmarks.measure import timing

PARTS: Final = {
    "rate": "measure.rate",
    "dims": "measure.dims",
    "speed": "measure.speed",
    "peer_speed": "peers.speed",
    "backends": "measure.backends",
    "cores": "measure.cores",
    "startup": "measure.startup",
    "scale": "measure.scale",
    "access": "measure.access",
    "peers": "peers.rate",
    "looks": "measure.looks",
    "render": "report.render",
}
SEPARATE: Final = {
    "classifier": "measure.classifier",  # trained once and kept under `runs/`
    "judge": "measure.judge",
    "factorised": "peers.factorised",
    "margins": "measure.margins",
    "guard": "measure.guard",
    "experiment": "measure.experiment",
}
"""Parts that run only when they are named."""
TIMED: Final = {
    "speed", "peer_speed", "backends", "cores", "startup", "scale", "access", "guard", "--quick",
}  # fmt: skip
"""Parts that run in a process with one thread."""


def main() -> None:
    chosen = sys.argv[1:2] or list(PARTS)
    modules = PARTS | SEPARATE | {"--quick": "quick"}
    if unknown := set(chosen) - modules.keys():
        known = ", ".join(PARTS | SEPARATE)
        raise SystemExit(f"no benchmark {unknown.pop()!r}, expected one of {known}")
    for name in chosen:
        if not (name in TIMED and timing.elsewhere(name)):
            import_module(f"benchmarks.{modules[name]}").main()


if __name__ == "__main__":
    main()
