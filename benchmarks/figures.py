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
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

from benchmarks.published import AUTOENCODERS_2016, NERD, rmse_of_d32
from benchmarks.record import ROOT

FOLDER: Final = ROOT / "docs" / "figures"

INK: Final = "#111111"
GREY: Final = "#767676"
LIGHT: Final = "#b8b8b8"
ACCENT: Final = "#0b5fa5"  # as dark as INK beside the greys when printed
STYLE: Final = {
    "svg.hashsalt": "digitzip",
    "svg.fonttype": "path",
    "font.family": "DejaVu Sans",
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": GREY,
    "axes.labelcolor": INK,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "lines.solid_capstyle": "round",
}

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Dot:
    """One of our points: numbers of a code, bytes a digit, RMSE, and whose default it is."""

    dims: int
    bytes: float
    rmse: float
    default_levels: bool
    default_model: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """Everything that the pictures show of the results."""

    ours: tuple[Dot, ...]  # at the default effort, by dims, then bytes
    codebooks: tuple[tuple[int, float, float], ...]  # cells, ideal bytes, RMSE

    @property
    def digest(self) -> str:
        text = json.dumps([[str(dot) for dot in self.ours], self.codebooks])
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def default(self, dims: int) -> Dot | None:
        """Return the point of the model of `dims` numbers at its own level count."""
        return next((dot for dot in self.ours if dot.dims == dims and dot.default_levels), None)

    @property
    def dims(self) -> list[int]:
        return sorted({dot.dims for dot in self.ours})


def shown(rate: Result, dims: Result) -> Shown:
    """Return what of `rate.json` and `dims.json` the pictures show."""
    default = next(point["model"] for point in rate["points"] if point["default"])
    dots = [
        Dot(p["dims"], p["bytes_per_digit"], p["rmse"], p["default_levels"], p["model"] == default)
        for p in rate["points"]
        if p["effort"] == rate["default_effort"]
    ]
    books = tuple((b["cells"], b["bytes_per_digit"], b["rmse"]) for b in dims["codebooks"])
    return Shown(tuple(sorted(dots, key=lambda dot: (dot.dims, dot.bytes))), books)


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
        _quiet(axes)
    lighter = [dot for dot in results.ours if not dot.default_levels]
    for axes, values in ((above, [dot.rmse for dot in lighter]),
                         (below, [dot.bytes for dot in lighter])):  # fmt: skip
        axes.plot([dot.dims for dot in lighter], values, "o", color=LIGHT, ms=3, zorder=2)
    for point in (AUTOENCODERS_2016[-1], AUTOENCODERS_2016[-2]):
        above.plot([point.dims], [point.rmse], "s", mfc="white", mec=INK, ms=6, zorder=4)
        side: Any = ("left", 9) if point.dims == 1 else ("right", -9)
        text = f"autoencoder of 2016: {point.bytes_per_digit:.0f} B"
        _label(above, point.dims, point.rmse, text, (side[1], 0), ha=side[0])
    for cells, _, rmse in results.codebooks:
        if cells == 256:
            above.plot([1], [rmse], "x", color=INK, ms=7, mew=1.5, zorder=4)
            _label(above, 1, rmse, "k-means, 256 cells: 1 B", (9, 3))
    for dot in defaults:
        _label(below, dot.dims, dot.bytes, f"{dot.bytes:.1f}", (5, -7), color=ACCENT)
    last = defaults[-1]
    _label(above, last.dims, last.rmse, "digitzip", (0, -13), ha="center", color=ACCENT)
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
    _quiet(axes)
    nerd = [(bits / 8, rmse_of_d32(d)) for bits, d in NERD]
    axes.plot(*zip(*nerd, strict=True), "--^", color=INK, mfc="white", lw=1, ms=6, zorder=2)
    middle = nerd[2]
    _label(axes, *middle, "NERD, published (RMSE ≈ 1.235 √(D32 / 1024))", (9, 5), color=INK)
    for dims in results.dims:
        dots = [dot for dot in results.ours if dot.dims == dims]
        xs, ys = [dot.bytes for dot in dots], [dot.rmse for dot in dots]
        axes.plot(xs, ys, "-o", color=ACCENT, lw=1.4, ms=3.2, zorder=3)
        if chosen := results.default(dims):
            axes.plot([chosen.bytes], [chosen.rmse], "o", color=ACCENT, ms=6.5, zorder=4)
            _label(axes, chosen.bytes, chosen.rmse, str(dims), (-5, -8), ha="right", color=ACCENT)
    books = [(size, rmse) for _, size, rmse in results.codebooks]
    axes.plot(*zip(*books, strict=True), ":x", color=INK, lw=1, ms=6, mew=1.4, zorder=2)
    few, many = results.codebooks[0][0], results.codebooks[-1][0]
    _label(axes, *books[0], f"k-means, {few} … {many:,} cells (ideal bits)", (9, 3))
    others = [(p.bytes_per_digit, p.rmse) for p in AUTOENCODERS_2016]
    axes.plot(*zip(*others, strict=True), "s", mfc="white", mec=INK, ms=6, zorder=2)
    single, best = AUTOENCODERS_2016[-1], AUTOENCODERS_2016[-2]
    _label(axes, single.bytes_per_digit, single.rmse, "autoencoder of 2016, one float", (9, 0))
    _label(axes, best.bytes_per_digit, best.rmse, "autoencoders of 2016, ten floats", (-9, -3),
           ha="right")  # fmt: skip
    smallest = min(results.ours, key=lambda dot: dot.rmse)
    _label(axes, smallest.bytes, smallest.rmse, "digitzip, by numbers in a code", (9, -4),
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


PICTURES: Final[dict[str, tuple[tuple[float, float], Callable[[Figure, Shown], None]]]] = {
    "dims.svg": ((6.6, 5.2), draw_dims),
    "rate.svg": ((6.6, 4.4), draw_rate),
}


def picture(name: str, results: Shown, kind: str = "svg") -> bytes:
    """Return a picture as the bytes of a file; the same results give the same bytes."""
    size, draw = PICTURES[name]
    out = io.BytesIO()
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=size, facecolor="white")
        figure.subplots_adjust(left=0.1, right=0.975, top=0.93, bottom=0.14)
        draw(figure, results)
        notes = {"Date": None, "Creator": "digitzip", "Description": f"data {results.digest}"}
        figure.savefig(
            out, format=kind, dpi=150, metadata=notes if kind == "svg" else None
        )  # fmt: skip
    return out.getvalue()


def _quiet(axes: Axes) -> None:
    axes.grid(axis="y", color="#e6e6e6", lw=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=3)


def _label(
    axes: Axes, x: float, y: float, text: str, away: tuple[float, float], *,
    ha: str = "left", color: str = INK, size: float = 8.5,
) -> None:  # fmt: skip
    """Write `text` at a point, `away` from it in points of type."""
    axes.annotate(
        text, (x, y), away, textcoords="offset points", ha=ha, va="center", color=color, size=size
    )
