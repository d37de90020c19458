"""`digitzip fetch`: the images that the bundled models were trained and measured on."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from digitzip.cli import streams
from digitzip.cli.console import printable
from digitzip.cli.talk import Talk, talk_options


@click.command()
@click.argument("dataset", type=click.Choice(["mnist"]))
@click.option(
    "-o",
    "--out",
    default="mnist",
    callback=streams.not_empty,
    help="Folder for the files.",
)
@click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    metavar="URL",
    show_default="public mirrors",
    help="URL of a folder to download from; repeatable.",
)
@click.option("-f", "--force", is_flag=True, help="Replace other files of these names.")
@talk_options
def fetch(
    dataset: str, out: str, mirrors: tuple[str, ...], force: bool, quiet: bool, verbose: bool
) -> None:
    """Download the four files of MNIST.

    Each is verified by its SHA-256. An interrupted download is resumed, and mirrors are tried in
    turn. Files that exist are kept.
    """
    import digitzip

    talk = Talk(quiet, verbose)
    with talk.bar(unit="bytes") as bar:
        paths = digitzip.fetch_mnist(
            out,
            mirrors=mirrors or None,
            overwrite=force,
            progress=lambda name, done, total: bar.reach(done, total, name),
        )
    size = sum(path.stat().st_size for path in paths)
    print(printable(f"export DIGITZIP_DATA={shlex.quote(str(Path(out).resolve()))}"))
    talk.summary(f"{dataset}: {len(paths)} files, {size:,} bytes, {talk.seconds:.1f} s")
