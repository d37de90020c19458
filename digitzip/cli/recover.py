"""`digitzip recover`: every image of a damaged `.dz` file that is still whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from digitzip import DamagedError
from digitzip.cli import console, options, streams
from digitzip.cli.talk import Talk, talk_options

if TYPE_CHECKING:
    from digitzip import Recovered

LOST: Final = console.exit_code(DamagedError())


@click.command()
@click.argument("file", metavar="FILE.dz", callback=streams.not_empty)
@options.out
@options.json
@options.model
@options.max_images
@options.jobs
@options.force
@talk_options
def recover(
    file: str,
    out: str,
    as_json: bool,
    model: str | None,
    max_images: int,
    jobs: int,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Save the intact images of a damaged .dz file.

    Every intact chunk goes to OUT.dz, with its names. FILE.dz may be several files joined by
    plain cat. Lost images are listed on standard error by their numbers in FILE.dz; the exit code
    is then 3, and 0 when nothing is lost.
    """
    import digitzip

    if as_json and out == streams.STANDARD:
        raise click.UsageError("--json and -o - both write to standard output; give one of them")
    talk = Talk(quiet, verbose)
    streams.refuse_same([file], out)
    with (
        console.about(file),
        streams.readable(file) as source,
        streams.writable(out, force) as target,
        talk.bar(unit="bytes") as bar,
    ):
        found = digitzip.recover(
            source, target, model=model, overwrite=force, max_images=max_images, jobs=jobs,
            progress=bar.reach,
        )  # fmt: skip
    for line in _lines(found):
        console.complain(DamagedError(f"{file}: {line}"))
    if as_json:
        print(json.dumps(_as_json(found), indent=2))
    talk.summary(f"{out}: {console.images(found.images)} saved, {talk.seconds:.1f} s")
    if not found.whole:
        click.get_current_context().exit(LOST)


def _lines(found: Recovered) -> Iterator[str]:
    for lost in found.lost:
        if len(lost) == 1:
            yield f"image {lost.start} is lost"
        else:
            yield f"images {lost.start} to {lost.stop - 1} are lost"
    for gap in found.gaps:
        yield f"an unknown number of images before image {gap} is lost"
    if not found.end_known:
        yield f"more images may be lost from {found.known} on"
    if found.names_lost:
        yield "the names are lost: not all images have one"
    if found.labels_lost:
        yield "the labels are lost: not all images have one"


def _as_json(found: Recovered) -> dict[str, object]:
    return {
        "images": found.images,
        "lost": [[lost.start, lost.stop] for lost in found.lost],
        "gaps": list(found.gaps),
        "end_known": found.end_known,
        "names_lost": found.names_lost,
        "labels_lost": found.labels_lost,
        "names_shared": found.names_shared,
        "left_out": found.left_out,
        "verified": found.verified,
        "header_restored": found.header_restored,
        "foreign_headers": found.foreign_headers,
        "whole": found.whole,
    }
