"""Results as text: fills the marked blocks of README.md and docs/BENCHMARKS.md from the JSON.

A block stands between `<!-- name -->` and `<!-- /name -->`. `python -m benchmarks render` writes
them, and draws the pictures; a test checks that nobody wrote them by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from benchmarks.record import RESULTS, ROOT
from benchmarks.report import bars as claims
from benchmarks.report import experiment as render_experiment
from benchmarks.report import figures
from benchmarks.report import guard as render_guard
from benchmarks.report import peers as render_peers
from benchmarks.report import rate as render_rate
from benchmarks.report import speed as render_speed
from benchmarks.report.shown import Shown, shown
from benchmarks.report.tables import NOT_YET, table

PAGES: Final = (
    ROOT / "README.md",
    ROOT / "docs" / "BENCHMARKS.md",
    ROOT / "docs" / "TRAINING.md",
)
BLOCK: Final = re.compile(r"<!-- (?P<name>[a-z-]+) -->\n.*?<!-- /(?P=name) -->", re.DOTALL)

Result = dict[str, Any]


def load(name: str) -> Result:
    result: Result = json.loads((RESULTS / f"{name}.json").read_text(encoding="utf-8"))
    return result


def loaded(name: str) -> Result | None:
    """Return a result, or None if it was not measured yet."""
    return load(name) if (RESULTS / f"{name}.json").exists() else None


def headline() -> str:
    return render_rate.headline(load("rate"))


def bars() -> str:
    rate, speed, startup, scale = (load(name) for name in ("rate", "speed", "startup", "scale"))
    guard = loaded("guard")
    chosen = [
        *claims.claimed(rate, speed),
        *(render_guard.bars(guard) if guard else ()),
        *claims.standing(rate, speed, startup, scale),
    ]
    return table(("measure", "bar", "beyond", "measured", ""), *(bar.cells for bar in chosen))


def points() -> str:
    return render_rate.points(load("rate"))


def ideals() -> str:
    return render_rate.ideals(load("rate"))


def numbers() -> str:
    return render_rate.numbers(load("rate"), load("dims"))


def efforts() -> str:
    return render_speed.efforts(load("rate"), load("speed"))


def payback() -> str:
    return render_rate.payback(load("rate"))


def reader() -> str:
    return render_rate.reader(load("rate"))


def throughput() -> str:
    return render_speed.throughput(load("speed"))


def growth() -> str:
    return render_speed.growth(load("scale"), loaded("scale_full"))


def pace() -> str:
    return render_speed.pace(loaded("peer_speed"), load("scale"))


def beside() -> str:
    return render_speed.beside(loaded("peer_speed"))


def start() -> str:
    return render_speed.start(load("startup"))


def access() -> str:
    return render_speed.access(load("scale"), loaded("scale_full"))


def billion() -> str:
    return render_speed.billion(load("scale"), load("speed"))


def peers() -> str:
    found = loaded("peers")
    return render_peers.table(load("rate"), found) if found else NOT_YET


def looks() -> str:
    """Return how RMSE spreads over the digits, and how many are read differently."""
    result = loaded("looks")
    if result is None:
        return NOT_YET
    names = {"0": "least", "50": "median", "100": "greatest"}
    percentiles = result["rmse_percentiles"]
    heads = [names.get(percentile, f"{percentile} %") for percentile in percentiles]
    cells = [f"{value:.4f}" for value in percentiles.values()]
    count, digits = len(result["looks"]["read_differently"]), result["digits"]
    share = claims.percent(count / digits)
    return (
        table(("", *heads), ("RMSE of a digit", *cells))
        + f"\n\nRead differently after the round trip: {count:,} of {digits:,}, {share}."
    )


def machine() -> str:
    lines = []
    parts = (
        "rate", "dims", "speed", "peer_speed", "startup", "scale", "scale_full", "peers", "looks",
        "guard", "margins", "experiment",
    )  # fmt: skip
    for name in parts:
        if (result := loaded(name)) is None:
            continue
        cores = result["cores"]
        lines.append(
            f"- `{name}.json`: {result['date']}, commit {result['commit']}, {result['cpu']}, "
            f"{cores} core{'s' if cores > 1 else ''}, Python {result['python']}, "
            + ", ".join(f"{package} {v}" for package, v in result["versions"].items())
        )
    return "\n".join(lines)


def of_guard(part: Callable[[Result], str]) -> str:
    result = loaded("guard")
    return part(result) if result else NOT_YET


def guard() -> str:
    return of_guard(render_guard.curve)


def guarded() -> str:
    return of_guard(render_guard.settings)


def bounds() -> str:
    return of_guard(render_guard.bounds)


def odd() -> str:
    return of_guard(render_guard.odd)


def protected() -> str:
    return of_guard(render_guard.headline)


def experiment() -> str:
    return render_experiment.table(loaded("experiment"))


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    block.__name__: block
    for block in (
        headline, bars, points, ideals, numbers, efforts, payback, reader, throughput, growth,
        pace, beside, start, access, billion,
        peers, looks, machine, experiment,
        guard, guarded, bounds, odd, protected,
    )
}  # fmt: skip


def rendered(page: str) -> str:
    """Return a page with every block as the results have it."""
    return BLOCK.sub(
        lambda block: (
            f"<!-- {block['name']} -->\n{BLOCKS[block['name']]()}\n<!-- /{block['name']} -->"
        ),
        page,
    )


def main() -> None:
    for path in PAGES:
        text = path.read_text(encoding="utf-8")
        write_if_changed(path, text.encode(), rendered(text).encode())
    results = pictured()
    figures.FOLDER.mkdir(exist_ok=True)
    for name in figures.drawn(results):
        path = figures.FOLDER / name
        before = path.read_bytes() if path.exists() else b""
        write_if_changed(path, before, figures.picture(name, results))


def pictured() -> Shown:
    """Return what the pictures show of what has been measured."""
    return shown(load("rate"), load("dims"), loaded("peers"), loaded("guard"))


def write_if_changed(path: Path, before: bytes, after: bytes) -> None:
    if after != before:
        path.write_bytes(after)
        print(f"rendered {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
