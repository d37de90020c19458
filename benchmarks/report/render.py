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
from benchmarks.report import bars, experiment, figures, guard, peers, rate, speed, summary
from benchmarks.report.shown import Shown, shown
from benchmarks.report.tables import NOT_YET, percent, table, wrapped

PAGES: Final = (
    ROOT / "README.md",
    ROOT / "docs" / "BENCHMARKS.md",
    ROOT / "docs" / "TRAINING.md",
)
BLOCK: Final = re.compile(r"<!-- (?P<name>[a-z-]+) -->\n.*?<!-- /(?P=name) -->", re.DOTALL)
PARTS: Final = (
    "rate", "dims", "speed", "peer_speed", "startup", "scale", "scale_full", "access", "peers",
    "looks", "guard", "margins", "experiment",
)  # fmt: skip


def load(name: str) -> Result:
    result: Result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


def loaded(name: str) -> Result | None:
    """Return a result, or None if it was not measured yet."""
    return load(name) if (RESULTS / f"{name}.json").exists() else None


def all_bars() -> str:
    claimed = bars.claimed(load("rate"), load("speed")) + bars.guarded(load("guard"))
    standing = bars.standing(*map(load, ("rate", "speed", "startup", "scale")))
    rows = (bar.cells for bar in claimed + standing)
    return table(("measure", "bar", "beyond", "measured", ""), *rows)


def side_by_side() -> str:
    found = loaded("peers")
    return peers.table(load("rate"), found) if found else NOT_YET


def looks() -> str:
    """Return how RMSE spreads over the images, and how many labels change."""
    result = loaded("looks")
    if result is None:
        return NOT_YET
    names = {"0": "least", "50": "median", "100": "greatest"}
    percentiles = result["rmse_percentiles"]
    heads = [names.get(percentile, f"{percentile} %") for percentile in percentiles]
    cells = [f"{value:.4f}" for value in percentiles.values()]
    count, images = len(result["looks"]["label_changes"]), result["images"]
    return (
        table(("", *heads), ("RMSE of an image", *cells))
        + f"\n\nLabel changes after the round trip: {count:,} of {images:,}, "
        f"{percent(count / images)}."
    )


def machine() -> str:
    """Return where and with what each result was measured."""
    lines = []
    for name in PARTS:
        if result := loaded(name):
            cores = result["cores"]
            ours = result.get("ours")
            again = f" (digitzip: {ours['date']}, commit {ours['commit']})" if ours else ""
            versions = (f"{package} {v}" for package, v in result["versions"].items())
            line = (
                f"- `{name}.json`: {result['date']}, commit {result['commit']}{again}, "
                f"{result['cpu']}, "
                f"{cores} core{'s' if cores > 1 else ''}, Python {result['python']}, "
                + ", ".join(versions)
            )
            lines.append(wrapped(line, indent="  "))
    return "\n".join(lines)


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    "headline": lambda: summary.headline(load("rate"), load("guard")),
    "results": lambda: summary.results(load("rate"), load("guard"), loaded("peers"), load("speed")),
    "bars": all_bars,
    "points": lambda: rate.points(load("rate")),
    "ideals": lambda: rate.ideals(load("rate")),
    "latents": lambda: rate.latents(load("rate"), load("dims")),
    "payback": lambda: rate.payback(load("rate")),
    "classifier": lambda: rate.classifier(load("rate")),
    "looks": looks,
    "guard": lambda: guard.curve(load("guard")),
    "guarded": lambda: guard.settings(load("guard")),
    "bounds": lambda: guard.bounds(load("guard")),
    "odd": lambda: guard.odd(load("guard")),
    "peers": side_by_side,
    "throughput": lambda: speed.throughput(load("speed")),
    "efforts": lambda: speed.efforts(load("rate"), load("speed")),
    "pace": lambda: speed.pace(loaded("peer_speed"), load("scale")),
    "beside": lambda: speed.beside(loaded("peer_speed")),
    "start": lambda: speed.start(load("startup")),
    "growth": lambda: speed.growth(load("scale"), loaded("scale_full")),
    "access": lambda: speed.access(loaded("access")),
    "billion": lambda: speed.billion(load("scale"), load("speed")),
    "experiment": lambda: experiment.table(loaded("experiment")),
    "machine": machine,
}


def rendered(page: str) -> str:
    """Return a page with every block as the results have it."""

    def block(found: re.Match[str]) -> str:
        name = found["name"]
        return f"<!-- {name} -->\n{BLOCKS[name]()}\n<!-- /{name} -->"

    return BLOCK.sub(block, page)


def main() -> None:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        write_if_changed(path, text.encode(), rendered(text).encode())
    results = drawn_from()
    figures.FOLDER.mkdir(exist_ok=True)
    for name in figures.available(results):
        path = figures.FOLDER / name
        before = path.read_bytes() if path.exists() else b""
        write_if_changed(path, before, figures.image(name, results))


def drawn_from() -> Shown:
    """Return what the figures show of what has been measured."""
    return shown(load("rate"), load("dims"), loaded("peers"), loaded("guard"))


def write_if_changed(path: Path, before: bytes, after: bytes) -> None:
    if after != before:
        path.write_bytes(after)
        print(f"rendered {path.relative_to(ROOT)}")
