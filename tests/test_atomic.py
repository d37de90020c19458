"""Outputs appear whole or not at all, and killed runs leave nothing for long."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from digitzip import atomic
from digitzip.errors import OutputError

posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX links or limits")


def names_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*"))


def nothing() -> None:
    pass


def write_file(
    path: Path, data: bytes, *, overwrite: bool = False, then: Callable[[], object] = nothing
) -> None:
    with atomic.file(path, overwrite=overwrite) as out:
        out.write(data)
        then()


def fill_folder(
    path: Path,
    files: dict[str, bytes],
    *,
    overwrite: bool = False,
    then: Callable[[], object] = nothing,
) -> None:
    with atomic.folder(path, overwrite=overwrite) as root:
        for name, data in files.items():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            (root / name).write_bytes(data)
        then()


def test_a_file_appears_only_when_its_block_ends(tmp_path: Path) -> None:
    with atomic.file(tmp_path / "out", overwrite=False) as out:
        out.write(b"digits")
        out.flush()
        assert not (tmp_path / "out").exists()
    assert (tmp_path / "out").read_bytes() == b"digits"
    assert names_in(tmp_path) == ["out"]


def test_a_folder_appears_only_when_its_block_ends(tmp_path: Path) -> None:
    with atomic.folder(tmp_path / "out", overwrite=False) as root:
        (root / "a").write_bytes(b"1")
        assert not (tmp_path / "out").exists()
    assert names_in(tmp_path) == ["out", "out/a"]


@pytest.mark.parametrize("failure", [ValueError, KeyboardInterrupt])
def test_a_block_that_raises_leaves_nothing(tmp_path: Path, failure: type[BaseException]) -> None:
    def stop() -> None:
        raise failure

    with pytest.raises(failure):
        write_file(tmp_path / "out", b"half", then=stop)
    with pytest.raises(failure):
        fill_folder(tmp_path / "dir", {"half": b"half"}, then=stop)
    assert names_in(tmp_path) == []


def test_an_existing_file_is_refused_without_overwrite(tmp_path: Path) -> None:
    write_file(tmp_path / "out", b"old")
    with pytest.raises(OutputError, match="exists; overwrite=True replaces it"):
        write_file(tmp_path / "out", b"new")
    assert (tmp_path / "out").read_bytes() == b"old"


def test_an_overwrite_keeps_the_old_file_until_it_succeeds(tmp_path: Path) -> None:
    def stop() -> None:
        raise KeyError

    out = tmp_path / "out"
    write_file(out, b"old")
    with pytest.raises(KeyError):
        write_file(out, b"half", overwrite=True, then=stop)
    assert out.read_bytes() == b"old"
    write_file(out, b"new", overwrite=True)
    assert out.read_bytes() == b"new"


def test_a_file_made_in_the_meantime_is_not_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(OutputError, match="cannot write"):
        write_file(out, b"ours", then=lambda: out.write_bytes(b"theirs"))
    assert out.read_bytes() == b"theirs"
    assert names_in(tmp_path) == ["out"]


def test_a_folder_that_is_not_empty_is_refused_without_overwrite(tmp_path: Path) -> None:
    (tmp_path / "mine").write_bytes(b"mine")
    with pytest.raises(OutputError, match="not empty; overwrite=True writes into it"):
        fill_folder(tmp_path, {"a": b"1"})
    assert names_in(tmp_path) == ["mine"]


def test_an_empty_folder_is_filled_in_place(tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    before = out.stat().st_ino
    fill_folder(out, {"a": b"1", "sub/b": b"2"})
    assert names_in(tmp_path) == ["out", "out/a", "out/sub", "out/sub/b"]
    assert out.stat().st_ino == before


def test_overwriting_a_folder_replaces_namesakes_and_deletes_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    fill_folder(out, {"a": b"old", "mine": b"mine", "sub/mine": b"mine"})
    fill_folder(out, {"a": b"new", "sub/b": b"new"}, overwrite=True)
    assert names_in(out) == ["a", "mine", "sub", "sub/b", "sub/mine"]
    assert (out / "a").read_bytes() == b"new"
    assert (out / "sub/mine").read_bytes() == b"mine"
    assert names_in(tmp_path)[0] == "out"


@pytest.mark.parametrize("new", [{"a": b"new", "b": b"new"}, {"a": b"new", "z/y": b"new"}])
def test_a_conflict_in_an_existing_folder_is_found_before_anything_moves(
    tmp_path: Path, new: dict[str, bytes]
) -> None:
    old = {"a": b"old", "b/c": b"old", "z": b"old"}
    fill_folder(tmp_path / "out", old)
    with pytest.raises(OutputError, match="in the way"):
        fill_folder(tmp_path / "out", new, overwrite=True)
    assert {name: (tmp_path / "out" / name).read_bytes() for name in old} == old
    assert names_in(tmp_path) == ["out", "out/a", "out/b", "out/b/c", "out/z"]


@posix_only
def test_a_link_in_an_existing_folder_leads_no_file_outside_it(tmp_path: Path) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside"
    out.mkdir()
    outside.mkdir()
    (out / "sub").symlink_to(outside, target_is_directory=True)
    with pytest.raises(OutputError, match="in the way"):
        fill_folder(out, {"sub/a": b"1"}, overwrite=True)
    assert names_in(outside) == []


@posix_only
def test_a_linked_file_is_written_where_the_link_leads(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "real")
    write_file(tmp_path / "link", b"1")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_bytes() == b"1"


@pytest.mark.parametrize("name", ["no/out", "file/out", "dir", "a\0b", "x" * 300, "dir/.."])
def test_a_place_where_no_file_can_be_is_an_output_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    (tmp_path / "dir").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        write_file(tmp_path / name, b"1", overwrite=True)
    assert names_in(tmp_path) == ["dir", "file"]


@pytest.mark.parametrize("name", ["no/out", "file/out", "file", "a\0b", "x" * 300])
def test_a_place_where_no_folder_can_be_is_an_output_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(OutputError, match="cannot write"):
        fill_folder(tmp_path / name, {"a": b"1"}, overwrite=True)
    assert names_in(tmp_path) == ["file"]


LONG_NAMES = ["x" * 255, "é" * 127, "x" + "\U0001d7d8" * 63, "x" * 223]


@pytest.mark.parametrize("name", LONG_NAMES, ids=["ascii", "é", "four bytes", "223"])
def test_a_name_as_long_as_can_be_is_written(tmp_path: Path, name: str) -> None:
    (tmp_path / "dir").mkdir()
    write_file(tmp_path / name, b"1")
    fill_folder(tmp_path / "dir" / name, {"a": b"1"})
    assert names_in(tmp_path) == sorted(["dir", f"dir/{name}", f"dir/{name}/a", name])


def test_a_name_that_is_too_long_is_refused_before_the_block_runs(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        write_file(tmp_path / ("é" * 128), b"1", then=lambda: pytest.fail("it ran"))


@contextmanager
def largest_file(size: int) -> Iterator[None]:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@posix_only
@pytest.mark.parametrize("size", [1_001, 1_000_000], ids=["at the last flush", "in a write"])
def test_a_disk_that_takes_no_more_is_an_output_error(tmp_path: Path, size: int) -> None:
    with largest_file(1_000), pytest.raises(OutputError, match=r"cannot write .*out"):
        write_file(tmp_path / "out", bytes(size))
    assert names_in(tmp_path) == []


def test_many_runs_to_one_name_do_not_disturb_each_other(tmp_path: Path) -> None:
    failures: list[BaseException] = []

    def run(data: bytes) -> None:
        try:
            for _ in range(50):
                write_file(tmp_path / "out", data * 1_000, overwrite=True)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(data,)) for data in (b"1", b"2", b"3")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    assert names_in(tmp_path) == ["out"]
    data = (tmp_path / "out").read_bytes()
    assert data == data[:1] * 1_000


HALF_A_FILE = """
out.write(bytes(1_000_000))
"""
HALF_A_FOLDER = """
(out / "sub").mkdir()
(out / "sub" / "half").write_bytes(b"half")
"""


@contextmanager
def run_that_stops_half_way(kind: str, path: Path) -> Iterator["subprocess.Popen[bytes]"]:
    half = HALF_A_FILE if kind == "file" else HALF_A_FOLDER
    program = f"""
