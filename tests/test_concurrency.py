"""One file, many readers at once: threads, processes that were forked, and processes anew."""

from __future__ import annotations

import hashlib
import io
import multiprocessing
import os
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path

import numpy as np
import pytest

import digitzip
from digitzip import Archive
from digitzip.archive import store
from digitzip.model import Model
from tests.archives import of_codes, random_codes
from tests.conftest import TINY

CHUNKS, EACH = 9, 200
IMAGES = CHUNKS * EACH


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory, tiny: Model) -> Path:
    """A file of nine chunks, all images of which have names."""
    parts = []
    for number in range(CHUNKS):
        names = [f"{number}/{i}.png" for i in range(EACH)]
        parts.append(of_codes(tiny, random_codes(EACH, seed=number), names))
    file: Path = tmp_path_factory.mktemp("shared") / "many.dz"
    digitzip.join(parts, file)
    return file


def look(dz: Archive, seed: int) -> str:
    """Read here and there, as `seed` says; return a digest of all that was seen."""
    random, seen = np.random.default_rng(seed), hashlib.sha256()
    for _ in range(10):
        at = int(random.integers(IMAGES))
        seen.update(dz[at].tobytes())
        seen.update(dz[random.integers(0, IMAGES, 20)].tobytes())
        seen.update(dz.codes[at : at + 300].tobytes())
        assert dz.names is not None
        seen.update(dz.names[at].encode())
    if seed % 4 == 0:
        dz.test()
    seen.update(next(iter(dz.batches(100, start=int(random.integers(IMAGES))))).tobytes())
    return seen.hexdigest()


@pytest.fixture(scope="module")
def expected(path: Path) -> list[str]:
    """What each of eight readers sees when it is alone."""
    found = []
    for seed in range(8):
        with digitzip.open(path, model=TINY) as dz:
            found.append(look(dz, seed))
    return found


Opened = Callable[[Path], Archive]


@pytest.mark.parametrize(
    "opened",
    [
        lambda path: digitzip.open(path, model=TINY),
        lambda path: digitzip.open(path.read_bytes(), model=TINY),
        lambda path: digitzip.open(io.BytesIO(path.read_bytes()), model=TINY),
        lambda path: digitzip.open(path, model=TINY, jobs=2),
    ],
    ids=["path", "bytes", "file object", "several jobs"],
)
def test_threads_that_share_an_archive_see_what_each_would_see_alone(
    opened: Opened, path: Path, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "_CACHED", 1500)  # names of one chunk, codes of two
    together = threading.Barrier(8)
    with opened(path) as dz:

        def work(seed: int) -> str:
            together.wait()
            return look(dz, seed)

        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(work, range(8))) == expected


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_forked_processes_share_an_open_archive(path: Path, expected: list[str]) -> None:
    with digitzip.open(path, model=TINY) as dz:
        _ = dz[0]  # open, and something remembered
        children = []
        for seed in range(8):
            child = os.fork()
            if not child:
                os._exit(0 if look(dz, seed) == expected[seed] else 1)
            children.append(child)
        assert look(dz, 3) == expected[3]  # meanwhile
        assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_processes_of_every_kind_take_a_pickled_archive(
    method: str, path: Path, expected: list[str]
) -> None:
    with (
        digitzip.open(path, model=TINY) as dz,
        multiprocessing.get_context(method).Pool(2) as pool,
    ):
        assert pool.starmap(look, [(dz, seed) for seed in range(8)]) == expected
        pool.close()
        pool.join()


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be replaced on Windows")
def test_readers_keep_the_file_they_opened_while_others_append(
    path: Path, expected: list[str], tmp_path: Path
) -> None:
    shared = tmp_path / "shared.dz"
    shared.write_bytes(path.read_bytes())
    stop = threading.Event()

    def grow() -> None:
        for number in count():
            if stop.is_set():
                return
            with digitzip.append(shared, model=TINY, effort=0) as out:
                out.append(np.zeros((28, 28), np.uint8), [f"new/{number}"])

    with digitzip.open(shared, model=TINY) as dz:
        writer = threading.Thread(target=grow)
        writer.start()
        try:
            with ThreadPoolExecutor(4) as pool:
                seen = list(pool.map(lambda seed: look(dz, seed), range(8)))
        finally:
            stop.set()
            writer.join()
        assert seen == expected
    with digitzip.open(shared, model=TINY) as dz:
        dz.test()
        assert len(dz) > IMAGES
