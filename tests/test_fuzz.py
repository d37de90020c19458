"""The fuzzer finds what it is there to find, and nothing where nothing is wrong."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from digitzip import images
from digitzip.errors import DamagedError, DigitzipError
from digitzip.format import chunk
from digitzip.images import frame
from digitzip.images.frame import Fit
from tests.fuzz import loop
from tests.fuzz.case import Case, Target, attempt
from tests.fuzz.render import PAGE, RESULT, rendered

CASES = {"container": 900, "names": 2000, "idx": 800, "npy": 600, "image": 250, "model": 150,
         "packed": 200, "table": 100}  # fmt: skip
NEW = {"packed", "table"}
"""Targets that the recorded run did not have yet."""
CRASHERS = sorted((Path(__file__).parent / "crashers").glob("image-*"))

posix = pytest.mark.skipif(sys.platform == "win32", reason="the fuzzer forks")


@pytest.fixture(autouse=True)
def small_images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frame, "LARGEST", loop.LARGEST_IMAGE)


@posix
@pytest.mark.parametrize("name", loop.TARGETS)
def test_nothing_but_a_digitzip_error_escapes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loop, "MEMORY", 1 << 40)  # what other tests took is not this one's
    report = loop.run(name, 1, lambda done, seconds: done < CASES[name])
    assert [(crash.number, crash.problem) for crash in report.crashes] == []
    assert report.executions == CASES[name]
    assert 0 < report.refused < report.executions


@pytest.mark.parametrize("path", CRASHERS, ids=lambda path: path.name)
@pytest.mark.parametrize("fit", ["none", "resize", "mnist"])
def test_what_once_escaped_does_so_no_more(path: Path, fit: Fit) -> None:
    with pytest.raises(DigitzipError, match="is a damaged image"):
        list(images.read_images([path], height=28, width=28, fit=fit))


def test_crashers_are_kept() -> None:
    assert CRASHERS


@pytest.mark.parametrize("name", loop.TARGETS)
def test_a_seed_and_a_number_give_the_same_case(name: str, tmp_path: Path) -> None:
    one, two = (loop.TARGETS[name](tmp_path) for _ in range(2))
    for number in range(30):
        first, second = (loop.case_of(target, name, 7, number) for target in (one, two))
        assert (first.what, first.data) == (second.what, second.data)
    assert loop.case_of(one, name, 7, 3).data != loop.case_of(one, name, 8, 3).data


def crashes(name: str, most: int) -> list[loop.Crash]:
    report = loop.run(name, 2, lambda done, seconds: done < most, most_crashes=1)
    return report.crashes


def test_a_bug_behind_all_checksums_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    real = chunk.Chunk.from_bytes

    def from_bytes(data: bytes) -> chunk.Chunk:
        found = real(data)
        if any(layer.type == 0x83 for layer in found.layers):
            raise KeyError(0x83)
        return found

    monkeypatch.setattr(chunk.Chunk, "from_bytes", from_bytes)
    (crash,) = crashes("container", 5000)
    assert crash.problem == "KeyError: 131"


def test_bytes_that_are_read_as_they_were_not_written_are_found(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from digitzip.format import names

    monkeypatch.setattr(names, "_pack_counter", lambda names: None)
    assert not crashes("names", 200)
    monkeypatch.setattr(names, "_pack_front_coded", lambda names: b"\0" + b"\0\1a" * len(names))
    assert crashes("names", 2000)


@pytest.mark.parametrize(
    ("error", "problem"),
    [
        (DamagedError("one line"), None),
        (DamagedError("two\nlines"), "its message is not one line: 'two\\nlines'"),
        (DamagedError(), "its message is not one line: ''"),
        (ValueError("x"), "ValueError: x"),
        (OSError(5, "x"), "OSError: [Errno 5] x"),
        (MemoryError(), "MemoryError: "),
        (RecursionError("deep"), "RecursionError: deep"),
    ],
)
def test_what_may_escape_is_known(error: Exception, problem: str | None) -> None:
    def act() -> None:
        raise error

    assert attempt(Case("", b"", act)).problem == problem


@posix
def test_too_much_memory_ends_a_run(monkeypatch: pytest.MonkeyPatch) -> None:
    held = iter(range(50 << 20, 1 << 40, 90 << 20))  # more each time it is asked for
    monkeypatch.setattr(loop, "peak", lambda: next(held))
    (crash,) = crashes("names", 1000)
    assert crash.number == 3 * loop.MEMORY_EVERY - 1
    assert "MB" in crash.problem


@posix
def test_a_case_that_ends_the_process_is_named() -> None:
    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    def make(folder: Path) -> Target:
        return lambda random: Case("", b"", lambda: None if random.random() < 0.9 else die())

    def work(on_case: object) -> int:
        loop.run("x", 3, lambda done, s: done < 1000, make=make, on_case=on_case)  # type: ignore[arg-type]
        return 0

    status, last = loop.last_case(work)
    assert os.WIFSIGNALED(status)
    assert Random(f"3 x {last}").random() >= 0.9
    assert all(Random(f"3 x {number}").random() < 0.9 for number in range(last))


@posix
def test_the_command_saves_what_it_finds_and_says_how_to_see_it_again(tmp_path: Path) -> None:
    planted = (
        "import sys; from digitzip import Archive; from tests.fuzz.__main__ import fuzz\n"
        "def test(self): raise ZeroDivisionError\n"
        "Archive.test = test\n"
        "fuzz(sys.argv[1:])"
    )
    command = [sys.executable, "-c", planted, "--target", "container", "--executions", "40"]
    done = subprocess.run([*command, "--crashes", str(tmp_path)], capture_output=True, text=True)
    assert done.returncode == 1, done.stderr
    assert "ZeroDivisionError" in done.stdout
    line = next(line for line in done.stdout.splitlines() if "again with" in line)
    number = line.rpartition("--first ")[2].split()[0]
    assert (tmp_path / f"container-0-{number}").exists()
    again = [
        sys.executable,
        "-c",
        planted,
        "--crashes",
        str(tmp_path),
        *line.partition("again with ")[2].split(),
    ]
    assert subprocess.run(again, capture_output=True).returncode == 1


def test_the_recorded_run_is_long_enough_and_found_nothing() -> None:
    result = json.loads(RESULT.read_text("utf-8"))
    assert result["executions"] >= 1_000_000
    assert result["crashes"] == 0
    assert result["peak_mb"] < result["memory_limit_mb"] == 300
    assert {each["target"] for each in result["targets"]} == set(loop.TARGETS) - NEW
    assert min(each["executions"] for each in result["targets"]) >= 50_000
    page = PAGE.read_text("utf-8")
    assert rendered(page, result) == page
    assert f"{result['executions']:,} executions" in page
