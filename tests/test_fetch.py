"""MNIST from mirrors, here on loopback: whole and right, or an error that says why."""

from __future__ import annotations

import errno
import gzip
import hashlib
import http.client
import shlex
import ssl
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from click.testing import CliRunner

from digitzip import fetch
from digitzip.cli import digitzip as cli
from digitzip.errors import InputError, OutputError
from digitzip.fetch import fetch_mnist

CONTENTS = {name: name.encode() * 20_000 for name in fetch.MNIST}
FILES = {name: gzip.compress(content) for name, content in CONTENTS.items()}
FIRST = next(iter(FILES))


class Mirror(ThreadingHTTPServer):
    """A server on loopback that gives `files`, and breaks off after `cut` bytes of an answer."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.files = dict(FILES)
        self.cut: int | None = None
        self.ranges = True
        self.asked: list[tuple[str, str | None]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/mnist"


class Answer(BaseHTTPRequestHandler):
    """An answer of a `Mirror`."""

    server: Mirror

    def do_GET(self) -> None:
        name, span = self.path.removeprefix("/mnist/"), self.headers.get("Range")
        self.server.asked.append((name, span))
        if name not in self.server.files:
            self.send_error(404)
            return
        data, start = self.server.files[name], 0
        if span and self.server.ranges:
            start = int(span.removeprefix("bytes=").removesuffix("-"))
            if start >= len(data):
                self.send_error(416)
                return
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:][: self.server.cut])

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def mirrors(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Mirror, Mirror]]:
    """Give two mirrors of small files in place of MNIST's."""
    digests = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENTS.items()}
    monkeypatch.setattr(fetch, "MNIST", digests)
    monkeypatch.setattr(fetch, "PAUSE", 0.0)
    monkeypatch.setattr(fetch, "_CHUNK", 100)
    servers = Mirror(), Mirror()
    for server in servers:
        threading.Thread(target=server.serve_forever, daemon=True).start()
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


def urls(mirrors: tuple[Mirror, ...]) -> list[str]:
    return [mirror.url for mirror in mirrors]


