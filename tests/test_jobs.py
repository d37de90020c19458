"""Several cores: the same bytes, results in order, and an end at once when anything goes wrong."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import digitzip
from digitzip import DigitzipError, InputError, jobs
from digitzip.archive import assembly, comparing, recovery, store
from digitzip.codec import Images
from digitzip.jobs import Jobs, Line
from digitzip.model import Model
from tests.conftest import TINY
from tests.processes import MAIN, spawn

posix = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX signals and pipes")
both = pytest.mark.parametrize("processes", [False, True], ids=["threads", "processes"])


def many(images: Images) -> Images:
    """Images of noise, some of which the tiny model decodes exactly."""
    exact = digitzip.load_codec(TINY).decode(
        np.random.default_rng(1).integers(0, 5, (30, 3), np.uint8)
    )
    return np.concatenate([images, exact, images[:13]])


def compressed(images: Images, count: int, **bounds: Any) -> bytes:
    names = [f"{i}.png" for i in range(len(images))]
    return digitzip.compress(
        images, model=TINY, names=names, labels=np.arange(len(images)), chunk=16, jobs=count,
        **bounds,
    )  # fmt: skip


@pytest.fixture
def workers(processes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Small pieces of work, in threads or in processes."""
    monkeypatch.setattr(assembly, "_UNIT", 7)
    for room in (assembly, comparing, recovery, store):
        monkeypatch.setattr(room, "RELEASES_GIL", not processes)


# Archives


@both
@pytest.mark.usefixtures("workers")
@pytest.mark.parametrize("bounds", [{"effort": 2}, {"max_error": 9}, {"lossless": True}])
def test_the_number_of_jobs_changes_neither_bytes_nor_images(
    images: Images, bounds: dict[str, Any], tmp_path: Path
) -> None:
    images = many(images)
    data = compressed(images, 1, **bounds)
    assert {compressed(images, count, **bounds) for count in (2, 3)} == {data}
    expected = digitzip.decompress(data, model=TINY)
    with digitzip.open(data, model=TINY, jobs=2) as dz:
        dz.test()
        assert [len(batch) for batch in dz.batches(30, start=5)] == [11, 16, 16, 16, 16, 13]
        np.testing.assert_array_equal(np.concatenate(list(dz.batches(start=5))), expected[5:])
        part, same = tmp_path / "part.dz", digitzip.compare(images, dz)
        digitzip.extract(dz, slice(3, 80), part)
    np.testing.assert_array_equal(
        digitzip.decompress(part.read_bytes(), model=TINY), expected[3:80]
    )
    assert str(same) == str(digitzip.compare(images, data, model=TINY))
    saved = io.BytesIO()
    digitzip.recover(data[:-9], saved, model=TINY, jobs=3)
    np.testing.assert_array_equal(
        digitzip.decompress(saved.getvalue(), model=TINY, jobs=0), expected
    )


