"""The bars: what is claimed, the setting that has to prove it, and what was measured.

The models' own defaults fix the settings before the test set is seen: no row searches for the
point that looks best.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from math import inf
from typing import Final

from benchmarks.record import Result
from benchmarks.report import guard as guards
from benchmarks.report.tables import percent

MISSING: Final = "–"
BEST_OF_2016: Final = 0.12714  # RMSE of the best autoencoder of 2016


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: the measure, its bar, a bar beyond it if there is one, and the figure."""

    measure: str
    bar: str
    beyond: str
    measured: str
    met: bool | None  # None when there is nothing measured yet
    surpassed: bool = False  # the bar beyond is reached, too

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        verdict = {True: "cleared", False: "missed", None: ""}[self.met]
        verdict = "beyond" if self.surpassed else verdict
        return self.measure, self.bar, self.beyond, self.measured, verdict


def claimed(rate: Result, speed: Result) -> list[Bar]:
    """Return the bars that `rate.json` and `speed.json` have to clear, the main ones first."""
    dims = next(point for point in rate["points"] if point["default"])["dims"]
    default, highest = rate["default_effort"], rate["highest_effort"]
    best, usual = at(rate, dims, 0, highest), at(rate, dims, 0, default)
    over_png, over_webp = speed["decompress_over_png_decode"], speed["compress_over_webp_encode"]
    return [
        _loss("RMSE at ≤ 4.5 bytes per image, highest effort", best, 4.5, 0.088, 0.080),
        _less("its D32 (best published at that rate: 5.456)", best, "d32", 5.2, None, 4.5),
        _loss("RMSE at ≤ 4.5 bytes, default effort", usual, 4.5, 0.092, 0.085),
        _loss(
            "RMSE at ≤ 3.6 bytes, highest effort", at(rate, dims, -1, highest), 3.6, 0.098, 0.090
        ),
        _loss("one latent: RMSE at ≤ 1.0 byte", at(rate, 1, 0, default), 1.0, 0.180, 0.172),
        _rate("ten latents, fewest levels: bytes with RMSE below 0.12714",
              at(rate, dims, -2, highest), 2.7),
        _rate("four latents: the same", at(rate, 4, 0, default), 2.7),
        _rate("three latents: the same", at(rate, 3, 0, default), 2.4, beyond=True),
        _less("codes above the ideal of the entropy model", usual, "codes_over_ideal", 0.03, 0.01),
        _less("label changes at ≤ 4.5 bytes, default effort", usual, "label_change_rate", 0.015,
              0.010, 4.5),
        _more("decompress / Pillow PNG decode", over_png, 0.5, 1),
        _more("compress / Pillow WebP lossless encode", over_webp, 0.2),
        _megabytes("default model's file", rate["model_bytes"], 4),
        _megabytes("all models", sum(rate["bytes_of_models"].values()), 20),
    ]  # fmt: skip


def guarded(guard: Result) -> list[Bar]:
    """Return the bars that the guard and lossless files have to clear."""
    lossless = guards.lossless(guard)
    slowest = min(lossless["compress_per_second"], lossless["decompress_per_second"])
    size = lossless["bytes_per_image"]
    return [
        _few(guard, 20, 1.0),
        _few(guard, 5, 2.0),
        Bar("lossless, default levels: bytes per image", "< 112", "98", f"{size:.1f}", size < 112,
            size < 98),
        Bar("lossless: images per second each way, one core", "≥ 300", "", f"{slowest:,.0f}",
            slowest >= 300),
    ]  # fmt: skip


def standing(rate: Result, speed: Result, startup: Result, scale: Result) -> list[Bar]:
    """Return the bars that earlier versions cleared and every later one has to."""
    seconds, run = startup["median_seconds"], scale["runs"][-1]
    allowed = 4 * seconds["python -c pass"] + 0.050
    version, one = seconds["digitzip --version"], seconds["decompress one image"]
    peak = max(run["compress"]["peak_mb"], run["decompress"]["peak_mb"])
    alone, over, kept = (
        rate["one_image_bytes"]["most"], rate["overhead_share"], rate["kept_codes"],
    )  # fmt: skip
    ratio = speed["compress_without_search_over_png_encode"]
    rows = [
        ("one image alone", "≤ 110 bytes", f"{alone} bytes", alone <= 110),
        ("everything but the codes", "< 0.6 %", percent(over), over < 0.006),
        ("reconstructions that keep their code", "≥ 99 %", percent(kept), kept >= 0.99),
        (
            "`digitzip --version`", f"≤ {allowed * 1000:.0f} ms (4 × `python -c pass` + 50 ms)",
            f"{version * 1000:.0f} ms", version <= allowed,
        ),
        (
            "decompress a file of one image, command line", "≤ 500 ms", f"{one * 1000:.0f} ms",
            one <= 0.5,
        ),
        (f"peak memory, {run['images']:,} images", "< 400 MB", f"{peak:.0f} MB", peak < 400),
    ]  # fmt: skip
    return [
        *(Bar(measure, bar, "", measured, met) for measure, bar, measured, met in rows),
        _more("compress without search / Pillow PNG encode", ratio, 1),
    ]


