"""Figures show what was measured: every point and name, nothing hidden, the same bytes again."""

from __future__ import annotations

import re
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.text import Text

from benchmarks.report import figure_peers, figures, render
from benchmarks.report.drawing import ACCENT, INK
from benchmarks.report.shown import Shown, shown
from tests.test_reports import GUARD, RATE

MEASURED = render.drawn_from()


def axes_of(results: Shown) -> Axes:
    """Return the axes of the figure of everything, drawn."""
    figure = figures.drawn("peers.svg", results)
    FigureCanvasAgg(figure).draw()  # type: ignore[no-untyped-call]
    return figure.axes[0]


def test_every_family_is_named() -> None:
    names = re.findall(r"<!-- (.*?) -->", figures.image("peers.svg", MEASURED).decode())
    assert {"digitzip", *(mark.name for mark in MEASURED.peers)} <= set(names)
    assert names.count("WebP") == 2  # lossy and lossless
    assert names.count("digitzip") == 2  # many images a file, and a file an image
    assert sum("published" in name for name in names) == 3  # NERD, 2016 with one float and ten


def test_no_name_hides_another_or_a_point() -> None:
    axes = axes_of(MEASURED)
    boxes = {text: text.get_window_extent() for text in axes.texts if isinstance(text, Text)}
    for one, other in combinations(boxes, 2):
        assert not boxes[one].overlaps(boxes[other]), (one.get_text(), other.get_text())
    positions = [
        position
        for line in axes.lines
        if line.get_marker() not in ("", "None")
        for position in axes.transData.transform(np.array(line.get_xydata()))
    ]
    for text, box in boxes.items():
        assert not any(box.contains(*position) for position in positions), text.get_text()


def test_solid_peers_are_filled_and_lossless_ones_lie_on_the_axis() -> None:
    filled = {
        (x, y): to_hex(line.get_markerfacecolor()) in (INK, ACCENT)
        for line in axes_of(MEASURED).lines
        if line.get_linestyle() == "None"
        for x, y in np.array(line.get_xydata())
    }
    for mark in MEASURED.peers:
        assert filled[mark.position] == mark.solid, mark
        assert (mark.rmse == 0) == mark.lossless


def test_each_family_has_a_marker_of_its_own() -> None:
    shapes = [*figure_peers.MARKERS.values(), figure_peers.GENERAL, "x", "+"]  # published
    assert len(set(shapes)) == len(shapes)
    lossy = {mark.name.removesuffix(" mosaic") for mark in MEASURED.peers if not mark.lossless}
    assert lossy <= set(figure_peers.MARKERS)


def test_a_figure_is_told_apart_by_what_it_shows_and_by_nothing_else() -> None:
    *others, last = MEASURED.peers
    other = replace(MEASURED, peers=(*others, replace(last, rmse=last.rmse + 0.001)))
    books = replace(MEASURED, codebooks=MEASURED.codebooks[1:])
    for name, by_peers, by_books in (
        ("dims.svg", False, True),
        ("rate.svg", False, True),
        ("peers.svg", True, False),
        ("guard.svg", False, False),
    ):
        digest = figures.digest(name, MEASURED)
        assert (figures.digest(name, other) != digest) == by_peers
        assert (figures.digest(name, books) != digest) == by_books
    assert figures.image("peers.svg", MEASURED) != figures.image("peers.svg", other)


def test_the_figure_of_the_guard_shows_the_curve_and_its_default() -> None:
    found = shown(RATE, {"codebooks": []}, {"peers": []}, GUARD)
    default = found.guards[2]
    assert (default.margin, default.held_out, default.default) == (200, True, True)
    assert default.added == pytest.approx(0.9)
    assert default.label_changes == 20
    assert [p.margin for p in found.guards if not p.held_out] == [None, 100, 200, 300]
    assert b"<svg" in figures.image("guard.svg", found)


def test_lines_join_what_nothing_smaller_beats() -> None:
    positions = [(3.0, 0.1), (1.0, 0.3), (2.0, 0.3), (4.0, 0.2), (5.0, 0.05)]
    assert figure_peers.frontier(positions) == [(1.0, 0.3), (3.0, 0.1), (5.0, 0.05)]


@given(st.lists(st.floats(0, 10), max_size=12))
def test_names_moved_apart_keep_their_order_middle_and_pitch(positions: list[float]) -> None:
    positions = sorted(positions)
    moved = figure_peers.spread(positions, 1)
    assert (np.diff(moved) >= 1 - 1e-9).all()
    assert sum(moved) == pytest.approx(sum(positions), abs=1e-6)


def test_names_move_no_further_than_they_must() -> None:
    assert figure_peers.spread([0, 6, 9, 9.5], 1, most=9) == pytest.approx([0, 6, 8, 9])
    assert figure_peers.spread([0, 2, 2.5, 9], 1) == pytest.approx([0, 1.75, 2.75, 9])
