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
from benchmarks.report import tables
from benchmarks.report.tables import number

MISSING: Final = "–"
QOI: Final = "QOI, grey as RGB"
BEST_OF_2016: Final = 0.12714  # RMSE of the best autoencoder of 2016
FORMS: Final = {
    "rmse": (".3f", "{rmse:.4f} at {bytes_per_image:.3f} B"),
    "d32": ("g", "{d32:.2f}"),
    "codes_over_ideal": (".1%", "{codes_over_ideal:.2%}"),
    "label_change_rate": (".1%", "{label_change_rate:.2%}"),
}
"""How the bars of a point are written, and what was measured of it."""


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


def table(
    rate: Result, guard: Result, startup: Result, scale: Result, speed: Result, peer_speed: Result,
    backends: Result, cores: Result,
) -> str:  # fmt: skip
    """Return every bar."""
    rows = [
        *claimed(rate),
        *guarded(guard),
        *fast(speed, peer_speed, backends, cores),
        *standing(rate, startup, scale),
    ]
    return tables.table(("measure", "bar", "beyond", "measured", ""), *(bar.cells for bar in rows))


def claimed(rate: Result) -> list[Bar]:
    """Return the bars that `rate.json` has to clear, the main ones first."""
    dims = next(point for point in rate["points"] if point["default"])["dims"]
    default, highest = rate["default_effort"], rate["highest_effort"]
    best, usual = at(rate, dims, 0, highest), at(rate, dims, 0, default)
    coarser, coarsest = (at(rate, dims, steps, highest) for steps in (-1, -2))
    one, three, four = (at(rate, dims, 0, default) for dims in (1, 3, 4))
    fewest = "ten latents, fewest levels: bytes with RMSE below 0.12714"
    one_model, models = rate["model_bytes"], sum(rate["bytes_of_models"].values())
    return [
        _least("RMSE at ≤ 4.5 bytes per image, highest effort", best, "rmse", 0.088, 0.080, 4.5),
        _least("its D32 (best published at that rate: 5.456)", best, "d32", 5.2, None, 4.5),
        _least("RMSE at ≤ 4.5 bytes, default effort", usual, "rmse", 0.092, 0.085, 4.5),
        _least("RMSE at ≤ 3.6 bytes, highest effort", coarser, "rmse", 0.098, 0.090, 3.6),
        _least("one latent: RMSE at ≤ 1.0 byte", one, "rmse", 0.180, 0.172, 1.0),
        _rate(fewest, coarsest, 2.7),
        _rate("four latents: the same", four, 2.7),
        _rate("three latents: the same", three, 2.4, beyond=True),
        _least("codes above the ideal of the entropy model", usual, "codes_over_ideal", 0.03, 0.01),
        _least("label changes at ≤ 4.5 bytes, default effort", usual, "label_change_rate",
               0.015, 0.010, 4.5),
        Bar("default model's file", "≤ 4 MB", "", f"{one_model / 1e6:.2f} MB", one_model <= 4e6),
        Bar("all models", "≤ 20 MB", "", f"{models / 1e6:.2f} MB", models <= 20e6),
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


def fast(speed: Result, peer_speed: Result, backends: Result, cores: Result) -> list[Bar]:
    """Return the bars of speed: one thread, but for the last one."""
    qoi = peer_speed["sizes"][-1]["peers"][QOI]["ours_over_decode"]["one thread"]["median"]
    native = {task: found["median"] for task, found in backends["native_over_numpy"].items()}
    lossless = min(native["lossless compress"], native["lossless decompress"])
    few = min(native["decompress, 1 image"], native["decompress, 100 images"])
    (cold,) = (ratio for task, ratio in native.items() if task.startswith("one image of a cold"))
    spread = min(found["median"] for found in cores["all_over_one"].values())
    return [
        _more("decompress / Pillow PNG decode", speed["decompress_over_png_decode"], 1.1, 3),
        _more(f"decompress / {QOI} decode", qoi, 0.28, 1),
        _more("compress, default / Pillow WebP lossless encode",
              speed["guarded"]["over_webp"]["median"], 0.4, 1.5),
        _more("compress, effort 0, guard off / Pillow PNG encode",
              speed["compress_without_search_over_png_encode"], 2.5, 6),
        _more("lossless, the slower way: native / NumPy", lossless, 8, 15),
        _more("one image of a cold coded chunk: native / NumPy", cold, 8, 20),
        _more("decompress 1 and 100 images, the lesser: native / NumPy", few, 2, 4),
        _more(f"{cores['jobs']} cores / one core, the least of all tasks", spread,
              0.9 * cores["jobs"], 0.975 * cores["jobs"]),
    ]  # fmt: skip


def standing(rate: Result, startup: Result, scale: Result) -> list[Bar]:
    """Return the bars that earlier versions cleared and every later one has to."""
    seconds, run = startup["median_seconds"], scale["runs"][-1]
    allowed = 4 * seconds["python -c pass"] + 0.050
    version, one = seconds["digitzip --version"], seconds["decompress one image"]
    peak = max(run["compress"]["peak_mb"], run["decompress"]["peak_mb"])
    alone, over, kept = (
        rate["one_image_bytes"]["most"], rate["overhead_share"], rate["kept_codes"],
    )  # fmt: skip
    rows = [
        ("one image alone", "≤ 110 bytes", f"{alone} bytes", alone <= 110),
        ("everything but the codes", "< 0.6 %", number(over, ".2%"), over < 0.006),
        ("reconstructions that keep their code", "≥ 99 %", number(kept, ".2%"), kept >= 0.99),
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
    return [Bar(measure, bar, "", measured, met) for measure, bar, measured, met in rows]


def at(rate: Result, dims: int, step: int, effort: int) -> Result | None:
    """Return the point of the model of `dims` latents, `step` qualities from its default."""
    points = [p for p in rate["points"] if (p["dims"], p["effort"]) == (dims, effort)]
    default = next((p["quality"] for p in points if p["default_levels"]), None)
    return next((p for p in points if default and p["quality"] == default + step), None)


def unmet(bars: Iterable[Bar]) -> list[str]:
    """Return the measures of bars that were not cleared, or not measured."""
    return [bar.measure for bar in bars if not bar.met and bar.bar]


def rounded(ratio: float, *bars: float | None) -> str:
    """Return a ratio to two decimals, or more where two move it across a bar."""
    sides = [(bar, ratio >= bar) for bar in bars if bar is not None]
    texts = (f"{ratio:.{decimals}f}" for decimals in range(2, 17))
    same = (text for text in texts if all((float(text) >= bar) == side for bar, side in sides))
    return next(same, repr(ratio))


def _least(
    measure: str, point: Result | None, key: str, bar: float, beyond: float | None,
    rate: float = inf,
) -> Bar:  # fmt: skip
    """A bar on what `key` names of a point, which counts only at the rate it is set for."""
    form, measured = FORMS[key]
    texts = f"≤ {number(bar, form)}", "" if beyond is None else number(beyond, form)
    if point is None:
        return Bar(measure, *texts, MISSING, None)
    within, value = point["bytes_per_image"] <= rate, point[key]
    surpassed = within and beyond is not None and value <= beyond
    shown = measured.format(**point).replace("%", " %")
    return Bar(measure, *texts, shown, within and value <= bar, surpassed)


def _rate(measure: str, point: Result | None, most: float, *, beyond: bool = False) -> Bar:
    """A bar on bytes, which counts only below the RMSE of the best autoencoder of 2016."""
    texts = ("", f"{most}") if beyond else (f"≤ {most}", "")
    if point is None:
        return Bar(measure, *texts, MISSING, None)
    size, rmse = point["bytes_per_image"], point["rmse"]
    met = size <= most and rmse < BEST_OF_2016
    measured = f"{size:.3f} at {rmse:.4f}"
    return Bar(measure, *texts, measured, None if beyond else met, met and beyond)


def _more(measure: str, ratio: float, bar: float, beyond: float | None = None) -> Bar:
    texts = f"≥ {bar:g}", "" if beyond is None else f"{beyond:g}", rounded(ratio, bar, beyond)
    return Bar(measure, *texts, ratio >= bar, beyond is not None and ratio >= beyond)


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
