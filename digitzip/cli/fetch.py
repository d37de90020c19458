"""`digitzip fetch`: the images that the shipped models were trained and measured on."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from digitzip.cli import streams
from digitzip.cli.console import printable
from digitzip.cli.talk import Talk, talk_options
from digitzip.errors import InputError


def _is_url(ctx: click.Context, param: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    if value:
        from digitzip.fetch import check_mirror

        try:
            return tuple(map(check_mirror, value))
        except InputError as error:
            raise click.BadParameter(str(error)) from None
    return value


@click.command()
@click.argument("dataset", type=click.Choice(["mnist"]))
@click.option(
    "-o",
    "--out",
    default="mnist",
    show_default=True,
    callback=streams.not_empty,
    help="Folder of the files.",
)
@click.option(
    "--mirror",
    "mirrors",
    multiple=True,
    metavar="URL",
    callback=_is_url,
    help="Folder to fetch them from, instead of the public mirrors; may be given more than once.",
)
@click.option("-f", "--force", is_flag=True, help="Replace files that are not the dataset's.")
@talk_options
def fetch(
    dataset: str, out: str, mirrors: tuple[str, ...], force: bool, quiet: bool, verbose: bool
) -> None:
    """Download the four files of MNIST.

    Each is checked by its SHA-256. A download that was cut goes on where it stopped, and mirrors
    are tried in turn. Files that are there already stay as they are.
    """
    from digitzip.fetch import MIRRORS, fetch_mnist

    talk = Talk(quiet, verbose)
    with talk.bar(unit="bytes") as bar:
        paths = fetch_mnist(
            out,
            mirrors=mirrors or MIRRORS,
            overwrite=force,
            progress=lambda name, done, total: bar.reach(done, total, name),
        )
    size = sum(path.stat().st_size for path in paths)
    print(printable(f"export DIGITZIP_DATA={shlex.quote(str(Path(out).resolve()))}"))
    talk.summary(f"{dataset}: {len(paths)} files, {size:,} bytes, {talk.seconds:.1f} s")
