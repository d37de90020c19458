"""`digitzip compress`: images in, one `.dz` file out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from digitzip.cli import console, streams
from digitzip.cli.talk import Talk, talk_options
from digitzip.limits import EFFORTS

if TYPE_CHECKING:
    from digitzip.images import Fit


_BATCH: Final = 512  # digits for each thread between two steps of the bar


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", callback=streams.not_empty)
@click.option(
    "-o",
    "--out",
    required=True,
    callback=streams.not_empty,
    metavar="OUT.dz",
    help="File to write; - is stdout.",
)
@click.option("--model", metavar="NAME|FILE", help="Model to compress with.")
@click.option(
    "--effort",
    type=click.IntRange(EFFORTS[0], EFFORTS[-1]),
    metavar="0-9",
    help="How hard to search for better codes.",
)
@click.option(
    "--levels", type=int, metavar="L", help="Values a number of a code can take; see models."
)
@click.option(
    "--fit",
    type=click.Choice(["none", "resize", "mnist"]),
    default="none",
    show_default=True,
    help="What to do with images of another kind: refuse, scale, or make them like MNIST.",
)
@streams.threads_option
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing file.")
@talk_options
def compress(
    inputs: tuple[str, ...],
    out: str,
    model: str | None,
    effort: int | None,
    levels: int | None,
    fit: Fit,
    threads: int,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Compress images to a .dz file.

    INPUT is an IDX file (gzipped or not), a .npy or .npz file (FILE.npz:NAME picks one of its
    arrays), an image file, or a folder of image files, whose names are kept.
    """
    from digitzip import archive, images
    from digitzip.model import DEFAULT, load_model

    talk = Talk(quiet, verbose)
    streams.refuse_same(inputs, out)
    loaded = load_model(model or DEFAULT)
    shape = loaded.shape
    digits = 0
    with streams.writable(out, force) as target:
        with (
            talk.bar() as bar,
            archive.create(
                target,
                model=loaded,
                levels=levels,
                effort=effort,
                threads=threads,
                overwrite=force,
            ) as writer,
            streams.paths(inputs) as files,
        ):
            source = images.read(
                files, height=shape.height, width=shape.width, fit=fit, batch=_BATCH * threads
            )
            bar.total = source.count
            for batch, names in bar.follow(source, lambda item: len(item[0])):
                writer.append(batch, names)
                digits += len(batch)
        size = Path(target).stat().st_size if isinstance(target, str) else target.tell()
    talk.summary(f"{out}: {console.figures(digits, size, shape.pixels, talk.seconds)}")
