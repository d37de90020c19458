"""`digitzip append`: images to the end of a `.dz` file."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digitzip.cli import console, extras, guarded, options, streams
from digitzip.cli.reading import Reading, reading_options, tell_bad
from digitzip.cli.talk import Talk, talk_options

if TYPE_CHECKING:
    from digitzip import Fit


@click.command()
@click.argument("file", metavar="FILE.dz", callback=streams.not_empty)
@click.argument("inputs", nargs=-1, metavar="INPUT...", callback=streams.not_empty)
@options.model
@options.effort
@options.fit
@reading_options
@extras.labels_option
@extras.sidecar_option
@options.jobs
@talk_options
def append(
    file: str,
    inputs: tuple[str, ...],
    model: str | None,
    effort: int | None,
    fit: Fit,
    reading: Reading,
    labels: str | None,
    sidecar: str | None,
    jobs: int,
    quiet: bool,
    verbose: bool,
) -> None:
    """Append images to a .dz file, with its model, quality and bounds.

    INPUT is as for compress. A new file is written beside FILE.dz and replaces it at the end;
    until then FILE.dz stays unchanged, whatever happens. Hard links keep the old file.
    """
    import digitzip

    if file == streams.STANDARD:
        raise click.UsageError("standard input (-) cannot be appended to; name a file")
    inputs = reading.inputs(inputs)
    talk = Talk(quiet, verbose)
    streams.refuse_same(inputs, file)
    with talk.bar() as bar, ExitStack() as stack:
        with console.about(file):
            writer = stack.enter_context(
                digitzip.append(file, model=model, effort=effort, jobs=jobs, progress=bar.count)
            )
        source = stack.enter_context(
            reading.opened(
                inputs, height=writer.shape.height, width=writer.shape.width, fit=fit,
                named=bool(writer.named) and sidecar is None,
            )
        )  # fmt: skip
        bar.total = source.count
        count = extras.append_all(writer, source, inputs, labels, sidecar, reading.sort)
    size = Path(file).stat().st_size
    talk.summary(f"{file}: {console.images(count)} appended, {size:,} bytes, {talk.seconds:.1f} s")
    guarded.tell(talk, file, writer)
    tell_bad(source)
