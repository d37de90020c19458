"""`python -m benchmarks --quick` writes no result, and fails when a round trip or a page does."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from benchmarks import __main__, quick, record
from benchmarks.measure import timing
from benchmarks.record import Images
from benchmarks.report import render
from tests import toy

IMAGES = toy.known_images(20)


def test_quick_writes_no_result_and_names_the_part_that_failed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def stale(images: Images) -> None:
        raise ValueError("a page is stale")

    def results() -> dict[str, bytes]:
        return {path.name: path.read_bytes() for path in record.RESULTS.iterdir()}

    before = results()
    monkeypatch.setattr(timing, "elsewhere", lambda part: False)
    monkeypatch.setattr(record, "test_images", lambda: IMAGES)
    monkeypatch.setattr(quick, "CASES", quick.CASES[:2])
    monkeypatch.setattr(sys, "argv", ["benchmarks", "--quick"])
    monkeypatch.setattr(quick, "PARTS", {"rate": quick.rate})
    __main__.main()
    assert "model='mnist-10', quality=3, effort=0" in capsys.readouterr().out
    monkeypatch.setattr(quick, "PARTS", {"s": stale, "rate": quick.rate})
    with pytest.raises(SystemExit) as failed:
        __main__.main()
    assert failed.value.code == 1
    shown = capsys.readouterr().out
    assert shown.endswith("failed: s; nothing was written into benchmarks/results\n")
    assert results() == before


def test_every_part_is_a_module_and_others_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (__main__.PARTS | __main__.SEPARATE).values():
        path = Path(__main__.__file__).parent / f"{module.replace('.', '/')}.py"
        assert "\ndef main() -> None:" in path.read_text(encoding="utf-8")
    monkeypatch.setattr(sys, "argv", ["benchmarks", "nothing"])
    with pytest.raises(SystemExit, match="no benchmark 'nothing', expected one of rate"):
        __main__.main()


def test_quick_sees_a_stale_page_and_a_result_that_lacks_a_figure(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    page, point = tmp_path / "page.md", dict[str, str]()
    monkeypatch.setattr(render, "PAGES", (page,))
    monkeypatch.setattr(
        render, "BLOCKS", {"now": (lambda: "new", ""), "gone": (lambda: point["ssim"], "")}
    )
    page.write_text("<!-- now -->\nnew\n<!-- /now -->")
    quick.pages(IMAGES)
    page.write_text("<!-- now -->\nold\n<!-- /now -->")
    with pytest.raises(ValueError, match=r"page\.md is stale"):
        quick.pages(IMAGES)
    page.write_text("<!-- gone -->\nold\n<!-- /gone -->")
    with pytest.raises(ValueError, match="lacks 'ssim'"):
        quick.pages(IMAGES)
