"""Draw the figures of docs/BENCHMARKS.md from the results and nothing else.

The same results give the same bytes, and each figure names the digest of what it shows, so that a
test finds a stale one.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from benchmarks.peers.published import AUTOENCODERS_2016, NERD, rmse_of_d32
from benchmarks.record import ROOT
from benchmarks.report import drawing
from benchmarks.report.drawing import ACCENT, BYTES, GREY, LIGHT, RMSE
from benchmarks.report.figure_peers import draw_peers
from benchmarks.report.shown import Shown

FOLDER: Final = ROOT / "docs" / "figures"
GUARD_BARS: Final = ((1.0, 20), (2.0, 5))  # bytes per image, label changes of 10,000


def draw_dims(figure: Figure, results: Shown) -> None:
    """RMSE, and below it bytes, against the number of latents."""
    above, below = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": [2.6, 1], "hspace": 0.12}
    )
    defaults = [dot for d in results.dims if (dot := results.default(d))]
    others = [dot for dot in results.ours if not dot.default_levels]
    for axes, key in ((above, "rmse"), (below, "bytes")):
        drawing.quiet(axes)
        for dots, style, color, size in (
            (defaults, "-o", ACCENT, 5.5),
            (others, "o", LIGHT, 3),
        ):
            if dots:
                positions = [(float(dot.dims), float(getattr(dot, key))) for dot in dots]
                drawing.points(axes, positions, style, color, lw=1.8, ms=size)
    one, ten = AUTOENCODERS_2016[-1], AUTOENCODERS_2016[-2]
    for point, ha, away in ((one, "left", 9), (ten, "right", -9)):
        drawing.points(above, [(point.dims, point.rmse)], "s", mfc="white", zorder=4)
        text = f"autoencoder of 2016: {point.bytes_per_image:.0f} B"
        drawing.label(above, (point.dims, point.rmse), text, (away, 0), ha=ha)
    for cells, _, rmse in results.codebooks:
        if cells == 256:
            drawing.points(above, [(1, rmse)], "x", ms=7, mew=1.5, zorder=4)
            drawing.label(above, (1, rmse), "k-means, 256 cells: 1 B", (9, 3))
    for dot in defaults:
        drawing.label(below, (dot.dims, dot.bytes), f"{dot.bytes:.1f}", (5, -7), color=ACCENT)
    last = defaults[-1]
    drawing.label(above, (last.dims, last.rmse), "digitzip", (0, -13), ha="center", color=ACCENT)
    above.set(ylabel=RMSE, title="How many latents are enough?")
    above.margins(y=0.12)
    below.set(xlabel="latents in a code", ylabel=BYTES, xlim=(0.6, 10.6))
    below.xaxis.set_major_locator(FixedLocator(list(range(1, 11))))
    below.set_ylim(0, max(dot.bytes for dot in results.ours) * 1.2)
    drawing.footnote(
        figure,
        "MNIST test set, whole files, default effort, guard off. Grey dots: other levels of the "
        "same model.",
    )


def draw_rate(figure: Figure, results: Shown) -> None:
    """RMSE against bytes per image, ours and what others have published."""
    axes = figure.subplots()
    drawing.quiet(axes)
    drawing.log_ticks(axes, "x", (0.5, 1, 2, 4, 8, 16, 32))
    nerd = [(bits / 8, rmse_of_d32(d)) for bits, d in NERD]
    drawing.points(axes, nerd, "--^", mfc="white")
    drawing.label(axes, nerd[2], "NERD, published (RMSE ≈ 1.235 √(D32 / 1024))", (9, 5))
    for dims in results.dims:
        positions = [dot.position for dot in results.ours if dot.dims == dims]
        drawing.points(axes, positions, "-o", ACCENT, lw=1.4, ms=3.2, zorder=3)
        if chosen := results.default(dims):
            drawing.points(axes, [chosen.position], "o", ACCENT, ms=6.5, zorder=4)
            drawing.label(axes, chosen.position, str(dims), (-5, -8), ha="right", color=ACCENT)
    books = [(size, rmse) for _, size, rmse in results.codebooks]
    drawing.points(axes, books, ":x", mew=1.4)
    few, many = results.codebooks[0][0], results.codebooks[-1][0]
    drawing.label(axes, books[0], f"k-means, {few} … {many:,} cells (ideal bits)", (9, 3))
    others = [(p.bytes_per_image, p.rmse) for p in AUTOENCODERS_2016]
    drawing.points(axes, others, "s", mfc="white")
    drawing.label(axes, others[-1], "autoencoder of 2016, one float", (9, 0))
    drawing.label(axes, others[-2], "autoencoders of 2016, ten floats", (-9, -3), ha="right")
    smallest = min(results.ours, key=lambda dot: dot.rmse)
    drawing.label(axes, smallest.position, "digitzip, by latents in a code", (9, -4), color=ACCENT)
    axes.set(xlim=(0.42, 52), xlabel=BYTES, ylabel=RMSE, title="What a byte buys")
    axes.margins(y=0.08)
    drawing.footnote(
        figure,
        "MNIST test set. digitzip: whole files, default effort, guard off, all levels; large dots "
        "are each model's default.",
    )


def draw_guard(figure: Figure, results: Shown) -> None:
    """Label changes against the bytes per image that the guard adds."""
    axes = figure.subplots()
    drawing.quiet(axes)
    drawing.log_ticks(axes, "y", (1, 2, 5, 10, 20, 50, 100))
    for size, changes in GUARD_BARS:
        axes.plot([0, size, size], [changes, changes, 0.5], ":", color=LIGHT, lw=1.2, zorder=1)
    for held_out, color, style in ((True, GREY, "--s"), (False, ACCENT, "-o")):
        chosen = [point for point in results.guards if point.held_out == held_out]
        positions = [(p.added, max(p.label_changes, 0.5)) for p in chosen]
        drawing.points(
            axes, positions, style, color, mfc="white" if held_out else color, lw=1.4, ms=4.5
        )
        if held_out:
            text = "held-out images, by the judge"
            drawing.label(axes, positions[-1], text, (0, -12), ha="right", color=color)
            continue
        drawing.label(
            axes, positions[0], "test images, by the independent classifier", (12, 8), color=color
        )
        for point, position in zip(chosen, positions, strict=True):
            if point.default:
                drawing.points(axes, [position], "o", color, ms=9, zorder=4)
                drawing.label(axes, position, f"default: margin {point.margin}", (9, 6))
    axes.set(
        xlabel="bytes per image that the guard adds",
        ylabel="label changes of 10,000 images",
        title="What the guard costs, and what it lets through",
    )
    axes.set_ylim(0.9, 150)
    axes.set_xlim(left=-0.08)
    drawing.footnote(figure, "Each point is a margin of the classifier. Dotted: the bars.")


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure: its size in inches, how it is drawn, and which fields of `Shown` it shows."""

    size: tuple[float, float]
    draw: Callable[[Figure, Shown], None]
    shows: tuple[str, ...]


DRAWINGS: Final = {
    "dims.svg": Drawing((6.6, 5.2), draw_dims, ("ours", "codebooks")),
    "rate.svg": Drawing((6.6, 4.4), draw_rate, ("ours", "codebooks")),
    "peers.svg": Drawing((7.4, 5.8), draw_peers, ("ours", "peers")),
    "guard.svg": Drawing((6.6, 4.4), draw_guard, ("guards",)),
}


def digest(name: str, results: Shown) -> str:
    """Return a digest of all that one figure may show."""
    text = json.dumps([getattr(results, field) for field in DRAWINGS[name].shows], default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def drawn(name: str, results: Shown) -> Figure:
    chosen = DRAWINGS[name]
    return drawing.figure_of(chosen.size, lambda figure: chosen.draw(figure, results))


def image(name: str, results: Shown) -> bytes:
    """Return a figure as an SVG file; the same results give the same bytes."""
    return drawing.svg(drawn(name, results), f"data {digest(name, results)}")