def at(rate: Result, dims: int, step: int, effort: int) -> Result | None:
    """Return the point of the model of `dims` latents, `step` qualities from its default."""
    points = [p for p in rate["points"] if (p["dims"], p["effort"]) == (dims, effort)]
    default = next((p["quality"] for p in points if p["default_levels"]), None)
    return next((p for p in points if default and p["quality"] == default + step), None)


def unmet(bars: Iterable[Bar]) -> list[str]:
    """Return the measures of bars that were not cleared, or not measured."""
    return [bar.measure for bar in bars if not bar.met and bar.bar]


def rounded(ratio: float, *bars: float | None) -> str:
    """Return a ratio to two places, or as many as it takes to fall on its own side of each bar."""
    sides = [(bar, ratio >= bar) for bar in bars if bar is not None]
    texts = (f"{ratio:.{places}f}" for places in range(2, 17))
    same = (text for text in texts if all((float(text) >= bar) == side for bar, side in sides))
    return next(same, repr(ratio))


def _loss(measure: str, point: Result | None, rate: float, bar: float, beyond: float) -> Bar:
    """A bar on RMSE, which counts only at the rate it is set for."""
    texts = f"≤ {bar:.3f}", f"{beyond:.3f}"
    if point is None:
        return Bar(measure, *texts, MISSING, None)
    within, rmse = point["bytes_per_image"] <= rate, point["rmse"]
    measured = f"{rmse:.4f} at {point['bytes_per_image']:.3f} B"
    return Bar(measure, *texts, measured, within and rmse <= bar, within and rmse <= beyond)


def _rate(measure: str, point: Result | None, most: float, *, beyond: bool = False) -> Bar:
    """A bar on bytes, which counts only below the RMSE of the best autoencoder of 2016."""
    texts = ("", f"{most}") if beyond else (f"≤ {most}", "")
    if point is None:
        return Bar(measure, *texts, MISSING, None)
    size, rmse = point["bytes_per_image"], point["rmse"]
    met = size <= most and rmse < BEST_OF_2016
    measured = f"{size:.3f} at {rmse:.4f}"
    return Bar(measure, *texts, measured, None if beyond else met, met and beyond)


def _less(
    measure: str, point: Result | None, key: str, bar: float, beyond: float | None,
    rate: float = inf,
) -> Bar:  # fmt: skip
    """A bar on what `key` names, D32 or a share, which counts only at the rate it is set for."""
    share = key != "d32"
    texts = (
        f"≤ {percent(bar, 1) if share else bar}", "" if beyond is None else percent(beyond, 1),
    )  # fmt: skip
    if point is None:
        return Bar(measure, *texts, MISSING, None)
    within, value = point["bytes_per_image"] <= rate, point[key]
    surpassed = within and beyond is not None and value <= beyond
    measured = percent(value) if share else f"{value:.2f}"
    return Bar(measure, *texts, measured, within and value <= bar, surpassed)


def _more(measure: str, ratio: float, bar: float, beyond: float | None = None) -> Bar:
    far = "" if beyond is None else f"{beyond:g}"
    surpassed = beyond is not None and ratio >= beyond
    return Bar(
        measure, f"≥ {bar:g}", far, rounded(ratio, bar, beyond), ratio >= bar, surpassed
    )  # fmt: skip


def _megabytes(measure: str, size: int, bar: int) -> Bar:
    return Bar(measure, f"≤ {bar} MB", "", f"{size / 1e6:.2f} MB", size <= bar * 1_000_000)


def _few(guard: Result, changes: int, most: float) -> Bar:
    """A bar on the bytes that at most so many label changes of 10,000 cost.

    The default margin serves where it clears the bar, else the cheapest of the curve.
    """
    off, *rows = guard["curve"]
    measure = f"bytes that the guard adds for ≤ {changes} label changes of 10,000"
    close = [row for row in rows if row["label_changes"] <= changes]
    if not close:
        return Bar(measure, f"≤ {most:.1f}", "", MISSING, False)

    def adds(row: Result) -> float:
        return float(row["bytes_per_image"] - off["bytes_per_image"])

    usual = guards.default(guard)
    chosen = usual if usual in close and adds(usual) <= most else min(close, key=adds)
    name = "default" if chosen is usual else f"{chosen['what']}, not the default"
    measured = f"{adds(chosen):.2f} B: {chosen['label_changes']} ({name})"
    return Bar(measure, f"≤ {most:.1f}", "", measured, adds(chosen) <= most)
