"""Draw everything side by side: ours, every peer of `peers.json`, and what is published.

It can be read without colour: each family has its marker and its name at the line, filled where a
file holds many images, hollow where each image is a file.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from itertools import groupby
from typing import Final

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from benchmarks.peers.published import AUTOENCODERS_2016, NERD, rmse_of_d32
from benchmarks.report import drawing
from benchmarks.report.drawing import ACCENT, BYTES, GREY, INK, LIGHT, RMSE, Position
from benchmarks.report.shown import Mark, Shown

OURS: Final = "digitzip"  # with a file an image; our files of many are no peers
MARKERS: Final = {
    "PCA": "P", "k-means": "v", "WebP": "s", "JPEG": "D", "JPEG XL": "^", "AVIF": "*",
    "JPEG-LS": "X", "PNG": "p", "QOI": "h", "factorised prior": ">", OURS: "o",
}  # fmt: skip
GENERAL: Final = "<"  # the marker of what packs any bytes
TICKS: Final = (0.5, 1, 2, 5, 10, 20, 50, 100, 200, 400)
BAND: Final = 0.085  # how far the band of lossless names reaches below an RMSE of 0
PITCH: Final = 10.5  # from one lossless name to the next, in points of type
NAMED: Final = {
    "PCA": (0, 8, 3, "left"),
    "k-means": (-1, -5, -8, "right"),
    "factorised prior": (1, -6, -6, "right"),
    "JPEG mosaic": (0, -12, 12, "center"),
    "JPEG XL mosaic": (0, -6, 4, "right"),
    "WebP mosaic": (0, -5, 4, "right"),
    "AVIF mosaic": (-1, -5, -4, "right"),
    "AVIF": (0, -3, 10, "left"),
    "JPEG-LS": (0, -6, -5, "right"),
    "JPEG-LS mosaic": (0, 7, 9, "center"),
    OURS: (0, -5, 4, "right"),
}
"""Which point of a line carries its name, and how far away it stands, in points of type; other
lines have their name above the first point."""


def draw_peers(figure: Figure, results: Shown) -> None:
    """RMSE against bytes per image, from less than a byte to hundreds."""
    axes = figure.subplots()
    drawing.quiet(axes)
    lossless = [mark for mark in results.peers if mark.lossless]
    lossy = [mark for mark in results.peers if not mark.lossless]
    ours = [dot.position for dot in results.ours]
    _frame(axes, [*ours, *(mark.position for mark in results.peers)])
    for name, marks in families(lossy):
        _draw_lossy(axes, name, marks)
    across = axes.get_position().width * figure.get_figwidth() * 72
    _draw_lossless(axes, lossless, across)
    _draw_published(axes)
    best = frontier(ours)
    drawing.points(axes, best, "-", ACCENT, lw=2.2, zorder=3)
    drawing.points(axes, ours, "o", ACCENT, ms=4.5, zorder=4)
    drawing.label(axes, best[-1], OURS, (-7, -9), ha="right", color=ACCENT, size=10)
    drawing.footnote(
        figure,
        "MNIST test set, the bytes of all files over all images. Filled: many images a file. "
        "Hollow: a file an image. Lines join the\npoints of a family that no smaller one beats. "
        "digitzip: default effort, guard off. Models are not counted, ours neither.",
    )


def families(marks: Iterable[Mark]) -> list[tuple[str, list[Mark]]]:
    """Return marks, which come by name and bytes, by name."""
    return [(name, list(family)) for name, family in groupby(marks, key=lambda mark: mark.name)]


def frontier(positions: Iterable[Position]) -> list[Position]:
    """Return the positions that lose less than every position with fewer bytes."""
    best: list[Position] = []
    for position in sorted(positions):
        if not best or position[1] < best[-1][1]:
            best.append(position)
    return best


def spread(positions: list[float], pitch: float, most: float = math.inf) -> list[float]:
    """Return rising positions moved apart to a pitch, up to `most`, as little as crowds allow."""
    crowds: list[tuple[float, int]] = []  # sum of `position - index * pitch`, count
    for i, position in enumerate(positions):
        total, count = position - i * pitch, 1
        while crowds and crowds[-1][0] / crowds[-1][1] > total / count:
            before = crowds.pop()
            total, count = total + before[0], count + before[1]
        crowds.append((total, count))
    firsts = [total / count for total, count in crowds for _ in range(count)]
    last = most - (len(positions) - 1) * pitch
    return [min(first, last) + i * pitch for i, first in enumerate(firsts)]


def _frame(axes: Axes, positions: list[Position]) -> None:
    sizes, losses = zip(*positions, strict=True)
    highest = max(losses) * 1.06
    drawing.log_ticks(axes, "x", TICKS)
    axes.yaxis.set_major_locator(FixedLocator([i / 20 for i in range(int(highest * 20) + 1)]))
    axes.set(xlim=(min(sizes) * 0.85, max(sizes) * 1.25), ylim=(-BAND, highest))
    axes.set(xlabel=BYTES, ylabel=RMSE, title="Everything side by side")
    axes.spines["left"].set_bounds(0, highest)


def _draw_lossy(axes: Axes, name: str, marks: list[Mark]) -> None:
    positions = [mark.position for mark in marks]
    line = "-" if marks[0].solid else "--"
    drawing.points(axes, frontier(positions), line, GREY, lw=0.9)
    for mark in marks:
        _draw(axes, mark)
    point, x, y, ha = NAMED.get(name, (0, 0, 8, "center"))
    color = ACCENT if name == OURS else INK
    drawing.label(axes, positions[point], name, (x, y), ha=ha, color=color, size=8)


def _draw_published(axes: Axes) -> None:
    """Draw what others say of themselves: no file of theirs was made here."""
    nerd = [(bits / 8, rmse_of_d32(d)) for bits, d in NERD]
    drawing.points(axes, nerd, ":x", ms=4.5, mew=1.2)
    drawing.label(axes, nerd[2], "NERD,\npublished", (6, 0), size=8)
    others = [(point.bytes_per_image, point.rmse) for point in AUTOENCODERS_2016]
    drawing.points(axes, others, "+", ms=6.5, mew=1.2)
    drawing.label(axes, others[0], "autoencoders of 2016,\nten floats, published", (7, 0), size=8)
    drawing.label(axes, others[-1], "autoencoder of 2016,\none float, published", (7, 0), size=8)


def _draw_lossless(axes: Axes, marks: list[Mark], across: float) -> None:
    """Draw lossless peers at an RMSE of 0, and their names in a band below, moved apart.

    `across` is the width of the axes in points of type.
    """
    low, high = (math.log10(x) for x in axes.get_xlim())
    smallest = sorted((family[0] for _, family in families(marks)), key=lambda mark: mark.bytes)
    pitch = PITCH * (high - low) / across
    wanted = [math.log10(mark.bytes) for mark in smallest]
    for mark, position in zip(smallest, spread(wanted, pitch, high - pitch / 2), strict=True):
        at = 10**position
        axes.plot([mark.bytes, at], [0, -0.016], color=LIGHT, lw=0.7, zorder=1)
        axes.text(at, -0.018, mark.name, rotation=90, ha="center", va="top", size=7.5)
    for mark in marks:
        _draw(axes, mark)
    drawing.label(axes, (10**low, -0.018), "lossless: RMSE 0", (4, 0), size=8)


def _draw(axes: Axes, mark: Mark) -> None:
    shape = MARKERS.get(mark.name.removesuffix(" mosaic"), GENERAL)
    color = ACCENT if mark.name == OURS else INK
    face = color if mark.solid else "white"
    drawing.points(
        axes, [mark.position], shape, color, mfc=face, mew=0.8, ms=5, zorder=5, clip_on=False
    )
