"""Draw figures: one style, and the few habits that all of them share."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import Final, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, NullLocator

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

BYTES: Final = "bytes per image"
RMSE: Final = "RMSE, pixels in 0 … 1"

Position = tuple[float, float]  # x, y in data


def figure_of(size: tuple[float, float], draw: Callable[[Figure], None]) -> Figure:
    """Return a figure of `size` inches, drawn in the style."""
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=size, facecolor="white")
        figure.subplots_adjust(left=0.1, right=0.975, top=0.93, bottom=0.14)
        draw(figure)
    return figure


def svg(figure: Figure, description: str) -> bytes:
    """Return a figure as an SVG file; the same figure gives the same bytes."""
    out = io.BytesIO()
    notes = {"Date": None, "Creator": "digitzip", "Description": description}
    with mpl.rc_context(STYLE):  # type: ignore[arg-type]
        figure.savefig(out, format="svg", metadata=notes)
    return out.getvalue()


def quiet(axes: Axes) -> None:
    """Draw light horizontal lines and short ticks."""
    axes.grid(axis="y", color="#e6e6e6", lw=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=3)


def log_ticks(axes: Axes, name: Literal["x", "y"], ticks: Sequence[float]) -> None:
    """Make the x or y axis logarithmic, with labels at these values only."""
    axes.set(**{f"{name}scale": "log"})
    axis = axes.xaxis if name == "x" else axes.yaxis
    axis.set_major_locator(FixedLocator(ticks))
    axis.set_minor_locator(NullLocator())
    axis.set_ticklabels([f"{tick:g}" for tick in ticks])


def points(
    axes: Axes, positions: Sequence[Position], style: str, color: str = INK, **more: object
) -> None:
    """Draw positions as markers, joined by a line where `style` has one."""
    options = {"color": color, "mec": color, "lw": 1, "ms": 6, "zorder": 2} | more
    axes.plot(*zip(*positions, strict=True), style, **options)  # type: ignore[arg-type]


def label(
    axes: Axes, position: Position, text: str, away: Position, *,
    ha: str = "left", color: str = INK, size: float = 8.5,
) -> None:  # fmt: skip
    """Write `text` at a position, `away` from it in points of type."""
    axes.annotate(
        text, position, away, textcoords="offset points", ha=ha, va="center", color=color, size=size
    )


def footnote(figure: Figure, text: str) -> None:
    figure.text(0.1, 0.016, text, color=GREY, size=7.5)
