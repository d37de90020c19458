"""Benchmarks of time compute what they say, and refuse to time what does not round-trip."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import digitzip
from benchmarks import record
from benchmarks.measure import access, scale, speed, startup, timing
from benchmarks.measure.timing import Timed
from benchmarks.peers import speed as peer_speed
from benchmarks.peers.coder import Coder
from benchmarks.peers.formats import CODERS
from benchmarks.report import speed as tables
from digitzip.codec import DEFAULT_EFFORT
from digitzip.metrics import rmse
from tests import toy

IMAGES = toy.known_images(20)
Key = tuple[str, str, int]
NEARLY = (IMAGES ^ 1).astype(np.uint8)


def test_a_rate_is_images_a_second_and_a_ratio_pairs_the_rounds() -> None:
    ours, peer = Timed(100, [1.0, 2.0, 4.0]), Timed(50, [1.0, 4.0, 1.0])
    assert ours.rate() == {"median": 50, "least": 25, "most": 100}
    found = ours.over(peer)  # 100 / 50, 50 / 12.5 and 25 / 50; of the medians it would be 1
    assert found == {"median": 2, "least": 0.5, "most": 4}
    with pytest.raises(ValueError, match="zip"):
        ours.over(Timed(50, [1.0]))


def test_a_slow_peer_is_timed_on_as_many_images_as_the_budget_allows() -> None:
    cases = [
        (10_000, 0.00004, 10_000), (10_000, 0.0001, 5_000), (10_000, 0.0011, 200),
        (10_000, 3, peer_speed.TRIAL), (1, 3, 1), (300, 0.001, 300),
    ]  # fmt: skip
    for images, seconds, expected in cases:
        assert peer_speed.affordable(images, seconds, 0.5) == expected


def test_a_peer_that_does_not_give_the_images_back_is_not_timed() -> None:
    coder = Coder("fixed", "as told", True, True, lambda images: [b""], lambda files: NEARLY)
    with pytest.raises(ValueError, match="lossless, but other pixels"):
        peer_speed.measured(IMAGES, [coder], [], 1)


def test_ours_is_compared_with_each_peer_in_each_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    smallest, fast = ("PNG, optimised", "JPEG-LS, lossless"), "QOI, grey as RGB"
    took: dict[Key, list[float]] = {}

    def timed(tasks: dict[Key, Callable[[], object]], rounds: int) -> dict[Key, list[float]]:
        for number, name in enumerate(tasks):
            took[name] = [1.0, 2.0, 4.0] if number % 2 else [3.0, 1.0 + number, 1.0]
        return {name: took[name][:rounds] for name in tasks}

    monkeypatch.setattr(peer_speed, "interleaved", timed)
    monkeypatch.setattr(peer_speed, "GROUP", 2)
    found = peer_speed.measured(IMAGES, [CODERS[title] for title in smallest], [CODERS[fast]], 3)
    assert (found["rounds"], found["groups"]) == (3, 2)
    settings = {title: peer["setting"] for title, peer in found["peers"].items()}
    assert settings == {**dict.fromkeys(smallest, "smallest"), fast: "fast"}
    for number, (title, peer) in enumerate(found["peers"].items()):
        assert peer["images"] == len(IMAGES)
        for way, own in (("encode", "compress"), ("decode", "decompress")):
            for how, ratio in peer[f"ours_over_{way}"].items():
                once = how.startswith(f"effort {DEFAULT_EFFORT},")
                mine = took[own, how, 0 if once else number // 2]
                peer_took = took[way, title, number // 2]
                ratios = [b / a for a, b in zip(mine, peer_took, strict=True)]
                expected = np.median(ratios), min(ratios), max(ratios)
                assert tuple(ratio.values()) == pytest.approx(expected)
    shown = tables.beside({"default_effort": DEFAULT_EFFORT, "sizes": [found]})
    assert all(title in shown for title in settings)


def test_every_effort_is_paired_with_webp_rounds_of_its_own_turn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    turns = iter(([2.0, 8.0, 3.0], [5.0, 7.0]))

    def timed(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
        webp, *efforts = tasks
        assert webp == "webp"
        return {webp: next(turns), **{effort: [1.0, 2.0, 4.0][:rounds] for effort in efforts}}

    monkeypatch.setattr(speed, "interleaved", timed)
    monkeypatch.setattr(speed, "TURNS", (((0, DEFAULT_EFFORT), 3), ((9,), 2)))
    found = speed.searched(IMAGES)
    assert found["effort_over_webp"]["0"] == {"median": 2, "least": 0.75, "most": 4}
    assert found["effort_over_webp"]["9"] == {"median": 4.25, "least": 3.5, "most": 5}
    assert found["guarded"]["over_webp"]["median"] == found["compress_over_webp_encode"] == 2
    assert found["rounds_of_effort"] == {"0": 3, str(DEFAULT_EFFORT): 3, "9": 2}
    assert found["webp_images_per_second"]["median"] == len(IMAGES) / 5


def test_a_whole_file_is_timed_beside_png(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speed, "ROUNDS", 1)
    found = speed.whole(IMAGES)
    assert found["decompress_over_png_decode"] == found["over_png"]["decompress"]["median"]
    assert len(found["images_per_second"]) == 4


def test_a_process_with_many_threads_hands_its_part_to_one_with_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[tuple[list[str], dict[str, str]]] = []

    def remember(command: list[str], env: dict[str, str]) -> SimpleNamespace:
        ran.append((command, env))
        return SimpleNamespace(returncode=len(ran) - 1)

    monkeypatch.setattr(subprocess, "run", remember)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "scale", "--full"])
    for name, value in timing.ONE_THREAD.items():
        monkeypatch.setenv(name, value)
    for name in timing.OVERRIDES:
        monkeypatch.delenv(name, raising=False)
    assert not timing.elsewhere("scale")
    monkeypatch.setenv(timing.OVERRIDES[0], "Haswell")
    assert timing.elsewhere("scale")
    command, environment = ran[0]
    assert command[-3:] == ["benchmarks", "scale", "--full"]
    assert timing.OVERRIDES[0] not in environment
    assert environment.items() >= timing.ONE_THREAD.items()
    with pytest.raises(SystemExit):
        timing.elsewhere("scale")


def test_reads_at_random_are_checked_and_timed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(access, "READS", 4)
    (run,) = access.measured(IMAGES, (3,), guard=False)
    assert (run["images"], run["reads"], run["chunks"]) == (60, access.READS, 3)
    assert 0 < run["read_ms"]["least"] <= run["open_and_read_ms"]["most"]
    assert run["index_bytes"] > 0
    path = tmp_path / "other.dz"
    path.write_bytes(digitzip.compress(IMAGES, guard=False))
    with pytest.raises(ValueError, match="another image was read"):
        access.random_access(path, NEARLY, 1)


def test_scale_writes_shifted_copies_and_checks_what_comes_back(tmp_path: Path) -> None:
    scale.write_images(tmp_path / "x.npy", IMAGES, 50)
    found = np.load(tmp_path / "x.npy")
    np.testing.assert_array_equal(found[:20], np.roll(IMAGES, (-2, -2), axis=(1, 2)))
    np.testing.assert_array_equal(found[40:], np.roll(IMAGES, (0, -2), axis=(1, 2))[:10])


def test_a_run_is_checked_at_its_ends_and_against_blank_images(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    images = IMAGES
    recon = digitzip.decompress(digitzip.compress(images, effort=0, guard=False))
    monkeypatch.setattr(scale, "BATCH", 7)
    assert scale.verified(images, recon, 0) == pytest.approx(rmse(images, recon))
    with pytest.raises(ValueError, match="a round trip in memory gives others"):
        scale.verified(images, np.invert(images), 0)
    with pytest.raises(ValueError, match=r"uint8 \[19, 28, 28\] came back"):
        scale.verified(images, recon[1:], 0)
    monkeypatch.setattr(scale, "ENDS", 1)
    blank = recon.copy()
    blank[1:-1] = 0
    with pytest.raises(ValueError, match="blank images have"):
        scale.verified(images, blank, 0)


def test_a_peak_is_in_bytes_whatever_the_system_counts() -> None:
    assert scale.peak_bytes(1000, "darwin") == 1000
    assert scale.peak_bytes(1000, "linux") == 1_024_000
    assert 1 <= record.cores() <= (os.cpu_count() or 1)


def test_an_estimate_lies_on_the_line_through_the_last_two_runs() -> None:
    def run(images: int, seconds: float, size: int, held: int, peak: float) -> record.Result:
        way = {"seconds": seconds, "peak_mb": peak}
        both = {"compress": way, "decompress": way}
        return {"images": images, "bytes": size, "index_bytes": held, "one_thread": both, **both}

    runs = [
        run(1, 1, 9, 9, 500),
        run(100, 46, 1_000, 10_000, 90),
        run(1_000, 406, 10_000, 10_900, 80),
    ]
    paper = scale.estimate(runs, 10_000)
    assert (paper["from_images"], paper["bytes"]) == ([100, 1_000], 100_000)
    assert paper["compress_hours"] == pytest.approx((406 + 9_000 * 0.4) / 3600)
    assert paper["peak_mb"] == pytest.approx(500 + 0.009)


def test_too_little_space_stops_a_run_before_it_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.disk_usage", lambda _: SimpleNamespace(free=10**9))
    scale.require_space(10_000, one_thread=True)
    with pytest.raises(SystemExit, match=r"need 2\.4 GB of temporary space, 1\.0 are free"):
        scale.require_space(1_000_000, one_thread=True)


def test_versions_are_found_in_what_programs_print() -> None:
    printed = {"1.2.4\n": "1.2.4", "flac 1.4.2\n": "1.4.2", "*** zstd v1.5.4, by Y\n": "1.5.4"}
    assert [startup.first_version(text) for text in printed] == list(printed.values())
    assert startup.first_version("none") == "unknown"


def test_programs_are_checked_before_they_start(tmp_path: Path) -> None:
    fake = tmp_path / "fake"
    fake.write_text('#!/bin/sh\n[ "$1" = -V ] && echo fake 1.0 || cp "$2" "$4"\n')
    fake.chmod(0o755)
    command = startup.Command(str(fake), "-V", startup.png, ("-q",), Path.read_bytes)
    tasks = startup.peer_tasks(command, IMAGES[0], tmp_path)
    assert [task() for task in tasks.values()] == ["fake 1.0\n", ""]
    wrong = startup.Command(str(fake), "-V", startup.png, ("-q",), lambda packed: b"")
    with pytest.raises(ValueError, match="other pixels came back"):
        startup.peer_tasks(wrong, IMAGES[0], tmp_path)


def test_our_command_lines_agree_with_the_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(startup, "COMMANDS", (startup.COMMANDS[0],))
    monkeypatch.setattr("shutil.which", lambda name: None)
    found = startup.measured(IMAGES[0], 1)
    assert len(found["median_seconds"]) == 4
    assert found["absent"] == ["cwebp"]
