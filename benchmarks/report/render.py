"""Fill the marked blocks of the pages, and draw the figures, from the results as JSON.

A block stands between `<!-- name -->` and `<!-- /name -->`. `python -m benchmarks render` writes
them; a test checks that nobody wrote them by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Final

from benchmarks.record import RESULTS, ROOT, Result
from benchmarks.report import (
    bars,
    experiment,
    figures,
    guard,
    looks_page,
    peers,
    rate,
    speed,
    summary,
)
from benchmarks.report.shown import Shown, shown
from benchmarks.report.tables import wrapped

PAGES: Final = (
    ROOT / "README.md",
    ROOT / "docs" / "BENCHMARKS.md",
    ROOT / "docs" / "TRAINING.md",
)
BLOCK: Final = re.compile(r"<!-- (?P<name>[a-z-]+) -->\n.*?<!-- /(?P=name) -->", re.DOTALL)
PARTS: Final = (
    "rate", "dims", "speed", "peer_speed", "backends", "cores", "startup", "scale", "scale_full",
    "access", "peers", "looks", "guard", "margins", "experiment",
)  # fmt: skip
NOT_YET: Final = "Not measured yet."


def load(name: str) -> Result:
    result: Result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


def machine() -> str:
    """Return where and with what each result was measured."""
    lines = []
    for name in PARTS:
        if (RESULTS / f"{name}.json").exists():
            result = load(name)
            cores, ours = result["cores"], result.get("ours")
            again = f" (digitzip: {ours['date']}, commit {ours['commit']})" if ours else ""
            versions = (f"{package} {v}" for package, v in result["versions"].items())
            line = (
                f"- `{name}.json`: {result['date']}, commit {result['commit']}{again}, "
                f"{result['cpu']}, {cores} core{'s' if cores > 1 else ''}, "
                f"Python {result['python']}, {', '.join(versions)}"
            )
            lines.append(wrapped(line, indent="  "))
    return "\n".join(lines)


BLOCKS: Final[dict[str, tuple[Callable[..., str], str]]] = {
    "headline": (summary.headline, "rate guard"),
    "results": (summary.results, "rate guard peers speed"),
    "bars": (bars.table, "rate guard startup scale speed peer_speed backends cores"),
    "points": (rate.points, "rate"),
    "ideals": (rate.ideals, "rate"),
    "latents": (rate.latents, "rate dims"),
    "payback": (rate.payback, "rate"),
    "classifier": (rate.classifier, "rate"),
    "looks": (looks_page.table, "looks"),
    "guard": (guard.curve, "guard"),
    "guarded": (guard.settings, "guard"),
    "bounds": (guard.bounds, "guard"),
    "odd": (guard.odd, "guard"),
    "peers": (peers.table, "rate peers"),
    "throughput": (speed.throughput, "speed"),
    "efforts": (speed.efforts, "rate speed"),
    "native": (speed.native, "backends"),
    "all-cores": (speed.all_cores, "cores"),
    "pace": (speed.pace, "peer_speed scale"),
    "beside": (speed.beside, "peer_speed"),
    "start": (speed.start, "startup"),
    "growth": (speed.growth, "scale scale_full"),
    "access": (speed.access, "access"),
    "billion": (speed.billion, "scale speed"),
    "experiment": (experiment.table, "experiment"),
    "machine": (machine, ""),
}
"""What makes each block, and the results that it is made from."""


def block(name: str) -> str:
    """Return what stands in a block."""
    make, results = BLOCKS[name]
    try:
        return make(*map(load, results.split()))
    except FileNotFoundError:
        return NOT_YET


def rendered(page: str) -> str:
    """Return a page with every block as the results have it."""

    def marked(found: re.Match[str]) -> str:
        name = found["name"]
        return f"<!-- {name} -->\n{block(name)}\n<!-- /{name} -->"

    return BLOCK.sub(marked, page)


def main() -> None:
    for path in PAGES:
        write_if_changed(path, rendered(path.read_text(encoding="utf-8")).encode())
    results = drawn_from()
    for name in figures.DRAWINGS:
        write_if_changed(figures.FOLDER / name, figures.image(name, results))


def drawn_from() -> Shown:
    """Return what the figures show of what has been measured."""
    return shown(*map(load, ("rate", "dims", "peers", "guard")))


def write_if_changed(path: Path, content: bytes) -> None:
    if not path.exists() or path.read_bytes() != content:
        path.write_bytes(content)
        print(f"rendered {path.relative_to(ROOT)}")