def test_both_backends_write_the_same_bytes(images: Images, tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", many(images))
    small = "from digitzip.archive import assembly; assembly._UNIT = 7; "
    options = ["--model", str(TINY), "--max-error", "9", "--chunk", "16", "--jobs", "2"]
    for backend in ("numpy", ""):
        words = ["compress", "in.npy", *options, "-o", f"{backend}.dz"]
        environment = {**os.environ, "DIGITZIP_BACKEND": backend}
        subprocess.run(spawn(*words, code=small + MAIN), check=True, env=environment, cwd=tmp_path)
    assert (tmp_path / "numpy.dz").read_bytes() == (tmp_path / ".dz").read_bytes()


def test_parts_joined_are_the_whole(images: Images) -> None:
    images, out = many(images), io.BytesIO()
    parts = [
        digitzip.compress(images[start : start + 32], model=TINY, chunk=16)
        for start in range(0, len(images), 32)
    ]
    digitzip.join(parts, out)
    assert out.getvalue() == digitzip.compress(images, model=TINY, chunk=16)


def test_progress_is_told_to_the_end(images: Images, tmp_path: Path) -> None:
    images, path, told = many(images), tmp_path / "x.dz", list[int]()
    with digitzip.create(path, model=TINY, chunk=16, jobs=2, progress=told.append) as out:
        out.append(images)
    assert (told, told[-1]) == (sorted(told), len(images))
    with digitzip.open(path, model=TINY, jobs=2) as dz:
        told.clear()
        dz.test(progress=told.append)
    assert told == [*range(16, len(images), 16), len(images)]
    searched: list[tuple[int, int]] = []
    digitzip.recover(
        path, io.BytesIO(), model=TINY, jobs=2, progress=lambda *given: searched.append(given)
    )
    assert searched == sorted(searched)
    assert set(searched[-1]) == {path.stat().st_size}


@pytest.mark.parametrize("count", [-1, 257, 1.0, True])
def test_other_numbers_of_jobs_are_refused(count: Any, images: Images) -> None:
    with pytest.raises(InputError, match=f"jobs is {count}, expected 0 to 256"):
        digitzip.compress(images, model=TINY, jobs=count)
    with pytest.raises(InputError, match="jobs is"):
        digitzip.decompress(b"", jobs=count)
    with pytest.raises(InputError, match="jobs is"):
        digitzip.recover(compressed(images, 1), io.BytesIO(), model=TINY, jobs=count)


def test_an_open_archive_has_its_number_of_jobs(images: Images, tiny: Model) -> None:
    with (
        digitzip.open(digitzip.compress(images, model=tiny), model=tiny) as dz,
        pytest.raises(InputError, match="an open archive has its jobs"),
    ):
        digitzip.compare(images, dz, jobs=2)


# Workers


@both
def test_results_come_in_order_and_few_are_ahead(processes: bool) -> None:
    drawn = 0

    def items() -> Iterator[int]:
        nonlocal drawn
        while drawn < 99:
            drawn += 1
            yield drawn

    with Jobs(2, 3, processes=processes) as workers:
        for number, result in enumerate(workers.map(pow, items()), 1):
            assert result == 3**number
            assert drawn <= number + workers.ahead
    assert number == 99


@both
def test_little_work_starts_no_workers(processes: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Jobs, "_run", None)
    with Jobs(4, 3, processes=processes) as workers:
        assert list(workers.map(pow, range(1 + processes))) == [1, 3, 9][: 1 + processes]


@both
def test_an_error_comes_in_its_turn(processes: bool) -> None:
    found: list[int] = []
    with pytest.raises(ZeroDivisionError), Jobs(2, 6, processes=processes) as workers:
        found.extend(workers.map(divmod_of, [1, 2, 3, 0, 5, 6]))
    assert found == [6, 3, 2]
    with Jobs(2, 6, processes=processes) as workers:
        results = workers.map(divmod_of, iter_then_fail([1, 2, 3]))
        assert [next(results) for _ in range(3)] == [6, 3, 2]
        with pytest.raises(OSError, match="no more"):
            next(results)


def divmod_of(context: int, item: int) -> int:
    return context // item


def iter_then_fail(items: list[int]) -> Iterator[int]:
    yield from items
    raise OSError("no more")


def die(_context: object, *_given: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@posix
def test_a_killed_worker_is_an_error_and_no_file_appears(
    images: Images, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(assembly, "_UNIT", 7)
    monkeypatch.setattr(assembly, "_encode", die)
    monkeypatch.setattr(assembly, "RELEASES_GIL", False)
    with pytest.raises(DigitzipError) as told:  # noqa: SIM117
        with digitzip.create(tmp_path / "out.dz", model=TINY, jobs=2) as out:
            out.append(images)
    assert str(told.value).startswith("a worker process ended with code -9")
    assert "\n" not in str(told.value)
    assert not list(tmp_path.iterdir())


# Ctrl-C


@contextmanager
def interrupted(ready: Any) -> Iterator[None]:
    """Send this process SIGINT once `ready()` returns; expect that it interrupts the block."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt() -> None:
        ready()
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=interrupt)
    thread.start()
    try:
        with pytest.raises(KeyboardInterrupt):
            yield
    finally:
        thread.join()
        signal.signal(signal.SIGINT, before)


@posix
def test_ctrl_c_ends_threads_at_their_next_check() -> None:
    started = threading.Semaphore(0)

    def work_for_ever(_context: None, _item: int) -> None:
        started.release()
        while True:
            jobs.check()

    def items() -> Iterator[int]:
        yield from range(2)
        started.release()  # the pool has both threads now and knows them
        yield from range(2, 9)

    def ready() -> None:
        for _ in range(3):
            started.acquire()

    with interrupted(ready), Jobs(2, None) as workers:
        list(workers.map(work_for_ever, items()))
    assert not [t for t in threading.enumerate() if "ThreadPool" in t.name]


def tell_and_wait(fifo: Path, _item: int) -> None:
    fifo.write_text(f"{os.getpid()}\n")
    while True:
        signal.pause()


@posix
def test_ctrl_c_ends_processes_at_once(tmp_path: Path) -> None:
    os.mkfifo(fifo := tmp_path / "fifo")
    children: list[int] = []

    def ready() -> None:
        children.append(int(fifo.read_text().split()[0]))

    with interrupted(ready), Jobs(2, fifo, processes=True) as workers:
        list(workers.map(tell_and_wait, range(9)))
    with pytest.raises(ProcessLookupError):
        os.kill(children[0], 0)


@posix
def test_ctrl_c_ends_the_search_of_the_command(tmp_path: Path) -> None:
    np.save(tmp_path / "in.npy", np.zeros((2000, 28, 28), np.uint8))
    endless = """
import signal
from digitzip.codec import candidates
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it in the background
real = candidates.jobs.check
def check():
    print("searching", flush=True)
    while True:
        real()
candidates.jobs.check = check
"""
    words = spawn("compress", "in.npy", "-o", "out.dz", "--effort", "9", "--jobs", "2",
                  code=endless + MAIN)  # fmt: skip
    environment = {**os.environ, "DIGITZIP_BACKEND": ""}
    with subprocess.Popen(
        words, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"searching\n"
        process.send_signal(signal.SIGINT)
        _, said = process.communicate()
    assert (process.returncode, said) == (130, b"digitzip: error: interrupted\n")
    assert [path.name for path in tmp_path.iterdir()] == ["in.npy"]


def test_a_line_may_be_left_unfinished() -> None:
    with Jobs(2, 3) as workers:
        line: Line[int, int] = Line(workers, pow)
        for number in range(3):
            list(line.put(number, number))
