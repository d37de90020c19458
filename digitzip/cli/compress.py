"""`digitzip compress`: images in, one `.dz` file out."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from digitzip.cli import console, extras, guarded, options, streams
from digitzip.cli.reading import Reading, reading_options, tell_bad
from digitzip.cli.talk import Talk, talk_options
from digitzip.limits import DEFAULT_CHUNK_IMAGES, DIMS, MAX_CHUNK_IMAGES

if TYPE_CHECKING:
    from digitzip import Fit


@click.command()
@click.argument("inputs", nargs=-1, metavar="INPUT...", callback=streams.not_empty)
@options.out
@click.option(
    "--model", metavar="NAME|FILE", show_default="mnist-10", help="Model to compress with."
)
@click.option(
    "--dims",
    type=click.IntRange(DIMS[0], DIMS[-1]),
    metavar="K",
    help="Use the bundled model with K latent dimensions.",
)
@click.option(
    "--quality",
    type=click.IntRange(min=1),
    metavar="Q",
    show_default="set by the model",
    help="Quality step, 1 (smallest files) upward; see `digitzip models`.",
)
@options.effort
@click.option(
    "--guard",
    type=click.Choice(["on", "off"]),
    default="on",
    help="Verify each image; correct those that fail.",
)
@click.option(
    "--max-rmse",
    type=click.FloatRange(0, 1, min_open=True),
    metavar="R",
    show_default="set by the model",
    help="Maximum RMSE of an image, pixels in 0 ... 1.",
)
@click.option(
    "--max-error",
    type=click.IntRange(0, 127),
    metavar="N",
    show_default="no limit",
    help="Maximum error of a pixel, 0 ... 255.",
)
@click.option(
    "--margin",
    type=click.IntRange(0, 1 << 16),
    metavar="M",
    show_default="set by the model",
    help="Minimum classifier margin in 1/64 of a logit; more is safer and gives larger files.",
)
@click.option("--lossless", is_flag=True, help="Keep every pixel.")
@options.fit
@reading_options
@extras.labels_option
@extras.sidecar_option
@extras.metadata_option
@click.option(
    "--chunk",
    type=click.IntRange(1, MAX_CHUNK_IMAGES),
    default=DEFAULT_CHUNK_IMAGES,
    metavar="N",
    help="Images per chunk, the unit of access and of loss; smaller chunks give larger files.",
)
@options.jobs
@options.force
@talk_options
def compress(
    inputs: tuple[str, ...],
    out: str,
    model: str | None,
    dims: int | None,
    quality: int | None,
    effort: int | None,
    guard: str,
    max_rmse: float | None,
    max_error: int | None,
    margin: int | None,
    lossless: bool,
    fit: Fit,
    reading: Reading,
    labels: str | None,
    sidecar: str | None,
    texts: tuple[str, ...],
    chunk: int,
    jobs: int,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Compress images to a .dz file.

    INPUT is an IDX or .npy file, a CSV file with a column for each pixel and perhaps one named
    label, an image file, or a folder of image files, whose names are kept. Files may be packed with
    gzip, xz or bzip2; an .npz, .zip or .tar file holds image files or one array, and FILE.zip:NAME
    picks one of its members. A folder is read with its sub-folders in the order of the bytes of its
    names, unless --sort natural is given. All files are looked at before the work begins.

    Unless --guard is off, every image is decoded and compared with its original as it is written.
    An image that exceeds a bound, or whose label changes under the classifier of the model, is
    corrected.
    """
    _check(model, dims, guard, max_rmse, max_error, margin, lossless)
    inputs = reading.inputs(inputs)
    metadata = extras.metadata(texts, inputs)
    import digitzip

    talk = Talk(quiet, verbose)
    streams.refuse_same(inputs, out)
    with streams.writable(out, force) as target:
        with (
            talk.bar() as bar,
            guarded.default_without_bounds(),
            digitzip.create(
                target, metadata=metadata, model=model, dims=dims, quality=quality, effort=effort,
                guard=guard == "on", max_rmse=max_rmse, max_error=max_error, lossless=lossless,
                margin=margin, chunk=chunk, jobs=jobs, progress=bar.count, overwrite=force,
            ) as writer,
            reading.opened(
                inputs, height=writer.shape.height, width=writer.shape.width, fit=fit
            ) as source,
        ):  # fmt: skip
            shape = writer.shape
            bar.total = source.count
            count = extras.append_all(writer, source, inputs, labels, sidecar, reading.sort)
        size = Path(target).stat().st_size if isinstance(target, str) else target.tell()
    talk.summary(f"{out}: {console.figures(count, size, shape.pixels, talk.seconds)}")
    guarded.tell(talk, out, writer)
    if guard == "on" and count and not writer.counts.total:
        talk.summary(
            f"{out}: guard: the model has no bound and no classifier, so no image was verified; "
            "give --max-error or --max-rmse"
        )
    tell_bad(source)


def _check(
    model: str | None,
    dims: int | None,
    guard: str,
    max_rmse: float | None,
    max_error: int | None,
    margin: int | None,
    lossless: bool,
) -> None:
    """Refuse options that contradict each other; raises `click.UsageError`."""
    if model is not None and dims is not None:
        raise click.UsageError("--model and --dims both pick a model; give one of them")
    bounds = (max_rmse, margin) != (None, None)
    if lossless and (max_error or bounds):
        raise click.UsageError("--lossless excludes --max-rmse, --max-error and --margin")
    if guard == "off" and (lossless or max_error is not None or bounds):
        raise click.UsageError(
            "--guard off excludes --max-rmse, --max-error, --lossless and --margin"
        )
