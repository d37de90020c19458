"""The picture of everything side by side: who is named, what is joined, what tells it apart."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.text import Text

from benchmarks.report import figure_peers as figures_peers
from benchmarks.report import figures, render
from benchmarks.report.drawing import ACCENT, INK, STYLE
from benchmarks.report.shown import Mark, Shown, shown

LOSSY: dict[str, list[tuple[float, float]]] = {
    "AVIF": [(373.7, 0.026), (386.5, 0.015), (417.2, 0.008)],
    "AVIF mosaic": [(32.7, 0.074), (43.6, 0.057), (69.7, 0.028)],
    "JPEG": [(199.3, 0.114), (213.7, 0.094), (239, 0.071), (287.8, 0.049), (399.7, 0.021)],
    "JPEG XL": [(130.1, 0.101), (156.5, 0.069), (239.1, 0.02), (363.4, 0.005)],
    "JPEG XL mosaic": [(43.9, 0.101), (56.2, 0.069), (123.7, 0.02)],
    "JPEG mosaic": [(28.8, 0.113), (41.9, 0.093), (63.2, 0.071)],
    "JPEG-LS mosaic": [(47.9, 0.106), (72.4, 0.027), (105.4, 0.008)],
    "JPEG-LS": [(126.4, 0.048), (157.3, 0.014), (206.8, 0.005)],
    "PCA": [(0.29, 0.246), (1.15, 0.216), (1.65, 0.209), (1.68, 0.21), (4.02, 0.173),
            (6.1, 0.162), (6.66, 0.149), (12.9, 0.118), (13, 0.128), (29.1, 0.091)],
    "WebP": [(95.8, 0.073), (112.6, 0.054), (140, 0.036), (170.4, 0.022), (207.9, 0.013)],
    "WebP mosaic": [(33.4, 0.074), (71.3, 0.033), (98.7, 0.02)],
    "digitzip": [(103, 0.089)],
    "factorised prior": [(7.3, 0.109), (16.5, 0.072), (33.2, 0.049), (56.8, 0.038)],
    "k-means": [(0.51, 0.214), (0.76, 0.196), (1, 0.18), (1.26, 0.166), (1.52, 0.157)],
}  # fmt: skip
LOSSLESS = {
    "JPEG XL": 205.9, "JPEG XL mosaic": 132.3, "JPEG-LS": 313.7, "JPEG-LS mosaic": 173.6,
    "PNG": 267.8, "PNG mosaic": 160.8, "QOI": 393.9, "QOI mosaic": 368.3, "WebP": 199.1,
    "WebP mosaic": 144.7, "bzip2": 140.4, "bzip2 singly": 238.3, "xz": 136.8, "xz singly": 228.7,
    "zstd": 142.8, "zstd dictionary": 170.8, "zstd singly": 191.4,
}  # fmt: skip
SOLID = {"PCA", "k-means", "factorised prior", "bzip2", "xz", "zstd"}


def as_json(name: str, size: float, rmse: float) -> dict[str, Any]:
    return {
        "name": name, "solid": name in SOLID or "mosaic" in name, "lossless": rmse == 0,
        "bytes_per_digit": size, "rmse": rmse,
    }  # fmt: skip


def sample() -> Shown:
    """Return our results beside peers of about the size and loss of the real ones."""
    lossy = [as_json(name, *place) for name, places in LOSSY.items() for place in places]
    lossless = [as_json(name, size, 0) for name, size in LOSSLESS.items()]
    return shown(render.load("rate"), render.load("dims"), {"peers": lossless + lossy})


def drawn(results: Shown) -> Axes:
    """Return the axes of the picture of everything, drawn."""
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=figures.PICTURES["peers.svg"].size)
        figure.subplots_adjust(left=0.1, right=0.975, top=0.93, bottom=0.14)
        canvas = FigureCanvasAgg(figure)
        figures_peers.draw_peers(figure, results)
        canvas.draw()  # type: ignore[no-untyped-call]
    return figure.axes[0]


def measured() -> list[Shown]:
    """Return the sample, and what was measured if it was."""
    return [sample(), *(results for results in [render.pictured()] if results.peers)]


def test_every_family_is_named_and_every_lossless_one_too() -> None:
    svg = figures.picture("peers.svg", sample()).decode()
    names = re.findall(r"<!-- (.*?) -->", svg)
    assert {*LOSSY, *LOSSLESS, "digitzip"} <= set(names)
    assert names.count("WebP") == 2  # with loss and without
    assert names.count("digitzip") == 2  # many digits a file, and a file a digit
    assert sum("published" in name for name in names) == 3  # NERD, 2016 with one float and ten


def test_no_name_hides_another_or_a_point() -> None:
    for results in measured():
        axes = drawn(results)
        texts = [text for text in axes.texts if isinstance(text, Text)]
        boxes = {text: text.get_window_extent() for text in texts}
        for one, other in combinations(texts, 2):
            assert not boxes[one].overlaps(boxes[other]), (one.get_text(), other.get_text())
        points = [
            point
            for line in axes.lines
            if line.get_marker() not in ("", "None")
            for point in axes.transData.transform(np.array(line.get_xydata()))
        ]
        for text in texts:
            hidden = [point for point in points if boxes[text].contains(*point)]
            assert not hidden, text.get_text()


def test_what_is_solid_is_filled_and_what_is_lossless_lies_on_the_axis() -> None:
    axes = drawn(sample())
    filled = {
        (x, y): to_hex(line.get_markerfacecolor()) in (INK, ACCENT)
        for line in axes.lines
        if line.get_linestyle() == "None"
        for x, y in np.array(line.get_xydata())
    }
    for name, places in {**LOSSY, **{n: [(size, 0.0)] for n, size in LOSSLESS.items()}}.items():
        for place in places:
            assert filled[place] == (name in SOLID or "mosaic" in name), name


def test_each_family_has_a_marker_of_its_own() -> None:
    shapes = [*figures_peers.MARKERS.values(), figures_peers.GENERAL, "x", "+"]  # published
    assert len(set(shapes)) == len(shapes)
    families = {name.removesuffix(" mosaic") for name in LOSSY}
    assert families <= set(figures_peers.MARKERS)


def test_a_picture_is_told_apart_by_what_it_shows_and_by_nothing_else() -> None:
    results = sample()
    last = results.peers[-1]
    other = replace(results, peers=(*results.peers[:-1], replace(last, rmse=last.rmse + 0.001)))
    books = replace(results, codebooks=results.codebooks[1:])
    for name, by_peers, by_books in (
        ("dims.svg", False, True),
        ("rate.svg", False, True),
        ("peers.svg", True, False),
    ):
        digest = figures.digest(name, results)
        assert (figures.digest(name, other) != digest) == by_peers
        assert (figures.digest(name, books) != digest) == by_books
    one, again, changed = (figures.picture("peers.svg", r) for r in (results, results, other))
    assert one == again != changed
    assert f"data {figures.digest('peers.svg', results)}".encode() in one
    assert len(one) <= 200_000


def test_without_peers_their_picture_is_not_drawn() -> None:
    assert figures.drawn(sample()) == ["dims.svg", "rate.svg", "peers.svg"]
    assert figures.drawn(replace(sample(), peers=())) == ["dims.svg", "rate.svg"]


def test_lines_join_what_nothing_smaller_beats() -> None:
    places = [(3.0, 0.1), (1.0, 0.3), (2.0, 0.3), (4.0, 0.2), (5.0, 0.05)]
    assert figures_peers.frontier(places) == [(1.0, 0.3), (3.0, 0.1), (5.0, 0.05)]


def test_families_keep_their_points_together() -> None:
    marks = [Mark("A", True, False, 1, 0.2), Mark("A", True, False, 2, 0.1)]
    other = Mark("B", False, False, 1, 0.2)
    assert figures_peers.families([*marks, other]) == [("A", marks), ("B", [other])]


@given(st.lists(st.floats(0, 10), max_size=12))
def test_names_moved_apart_keep_their_order_middle_and_pitch(places: list[float]) -> None:
    places = sorted(places)
    moved = figures_peers.spread(places, 1)
    assert (np.diff(moved) >= 1 - 1e-9).all()
    assert sum(moved) == pytest.approx(sum(places), abs=1e-6)


def test_names_that_would_leave_the_picture_move_back_together() -> None:
    assert figures_peers.spread([0, 6, 9, 9.5], 1, most=9) == pytest.approx([0, 6, 8, 9])


def test_names_far_enough_apart_stay_where_they_are() -> None:
    assert figures_peers.spread([0, 2, 2.5, 9], 1) == pytest.approx([0, 1.75, 2.75, 9])
