"""How the pictures look: ink, type, and the two habits that all of them share."""

from __future__ import annotations

from typing import Final

from matplotlib.axes import Axes

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


def quiet(axes: Axes) -> None:
    axes.grid(axis="y", color="#e6e6e6", lw=0.7)
    axes.set_axisbelow(True)
    axes.tick_params(length=3)


def label(
    axes: Axes, x: float, y: float, text: str, away: tuple[float, float], *,
    ha: str = "left", color: str = INK, size: float = 8.5,
) -> None:  # fmt: skip
    """Write `text` at a point, `away` from it in points of type."""
    axes.annotate(
        text, (x, y), away, textcoords="offset points", ha=ha, va="center", color=color, size=size
    )
