"""`digitzip cat`: several `.dz` files, one after another, as one."""

from __future__ import annotations

from contextlib import ExitStack

import click

from digitzip.cli import streams
from digitzip.cli.talk import Talk, talk_options


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE.dz...", callback=streams.not_empty)
@streams.archive_option
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing file.")
@talk_options
def cat(files: tuple[str, ...], out: str, force: bool, quiet: bool, verbose: bool) -> None:
    """Join .dz files of one model and quality to one.

    Codes are copied as they are, checked but not decoded; no model is needed. Digits of all
    files have names, or those of none.
    """
    from digitzip import archive

    talk = Talk(quiet, verbose)
    streams.refuse_same(files, out)
    if files.count(streams.STANDARD) > 1:
        raise click.UsageError("standard input (-) can be read only once")
    with streams.writable(out, force) as target, ExitStack() as stack, talk.bar():
        sources = [stack.enter_context(streams.readable(file)) for file in files]
        digits = archive.join(sources, target, overwrite=force)
    talk.summary(f"{out}: {digits:,} digits of {len(files):,} files, {talk.seconds:.1f} s")
