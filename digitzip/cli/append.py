"""`digitzip append`: images to the end of a `.dz` file."""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from digitzip.cli import console, extras, guarded, options, streams
from digitzip.cli.talk import Talk, talk_options

if TYPE_CHECKING:
    from digitzip import Fit


@click.command()
@click.argument("file", metavar="FILE.dz", callback=streams.not_empty)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", callback=streams.not_empty)
@options.model
@options.effort
@options.fit
@extras.labels_option
@options.jobs
@talk_options
def append(
    file: str,
    inputs: tuple[str, ...],
    model: str | None,
    effort: int | None,
    fit: Fit,
    labels: str | None,
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
    talk = Talk(quiet, verbose)
    streams.refuse_same(inputs, file)
    with talk.bar() as bar, ExitStack() as stack:
        with console.about(file):
            writer = stack.enter_context(
                digitzip.append(file, model=model, effort=effort, jobs=jobs, progress=bar.count)
            )
        files = stack.enter_context(streams.inputs(inputs))
        source = digitzip.read_images(
            files, height=writer.shape.height, width=writer.shape.width, fit=fit,
            batch=options.BATCH, named=bool(writer.named),
        )  # fmt: skip
        numbers = extras.read_labels(labels, inputs, source.count)
        bar.total = source.count
        count = 0
        for images, names in source:
            part = slice(count, count + len(images))
            writer.append(images, names, None if numbers is None else numbers[part])
            count += len(images)
    size = Path(file).stat().st_size
    talk.summary(f"{file}: {console.images(count)} appended, {size:,} bytes, {talk.seconds:.1f} s")
    guarded.tell(talk, file, writer)
