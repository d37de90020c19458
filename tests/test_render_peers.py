"""The table of everything side by side: rows under their kinds, smallest first."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from benchmarks.report import peers as render_peers
from benchmarks.report import render


def a_row(name: str, size: float, **more: Any) -> dict[str, Any]:
    return {
        "name": name, "setting": "best", "solid": True, "lossless": False, "bytes_per_digit": size,
        "rmse": 0.05, "psnr": 26.0, "ssim": 0.9, "d32": 1.5, "read_differently": 0.0123,
        "model_bytes": 0,
    } | more  # fmt: skip


LOSSLESS: dict[str, Any] = {
    "lossless": True, "rmse": 0, "psnr": None, "ssim": 1, "d32": 0, "read_differently": 0,
}  # fmt: skip
PEERS = [
    a_row("PNG", 260, solid=False, **LOSSLESS),
    a_row("xz", 135.5, **LOSSLESS),
    a_row("JPEG", 200, solid=False),
    a_row("WebP", 100, solid=False),
    a_row("WebP mosaic", 33),
    a_row("digitzip", 103, solid=False, model_bytes=1_900_000),
    a_row("zstd dictionary", 171, solid=False, **LOSSLESS, model_bytes=114_688),
    a_row("PCA", 2, model_bytes=9408),
    a_row("k-means", 1, model_bytes=200_704),
]


def a_point(model: str, size: float, effort: int, default_levels: bool) -> dict[str, Any]:
    point = a_row("", size, model=model, levels=15, effort=effort, default_levels=default_levels)
    return {key: point[key] for key in point if key not in ("name", "setting", "model_bytes")}


RATE = {
    "default_effort": 1,
    "bytes_of_models": {"mnist-1": 500_000, "mnist-10": 1_900_000},
    "points": [
        a_point("mnist-10", 4.5, 1, True),
        a_point("mnist-10", 4.4, 9, True),
        a_point("mnist-10", 2.6, 1, False),
        a_point("mnist-1", 1.0, 1, True),
    ],
}


def rows() -> list[list[str]]:
    lines = render_peers.table(RATE, {"peers": PEERS}).splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if "|" in line]


def test_rows_stand_under_their_kind_smallest_first() -> None:
    assert [row[0] for row in rows()[2:]] == [
        "**digitzip**", "digitzip", "digitzip",
        "**learned**", "k-means", "PCA",
        "**with loss, solid**", "WebP mosaic",
        "**with loss, one a digit**", "WebP", "digitzip", "JPEG",
        "**lossless, solid**", "xz",
        "**lossless, one a digit**", "zstd dictionary", "PNG",
        "**published**", *["autoencoder of 2016"] * 5, *["NERD"] * 8,
    ]  # fmt: skip
    assert {len(row) for row in rows()} == {10}


def test_a_row_says_everything() -> None:
    table = {row[0]: row[1:] for row in rows()}
    assert table["WebP"] == [
        "best", "one a digit", "100.000", "0.0500", "26.00", "0.900", "1.50", "1.23 %", "",
    ]  # fmt: skip
    assert table["k-means"][-1] == "200,704"
    assert table["xz"] == [
        "best", "solid", "135.500", "0.0000", "∞", "1.000", "0.00", "0.00 %", "",
    ]  # fmt: skip


def test_ours_stand_at_default_levels_and_effort_with_their_models() -> None:
    ours = [row for row in rows() if row[0] == "digitzip" and row[2] == "solid"]
    assert [(row[1], row[3], row[-1]) for row in ours] == [
        ("mnist-1, 15 levels", "1.000", "500,000"),
        ("mnist-10, 15 levels", "4.500", "1,900,000"),
    ]


def test_a_kind_without_peers_has_no_heading() -> None:
    assert "**learned**" not in render_peers.table(RATE, {"peers": PEERS[:-2]})


def test_without_results_the_table_says_so(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(render, "RESULTS", tmp_path)
    assert render.peers() == "Not measured yet."


def test_who_was_not_read_has_a_dash() -> None:
    assert render_peers.cells(a_row("JPEG", 1, read_differently=None))[-2] == "–"


def test_what_is_published_has_only_what_was_published() -> None:
    *_, last = rows()
    assert last == ["NERD", "35.85 bits", "", "4.481", "≈ 0.0901", "", "", "5.46", "", ""]
    (single,) = (row for row in rows() if row[1] == "784-512-128-1, float32")
    assert single == ["autoencoder of 2016", "784-512-128-1, float32", "", "4.000", "0.2131",
                      *[""] * 5]  # fmt: skip
