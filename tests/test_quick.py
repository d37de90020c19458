"""`python -m benchmarks --quick` writes no result, and fails when a round trip or a page does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

import digitzip
from benchmarks import __main__, quick, record
from benchmarks.report import render
from tests import toy

IMAGES = toy.make_images(20)


def results() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in record.RESULTS.iterdir()}


def test_quick_writes_no_result_and_tells_which_part_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stale(images: record.Images) -> None:
        raise ValueError("a page is stale")

    before = results()
    monkeypatch.setattr(quick, "elsewhere", lambda part: False)
    monkeypatch.setattr(record, "test_images", lambda: IMAGES)
    monkeypatch.setattr(quick, "SETTINGS", quick.SETTINGS[:2])
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick"])
    for parts, code in (({"rate": quick.rate}, None), ({"s": stale, "rate": quick.rate}, 1)):
        monkeypatch.setattr(quick, "PARTS", parts)
        if code is None:
            __main__.main()
        else:
            with pytest.raises(SystemExit) as failed:
                __main__.main()
            assert failed.value.code == code
        said = capsys.readouterr().out
        assert "10 numbers, quality default, effort 0" in said
        assert said.endswith("nothing was written into benchmarks/results\n")
        assert ("failed: s;" in said) == bool(code)
    assert results() == before


def test_quick_refuses_a_round_trip_that_gives_other_digits(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    setting = quick.Setting(10, None, 0)
    quick.round_trip(IMAGES, setting)
    monkeypatch.setattr(digitzip, "decompress", lambda data: IMAGES)
    with pytest.raises(ValueError, match="other digits came back"):
        quick.round_trip(IMAGES, setting)


def test_quick_sees_a_stale_page_and_a_result_that_lacks_a_figure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page = tmp_path / "page.md"
    monkeypatch.setattr(render, "PAGES", (page,))
    point: dict[str, str] = {}
    blocks = {"now": lambda: "fresh", "gone": lambda: point["ssim"]}
    monkeypatch.setattr(render, "BLOCKS", blocks)
    page.write_text("<!-- now -->\nfresh\n<!-- /now -->")
    quick.pages(IMAGES)
    page.write_text("<!-- now -->\nold\n<!-- /now -->")
    with pytest.raises(ValueError, match=r"page\.md is stale"):
        quick.pages(IMAGES)
    page.write_text("<!-- gone -->\nold\n<!-- /gone -->")
    with pytest.raises(ValueError, match="lacks 'ssim'"):
        quick.pages(IMAGES)
