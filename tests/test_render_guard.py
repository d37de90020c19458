"""The figures of the guard as tables, bars and a picture: of a result made up here."""

from __future__ import annotations

from typing import Any

import pytest

from benchmarks.report import figures
from benchmarks.report import guard as render_guard
from benchmarks.report.bars import Bar
from benchmarks.report.shown import Guard, Shown, shown


def row(what: str, size: float, differently: int | None, **others: Any) -> dict[str, Any]:
    """Return a row of `guard.json`."""
    usual = {
        "what": what, "levels": 15, "effort": 1, "bytes": int(size * 1000), "bytes_per_digit": size,
        "rmse": 0.09, "greatest_error": 255, "read_differently": differently,
        "rungs": {"code": 900, "other_code": 50, "refine": 40, "exact": 10},
        "layer_bytes": {}, "compress_per_second": 400.0, "decompress_per_second": 350.0,
    }  # fmt: skip
    return {**usual, **others}


@pytest.fixture
def result() -> dict[str, Any]:
    curve = [
        row("off", 4.5, 90, rungs={}), row("margin 100", 5.0, 30), row("margin 200", 5.4, 20),
        row("margin 300", 6.6, 5),
    ]  # fmt: skip
    return {
        "margin": 200, "digits": 10_000, "held_out_digits": 1_000,
        "held_out": [{**row, "read_differently": row["read_differently"] // 10} for row in curve],
        "curve": curve,
        "settings": [row("off", 4.5, 90, rungs={}), row("on", 5.4, 20)],
        "bounds": [row("max_error 9", 40.0, 0), row("lossless", 103.8, None)],
        "odd": [row("noise", 300.0, None)],
    }  # fmt: skip


def verdicts(bars: list[Bar]) -> list[tuple[str, bool | None, bool]]:
    return [(bar.measured, bar.met, bar.surpassed) for bar in bars]


def test_the_curve_stands_beside_what_was_held_out(result: dict[str, Any]) -> None:
    lines = render_guard.curve(result).splitlines()[2:]
    assert lines[2] == "| off | – | 9 | 4.500 | – | 90 | – | – | – | – |"
    assert (
        lines[4]
        == "| margin 200, default | +0.900 | 2 | 5.400 | +0.900 | 20 | 900 | 50 | 40 | 10 |"
    )


def test_settings_bounds_and_odd_images_have_a_row_each(result: dict[str, Any]) -> None:
    assert (
        render_guard.settings(result)
        .splitlines()[2]
        .startswith("| 15 | 1 | 4.500 | 0.0900 | 90 | 5.400 |")
    )
    bounds = render_guard.bounds(result).splitlines()
    assert bounds[2] == "| `--max-error 9` | 15 | 40.00 | 0.0900 | 255 | 400 | 350 |"
    assert bounds[3].startswith("| `--lossless` | 15 | 103.80 |")
    assert (
        render_guard.odd(result).splitlines()[2]
        == "| noise | 300.0 | 0.0900 | 900 | 50 | 40 | 10 |"
    )


def test_the_headline_is_of_the_default_margin(result: dict[str, Any]) -> None:
    assert "5.40 bytes a digit" in render_guard.headline(result)
    assert "reads 20 of 10,000" in render_guard.headline(result)


def test_bars_are_cleared_at_their_edge_and_missed_beyond(result: dict[str, Any]) -> None:
    assert verdicts(render_guard.bars(result)) == [
        ("0.90 B: 20 (default)", True, False),
        ("2.10 B: 5 (margin 300, not the default)", False, False),
        ("103.8", True, False), ("350", True, False),
    ]  # fmt: skip
    result["curve"][2]["read_differently"] = 21
    result["curve"][3]["bytes_per_digit"] = 6.5
    result["bounds"][1]["bytes_per_digit"] = 97.9
    result["bounds"][1]["decompress_per_second"] = 299.0
    assert verdicts(render_guard.bars(result)) == [
        ("2.00 B: 5 (margin 300, not the default)", False, False),
        ("2.00 B: 5 (margin 300, not the default)", True, False),
        ("97.9", True, True), ("299", False, False),
    ]  # fmt: skip
    result["curve"][3]["read_differently"] = 21
    assert verdicts(render_guard.bars(result))[:2] == [("–", False, False)] * 2


def test_the_picture_shows_the_curve_and_its_default(result: dict[str, Any]) -> None:
    rate = {"points": [], "default_effort": 1}
    found = shown(rate, {"codebooks": []}, None, result)
    assert found.guards[2] == Guard(200, True, 5.4 - 4.5, 20, True)
    assert [point.margin for point in found.guards if not point.held_out] == [None, 100, 200, 300]
    assert b"<svg" in figures.picture("guard.svg", found)
    assert "guard.svg" in figures.drawn(found)
    assert "guard.svg" not in figures.drawn(Shown((), (), (), ()))
