"""`digitzip compress`: images in, one `.dz` file out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from digitzip.cli import console, guarded, streams
from digitzip.cli.talk import Talk, talk_options
from digitzip.limits import DIMS

if TYPE_CHECKING:
    from digitzip.images import Fit


_BATCH: Final = 512  # digits for each thread between two steps of the bar


@click.command()
@click.argument("inputs", nargs=-1, required=True, metavar="INPUT...", callback=streams.not_empty)
@streams.archive_option
@click.option("--model", metavar="NAME|FILE", help="Model to compress with.")
@click.option(
    "--dims",
    type=click.IntRange(DIMS[0], DIMS[-1]),
    metavar="K",
    help="Numbers in a code: compress with the shipped model of so many.",
)
@streams.effort_option
@click.option(
    "--quality",
    type=click.IntRange(min=1),
    metavar="Q",
    help="How finely codes are cut, 1 the coarsest; models lists what a model has.",
)
@click.option(
    "--guard",
    type=click.Choice(["on", "off"]),
    default="on",
    show_default=True,
    help="Compare every digit with its image, and correct what the model does not do justice.",
)
@click.option(
    "--max-rmse",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="R",
    help="Greatest RMSE of a digit, pixels in 0 ... 1; by default the model says it.",
)
@click.option(
    "--max-error",
    type=click.IntRange(0, 127),
    metavar="N",
    help="The most that a pixel, 0 ... 255, may be off.",
)
@click.option(
    "--margin",
    type=click.IntRange(0, 1 << 16),
    metavar="M",
    help="How sure the model's reader must be of a digit, in 1/64 of a logit; by default the model "
    "says it. More is safer, and takes more bytes.",
)
@click.option("--lossless", is_flag=True, help="Keep every pixel.")
@streams.fit_option
@streams.threads_option
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing file.")
@talk_options
def compress(
    inputs: tuple[str, ...],
    out: str,
    model: str | None,
    dims: int | None,
    effort: int | None,
    quality: int | None,
    guard: str,
    max_rmse: float | None,
    max_error: int | None,
    margin: int | None,
    lossless: bool,
    fit: Fit,
    threads: int,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Compress images to a .dz file.

    INPUT is an IDX file (gzipped or not), a .npy or .npz file (FILE.npz:NAME picks one of its
    arrays), an image file, or a folder of image files, whose names are kept.

    Unless --guard is off, every digit is decoded and compared with its image as it is written: one
    that is off by more than a bound, or that the model's reader takes for another, is corrected.
    """
    if model is not None and dims is not None:
        raise click.UsageError("--model and --dims both pick a model; give one of them")
    others = (max_rmse, margin) != (None, None)
    if lossless and (max_error or others):
        raise click.UsageError("--lossless allows no error; leave out the other bounds")
    if guard == "off" and (lossless or max_error is not None or others):
        raise click.UsageError("--guard off keeps no bound: leave out the one or the other")
    from digitzip import images
    from digitzip.archive.writer import create
    from digitzip.codec import load_codec
    from digitzip.fidelity import fidelity_encoder

    talk = Talk(quiet, verbose)
    streams.refuse_same(inputs, out)
    codec = load_codec(model, dims=dims, quality=quality, effort=effort, threads=threads)
    encoder = fidelity_encoder(
        codec,
        guard=guard == "on",
        max_rmse=max_rmse,
        max_error=max_error,
        margin=margin,
        lossless=lossless,
    )
    shape = codec.model.shape
    digits = 0
    with streams.writable(out, force) as target:
        with (
            talk.bar() as bar,
            create(target, codec, encoder, overwrite=force) as writer,
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
    guarded.tell(talk, out, writer)
    if guard == "on" and encoder is None:
        talk.summary(
            f"{out}: guard: {codec.model.name} states no bound and names no reader, so nothing was "
            "compared; give --max-error or --max-rmse"
        )
