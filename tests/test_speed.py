"""Benchmarks of time reckon what they say, and refuse to time what does not round-trip."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import digitzip
from benchmarks import record
from benchmarks.measure import access, scale, speed
from benchmarks.measure import startup as starting
from benchmarks.measure.speed import Timed
from benchmarks.peers import speed as peer_speed
from benchmarks.peers.coder import Coder
from benchmarks.peers.formats import CODERS
from benchmarks.report import speed as render_speed
from benchmarks.report import tables
from digitzip.__main__ import ONE_BLAS_THREAD
from digitzip.codec import DEFAULT_EFFORT
from digitzip.metrics import rmse
from tests import toy

IMAGES = toy.make_images(20)
NEARLY = (IMAGES ^ 1).astype(np.uint8)


def test_a_rate_is_digits_a_second_and_a_ratio_pairs_the_rounds() -> None:
    ours, peer = Timed(100, [1.0, 2.0, 4.0]), Timed(50, [1.0, 4.0, 1.0])
    assert ours.rate() == {"median": 50, "least": 25, "most": 100}
    found = ours.over(peer)  # 100 / 50, 50 / 12.5 and 25 / 50; of the medians it would be 1
    assert found == {"median": 2, "least": 0.5, "most": 4}
    with pytest.raises(ValueError, match="zip"):
        ours.over(Timed(50, [1.0]))


def test_a_slow_peer_is_timed_on_as_many_digits_as_the_budget_allows() -> None:
    assert peer_speed.affordable(10_000, 0.00004, 0.5) == 10_000
    assert peer_speed.affordable(10_000, 0.0001, 0.5) == 5_000
    assert peer_speed.affordable(10_000, 0.0011, 0.5) == 200
    assert peer_speed.affordable(10_000, 3, 0.5) == peer_speed.TRIAL
    assert peer_speed.affordable(1, 3, 0.5) == 1
    assert peer_speed.affordable(300, 0.001, 0.5) == 300


def test_a_peer_that_does_not_give_the_digits_back_is_not_timed() -> None:
    coder = Coder("fixed", "as told", True, True, lambda images: [b""], lambda files: NEARLY)
    with pytest.raises(ValueError, match="lossless, and other pixels"):
        peer_speed.measured(IMAGES, [coder], [], 1)


def test_ours_is_compared_with_each_peer_in_each_direction(monkeypatch: pytest.MonkeyPatch) -> None:
    smallest, fast = ("PNG, optimised", "JPEG-LS, lossless"), "QOI, grey as RGB"
    took: dict[str, list[float]] = {}

    def timed(tasks: dict[str, Callable[[], object]], rounds: int) -> dict[str, list[float]]:
        for number, name in enumerate(tasks):
            tasks[name]()
            took[name] = [1.0, 2.0, 4.0] if number % 2 else [3.0, 1.0 + number, 1.0]
        return {name: took[name][:rounds] for name in tasks}

    monkeypatch.setattr(peer_speed, "interleaved", timed)
    monkeypatch.setattr(peer_speed, "GROUP", 2)
    found = peer_speed.measured(IMAGES, [CODERS[title] for title in smallest], [CODERS[fast]], 3)
    assert (found["rounds"], found["groups"]) == (3, 2)
    settings = {title: peer["setting"] for title, peer in found["peers"].items()}
    assert settings == {**dict.fromkeys(smallest, "smallest"), fast: "fast"}
    differs = 0
    for number, (title, peer) in enumerate(found["peers"].items()):
        assert peer["digits"] == len(IMAGES)
        for way, own in (("encode", "compress"), ("decode", "decompress")):
            for how, ratio in peer[f"ours_over_{way}"].items():
                once = how.startswith(f"effort {DEFAULT_EFFORT},")
                mine = took[f"{own} {how}" if once else f"{own} {how}, group {number // 2}"]
                ratios = [b / a for a, b in zip(mine, took[f"{way} {title}"], strict=True)]
                assert ratio["median"] == pytest.approx(np.median(ratios))
                spread = min(ratios), max(ratios)
                assert (ratio["least"], ratio["most"]) == pytest.approx(spread)
                rates = found["ours"][own][how]["median"] / peer[way]["median"]
                differs += ratio["median"] != pytest.approx(rates)
    assert differs
    efforts = {f"effort {effort}, one thread" for effort in (0, DEFAULT_EFFORT)}
    assert efforts <= set(found["ours"]["compress"])
    table = peer_speed.table(found)
    assert all(title in table for title in settings)


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
    assert found["compress_over_webp_encode"] == 2
    assert found["rounds_of_effort"] == {"0": 3, str(DEFAULT_EFFORT): 3, "9": 2}
    assert found["webp_digits_per_second"]["median"] == len(IMAGES) / 5


def test_a_whole_file_is_timed_beside_png() -> None:
    found = speed.whole(IMAGES)
    assert found["decompress_over_png_decode"] == found["over_png"]["decompress"]["median"]
    assert len(found["digits_per_second"]) == 4


def test_the_threads_of_a_benchmark_are_those_that_the_command_line_sets() -> None:
    assert set(ONE_BLAS_THREAD) <= set(speed.THREADS)
    assert 1 <= record.cores() <= (os.cpu_count() or 1)


def test_a_process_with_many_threads_hands_its_part_to_one_with_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ran: list[tuple[list[str], dict[str, str]]] = []

    def remember(command: list[str], env: dict[str, str]) -> SimpleNamespace:
        ran.append((command, env))
        return SimpleNamespace(returncode=len(ran) - 1)

    monkeypatch.setattr(subprocess, "run", remember)
    monkeypatch.setattr(sys, "argv", ["benchmarks", "speed", "--more"])
    for name in speed.OVERRIDES:
        monkeypatch.delenv(name, raising=False)
    for name in speed.THREADS:
        monkeypatch.setenv(name, "1")
    assert not speed.elsewhere("speed")
    assert ran == []
    monkeypatch.setenv(speed.THREADS[0], "2")
    monkeypatch.setenv(speed.OVERRIDES[0], "Prescott")
    assert speed.elsewhere("speed")
    (command, env) = ran[0]
    assert command[-3:] == ["benchmarks", "speed", "--more"]
    assert env[speed.THREADS[0]] == "1"
    assert speed.OVERRIDES[0] not in env
    with pytest.raises(SystemExit) as failed:
        speed.elsewhere("speed")
    assert failed.value.code == 1


def a_run(digits: int, seconds: float, peak: float) -> dict[str, Any]:
    """Return a run that takes so long on one thread and half as long on all cores."""
    ways = ("compress", "decompress")
    reads = {"median": 1.0, "least": 0.5, "most": 20.0}
    return {
        "digits": digits,
        "bytes": 100 + 5 * digits,
        **{way: {"seconds": seconds / 2, "peak_mb": peak} for way in ways},
        "one_thread": {way: {"seconds": seconds, "peak_mb": peak / 2} for way in ways},
        "random_access": {
            "chunks": 1 + digits // 16_384, "held_bytes": 1_000_000 + digits // 100,
            "open_and_read_ms": reads, "read_ms": reads,
        },
    }  # fmt: skip


def a_scale() -> dict[str, Any]:
    runs = [a_run(10_000, 1, 90), a_run(100_000, 8.2, 120), a_run(1_000_000, 73, 110)]
    return {"effort": 0, "runs": runs, "estimate": scale.estimate(runs)}


def test_a_billion_lies_on_the_line_through_the_two_largest_runs() -> None:
    found = scale.estimate(a_scale()["runs"])
    assert found["bytes"] == 5_000_000_100
    assert found["from_digits"] == [100_000, 1_000_000]
    assert found["compress_hours"] == pytest.approx((73 + 999 * 72) / 3600)
    assert found["peak_mb"] == pytest.approx(120 + 9.99)  # of the index: a byte for 100 digits
    assert scale.along((1, 3), (10, 20), 5) == 30


def test_digits_are_written_over_and_over_and_shifted(tmp_path: Path) -> None:
    scale.write_digits(tmp_path / "in.npy", IMAGES, 45)
    written = np.load(tmp_path / "in.npy")
    assert written.shape == (45, 28, 28)
    np.testing.assert_array_equal(written[:20], np.roll(IMAGES, (-2, -2), axis=(1, 2)))
    np.testing.assert_array_equal(written[40:], np.roll(IMAGES, (0, -2), axis=(1, 2))[:5])


def test_a_peak_is_told_in_kib_but_by_macos() -> None:
    assert scale.peak_bytes(1_000, "linux") == 1_024_000
    assert scale.peak_bytes(1_000, "darwin") == 1_000


def test_a_run_is_refused_without_space_on_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    assert 2_352_000_000 < scale.space(1_000_000, alone=True) < 2_500_000_000
    assert scale.space(10, alone=False) < scale.space(10, alone=True)
    free = SimpleNamespace(free=scale.space(5, alone=True))
    monkeypatch.setattr("shutil.disk_usage", lambda folder: free)
    scale.require_space(5, alone=True)
    with pytest.raises(SystemExit, match=r"6 digits need 0\.1 GB"):
        scale.require_space(6, alone=True)


def some_digits() -> record.Images:
    """Return digits that the model knows, uint8 [20, 28, 28]: what codes drawn at random mean."""
    codec = digitzip.load_codec(dims=10)
    codes = np.random.default_rng(0).integers(0, codec.levels, (20, 10), np.uint8)
    return codec.decode(codes)


def test_digits_of_a_run_are_those_of_a_round_trip_in_memory() -> None:
    digits = some_digits()
    decoded = digitzip.decompress(digitzip.compress(digits, effort=0, guard=False))
    assert scale.verified(digits, decoded, 0) == pytest.approx(rmse(digits, decoded))
    with pytest.raises(ValueError, match="gives others"):
        scale.verified(digits, np.invert(digits), 0)
    with pytest.raises(ValueError, match=r"uint8 \[19, 28, 28\] came back"):
        scale.verified(digits, decoded[1:], 0)


def test_digits_between_the_ends_of_a_run_come_nearer_than_a_blank_page(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scale, "ENDS", 1)
    monkeypatch.setattr(scale, "BATCH", 7)
    digits = some_digits()
    decoded = digitzip.decompress(digitzip.compress(digits, effort=0, guard=False))
    assert scale.verified(digits, decoded, 0) == pytest.approx(rmse(digits, decoded))
    blank = decoded.copy()
    blank[1:-1] = 0
    with pytest.raises(ValueError, match="a blank page has"):
        scale.verified(digits, blank, 0)


def test_random_access_is_timed_only_if_it_reads_the_right_digit(tmp_path: Path) -> None:
    packed = tmp_path / "x.dz"
    packed.write_bytes(digitzip.compress(IMAGES, effort=0))
    digits = digitzip.decompress(packed.read_bytes())
    found = access.random_access(packed, digits)
    assert (found["reads"], found["chunks"]) == (access.READS, 1)
    for times in (found["open_and_read_ms"], found["read_ms"]):
        assert 0 < times["least"] <= times["median"] <= times["most"]
    assert 0 < found["held_bytes"] < 10_000_000
    with pytest.raises(ValueError, match="another one was read"):
        access.random_access(packed, np.invert(digits))


def copying(unpack: Callable[[Path], bytes]) -> starting.Command:
    """Return a command that copies its source, after which `-o` and the output stand."""
    script = "import shutil, sys; shutil.copy(sys.argv[1], sys.argv[3])"
    return starting.Command(
        sys.executable, "--version", np.ndarray.tobytes, ("-S", "-c", script), unpack
    )


def test_another_program_is_timed_only_if_the_pixels_come_back(tmp_path: Path) -> None:
    tasks = starting.their_tasks(copying(Path.read_bytes), IMAGES[0], tmp_path)
    assert [name.removeprefix(sys.executable) for name in tasks] == [" --version", " one digit"]
    assert {path.suffix for path in tmp_path.iterdir()} == {".source", ".packed"}
    with pytest.raises(ValueError, match="other pixels came back"):
        starting.their_tasks(copying(lambda packed: b""), IMAGES[0], tmp_path)


def test_the_version_of_a_program_is_found_in_what_it_says() -> None:
    said = "*** Zstandard CLI (64-bit) v1.5.4, by Yann Collet ***\n"
    assert starting.first_version(said) == "1.5.4"
    assert starting.first_version("1.2.4\nlibsharpyuv: 0.2.0\n") == "1.2.4"
    assert starting.first_version("flac 1.4.2\n") == "1.4.2"
    assert starting.first_version("no number") == "unknown"


def a_ratio(median: float) -> dict[str, float]:
    return {"median": median, "least": median / 2, "most": median * 100}


def a_peer_speed() -> dict[str, Any]:
    rate = {"median": 1_000.0, "least": 900.0, "most": 1_050.0}
    compress = {f"effort {effort}, one thread": rate for effort in (0, DEFAULT_EFFORT)}
    ratios = {0: a_ratio(12.34), DEFAULT_EFFORT: a_ratio(0.25)}
    peer = {
        "setting": "fast", "digits": 200, "encode": rate, "decode": rate,
        "ours_over_encode": {f"effort {e}, one thread": ratio for e, ratio in ratios.items()},
        "ours_over_decode": {"one thread": a_ratio(0.0123)},
    }  # fmt: skip
    ours = {"compress": compress, "decompress": {"one thread": rate}}
    sizes = [{"digits": n, "ours": ours, "peers": {"PNG": peer}} for n in (1, 10_000)]
    return {"default_effort": DEFAULT_EFFORT, "sizes": sizes}


def test_tables_of_time_show_what_was_measured() -> None:
    table = render_speed.beside(a_peer_speed())
    rate = "1,000 (900 … 1,050)"
    assert table.splitlines()[-1] == (
        f"| PNG | fast | 200 | {rate} | {rate} | 12.3 / 12.3 (6.17 … 1,234) "
        "| 0.250 / 0.250 (0.125 … 25.0) | 0.0123 / 0.0123 (0.00615 … 1.23) |"
    )
    rows = render_speed.pace(a_peer_speed(), a_scale()).splitlines()
    assert [row.count("|") for row in rows] == [8] * len(rows)
    assert rows[-1] == "| 1,000,000, files | 13,699 | 27,397 |  |  | 13,699 | 27,397 |"
    assert rows[-3].startswith(f"| 10,000 | {rate} |  | {rate} |")  # one core: no other column
    reads = render_speed.access(a_scale(), {"runs": [a_run(10_000_000, 700, 120)]})
    assert reads.splitlines()[-1].startswith("| 10,000,000 | 611 | 1.00 (0.50 … 20.00) |")
    speeds = {"default_effort": 1, "digits_per_second_of_effort": {"1": {"median": 1000}}}
    assert "5.00 GB" in render_speed.billion(a_scale(), speeds)
    assert "278 at effort 1" in render_speed.billion(a_scale(), speeds)


def test_efforts_show_the_ratio_that_the_bar_names() -> None:
    point = {
        "default": True, "default_levels": True, "model": "m", "effort": 1,
        "bytes_per_digit": 4.5, "rmse": 0.091,
    }  # fmt: skip
    rates = {"median": 1_700.4, "least": 1_500.0, "most": 1_800.0}
    found = {
        "default_effort": 1, "rounds_of_effort": {"1": 7, "9": 2},
        "digits_per_second_of_effort": {"1": rates, "9": rates},
        "effort_over_webp": {"1": {"median": 0.196, "least": 0.17, "most": 0.21}},
    }  # fmt: skip
    rows = render_speed.efforts({"points": [point]}, found).splitlines()
    speeds, ratio = "1,700 (1,500 … 1,800)", "0.196 (0.170 … 0.210)"
    assert rows[-2] == f"| 1 | {speeds} | {ratio} | 7 | 4.500 | 0.0910 | default |"
    assert rows[-1] == f"| 9 | {speeds} |  | 2 |  |  |  |"


def test_growth_tells_one_run_from_the_median_of_several() -> None:
    one = a_run(1_000_000, 60, 110) | {"rounds": 1}
    way = {"seconds": 2.0, "least": 1.5, "most": 3.0, "peak_mb": 90}
    several = a_run(10, 1, 90) | {"rounds": 3, "compress": way, "decompress": way}
    rows = render_speed.growth({"effort": 0, "runs": [several, one]}, None).splitlines()
    assert "| 2.0 s (1.5 … 3.0) | 90 MB | median of 3 (least … most) |" in rows[2]
    assert rows[3].endswith("| 30.0 s | 110 MB | 30.0 s | 110 MB | one run |")


def test_tables_of_time_say_what_was_not_measured() -> None:
    before = {"effort": 0, "runs": [{"digits": 10}]}
    not_yet = tables.NOT_YET
    assert render_speed.pace(None, before) == render_speed.beside(None) == not_yet
    assert render_speed.access(before, None) == render_speed.billion(before, {}) == not_yet
    assert render_speed.start({"median_seconds": {"python -c pass": 0.02}}) == not_yet
    absent = {
        "model": {"name": "mnist-10"},
        "median_seconds": {"zstd --version": 0.002}, "absent": ["flac"],
        "spread_seconds": {"zstd --version": {"least": 0.001, "most": 0.003}},
        "times_as_long": {"zstd": {"version": a_ratio(40.0)}},
    }  # fmt: skip
    shown = render_speed.start(absent)
    assert "| zstd --version | 2.0 | 1.0 … 3.0 | 40.0 (20.0 … 4,000) times as long |" in shown
    assert shown.endswith("Not installed there: flac.")
