"""Tables, bars and headlines say what the results say; of results made up here."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest

from benchmarks.measure.scale import estimate
from benchmarks.record import Result
from benchmarks.report import bars, guard, peers, render, speed, summary

RATIO = {"median": 0.196, "least": 0.17, "most": 1234.0}
SPEEDS = {"median": 1_700.4, "least": 1_500.0, "most": 1_800.0}
SPREAD = "1,700 (1,500 … 1,800)"
RATIOS = "0.196 (0.170 … 1,234)"


def cells_of(table: str) -> list[list[str]]:
    """Return the cells of a table, its head first."""
    lines = [line for line in table.splitlines() if line.startswith("|")]
    rows = [[cell.strip() for cell in line[1:-1].split("|")] for line in lines]
    assert len({len(row) for row in rows}) == 1
    return [rows[0], *rows[2:]]


def a_point(dims: int, quality: int, rmse: float, size: float, **more: object) -> Result:
    found: Result = {
        "model": f"mnist-{dims}", "dims": dims, "levels": 15, "quality": quality, "effort": 9,
        "bytes_per_image": size, "rmse": rmse, "psnr": 20.0, "ssim": 0.9, "d32": 5.3,
        "codes_over_ideal": 0.02, "label_change_rate": 0.009, "default": False,
        "default_levels": quality == 2,
    }  # fmt: skip
    return found | more


RATE: Result = {
    "images": 10_000, "default_effort": 2, "highest_effort": 9, "model_bytes": 3_000_000,
    "bytes_of_models": {"mnist-10": 3_000_000, "mnist-4": 1, "mnist-1": 18_000_000},
    "points": [
        a_point(10, 1, 0.095, 3.5), a_point(10, 2, 0.087, 4.4),
        a_point(10, 2, 0.093, 4.4, effort=2, default=True),
        a_point(1, 2, 0.170, 1.01, effort=2), a_point(4, 2, 0.126, 2.6, effort=2),
    ],
}  # fmt: skip


def a_row(what: str, size: float, changes: int | None, **others: Any) -> Result:
    """Return a row of `guard.json`."""
    return {
        "what": what, "levels": 15, "effort": 1, "bytes": int(size * 10_000),
        "bytes_per_image": size, "rmse": 0.09, "greatest_error": 255, "label_changes": changes,
        "fallbacks": {"none": 900, "other_code": 50, "near_lossless": 40, "lossless": 10},
        "correction_bytes": 0, "compress_per_second": 400.0, "decompress_per_second": 350.0,
        **others,
    }  # fmt: skip


CURVE = [
    a_row("off", 4.5, 90, fallbacks={}), a_row("margin 100", 5.0, 30), a_row("margin 200", 5.4, 20),
    a_row("margin 300", 6.6, 5),
]  # fmt: skip
GUARD: Result = {
    "margin": 200, "images": 10_000, "held_out_images": 1_000,
    "held_out": [{**row, "label_changes": row["label_changes"] // 10} for row in CURVE],
    "curve": CURVE,
    "settings": [a_row("off", 4.5, 90, fallbacks={}), a_row("on", 5.4, 20)],
    "bounds": [a_row("max_error 9", 40.0, 0), a_row("lossless", 103.8, None, rmse=0.0)],
    "odd": [a_row("noise", 300.0, None)],
}  # fmt: skip


def a_peer(name: str, size: float, **more: Any) -> Result:
    return {
        "name": name, "setting": "best", "solid": True, "lossless": False, "bytes_per_image": size,
        "rmse": 0.05, "psnr": 26.0, "ssim": 0.9, "d32": 1.5, "label_change_rate": 0.0123,
        "model_bytes": 0,
    } | more  # fmt: skip


LOSSLESS: Result = {
    "lossless": True, "rmse": 0, "psnr": None, "ssim": 1, "d32": 0, "label_change_rate": 0,
}  # fmt: skip
PEERS = [
    a_peer("PNG", 260, solid=False, **LOSSLESS),
    a_peer("xz", 135.5, **LOSSLESS, setting="level 9, extreme"),
    a_peer("JPEG", 200, solid=False, label_change_rate=None),
    a_peer("WebP", 100, solid=False),
    a_peer("WebP mosaic", 33),
    a_peer("digitzip", 103, solid=False, model_bytes=1_900_000),
    a_peer("zstd dictionary", 171, solid=False, **LOSSLESS | {"model_bytes": 114_688}),
    a_peer("PCA", 2, model_bytes=9408),
]


def test_a_bar_is_cleared_only_at_its_rate_by_the_setting_it_names() -> None:
    rows = bars.claimed(RATE)
    verdicts = {bar.measure: bar.cells[-1] for bar in rows}
    assert verdicts["RMSE at ≤ 4.5 bytes per image, highest effort"] == "cleared"
    assert verdicts["RMSE at ≤ 4.5 bytes, default effort"] == "missed"
    assert verdicts["RMSE at ≤ 3.6 bytes, highest effort"] == "cleared"
    assert verdicts["one latent: RMSE at ≤ 1.0 byte"] == "missed"  # 1.01 bytes
    assert verdicts["four latents: the same"] == "cleared"
    assert verdicts["three latents: the same"] == ""  # there is no such model
    assert verdicts["label changes at ≤ 4.5 bytes, default effort"] == "beyond"
    assert verdicts["all models"] == "missed"  # 21 MB
    assert verdicts["its D32 (best published at that rate: 5.456)"] == "missed"
    assert len(bars.unmet(rows)) == 5


def test_bars_of_the_guard_are_cleared_at_their_edge_and_missed_beyond() -> None:
    result = copy.deepcopy(GUARD)

    def verdicts() -> list[tuple[str, bool | None, bool]]:
        return [(bar.measured, bar.met, bar.surpassed) for bar in bars.guarded(result)]

    assert verdicts() == [
        ("0.90 B: 20 (default)", True, False),
        ("2.10 B: 5 (margin 300, not the default)", False, False),
        ("103.8", True, False), ("350", True, False),
    ]  # fmt: skip
    result["curve"][2]["label_changes"] = 21
    result["curve"][3]["bytes_per_image"] = 6.5
    result["bounds"][1] |= {"bytes_per_image": 97.9, "decompress_per_second": 299.0}
    assert verdicts() == [
        ("2.00 B: 5 (margin 300, not the default)", False, False),
        ("2.00 B: 5 (margin 300, not the default)", True, False),
        ("97.9", True, True), ("299", False, False),
    ]  # fmt: skip
    result["curve"][3]["label_changes"] = 21
    assert verdicts()[:2] == [("–", False, False)] * 2


def test_a_bar_of_speed_takes_the_slowest_of_its_tasks() -> None:
    def over(ratio: float) -> Result:
        return {"median": ratio}

    speed = {
        "decompress_over_png_decode": 1.5, "compress_without_search_over_png_encode": 6.5,
        "guarded": {"over_webp": over(0.39)},
    }  # fmt: skip
    native = {
        "lossless compress": over(9), "lossless decompress": over(20),
        "one image of a cold chunk of 10,000": over(21), "decompress, 1 image": over(1.9),
        "decompress, 100 images": over(4),
    }  # fmt: skip
    qoi = {bars.QOI: {"ours_over_decode": {"one thread": over(0.3)}}}
    rows = bars.fast(
        speed,
        {"sizes": [{"peers": {}}, {"peers": qoi}]},
        {"native_over_numpy": native},
        {"jobs": 2, "all_over_one": {"test": over(1.96), "decompress": over(1.79)}},
    )
    assert [bar.cells[-1] for bar in rows] == [
        "cleared", "cleared", "missed", "beyond", "cleared", "beyond", "missed", "missed",
    ]  # fmt: skip


def test_a_setting_is_found_from_its_models_default() -> None:
    coarser = bars.at(RATE, 10, -1, 9)
    assert coarser
    assert coarser["quality"] == 1
    assert bars.at(RATE, 10, 1, 9) is bars.at(RATE, 2, 0, 9) is None


@pytest.mark.parametrize(
    ("ratio", "limits", "text"),
    [
        (0.196, (0.2,), "0.196"), (0.19996, (0.2, None), "0.19996"), (0.204, (0.2,), "0.20"),
        (0.18, (0.2,), "0.18"), (0.998, (0.5, 1), "0.998"), (2.041, (0.5, 1), "2.04"),
    ],
)  # fmt: skip
def test_a_ratio_is_never_rounded_over_its_bar(
    ratio: float, limits: tuple[float | None, ...], text: str
) -> None:
    assert bars.rounded(ratio, *limits) == text


def test_tables_of_the_guard_have_a_row_each() -> None:
    counts = ["900", "50", "40", "10"]
    off, _, default, _ = cells_of(guard.curve(GUARD))[1:]
    assert off == ["off", "–", "9", "4.500", "–", "90", *["–"] * 4]
    assert default == ["margin 200, default", "+0.900", "2", "5.400", "+0.900", "20", *counts]
    (setting,) = cells_of(guard.settings(GUARD))[1:]
    assert setting == ["15", "1", "4.500", "0.0900", "90", "5.400", "0.0900", "20", *counts]
    near, exact = cells_of(guard.bounds(GUARD))[1:]
    assert near == ["`--max-error 9`", "15", "40.00", "0.0900", "255", "400", "350"]
    assert exact[:3] == ["`--lossless`", "15", "103.80"]
    assert cells_of(guard.odd(GUARD))[1] == ["noise", "300.0", "0.0900", *counts]


def test_the_summary_is_of_the_defaults() -> None:
    headline = summary.headline(RATE, GUARD).replace("\n", " ")
    assert "**54,000 bytes: 5.40 bytes per image, 145 times smaller, at RMSE 0.0900**" in headline
    assert "another digit than before in 20 of them" in headline
    measured = {"bytes": 50_000, "bytes_per_image": 5, "rmse": 0.08, "label_changes": 3}
    assert "**50,000 bytes" in summary.headline(RATE, GUARD | {"quick_start": measured})
    speeds: Result = {"decompress_over_png_decode": 1.456, "compress_over_webp_encode": 0.4}
    speeds |= {"guarded": {"over_webp": {"median": 0.2}}}
    found = summary.results(RATE, GUARD, {"peers": PEERS}, speeds)
    assert cells_of(found)[1:] == [
        ["**digitzip, default**", "5.40", "0.0900"], ["digitzip, `--guard off`", "4.40", "0.0930"],
        ["digitzip, `--dims 1 --guard off`", "1.01", "0.1700"],
        ["digitzip, `--lossless`", "103.80", "0"], ["xz, one file", "135.50", "0"],
    ]  # fmt: skip
    shown = found.replace("\n", " ")
    assert "1.46 times as fast as decoding PNG" in shown
    assert "0.20 times as fast as encoding lossless WebP (0.40 with `--guard off`)" in shown


def test_peers_stand_under_their_kind_smallest_first() -> None:
    rows = cells_of(peers.table(RATE, {"peers": PEERS}))
    assert [row[0] for row in rows[1:]] == [
        "**digitzip**", "digitzip", "digitzip", "digitzip", "**learned**", "PCA",
        "**lossy, solid**", "WebP mosaic", "**lossy, single**", "WebP", "digitzip", "JPEG",
        "**lossless, solid**", "xz", "**lossless, single**", "zstd dictionary", "PNG",
        "**published**", *["autoencoder of 2016"] * 5, *["NERD"] * 8,
    ]  # fmt: skip
    table = {row[0]: row[1:] for row in rows}
    webp = ["best", "single", "100.000", "0.0500", "26.00", "0.900", "1.50", "1.23 %", ""]
    assert table["WebP"] == webp
    assert table["xz"][1:] == ["solid", "135.500", "0.0000", "∞", "1.000", "0.00", "0.00 %", ""]
    assert (table["PCA"][-1], table["JPEG"][-2]) == ("9,408", "–")
    assert rows[-1] == ["NERD", "35.85 bits", "", "4.481", "≈ 0.0901", "", "", "5.46", "", ""]


def a_run(images: int, seconds: float, peak: float, **more: object) -> Result:
    """Return a run that takes so long on one thread and half as long on all cores."""
    ways = ("compress", "decompress")
    half = {"seconds": seconds / 2, "least": seconds / 2, "most": seconds / 2, "peak_mb": peak}
    return {
        "images": images, "bytes": 100 + 5 * images, "index_bytes": 1_000_000 + images // 100,
        **dict.fromkeys(ways, half),
        "one_thread": {way: {"seconds": seconds, "peak_mb": peak / 2} for way in ways},
    } | more  # fmt: skip


def test_tables_of_time_show_what_was_measured() -> None:
    peer = {
        "setting": "fast", "images": 200, "encode": SPEEDS, "decode": SPEEDS,
        "ours_over_encode": {"effort 0, one thread": RATIO, "effort 1, one thread": RATIO},
        "ours_over_decode": {"one thread": RATIO},
    }  # fmt: skip
    compress = {"effort 0, one thread": SPEEDS, "effort 1, one thread": SPEEDS}
    ours = {"compress": compress, "decompress": {"one thread": SPEEDS}}
    sizes = [{"images": n, "ours": ours, "peers": {"PNG": peer}} for n in (1, 10_000)]
    found = {"default_effort": 1, "sizes": sizes}
    both = f"0.196 / {RATIOS}"
    assert cells_of(speed.beside(found))[-1] == ["PNG", "fast", "200", SPREAD, SPREAD, *[both] * 3]
    runs = [a_run(10_000, 1, 90), a_run(100_000, 8.2, 120), a_run(1_000_000, 73, 110)]
    scale = {"effort": 0, "runs": runs, "estimate": estimate(runs)}
    rows = cells_of(speed.pace(found, scale))
    assert rows[-1] == ["1,000,000, files", "13,699", "27,397", "", "", "13,699", "27,397"]
    assert rows[-3] == ["10,000", SPREAD, "", SPREAD, "", SPREAD, ""]  # one core
    speeds = {"default_effort": 1, "images_per_second_of_effort": {"1": {"median": 1000}}}
    paper = speed.billion(scale, speeds).replace("\n", " ")
    assert "5.00 GB" in paper
    assert "278 at the default effort" in paper
    read = {"median": 1.0, "least": 0.5, "most": 20.0}
    access: Result = {"images": 10**6, "chunks": 245, "guard": True}
    access |= {"open_and_read_ms": read, "read_ms": read}
    cells = cells_of(speed.access({"runs": [access]}))[-1]
    assert cells == ["1,000,000", "245", "on", *["1.00 (0.50 … 20.00)"] * 2]


def test_efforts_show_the_ratio_that_the_bar_names_and_the_default() -> None:
    point = a_point(10, 2, 0.091, 4.5, effort=1, default=True)
    found = {
        "default_effort": 1, "rounds_of_effort": {"1": 7, "9": 2},
        "images_per_second_of_effort": {"1": SPEEDS, "9": SPEEDS},
        "effort_over_webp": {"1": RATIO, "9": RATIO},
        "guarded": {"images_per_second": SPEEDS, "over_webp": RATIO},
    }  # fmt: skip
    assert cells_of(speed.efforts({"points": [point]}, found))[1:] == [
        ["1", SPREAD, RATIOS, "7", "4.500", "0.0910", "default effort"],
        ["9", SPREAD, RATIOS, "2", "", "", ""],
        ["1", SPREAD, RATIOS, "7", "", "", "guard on: the default"],
    ]


def test_growth_tells_one_run_from_the_median_of_several() -> None:
    way = {"seconds": 2.0, "least": 1.5, "most": 3.0, "peak_mb": 90}
    several = a_run(10, 1, 90, rounds=3, compress=way, decompress=way)
    runs = [several, a_run(1_000_000, 60, 110, rounds=1)]
    _, first, last = cells_of(speed.growth({"effort": 0, "runs": runs[:1]}, {"runs": runs[1:]}))
    assert first[4:] == ["2.0 s (1.5 … 3.0)", "90 MB", "median of 3 (least … most)"]
    assert last[2:] == ["30.0 s", "110 MB", "30.0 s", "110 MB", "one run"]


def test_what_is_not_measured_is_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(render, "RESULTS", tmp_path)
    assert render.block("peers") == render.block("access") == render.NOT_YET
    startup = {
        "median_seconds": {"zstd --version": 0.002}, "absent": ["flac"],
        "spread_seconds": {"zstd --version": {"least": 0.001, "most": 0.003}},
        "times_as_long": {"zstd": {"version": RATIO}},
    }  # fmt: skip
    shown = speed.start(startup)
    assert cells_of(shown)[1] == ["zstd --version", "2.0", "1.0 … 3.0", f"{RATIOS} times as long"]
    assert shown.endswith("Not installed there: flac.")
