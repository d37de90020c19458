"""The pictures of docs/BENCHMARKS.md, drawn from the results and nothing else.

The same results give the same bytes, and each picture names the digest of what it shows, so that a
test can tell a stale one.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import matplotlib as mpl
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from benchmarks.peers.published import AUTOENCODERS_2016, NERD, rmse_of_d32
from benchmarks.record import ROOT
from benchmarks.report.drawing import ACCENT, GREY, INK, LIGHT, STYLE, label, quiet
from benchmarks.report.figure_guard import draw_guard
from benchmarks.report.figure_peers import draw_peers
from benchmarks.report.shown import Shown

FOLDER: Final = ROOT / "docs" / "figures"


def draw_dims(figure: Figure, results: Shown) -> None:
    """RMSE, and below it bytes, against how many numbers a code has."""
    above, below = figure.subplots(
        2, 1, sharex=True, gridspec_kw={"height_ratios": [2.6, 1], "hspace": 0.12}
    )
    defaults = [dot for d in results.dims if (dot := results.default(d))]
    numbers = [dot.dims for dot in defaults]
    for axes, values in ((above, [dot.rmse for dot in defaults]),
                         (below, [dot.bytes for dot in defaults])):  # fmt: skip
        axes.plot(numbers, values, "-o", color=ACCENT, lw=1.8, ms=5.5, zorder=3)
        quiet(axes)
    lighter = [dot for dot in results.ours if not dot.default_levels]
    for axes, values in ((above, [dot.rmse for dot in lighter]),
                         (below, [dot.bytes for dot in lighter])):  # fmt: skip
        axes.plot([dot.dims for dot in lighter], values, "o", color=LIGHT, ms=3, zorder=2)
    for point in (AUTOENCODERS_2016[-1], AUTOENCODERS_2016[-2]):
        above.plot([point.dims], [point.rmse], "s", mfc="white", mec=INK, ms=6, zorder=4)
        side: Any = ("left", 9) if point.dims == 1 else ("right", -9)
        text = f"autoencoder of 2016: {point.bytes_per_digit:.0f} B"
        label(above, point.dims, point.rmse, text, (side[1], 0), ha=side[0])
    for cells, _, rmse in results.codebooks:
        if cells == 256:
            above.plot([1], [rmse], "x", color=INK, ms=7, mew=1.5, zorder=4)
            label(above, 1, rmse, "k-means, 256 cells: 1 B", (9, 3))
    for dot in defaults:
        label(below, dot.dims, dot.bytes, f"{dot.bytes:.1f}", (5, -7), color=ACCENT)
    last = defaults[-1]
    label(above, last.dims, last.rmse, "digitzip", (0, -13), ha="center", color=ACCENT)
    above.set(ylabel="RMSE, pixels in 0 … 1", title="How many numbers are enough?")
    above.margins(y=0.12)
    below.set(xlabel="numbers in a code", ylabel="bytes a digit", xlim=(0.6, 10.6))
    below.xaxis.set_major_locator(FixedLocator(list(range(1, 11))))
    tallest = max(dot.bytes for dot in results.ours)
    below.set_ylim(0, tallest * 1.2)
    figure.text(
        0.1, 0.014,
        "MNIST test set, whole files, default effort. Dots in grey: other level counts of the "
        "same model.",
        color=GREY, size=7.5,
    )  # fmt: skip


def draw_rate(figure: Figure, results: Shown) -> None:
    """RMSE against bytes a digit, ours and what others have published."""
    axes = figure.subplots()
    quiet(axes)
    nerd = [(bits / 8, rmse_of_d32(d)) for bits, d in NERD]
    axes.plot(*zip(*nerd, strict=True), "--^", color=INK, mfc="white", lw=1, ms=6, zorder=2)
    middle = nerd[2]
    label(axes, *middle, "NERD, published (RMSE ≈ 1.235 √(D32 / 1024))", (9, 5), color=INK)
    for dims in results.dims:
        dots = [dot for dot in results.ours if dot.dims == dims]
        xs, ys = [dot.bytes for dot in dots], [dot.rmse for dot in dots]
        axes.plot(xs, ys, "-o", color=ACCENT, lw=1.4, ms=3.2, zorder=3)
        if chosen := results.default(dims):
            axes.plot([chosen.bytes], [chosen.rmse], "o", color=ACCENT, ms=6.5, zorder=4)
            label(axes, chosen.bytes, chosen.rmse, str(dims), (-5, -8), ha="right", color=ACCENT)
    books = [(size, rmse) for _, size, rmse in results.codebooks]
    axes.plot(*zip(*books, strict=True), ":x", color=INK, lw=1, ms=6, mew=1.4, zorder=2)
    few, many = results.codebooks[0][0], results.codebooks[-1][0]
    label(axes, *books[0], f"k-means, {few} … {many:,} cells (ideal bits)", (9, 3))
    others = [(p.bytes_per_digit, p.rmse) for p in AUTOENCODERS_2016]
    axes.plot(*zip(*others, strict=True), "s", mfc="white", mec=INK, ms=6, zorder=2)
    single, best = AUTOENCODERS_2016[-1], AUTOENCODERS_2016[-2]
    label(axes, single.bytes_per_digit, single.rmse, "autoencoder of 2016, one float", (9, 0))
    label(axes, best.bytes_per_digit, best.rmse, "autoencoders of 2016, ten floats", (-9, -3),
           ha="right")  # fmt: skip
    smallest = min(results.ours, key=lambda dot: dot.rmse)
    label(axes, smallest.bytes, smallest.rmse, "digitzip, by numbers in a code", (9, -4),
           color=ACCENT)  # fmt: skip
    axes.set_xscale("log")
    ticks = [0.5, 1, 2, 4, 8, 16, 32]
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xticklabels([f"{tick:g}" for tick in ticks])
    axes.set(xlim=(0.42, 52), xlabel="bytes a digit", ylabel="RMSE, pixels in 0 … 1")
    axes.set_title("What a byte buys")
    axes.margins(y=0.08)
    figure.text(
        0.1, 0.018,
        "MNIST test set. digitzip: whole files, default effort, every level count; large dots are "
        "each model's default.",
        color=GREY, size=7.5,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Picture:
    """How large a picture is, in inches, how it is drawn, and what of the results it shows."""

    size: tuple[float, float]
    draw: Callable[[Figure, Shown], None]
    shows: Callable[[Shown], tuple[object, ...]]


PICTURES: Final = {
    "dims.svg": Picture((6.6, 5.2), draw_dims, lambda results: (results.ours, results.codebooks)),
    "rate.svg": Picture((6.6, 4.4), draw_rate, lambda results: (results.ours, results.codebooks)),
    "peers.svg": Picture((7.4, 5.8), draw_peers, lambda results: (results.ours, results.peers)),
    "guard.svg": Picture((6.6, 4.4), draw_guard, lambda results: (results.guards,)),
}


def drawn(results: Shown) -> list[str]:
    """Return the names of the pictures that there are results for."""
    return [name for name, picture in PICTURES.items() if all(picture.shows(results))]


def digest(name: str, results: Shown) -> str:
    """Return what tells apart all that one picture may show."""
    text = json.dumps(PICTURES[name].shows(results), default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def picture(name: str, results: Shown, kind: str = "svg") -> bytes:
    """Return a picture as the bytes of a file; the same results give the same bytes."""
    out = io.BytesIO()
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=PICTURES[name].size, facecolor="white")
        figure.subplots_adjust(left=0.1, right=0.975, top=0.93, bottom=0.14)
        PICTURES[name].draw(figure, results)
        notes = {
            "Date": None, "Creator": "digitzip", "Description": f"data {digest(name, results)}",
        }  # fmt: skip
        figure.savefig(out, format=kind, dpi=150, metadata=notes if kind == "svg" else None)
    return out.getvalue()