def stored(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_all_files_arrive_with_progress(mirrors: tuple[Mirror, ...], tmp_path: Path) -> None:
    said: list[tuple[str, int, int | None]] = []
    paths = fetch_mnist(
        tmp_path / "new" / "mnist", mirrors=urls(mirrors), progress=lambda *at: said.append(at)
    )
    assert [path.name for path in paths] == list(FILES)
    assert stored(tmp_path / "new" / "mnist") == FILES
    assert mirrors[1].asked == []
    for name, data in FILES.items():
        done = [at for at in said if at[0] == name]
        assert len(done) > 1
        assert done[-1] == (name, len(data), len(data))


def test_what_is_there_is_not_fetched_again(mirrors: tuple[Mirror, ...], tmp_path: Path) -> None:
    fetch_mnist(tmp_path, mirrors=urls(mirrors))
    mirrors[0].asked.clear()
    fetch_mnist(tmp_path, mirrors=urls(mirrors))
    assert mirrors[0].asked == []


def test_a_cut_download_goes_on_where_it_stopped(
    mirrors: tuple[Mirror, ...], tmp_path: Path
) -> None:
    mirrors[0].cut = 70
    fetch_mnist(tmp_path, mirrors=urls(mirrors))
    assert stored(tmp_path) == FILES
    assert mirrors[1].asked == [(name, "bytes=70-") for name in FILES]


def test_a_later_run_goes_on_where_all_mirrors_failed(
    mirrors: tuple[Mirror, ...], tmp_path: Path
) -> None:
    mirrors[0].cut = 20
    with pytest.raises(InputError, match="the connection ended after 60 of"):
        fetch_mnist(tmp_path, mirrors=urls(mirrors)[:1])
    assert stored(tmp_path) == {f"{FIRST}.part": FILES[FIRST][:60]}
    mirrors[0].cut = None
    fetch_mnist(tmp_path, mirrors=urls(mirrors)[:1])
    assert stored(tmp_path) == FILES
    assert mirrors[0].asked[3] == (FIRST, "bytes=60-")


def test_a_mirror_without_ranges_begins_anew(mirrors: tuple[Mirror, ...], tmp_path: Path) -> None:
    mirrors[0].ranges = False
    (tmp_path / f"{FIRST}.part").write_bytes(FILES[FIRST][:50])
    fetch_mnist(tmp_path, mirrors=urls(mirrors)[:1])
    assert stored(tmp_path) == FILES


@pytest.mark.parametrize("part", [b"something else", FILES[FIRST] + b"more"])
def test_a_part_of_another_file_is_given_up(
    mirrors: tuple[Mirror, ...], tmp_path: Path, part: bytes
) -> None:
    (tmp_path / f"{FIRST}.part").write_bytes(part)
    fetch_mnist(tmp_path, mirrors=urls(mirrors))
    assert stored(tmp_path) == FILES


@pytest.mark.parametrize(
    "other",
    [gzip.compress(b"other"), b"<html>busy</html>", FILES[FIRST][:-9], b""],
    ids=["another file", "a page", "a cut file", "nothing"],
)
def test_a_wrong_file_is_fetched_from_the_next_mirror(
    mirrors: tuple[Mirror, ...], tmp_path: Path, other: bytes
) -> None:
    mirrors[0].files[FIRST] = other
    fetch_mnist(tmp_path, mirrors=urls(mirrors))
    assert stored(tmp_path) == FILES
    assert mirrors[1].asked == [(FIRST, None)]


def test_a_wrong_file_everywhere_is_refused(mirrors: tuple[Mirror, ...], tmp_path: Path) -> None:
    for mirror in mirrors:
        mirror.files[FIRST] = gzip.compress(b"other")
    with pytest.raises(InputError, match=f"cannot fetch {FIRST}.*SHA-256 is not that of MNIST"):
        fetch_mnist(tmp_path, mirrors=urls(mirrors))
    assert stored(tmp_path) == {}
    assert [len(mirror.asked) for mirror in mirrors] == [fetch.ROUNDS, fetch.ROUNDS]


def test_more_than_mnist_can_be_is_not_kept(
    mirrors: tuple[Mirror, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "MAX_BYTES", 150)
    with pytest.raises(InputError, match="more than 150 bytes"):
        fetch_mnist(tmp_path, mirrors=urls(mirrors))
    assert stored(tmp_path) == {}


def test_what_unpacks_to_more_than_mnist_is_refused(
    mirrors: tuple[Mirror, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirrors[0].files[FIRST] = gzip.compress(bytes(1 << 22))
    monkeypatch.setattr(fetch, "MAX_BYTES", 1 << 20)
    with pytest.raises(InputError, match="wrong file"):
        fetch_mnist(tmp_path, mirrors=urls(mirrors)[:1])


def test_missing_files_and_dead_mirrors_are_told(
    mirrors: tuple[Mirror, ...], tmp_path: Path
) -> None:
    del mirrors[0].files[FIRST]
    dead = "http://127.0.0.1:1/mnist"
    with pytest.raises(InputError) as caught:
        fetch_mnist(tmp_path, mirrors=[mirrors[0].url, dead])
    assert "HTTP status 404" in str(caught.value)
    assert f"{dead}: " in str(caught.value)
    assert "refused" in str(caught.value)
    assert "\n" not in str(caught.value)
    fetch_mnist(tmp_path, mirrors=[dead, *urls(mirrors)])
    assert stored(tmp_path) == FILES


@pytest.mark.parametrize(
    "error",
    [
        ssl.SSLError(1, "record layer failure"),
        OSError(errno.EHOSTUNREACH, "No route to host"),
        http.client.IncompleteRead(b""),
        TimeoutError("timed out"),
    ],
)
def test_an_answer_that_fails_while_it_is_read_is_asked_of_the_next_mirror(
    error: Exception, mirrors: tuple[Mirror, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = [0]

    def read(answer: http.client.HTTPResponse, size: int) -> bytes:
        reads[0] += 1
        if reads[0] == 2:
            raise error
        return whole_read(answer, size)

    whole_read = http.client.HTTPResponse.read
    monkeypatch.setattr(http.client.HTTPResponse, "read", read)
    fetch_mnist(tmp_path, mirrors=urls(mirrors))
    assert stored(tmp_path) == FILES
    assert mirrors[1].asked[0] == (FIRST, f"bytes={min(100, len(FILES[FIRST]))}-")


def test_a_full_disk_is_no_fault_of_the_mirror(mirrors: tuple[Mirror, ...], tmp_path: Path) -> None:
    (tmp_path / f"{FIRST}.part").mkdir()
    with pytest.raises(OutputError, match="cannot write"):
        fetch_mnist(tmp_path, mirrors=urls(mirrors))


def test_other_files_are_replaced_only_by_force(
    mirrors: tuple[Mirror, ...], tmp_path: Path
) -> None:
    (tmp_path / FIRST).write_bytes(b"mine")
    with pytest.raises(OutputError, match="not MNIST's; overwrite=True replaces it"):
        fetch_mnist(tmp_path, mirrors=urls(mirrors))
    assert stored(tmp_path) == {FIRST: b"mine"}
    fetch_mnist(tmp_path, mirrors=urls(mirrors), overwrite=True)
    assert stored(tmp_path) == FILES
    with pytest.raises(OutputError, match="cannot write"):
        fetch_mnist(tmp_path / FIRST, mirrors=urls(mirrors))
    (tmp_path / FIRST).unlink()
    (tmp_path / FIRST).mkdir()
    with pytest.raises(OutputError, match="it exists and is not a regular file"):
        fetch_mnist(tmp_path, mirrors=urls(mirrors), overwrite=True)


def test_the_command_says_what_to_export(
    mirrors: tuple[Mirror, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke(cli, ["fetch", "mnist", "-v", "--mirror", mirrors[0].url])
    assert run.exit_code == 0, run.output
    assert run.stdout == f"export DIGITZIP_DATA={shlex.quote(str(tmp_path / 'mnist'))}\n"
    assert "mnist: 4 files" in run.stderr
    assert stored(tmp_path / "mnist") == FILES
    mirrors[0].files.clear()
    run = CliRunner().invoke(cli, ["fetch", "mnist", "-o", "x", "--mirror", mirrors[0].url])
    assert run.exit_code == 1
    assert "HTTP status 404" in run.stderr
    mirrors[0].files |= FILES
    run = CliRunner().invoke(cli, ["fetch", "mnist", "-o", "a $b", "--mirror", mirrors[0].url])
    assert run.stdout == f"export DIGITZIP_DATA='{tmp_path}/a $b'\n"


@pytest.mark.parametrize(
    "wrong",
    [
        "file:///etc",
        "nowhere",
        "http://[::1",
        "http://m\u00fcller/",
        "http://x:port/",
        "http://",
        "",
    ],
)
def test_what_is_no_address_is_refused_before_anything_is_made(wrong: str, tmp_path: Path) -> None:
    run = CliRunner().invoke(cli, ["fetch", "mnist", "-o", str(tmp_path / "x"), "--mirror", wrong])
    assert run.exit_code == 1
    assert "is not an http or https URL" in run.stderr
    with pytest.raises(InputError, match="is not an http or https URL"):
        fetch_mnist(tmp_path / "x", mirrors=[wrong])
    with pytest.raises(InputError, match="mirrors= is empty"):
        fetch_mnist(tmp_path / "x", mirrors=[])
    assert stored(tmp_path) == {}


@pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX locks")
def test_two_runs_do_not_write_to_one_part(mirrors: tuple[Mirror, ...], tmp_path: Path) -> None:
    refused: list[str] = []

    def other_run(*at: object) -> None:
        with pytest.raises(
            OutputError, match=f"another run is fetching .*{FIRST}'; wait"
        ) as caught:
            fetch_mnist(tmp_path, mirrors=urls(mirrors))
        refused.append(str(caught.value))
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch_mnist(tmp_path, mirrors=urls(mirrors), progress=other_run)
    assert len(refused) == 1
    fetch_mnist(tmp_path, mirrors=urls(mirrors))
    assert stored(tmp_path) == FILES
