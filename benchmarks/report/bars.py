"""The bars: what is claimed, which setting has to prove it, and what was measured.

The settings are fixed here by the models' own defaults before the test set is seen: a row of the
table never searches for the point that looks best.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

Result = dict[str, Any]

MISSING: Final = "–"


@dataclass(frozen=True, slots=True)
class Bar:
    """One row: the measure, its bar, a bar beyond it if there is one, and the figure."""

    measure: str
    bar: str
    beyond: str
    measured: str
    met: bool | None  # None when there is no model yet to measure
    surpassed: bool = False  # what stands under "beyond" is reached too

    @property
    def cells(self) -> tuple[str, str, str, str, str]:
        """The row as text, with how far it came."""
        verdict = {True: "cleared", False: "missed", None: ""}[self.met]
        verdict = "beyond" if self.surpassed else verdict
        return self.measure, self.bar, self.beyond, self.measured, verdict


def claimed(rate: Result, speed: Result) -> list[Bar]:
    """Return the bars that `rate.json` and `speed.json` have to clear, the main ones first."""
    dims = next(point for point in rate["points"] if point["default"])["dims"]
    default, highest = rate["default_effort"], rate["highest_effort"]
    best = at(rate, dims, 0, highest)
    usual = at(rate, dims, 0, default)
    weights = sum(rate["bytes_of_models"].values())
    return [
        _loss("RMSE at ≤ 4.5 bytes a digit, highest effort", best, 4.5, 0.088, 0.080),
        _less("its D32 (best published at that rate: 5.456)", best, "d32", 5.2, None, ".2f", 4.5),
        _loss("RMSE at ≤ 4.5 bytes, default effort", usual, 4.5, 0.092, 0.085),
        _loss(
            "RMSE at ≤ 3.6 bytes, highest effort", at(rate, dims, -1, highest), 3.6, 0.098, 0.090
        ),
        _loss("one number: RMSE at ≤ 1.0 byte", at(rate, 1, 0, default), 1.0, 0.180, 0.172),
        _rate("ten numbers, fewest levels: bytes with RMSE below 0.12714",
              at(rate, dims, -2, highest), "2.7", 2.7),
        _rate("four numbers: the same", at(rate, 4, 0, default), "2.7", 2.7),
        _rate("three numbers: the same", at(rate, 3, 0, default), "", 2.4),
        _less(
            "codes above the predictor's ideal", usual, "codes_over_ideal", 0.03, 0.01, ".2%"
        ),
        _less(
            "digits that another network reads differently at ≤ 4.5 bytes, default effort",
            usual, "read_differently", 0.015, 0.010, ".2%", 4.5,
        ),
        _more("decompress / Pillow PNG decode", speed["decompress_over_png_decode"], 0.5, 1),
        _more(
            "compress / Pillow WebP lossless encode", speed["compress_over_webp_encode"], 0.2, None
        ),
        _megabytes("default model's file", rate["model_bytes"], 4),
        _megabytes("all models", weights, 20),
    ]  # fmt: skip


def standing(rate: Result, speed: Result, startup: Result, scale: Result) -> list[Bar]:
    """Return the bars that earlier versions cleared and every later one has to."""
    seconds = startup["median_seconds"]
    allowed = 4 * seconds["python -c pass"] + 0.050
    version, one = seconds["digitzip --version"], seconds["decompress one digit"]
    run = scale["runs"][-1]
    peak = max(run["compress"]["peak_mb"], run["decompress"]["peak_mb"])
    alone, over, kept = (
        rate["one_digit_bytes"]["most"], rate["overhead_share"], rate["kept_codes"],
    )  # fmt: skip
    ratio = speed["compress_without_search_over_png_encode"]
    return [
        Bar("one digit alone", "≤ 110 bytes", "", f"{alone} bytes", alone <= 110),
        Bar("everything but the codes", "< 0.6 %", "", percent(over), over < 0.006),
        Bar("decoded digits that keep their code", "≥ 99 %", "", percent(kept), kept >= 0.99),
        _more("compress without search / Pillow PNG encode", ratio, 1, None),
        Bar(
            "`digitzip --version`", f"≤ {allowed * 1000:.0f} ms (4 × `python -c pass` + 50 ms)", "",
            f"{version * 1000:.0f} ms", version <= allowed,
        ),
        Bar(
            "decompress a one-digit file, command line", "≤ 500 ms", "", f"{one * 1000:.0f} ms",
            one <= 0.5,
        ),
        Bar(f"peak memory, {run['digits']:,} digits", "< 400 MB", "", f"{peak:.0f} MB", peak < 400),
    ]  # fmt: skip


def at(rate: Result, dims: int, step: int, effort: int) -> Result | None:
    """Return the point of the model of `dims` numbers, `step` qualities from its default."""
    points = [p for p in rate["points"] if (p["dims"], p["effort"]) == (dims, effort)]
    for default in (p for p in points if p["default_levels"]):
        for point in points:
            if point["quality"] == default["quality"] + step:
                found: Result = point
                return found
    return None


def percent(share: float) -> str:
    return f"{share:.2%}".replace("%", " %")


def _loss(measure: str, point: Result | None, rate: float, bar: float, beyond: float) -> Bar:
    """A bar on RMSE, which counts only at the rate it is set for."""
    if point is None:
        return Bar(measure, f"≤ {bar:.3f}", f"{beyond:.3f}", MISSING, None)
    within = point["bytes_per_digit"] <= rate
    return Bar(
        measure, f"≤ {bar:.3f}", f"{beyond:.3f}",
        f"{point['rmse']:.4f} at {point['bytes_per_digit']:.3f} B",
        within and point["rmse"] <= bar, within and point["rmse"] <= beyond,
    )  # fmt: skip


def _rate(measure: str, point: Result | None, bar: str, most: float) -> Bar:
    """A bar on bytes, which counts only below the RMSE of the best autoencoder of 2016."""
    texts = (f"≤ {bar}", "") if bar else ("", f"{most}")
    if point is None:
        return Bar(measure, *texts, MISSING, None)
    met = point["bytes_per_digit"] <= most and point["rmse"] < 0.12714
    measured = f"{point['bytes_per_digit']:.3f} at {point['rmse']:.4f}"
    return Bar(measure, *texts, measured, met if bar else None, met and not bar)


def _less(
    measure: str, point: Result | None, key: str, bar: float, beyond: float | None, form: str,
    rate: float = float("inf"),
) -> Bar:  # fmt: skip
    """A bar on what `key` names, which counts only at the rate it is set for."""

    def text(value: float) -> str:
        return f"{value:{form}}".replace("%", " %")

    short = f"{bar:.1%}".replace("%", " %") if "%" in form else f"{bar:g}"
    far = "" if beyond is None else f"{beyond:.1%}".replace("%", " %")
    if point is None:
        return Bar(measure, f"≤ {short}", far, MISSING, None)
    within = point["bytes_per_digit"] <= rate
    surpassed = within and beyond is not None and point[key] <= beyond
    met = within and point[key] <= bar
    return Bar(measure, f"≤ {short}", far, text(point[key]), met, surpassed)


def _more(measure: str, ratio: float, bar: float, beyond: float | None) -> Bar:
    far = "" if beyond is None else f"{beyond:g}"
    surpassed = beyond is not None and ratio >= beyond
    met = ratio >= bar
    return Bar(measure, f"≥ {bar:g}", far, rounded(ratio, bar, beyond), met, surpassed)


def rounded(ratio: float, *bars: float | None) -> str:
    """Return a ratio to two places, or as many as it takes to fall on its own side of each bar."""
    sides = [(bar, ratio >= bar) for bar in bars if bar is not None]
    texts = (f"{ratio:.{places}f}" for places in range(2, 17))
    same = (text for text in texts if all((float(text) >= bar) == side for bar, side in sides))
    return next(same, repr(ratio))


def _megabytes(measure: str, size: int, bar: int) -> Bar:
    return Bar(measure, f"≤ {bar} MB", "", f"{size / 1e6:.2f} MB", size <= bar * 1_000_000)


def unmet(bars: list[Bar]) -> Iterator[str]:
    """Yield the measures of bars that were not cleared, or not measured."""
    return (bar.measure for bar in bars if not bar.met and bar.bar)
