"""`digitzip recover`: every digit of a damaged `.dz` file that is still whole."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from digitzip.cli import console, streams
from digitzip.cli.talk import Talk, talk_options
from digitzip.errors import DamagedError

if TYPE_CHECKING:
    from digitzip.archive import Recovered

LOST: Final = console.exit_code(DamagedError())


@click.command()
@click.argument("file", metavar="FILE.dz", callback=streams.not_empty)
@streams.archive_option
@click.option("--json", "as_json", is_flag=True, help="Print what was saved and lost as JSON.")
@streams.model_option
@streams.max_digits_option
@streams.threads_option
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing file.")
@talk_options
def recover(
    file: str,
    out: str,
    as_json: bool,
    model: str | None,
    max_digits: int,
    threads: int,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Save what is whole in a damaged .dz file, also where plain cat joined several.

    Every intact chunk goes to OUT, with its names, of which a warning says if files that were
    joined share some. The digits that are lost are listed on
    standard error, by their numbers in FILE; then the exit code is 3, and 0 when none is.
    """
    from digitzip import archive

    if as_json and out == streams.STANDARD:
        raise click.UsageError("--json and -o - both write to standard output; give one of them")
    talk = Talk(quiet, verbose)
    streams.refuse_same([file], out)
    with (
        console.about(file),
        streams.readable(file) as source,
        streams.writable(out, force) as target,
        talk.bar(),
    ):
        found = archive.recover(
            source, target, model=model, overwrite=force, max_images=max_digits, threads=threads
        )
    for line in _lines(found):
        console.complain(DamagedError(f"{file}: {line}"))
    if not found.proved:
        talk.warn(f"{file}: its model is not known here: decoded pixels were not checked")
    if found.header_restored:
        talk.warn(f"{file}: its header is damaged; the new one is the copy in its trailer")
    if found.left_out:
        talk.warn(f"{file}: chunks that have no place in the file were left out: {found.left_out}")
    if found.names_shared:
        talk.warn(
            f"{file}: names that more than one of its archives has: {found.names_shared}; "
            "extract such digits by number"
        )
    if found.foreign_headers:
        talk.warn(
            f"{file}: headers of other models or qualities, which no digits follow, were left "
            f"out: {found.foreign_headers}"
        )
    if as_json:
        print(json.dumps(_as_json(found), indent=2))
    talk.summary(f"{out}: {found.images:,} digits saved, {talk.seconds:.1f} s")
    if not found.whole:
        click.get_current_context().exit(LOST)


def _lines(found: Recovered) -> Iterator[str]:
    for lost in found.lost:
        if len(lost) == 1:
            yield f"digit {lost.start} is lost"
        else:
            yield f"digits {lost.start} to {lost.stop - 1} are lost"
    for gap in found.gaps:
        yield f"an unknown number of digits before digit {gap} is lost"
    if not found.end_known:
        yield f"whether more digits, from {found.known} on, are lost cannot be known"
    if found.names_lost:
        yield "the names are lost: not all digits have one"
    if found.labels_lost:
        yield "the labels are lost: not all digits have one"


def _as_json(found: Recovered) -> dict[str, object]:
    return {
        "digits": found.images,
        "lost": [[lost.start, lost.stop] for lost in found.lost],
        "gaps": list(found.gaps),
        "end_known": found.end_known,
        "names_lost": found.names_lost,
        "labels_lost": found.labels_lost,
        "names_shared": found.names_shared,
        "left_out": found.left_out,
        "proved": found.proved,
        "header_restored": found.header_restored,
        "foreign_headers": found.foreign_headers,
        "whole": found.whole,
    }
