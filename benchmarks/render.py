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
from benchmarks import figures
from benchmarks.published import AUTOENCODERS_2016
from benchmarks.record import RESULTS, ROOT

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
        "| model | levels | effort | bytes a digit | RMSE | PSNR, dB | D32 | read differently | |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for p in load("rate")["points"]:
        mark = "**default**" if p["default"] else "default levels" if p["default_levels"] else ""
        rows.append(
            f"| {p['model']} | {p['levels']} | {p['effort']} | {p['bytes_per_digit']:.3f} "
            f"| {p['rmse']:.4f} | {p['psnr']:.2f} | {p['d32']:.2f} "
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
    rate, speed = load("rate"), load("speed")
    chosen = next(point for point in rate["points"] if point["default"])
    ours = [p for p in rate["points"] if p["model"] == chosen["model"] and p["default_levels"]]
    at = {point["effort"]: point for point in ours}
    webp = speed["webp_digits_per_second"]["median"]
    rows = [
        "| effort | digits a second | / WebP lossless | bytes a digit | RMSE | |",
        "|---|---|---|---|---|---|",
    ]
    for effort, timed in speed["digits_per_second_of_effort"].items():
        point = at.get(int(effort))
        found = (f"{point['bytes_per_digit']:.3f}", f"{point['rmse']:.4f}") if point else ("", "")
        mark = "default" if int(effort) == speed["default_effort"] else ""
        cells = (effort, f"{timed['median']:,.0f}", f"{timed['median'] / webp:.2f}", *found, mark)
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


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
    speed = load("speed")
    rows = ["| | digits a second, median | least … most |", "|---|---|---|"]
    for name, rate in speed["digits_per_second"].items():
        spread = f"{rate['least']:,.0f} … {rate['most']:,.0f}"
        rows.append(f"| {name} | {rate['median']:,.0f} | {spread} |")
    return "\n".join(rows)


def growth() -> str:
    scale = load("scale")
    rows = [
        "| digits | file, bytes | compress | peak | decompress | peak |",
        "|---|---|---|---|---|---|",
    ]
    for run in scale["runs"]:
        both = " | ".join(
            f"{run[way]['seconds']:.1f} s | {run[way]['peak_mb']:.0f} MB"
            for way in ("compress", "decompress")
        )
        rows.append(f"| {run['digits']:,} | {run['bytes']:,} | {both} |")
    return "\n".join(rows) + f"\n\n`.npy` in and out, effort {scale['effort']}."


def machine() -> str:
    lines = []
    parts = ("rate", "dims", "speed", "startup", "scale", "experiment")
    for name in (part for part in parts if (RESULTS / f"{part}.json").exists()):
        result = load(name)
        lines.append(
            f"- `{name}.json`: {result['date']}, commit {result['commit']}, {result['cpu']}, "
            f"{result['cores']} cores, Python {result['python']}, "
            + ", ".join(f"{package} {v}" for package, v in result["versions"].items())
        )
    return "\n".join(lines)


def experiment() -> str:
    """Return the table of the experiment; what is not measured yet stands as a dash."""
    if not (RESULTS / "experiment.json").exists():
        return "Not measured yet."
    rows = [
        "| encoder network | noise flag | published | as it ran | | as a codec "
        "| as documented | as a codec |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for row in load("experiment")["rows"]:
        sizes = ",".join(map(str, (784, *row["encoder_network"])))
        ran, documented = row.get("as_it_ran"), row.get("as_documented")
        off = _off(ran, row["published"], load("experiment")["bar"])
        cells = [
            f"`{sizes}`", f"{row['noise_level']:g}", f"{row['published']:.4f}",
            _loss(ran), off, _as_codec(ran), _loss(documented), _as_codec(documented),
        ]  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _off(network: Result | None, published: float, bar: float) -> str:
    """Return how far a loss is from what was published, and whether that is within the bar."""
    if network is None:
        return "—"
    off = network["float_rmse"] / published - 1
    return f"{off:+.1%}".replace("%", " %") + ("" if abs(off) <= bar else ", missed")


def _loss(network: Result | None) -> str:
    return "—" if network is None else f"{network['float_rmse']:.4f}"


def _as_codec(network: Result | None) -> str:
    if network is None:
        return "—"
    return "; ".join(
        f"{point['bytes_per_digit']:.2f} B, {point['rmse']:.4f}" for point in network["codec"]
    )


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    block.__name__: block
    for block in (
        headline, bars, points, ideals, numbers, efforts, payback, reader, throughput, growth,
        machine, experiment,
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
    results = figures.shown(load("rate"), load("dims"))
    figures.FOLDER.mkdir(exist_ok=True)
    for name in figures.PICTURES:
        path = figures.FOLDER / name
        before = path.read_bytes() if path.exists() else b""
        write_if_changed(path, before, figures.picture(name, results))


def write_if_changed(path: Path, before: bytes, after: bytes) -> None:
    if after != before:
        path.write_bytes(after)
        print(f"rendered {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
