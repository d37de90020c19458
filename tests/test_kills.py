"""Killed commands leave the old or the new, and the next run ends as if nothing had been."""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from digitzip import atomic
from tests import kills
from tests.kills import SCENES, Scene

RESULT = Path(__file__).parent / "kills_result.json"

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
forks = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")


@posix
@forks
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_killed_command_leaves_the_old_or_the_new(scene: Scene) -> None:
    if scene.arguments[0] == "train":
        pytest.importorskip("torch", reason="torch is not installed (extra: train)")
    assert kills.play(scene, 2, 11).kills == 2


@posix
@forks
def test_a_broken_promise_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    class Slow(io.FileIO):
        def write(self, data: Any, /) -> int:
            written = super().write(data)
            time.sleep(0.1)
            return written

    @contextmanager
    def in_place(path: Path, *, overwrite: bool) -> Iterator[Slow]:
        with Slow(path, "w") as file:
            yield file

    monkeypatch.setattr(atomic, "file", in_place)
    scene = replace(SCENES[3], name="decompress in place")
    with pytest.raises(AssertionError, match="neither old nor new"):
        kills.play(scene, 20, 1)


def test_the_recorded_run_killed_often_enough() -> None:
    result = json.loads(RESULT.read_text("utf-8"))
    assert result["kills"] >= 200
    assert {each["scene"] for each in result["scenes"]} == {scene.name for scene in SCENES}
    assert min(each["kills"] for each in result["scenes"]) >= 20
    page = (RESULT.parents[1] / "docs" / "RELIABILITY.md").read_text("utf-8")
    assert f"{result['kills']} kills" in page
    assert f"`{result['command']}`" in page
