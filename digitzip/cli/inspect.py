"""`digitzip info`, `test` and `list`: the contents of a `.dz` file."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from itertools import repeat
from typing import TYPE_CHECKING, Any

import click

from digitzip import DigitzipError
from digitzip.cli import console, guarded, options, streams
from digitzip.cli.talk import Talk, talk_options

if TYPE_CHECKING:
    from digitzip import Archive, Info


@click.command()
@click.argument("file", metavar="FILE.dz", callback=streams.not_empty)
@options.json
@options.model
def info(file: str, as_json: bool, model: str | None) -> None:
    """Show the contents of a .dz file: images, bytes, model, bounds."""
    with _opened(file, model) as dz:
        found = dz.info
    if as_json:
        print(json.dumps(asdict(found), indent=2))
        return
    for label, value in _as_lines(found):
        print(f"{label:11} {console.printable(value)}")


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE.dz...", callback=streams.not_empty)
@options.model
@options.jobs
@talk_options
def test(files: tuple[str, ...], model: str | None, jobs: int, quiet: bool, verbose: bool) -> None:
    """Verify .dz files.

    Every image is decoded and must give the pixels that its writer saw. The promises of the file
    then hold, because its writer compared these pixels with the originals.
    """
    worst = 0
    for file in files:
        talk = Talk(quiet, verbose)
        try:
            with _opened(file, model, jobs) as dz, talk.bar(len(dz)) as bar:
                dz.test(progress=bar.count)
                found = dz.info
        except (DigitzipError, OSError, MemoryError) as error:
            console.complain(error)
            worst = max(worst, console.exit_code(error))
            continue
        pixels = found.height * found.width
        figures = console.figures(found.images, found.bytes, pixels, talk.seconds)
        kept = f"; kept: {guarded.promise(found)}" if found.promise is not None else ""
        talk.summary(f"{file}: ok, {figures}{kept}")
    if worst:
        click.get_current_context().exit(worst)


@click.command(name="list")
@click.argument("file", metavar="FILE.dz", callback=streams.not_empty)
@options.json
@options.model
def list_names(file: str, as_json: bool, model: str | None) -> None:
    """List the names of the images, or their numbers, one per line, with their labels.

    Unprintable characters are escaped, except with --json.
    """
    with _opened(file, model) as dz, console.at("standard output"):
        labels: Iterable[Any] = repeat(None) if dz.labels is None else dz.labels[:]
        names: Iterable[Any] = repeat(None) if dz.names is None else dz.names
        images = zip(range(len(dz)), names, labels, strict=False)
        if as_json:
            json.dump([_listed(*each) for each in images], sys.stdout)
            print()
            return
        for index, name, label in images:
            end = "" if label is None else f"\t{label}"
            print(console.printable(str(index) if name is None else name) + end)


def _listed(index: int, name: str | None, label: Any) -> dict[str, object]:
    return {"index": index, "name": name, "label": None if label is None else int(label)}


@contextmanager
def _opened(file: str, model: str | None, jobs: int = 1) -> Iterator[Archive]:
    import digitzip

    with (
        console.about(file),
        streams.readable(file) as source,
        digitzip.open(source, model=model, jobs=jobs) as dz,
    ):
        yield dz


def _as_lines(found: Info) -> Iterator[tuple[str, str]]:
    each = "" if found.bytes_per_image is None else f", {found.bytes_per_image:.2f} per image"
    yield "images", f"{found.images:,} of {found.height} x {found.width} pixels"
    yield "bytes", f"{found.bytes:,}{each}"
    yield "ratio", "-" if found.ratio is None else f"{found.ratio:.1f}"
    yield "model", f"{found.model or 'not found here'} ({found.model_id})"
    yield "codes", f"{found.dims} latent{'s' * (found.dims != 1)} of {found.levels} levels"
    yield "chunks", str(found.chunks)
    yield "names", "yes" if found.names else "no"
    yield "labels", "yes" if found.labels else "no"
    yield "guard", guarded.promise(found)
    if found.corrections is None:
        yield "corrections", "unknown: the file has no valid trailer"
    elif found.corrections:
        yield "corrections", guarded.corrections(found)
    for key, text in found.metadata.items():
        yield "metadata", f"{key}: {text}"
