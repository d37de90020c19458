"""Results as text: fills the marked blocks of README.md and docs/BENCHMARKS.md from the JSON.

A block stands between `<!-- name -->` and `<!-- /name -->`. `python -m benchmarks render` writes
them; a test checks that nobody wrote them by hand.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

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


def points() -> str:
    rows = ["| levels | effort | bytes a digit | RMSE | |", "|---|---|---|---|---|"]
    for p in load("rate")["points"]:
        mark = "default" if p["default"] else ""
        cost, loss = f"{p['bytes_per_digit']:.3f}", f"{p['rmse']:.4f}"
        rows.append(f"| {p['levels']} | {p['effort']} | {cost} | {loss} | {mark} |")
    return "\n".join(rows)


def bars() -> str:
    rate, speed, startup, scale = (load(name) for name in ("rate", "speed", "startup", "scale"))
    point = next(point for point in rate["points"] if point["default"])
    seconds = startup["median_seconds"]
    passes = seconds["python -c pass"]
    run = scale["runs"][-1]
    peak = max(run["compress"]["peak_mb"], run["decompress"]["peak_mb"])
    rows = [
        ("bytes a digit, whole file, defaults", "≤ 4.8", f"{point['bytes_per_digit']:.3f}"),
        ("RMSE of the decompressed pixels", "≤ 0.100", f"{point['rmse']:.4f}"),
        ("default model's file", "≤ 4 MB", f"{rate['model_bytes'] / 1e6:.2f} MB"),
        ("one digit alone", "≤ 110 bytes", f"{rate['one_digit_bytes']['most']} bytes"),
        ("everything but the planes", "< 0.6 %", f"{rate['overhead_share']:.2%}"),
        ("decompress / Pillow PNG decode", "≥ 0.5", f"{speed['decompress_over_png_decode']:.2f}"),
        (
            "compress without search / Pillow PNG encode",
            "≥ 1",
            f"{speed['compress_without_search_over_png_encode']:.2f}",
        ),
        (
            "`digitzip --version`",
            f"≤ {4 * passes * 1000 + 50:.0f} ms (4 × `python -c pass` + 50 ms)",
            f"{seconds['digitzip --version'] * 1000:.0f} ms",
        ),
        (
            "decompress a one-digit file, command line",
            "≤ 500 ms",
            f"{seconds['decompress one digit'] * 1000:.0f} ms",
        ),
        (f"peak memory, {run['digits']:,} digits", "< 400 MB", f"{peak:.0f} MB"),
        ("decoded digits that keep their code", "≥ 99 %", f"{rate['kept_codes']:.2%}"),
    ]
    lines = ["| measure | bar | measured |", "|---|---|---|"]
    return "\n".join(lines + [f"| {' | '.join(row)} |" for row in rows])


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
    for name in ("rate", "speed", "startup", "scale"):
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
        off = f"{ran['float_rmse'] / row['published'] - 1:+.1%}" if ran else "—"
        cells = [
            f"`{sizes}`", f"{row['noise_level']:g}", f"{row['published']:.4f}",
            _loss(ran), off, _as_codec(ran), _loss(documented), _as_codec(documented),
        ]  # fmt: skip
        rows.append(f"| {' | '.join(cells)} |")
    return "\n".join(rows)


def _loss(network: Result | None) -> str:
    return "—" if network is None else f"{network['float_rmse']:.4f}"


def _as_codec(network: Result | None) -> str:
    if network is None:
        return "—"
    return "; ".join(
        f"{point['bytes_per_digit']:.2f} B, {point['rmse']:.4f}" for point in network["codec"]
    )


BLOCKS: Final[dict[str, Callable[[], str]]] = {
    "headline": headline,
    "points": points,
    "bars": bars,
    "throughput": throughput,
    "growth": growth,
    "machine": machine,
    "experiment": experiment,
}


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
        write_if_changed(path, rendered(path.read_text(encoding="utf-8")))


def write_if_changed(path: Path, text: str) -> None:
    if text != path.read_text(encoding="utf-8"):
        path.write_text(text, encoding="utf-8")
        print(f"rendered {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
