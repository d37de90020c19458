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

from benchmarks import bars as claims
from benchmarks import figures, render_experiment, render_peers, render_speed
from benchmarks.published import AUTOENCODERS_2016
from benchmarks.record import RESULTS, ROOT
from benchmarks.shown import Shown, shown

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
    rate = load("rate")
    point = next(point for point in rate["points"] if point["default"])
    ratio = 784 / point["bytes_per_digit"]
    return (
        f"The {rate['digits']:,} digits of the MNIST test set become a file of "
        f"**{point['bytes']:,} bytes: {point['bytes_per_digit']:.2f} bytes a digit, "
        f"{ratio:.0f} times smaller, at RMSE {point['rmse']:.4f}** (pixels in 0 … 1). "
        f"The model, needed once for any number of files, is {rate['model_bytes'] / 1e6:.1f} MB."
    )


def bars() -> str:
    rate, speed, startup, scale = (load(name) for name in ("rate", "speed", "startup", "scale"))
    rows = ["| measure | bar | beyond | measured | |", "|---|---|---|---|---|"]
    chosen = claims.of_this_issue(rate, speed) + claims.standing(rate, speed, startup, scale)
    return "\n".join(rows + [f"| {' | '.join(bar.cells)} |" for bar in chosen])


def points() -> str:
    rows = [
        "| model | levels | effort | bytes a digit | RMSE | PSNR, dB | SSIM | D32 "
        "| read differently | |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    for p in load("rate")["points"]:
        mark = "**default**" if p["default"] else "default levels" if p["default_levels"] else ""
        rows.append(
            f"| {p['model']} | {p['levels']} | {p['effort']} | {p['bytes_per_digit']:.3f} "
            f"| {p['rmse']:.4f} | {p['psnr']:.2f} | {p['ssim']:.3f} | {p['d32']:.2f} "
            f"| {claims.percent(p['read_differently'])} | {mark} |"
        )
    return "\n".join(rows)


def ideals() -> str:
    rate = load("rate")
    rows = [
        "| model | levels | bytes a digit | ideal of the predictor | codes above it |",
        "|---|---|---|---|---|",
    ]
    for p in rate["points"]:
        if p["default_levels"] and p["effort"] == rate["default_effort"]:
            rows.append(
                f"| {p['model']} | {p['levels']} | {p['bytes_per_digit']:.3f} "
                f"| {p['ideal_bytes_per_digit']:.3f} | {claims.percent(p['codes_over_ideal'])} |"
            )
    return "\n".join(rows)


def numbers() -> str:
    """How many numbers are enough: each model at its default levels, and what stands beside."""
    rate = load("rate")
    rows = ["| numbers | | bytes a digit | RMSE |", "|---|---|---|---|"]
    lines = [
        (p["dims"], f"{p['model']}, {p['levels']} levels", p["bytes_per_digit"], p["rmse"])
        for p in rate["points"]
        if p["default_levels"] and p["effort"] == rate["default_effort"]
    ]
    lines += [
        (p.dims, f"autoencoder of 2016, {p.name}, float32", p.bytes_per_digit, p.rmse)
        for p in AUTOENCODERS_2016
    ]
    for dims, name, size, rmse in sorted(lines, key=lambda line: (line[0], line[2])):
        rows.append(f"| {dims} | {name} | {size:.3f} | {rmse:.4f} |")
    for book in load("dims")["codebooks"]:
        size, rmse = book["bytes_per_digit"], book["rmse"]
        rows.append(f"| – | k-means, {book['cells']:,} cells, ideal | {size:.3f} | {rmse:.4f} |")
    return "\n".join(rows)


def efforts() -> str:
    return render_speed.efforts(load("rate"), load("speed"))


def payback() -> str:
    rate = load("rate")
    point = next(point for point in rate["points"] if point["default"])
    solid, size = rate["solid_xz_bytes_per_digit"], point["bytes_per_digit"]
    digits = rate["model_bytes"] / (solid - size)
    return (
        f"All test digits in one solid xz file cost {solid:.1f} bytes a digit, exactly kept; here "
        f"{size:.2f}, with loss. The {rate['model_bytes'] / 1e6:.2f} MB of the default model are "
        f"paid back after {digits:,.0f} digits. A model is needed once for any number of files."
    )


def reader() -> str:
    accuracy = claims.percent(load("rate")["reader_accuracy"])
    return f"The reader reads {accuracy} of the test digits as they are labelled."


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
    return render_peers.table(load("rate"), found) if found else "Not measured yet."


def looks() -> str:
    """Return how RMSE spreads over the digits, and how many are read differently."""
    if not (RESULTS / "looks.json").exists():
        return "Not measured yet."
    result = load("looks")
    names = {"0": "least", "50": "median", "100": "greatest"}
    spread = result["rmse_percentiles"]
    count, digits = len(result["looks"]["read_differently"]), result["digits"]
    heads = " | ".join(names.get(percentile, f"{percentile} %") for percentile in spread)
    cells = " | ".join(f"{value:.4f}" for value in spread.values())
    share = claims.percent(count / digits)
    return (
        f"| | {heads} |\n{'|---' * (1 + len(spread))}|\n| RMSE of a digit | {cells} |\n\n"
        f"Read differently after the round trip: {count:,} of {digits:,}, {share}."
    )


def machine() -> str:
    lines = []
    parts = (
        "rate", "dims", "speed", "peer_speed", "startup", "scale", "scale_full", "peers", "looks",
        "experiment",
    )  # fmt: skip
    for name in (part for part in parts if (RESULTS / f"{part}.json").exists()):
        result = load(name)
        lines.append(
            f"- `{name}.json`: {result['date']}, commit {result['commit']}, {result['cpu']}, "
            f"{result['cores']} cores, Python {result['python']}, "
            + ", ".join(f"{package} {v}" for package, v in result["versions"].items())
        )
    return "\n".join(lines)


def experiment() -> str:
    return render_experiment.table(loaded("experiment"))


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    block.__name__: block
    for block in (
        headline, bars, points, ideals, numbers, efforts, payback, reader, throughput, growth,
        pace, beside, start, access, billion,
        peers, looks, machine, experiment,
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
    return shown(load("rate"), load("dims"), loaded("peers"))


def write_if_changed(path: Path, before: bytes, after: bytes) -> None:
    if after != before:
        path.write_bytes(after)
        print(f"rendered {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
