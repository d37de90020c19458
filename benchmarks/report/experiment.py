"""The table of `experiment.json`: the experiment of 2016."""

from __future__ import annotations

from benchmarks.record import Result
from benchmarks.report import tables


def table(experiment: Result) -> str:
    """Return the table of the experiment; what is not measured yet is a dash."""
    head = (
        "encoder network", "noise flag", "published", "as it ran", "", "as a codec",
        "as documented", "as a codec",
    )  # fmt: skip
    rows = []
    for row in experiment["rows"]:
        sizes = ",".join(map(str, (784, *row["encoder_network"])))
        ran, documented = _cells(row, "as_it_ran"), _cells(row, "as_documented")
        ran.insert(1, _off(row, experiment["bar"]))
        setting = tables.cells(row, "noise_level:g", "published:.4f")
        rows.append((f"`{sizes}`", *setting, *ran, *documented))
    return tables.table(head, *rows)


def _cells(row: Result, column: str) -> list[str]:
    """Return the loss of a network, and what it gives as a codec."""
    if column not in row:
        return ["—", "—"]
    points = (f"{p['bytes_per_image']:.2f} B, {p['rmse']:.4f}" for p in row[column]["codec"])
    return [f"{row[column]['float_rmse']:.4f}", "; ".join(points)]


def _off(row: Result, bar: float) -> str:
    """Return how far a loss is from what was published, and whether that misses the bar."""
    if "as_it_ran" not in row:
        return "—"
    off = row["as_it_ran"]["float_rmse"] / row["published"] - 1
    return tables.number(off, "+.1%") + ("" if abs(off) <= bar else ", missed")
