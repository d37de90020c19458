"""Commands that are killed: at named calls by pytest, at random moments by `python -m tests.kills`.

Each scene is one command in a folder of its own. It runs once to its end, which gives what is to be
seen before it and after it. Then it is started again and again and killed (SIGKILL); what is seen
then must be one of the two, and the next run must end as the first did and leave nothing beside.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Final

import click
import numpy as np

import digitzip
from digitzip.atomic import FILES, PART
from digitzip.cli import digitzip as command
from digitzip.model import read_model
from tests.stops import killed_at
from tests.toy import make_images

TINY: Final = Path(__file__).parent / "conformance" / "tiny.safetensors"
MODEL: Final = ("--model", str(TINY), "-q")
IMAGES: Final = 600

Seen = Mapping[str, bytes]
"""The files of a folder, by their paths in it."""


@dataclass(frozen=True, slots=True)
class Scene:
    """One command; `again` is the one that follows a kill, if it is not the same."""

    name: str
    arguments: tuple[str, ...]
    prepare: Callable[[], None]
    again: Callable[[], tuple[str, ...]] | None = None
    one_by_one: bool = False
    """Whether files may appear one after another, each of them whole."""
    on_the_way: str = ""
    """A folder in which a run keeps its state until its end."""


@dataclass(frozen=True, slots=True)
class Stop:
    """The call before which a run is killed, or half of whose data it has written then."""

    owner: object
    name: str
    call: int = 0
    half: bool = False


@dataclass(slots=True)
class Killed:
    """What came of a scene."""

    scene: str
    kills: int = 0
    before: int = 0
    between: int = 0
    after: int = 0
    """After how many kills the old state was seen, one on the way, or the new one."""
    parts: int = 0
    """After how many kills a part was left beside, for the next run to remove."""


def _images() -> None:
    np.save("in.npy", make_images(IMAGES, 1))


def _archive(name: str, seed: int, images: int = IMAGES) -> None:
    model = read_model(TINY)
    Path(name).write_bytes(digitzip.compress(make_images(images, seed), model=model, effort=0))


def _both() -> None:
    _images()
    _archive("out.dz", 2, 20)


def _into() -> None:
    _archive("in.dz", 1, 150)
    Path("out").mkdir()
    Path("out/00007.png").write_bytes(b"old")
    Path("out/mine.txt").write_bytes(b"not to be touched")


def _resume() -> tuple[str, ...]:
    found = Path("out-checkpoint/checkpoint.pt").exists()
    return (
        (*TRAIN, "--resume")
        if found
        else (*TRAIN, "-f")
        if Path("out-checkpoint").exists()
        else TRAIN
    )


COMPRESS: Final = ("compress", "in.npy", "-o", "out.dz", "--effort", "0", *MODEL)
DECOMPRESS: Final = ("decompress", "in.dz", *MODEL, "-o")
TRAIN: Final = ("train", "--data", "in.npy", "-o", "out.safetensors", "--recipe", "toy",
                "--epochs", "2", "--set", "entropy.steps=9", "--set", "residual.steps=0",
                "--device", "cpu", "-q")  # fmt: skip
SCENES: Final = (
    Scene("compress", COMPRESS, _images),
    Scene("compress over an old file", (*COMPRESS, "-f"), _both),
    Scene("append", ("append", "out.dz", "in.npy", "--effort", "0", *MODEL), _both),
    Scene("decompress to .npy", (*DECOMPRESS, "out.npy"), lambda: _archive("in.dz", 1)),
    Scene("decompress to IDX, gzip", (*DECOMPRESS, "out-idx3-ubyte.gz"),
          lambda: _archive("in.dz", 1)),
    Scene("decompress to a folder", (*DECOMPRESS, "out"), lambda: _archive("in.dz", 1, 150)),
    Scene("decompress into a folder", (*DECOMPRESS, "out", "-f"), _into, one_by_one=True),
    Scene("train, then --resume", TRAIN, _images, again=_resume, on_the_way="out-checkpoint"),
)  # fmt: skip


def play(scene: Scene, kills: int, seed: int) -> Killed:
    """Kill a scene so many times at random; raises `AssertionError` where a promise is broken."""
    told, draw = Killed(scene.name), random.Random(f"{seed} {scene.name}")
    with _in_a_folder():
        before, after, lasts = _whole_run(scene)
        while told.kills < kills:
            _empty()
            scene.prepare()
            if _run(scene.arguments, (draw.random() < 0.5, draw.uniform(0, 1.05) * lasts)):
                _check(scene, before, after, told)
    return told


def play_at(scene: Scene, stops: Sequence[Stop]) -> Killed:
    """Kill a scene at each stop; raises `AssertionError` where a promise is broken."""
    told = Killed(scene.name)
    with _in_a_folder():
        before, after, _ = _whole_run(scene)
        for stop in stops:
            _empty()
            scene.prepare()
            run = partial(_command, scene.arguments)
            assert killed_at(stop.owner, stop.name, run, call=stop.call, half=stop.half), stop
            _check(scene, before, after, told)
    return told


@contextmanager
def _in_a_folder() -> Iterator[None]:
    home = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        try:
            os.chdir(folder)
            yield
        finally:
            os.chdir(home)


def _check(scene: Scene, before: Seen, after: Seen, told: Killed) -> None:
    """Check what is seen after a kill, and that the next run ends as if nothing had been."""
    told.kills += 1
    _look(scene, before, after, told)
    assert not _run(scene.again() if scene.again else _forced(scene, after))
    assert _seen() == after, f"{scene.name}: the next run gave {sorted(_seen())}"
    assert not _parts(), f"{scene.name}: the next run left {_parts()}"


def _whole_run(scene: Scene) -> tuple[Seen, Seen, float]:
    """Run a scene to its end; return what is seen before and after, and its seconds."""
    _import_rooms(scene)
    scene.prepare()
    before, started = _seen(), time.perf_counter()
    assert not _run(scene.arguments)
    return before, _seen(), time.perf_counter() - started


def _import_rooms(scene: Scene) -> None:
    """Import here what the runs need: they are killed at their work, not at their imports."""
    for room in ("cli.compress", "cli.append", "cli.decompress", "cli.train", "archive", "images"):
        import_module(f"digitzip.{room}")
    import_module("PIL.PngImagePlugin")
    if scene.arguments[0] == "train":
        import_module("digitzip.training")
        import_module("torch").set_num_threads(1)


def _look(scene: Scene, before: Seen, after: Seen, told: Killed) -> None:
    """Check what is seen after a kill."""
    way = scene.on_the_way
    seen = {path: data for path, data in _seen().items() if not way or not path.startswith(way)}
    told.parts += bool(_parts())
    if seen == after:
        told.after += 1
    elif seen == before:
        told.before += 1 - bool(way and Path(way).exists())
        told.between += bool(way and Path(way).exists())
    else:
        told.between += 1
        assert scene.one_by_one, f"{scene.name}: neither old nor new: {sorted(seen)}"
        for path in before.keys() | seen.keys():
            assert seen.get(path) in (before.get(path), after.get(path)), path
        assert before.keys() <= seen.keys()


def _forced(scene: Scene, after: Seen) -> tuple[str, ...]:
    """Return the same command, or where its output is there already, one that writes it anew."""
    if scene.name == "append" and _seen() == after:
        _both()
    extra = () if scene.name == "append" or "-f" in scene.arguments else ("-f",)
    return (*scene.arguments, *extra)


def _run(arguments: tuple[str, ...], kill: tuple[bool, float] | None = None) -> bool:
    """Run a command in a child; return whether it was killed. Any other failure is one.

    `kill` says after how many seconds, or whether a quarter of them after its first part is seen.
    """
    child = os.fork()
    if not child:
        code = 70
        with suppress(BaseException):
            _command(arguments)
            code = 0
        os._exit(code)
    if kill is not None:
        by_part, seconds = kill
        patience = time.perf_counter() + seconds
        while by_part and not _parts() and time.perf_counter() < patience:
            time.sleep(0.0002)
        time.sleep(seconds / 4 if by_part else seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    killed = os.WIFSIGNALED(status)
    assert killed or os.WEXITSTATUS(status) == 0, f"{arguments} failed"
    return killed


def _command(arguments: Sequence[str]) -> None:
    """Run a command in this process, without output."""
    quiet = os.open(os.devnull, os.O_WRONLY)
    os.dup2(quiet, 1)
    os.dup2(quiet, 2)
    command.main(list(arguments), "digitzip", standalone_mode=False)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _seen() -> Seen:
    files = (path for path in Path().rglob("*") if path.is_file() and not _hidden(path))
    return {path.as_posix(): path.read_bytes() for path in files}


def _parts() -> list[str]:
    return [str(path) for path in Path().rglob("*") if path.suffix in (f".{PART}", f".{FILES}")]


def _empty() -> None:
    for path in Path().iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()


@click.command()
@click.option("--kills", type=click.IntRange(1), default=200, show_default=True)
@click.option("--seed", type=int, default=0, show_default=True)
@click.option("--result", type=click.Path(path_type=Path), help="JSON file for the figures.")
def main(kills: int, seed: int, result: Path | None) -> None:
    """Kill each command at random moments; fail where one breaks a promise."""
    told = []
    for scene in SCENES:
        told.append(play(scene, -(-kills // len(SCENES)), seed))
        click.echo(str(told[-1]))
    figures = {
        "date": time.strftime("%Y-%m-%d"),
        "command": f"python -m tests.kills --kills {kills} --seed {seed}",
        "kills": sum(each.kills for each in told),
        "scenes": [asdict(each) for each in told],
    }
    if result is not None:
        result.write_text(json.dumps(figures, indent=1) + "\n", "utf-8")


if __name__ == "__main__":
    main()
