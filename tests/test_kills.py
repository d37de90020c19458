"""Killed commands leave the old or the new, and the next run ends as if nothing had been."""

from __future__ import annotations

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from PIL import Image

from digitzip import atomic
from digitzip.archive import appending
from tests import kills
from tests.kills import SCENES, Stop

RESULT = Path(__file__).parent / "kills_result.json"

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs fork and SIGKILL")
forks = pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")

HALF: Final = Stop(atomic._Part, "write", half=True)
WHOLE: Final = Stop(os, "fsync")
RENAMED: Final = Stop(atomic, "_sync_folder")
ONE_FILE: Final = (
    Stop(atomic._Part, "write"), HALF, WHOLE, Stop(atomic, "_rename"), RENAMED
)  # fmt: skip
MANY_FILES: Final = (Stop(Image.Image, "save", call=70), RENAMED)
STOPS: Final = {
    "append": (Stop(appending, "_like"), *ONE_FILE),
    "decompress to a folder": MANY_FILES,
    "decompress into a folder": (*MANY_FILES, Stop(atomic, "_rename", call=70)),
    "train, then --resume": (Stop(atomic, "_rename", call=1),),
}
"""Where each scene is killed; one that writes one file, at `ONE_FILE`."""


@posix
@forks
@pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)
def test_a_killed_command_leaves_the_old_or_the_new(scene: kills.Scene) -> None:
    if scene.arguments[0] == "train":
        pytest.importorskip("torch", reason="torch is not installed (extra: train)")
    stops = STOPS.get(scene.name, ONE_FILE)
    told = kills.play_at(scene, stops)
    assert told.kills == len(stops)
    if RENAMED in stops:
        assert told.after == 1


@posix
@forks
def test_a_broken_promise_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    class InPlace(io.FileIO):
        def write(self, data: bytes, /) -> int:  # type: ignore[override]
            return super().write(data)

    @contextmanager
    def in_place(path: Path, *, overwrite: bool) -> Iterator[InPlace]:
        with InPlace(path, "w") as file:
            yield file

    monkeypatch.setattr(atomic, "file", in_place)
    with pytest.raises(AssertionError, match="neither old nor new"):
        kills.play_at(SCENES[3], [Stop(InPlace, "write", call=1, half=True)])


def test_the_recorded_run_killed_often_enough() -> None:
    result = json.loads(RESULT.read_text("utf-8"))
    assert result["kills"] >= 200
    assert {each["scene"] for each in result["scenes"]} == {scene.name for scene in SCENES}
    assert min(each["kills"] for each in result["scenes"]) >= 20
    page = (RESULT.parents[1] / "docs" / "RELIABILITY.md").read_text("utf-8")
    assert f"{result['kills']} kills" in page
    assert f"`{result['command']}`" in page