import sys
from digitzip import atomic
with atomic.{kind}(sys.argv[1], overwrite=True) as out:
    exec({half!r})
    print("half way", flush=True)
    sys.stdin.read()  # until it is killed
"""
    command = [sys.executable, "-c", program, str(path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline().strip() == b"half way"
            yield process
        finally:
            process.kill()


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_killed_run_leaves_no_output_and_the_next_run_sweeps_its_parts(
    tmp_path: Path, kind: str
) -> None:
    with run_that_stops_half_way(kind, tmp_path / "out") as process:
        process.kill()
    assert not (tmp_path / "out").exists()
    assert names_in(tmp_path) != []
    write_file(tmp_path / "out", b"whole")
    assert names_in(tmp_path) == ["out"]


def test_parts_of_a_long_name_are_swept_too(tmp_path: Path) -> None:
    out = tmp_path / ("é" * 127)
    with run_that_stops_half_way("folder", out) as process:
        process.kill()
    parts = names_in(tmp_path)
    assert max(len(part.encode()) for part in parts if "/" not in part) <= 255
    write_file(out, b"whole")
    assert names_in(tmp_path) == [out.name]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_run_that_still_lives_keeps_its_parts(tmp_path: Path, kind: str) -> None:
    with run_that_stops_half_way(kind, tmp_path / "out"):
        parts = names_in(tmp_path)
        write_file(tmp_path / "out", b"whole")
        assert names_in(tmp_path) == [*parts, "out"]


def test_a_sweep_touches_only_parts_of_its_own_name(tmp_path: Path) -> None:
    token = "0123456789abcdef"
    kept = [
        f".other.{token}.digitzip-part",
        f".out.{token}.digitzip-part.txt",
        ".out.digitzip-part",
    ]
    for name in kept:
        (tmp_path / name).write_bytes(b"mine")
    (tmp_path / f".out.{token}.digitzip-files").mkdir()
    write_file(tmp_path / "out", b"1")
    assert names_in(tmp_path) == sorted([*kept, "out"])
