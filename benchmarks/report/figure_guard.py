"""The picture of the guard: what it adds against what it lets through."""

from __future__ import annotations

from typing import Final

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from benchmarks.report.drawing import ACCENT, GREY, INK, LIGHT, label, quiet
from benchmarks.report.shown import Shown

BARS: Final = ((1.0, 20), (2.0, 5))  # bytes a digit, digits of 10,000


def draw_guard(figure: Figure, results: Shown) -> None:
    """Digits that a stranger reads differently, against bytes a digit that the guard adds."""
    axes = figure.subplots()
    quiet(axes)
    for bytes_, digits in BARS:
        axes.plot([0, bytes_, bytes_], [digits, digits, 0.5], ":", color=LIGHT, lw=1.2, zorder=1)
    for held_out, color, style in ((True, GREY, "--s"), (False, ACCENT, "-o")):
        points = [point for point in results.guards if point.held_out == held_out]
        xs, ys = [p.added for p in points], [max(p.differently, 0.5) for p in points]
        face = "white" if held_out else color
        axes.plot(xs, ys, style, color=color, mfc=face, lw=1.4, ms=4.5, zorder=3)
        if held_out:
            what = "held out, judged by a small network"
            label(axes, xs[-1], ys[-1], what, (0, -12), ha="right", color=color)
        else:
            label(axes, xs[0], ys[0], "test digits, judged by a stranger", (12, 8), color=color)
        for point, x, y in zip(points, xs, ys, strict=True):
            if point.default and not held_out:
                axes.plot([x], [y], "o", color=color, ms=9, zorder=4)
                label(axes, x, y, f"default: margin {point.margin}", (9, 6), color=INK)
    axes.set_yscale("log")
    ticks = [1, 2, 5, 10, 20, 50, 100]
    axes.yaxis.set_major_locator(FixedLocator(ticks))
    axes.yaxis.set_minor_locator(NullLocator())
    axes.set_yticklabels([str(tick) for tick in ticks])
    axes.set(
        xlabel="bytes a digit that the guard adds",
        ylabel="digits of 10,000 read differently",
        title="What the guard costs, and what it lets through",
    )
    axes.set_ylim(0.9, 150)
    axes.set_xlim(left=-0.08)
    figure.text(
        0.1, 0.018, "Each point is a margin of the reader. Dotted: the bars.", color=GREY, size=7.5
    )
