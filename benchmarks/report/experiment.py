"""The table of `experiment.json`: the experiment of 2016."""

from __future__ import annotations

from benchmarks.record import Result
from benchmarks.report import tables


def table(experiment: Result | None) -> str:
    """Return the table of the experiment; what is not measured yet is a dash."""
    if experiment is None:
        return tables.NOT_YET
    head = (
        "encoder network", "noise flag", "published", "as it ran", "", "as a codec",
        "as documented", "as a codec",
    )  # fmt: skip
    rows = []
    for row in experiment["rows"]:
        sizes = ",".join(map(str, (784, *row["encoder_network"])))
        ran, documented = row.get("as_it_ran"), row.get("as_documented")
        off = _off(ran, row["published"], experiment["bar"])
        cells = (
            f"`{sizes}`", f"{row['noise_level']:g}", f"{row['published']:.4f}",
            _loss(ran), off, _as_codec(ran), _loss(documented), _as_codec(documented),
        )  # fmt: skip
        rows.append(cells)
    return tables.table(head, *rows)


def _off(network: Result | None, published: float, bar: float) -> str:
    """Return how far a loss is from what was published, and whether that misses the bar."""
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
        f"{point['bytes_per_image']:.2f} B, {point['rmse']:.4f}" for point in network["codec"]
    )
