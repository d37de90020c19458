"""`digitzip cat`: join several `.dz` files to one."""

from __future__ import annotations

from contextlib import ExitStack

import click

from digitzip.cli import console, options, streams
from digitzip.cli.talk import Talk, talk_options


@click.command()
@click.argument("files", nargs=-1, required=True, metavar="FILE.dz...", callback=streams.not_empty)
@options.out
@options.force
@talk_options
def cat(files: tuple[str, ...], out: str, force: bool, quiet: bool, verbose: bool) -> None:
    """Join .dz files of one model and quality to one.

    Codes are checked and copied unchanged; no model is needed. The images of all files must have
    names, or those of none.
    """
    import digitzip

    talk = Talk(quiet, verbose)
    streams.refuse_same(files, out)
    streams.once(files)
    with streams.writable(out, force) as target, ExitStack() as stack, talk.bar():
        sources = [stack.enter_context(streams.readable(file)) for file in files]
        count = digitzip.join(sources, target, overwrite=force)
    number = f"{len(files):,} file{'s' * (len(files) != 1)}"
    talk.summary(f"{out}: {console.images(count)} of {number}, {talk.seconds:.1f} s")
