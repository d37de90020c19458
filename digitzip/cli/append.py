"""`digitzip append`: images to the end of a `.dz` file."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from digitzip.cli import console, guarded, streams
from digitzip.cli.talk import Talk, talk_options
from digitzip.errors import InputError

if TYPE_CHECKING:
    from digitzip.images import Fit

_BATCH: Final = 512  # digits for each thread between two steps of the bar


@click.command()
@click.argument("file", metavar="FILE.dz", callback=streams.not_empty)
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", callback=streams.not_empty)
@streams.model_option
@streams.effort_option
@streams.fit_option
@streams.threads_option
@talk_options
def append(
    file: str,
    inputs: tuple[str, ...],
    model: str | None,
    effort: int | None,
    fit: Fit,
    threads: int,
    quiet: bool,
    verbose: bool,
) -> None:
    """Append images to a .dz file, with its model and quality, and keep what it promises.

    INPUT is as for compress. The file is written anew beside itself and then replaced: until
    then it stays as it was, whatever happens. Hard links keep the old file.
    """
    from digitzip import archive, images
    from digitzip.images.names import Names

    if file == streams.STANDARD:
        raise click.UsageError("standard input (-) cannot be appended to; name a file")
    talk = Talk(quiet, verbose)
    streams.refuse_same(inputs, file)
    digits = 0
    with talk.bar() as bar, ExitStack() as stack:
        with console.about(file):
            writer = stack.enter_context(
                archive.append(file, model=model, effort=effort, threads=threads)
            )
        files = stack.enter_context(streams.paths(inputs))
        shape = writer.shape
        source = images.read(
            files, height=shape.height, width=shape.width, fit=fit, batch=_BATCH * threads
        )
        if writer.named:
            source = replace(source, named=True)  # arrays too, after their files
        bar.total = source.count
        taken = Names()
        for name in sorted(writer.taken):
            with suppress(InputError):  # names may be there that no file can have
                taken.take(name)
        for batch, names in bar.follow(source, lambda item: len(item[0])):
            for name in names or ():
                taken.take(name)  # so that all can be decompressed to one folder
            writer.append(batch, names)
            digits += len(batch)
    size = Path(file).stat().st_size
    talk.summary(f"{file}: {digits:,} digits appended, {size:,} bytes, {talk.seconds:.1f} s")
    guarded.tell(talk, file, writer)
