"""`digitzip decompress`: one `.dz` file in; an array file, a PNG file or a folder of them out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from digitzip import InputError, LimitError, OutputError
from digitzip.cli import console, extras, options, streams
from digitzip.cli.talk import Talk, talk_options

if TYPE_CHECKING:
    from digitzip import Archive

_ARRAYS: Final = (".npy", "-idx3-ubyte", "-idx3-ubyte.gz")
_FILE_BYTES: Final = 4096  # on disk for a PNG file of a few hundred bytes
_GZIP_RATIO: Final = 10  # of images, or better


def _parse_range(ctx: click.Context, param: click.Parameter, value: str | None) -> slice:
    if value is None:
        return slice(None)
    start, colon, stop = value.partition(":")
    try:
        if not colon:
            raise ValueError
        return slice(int(start) if start else None, int(stop) if stop else None)
    except ValueError:
        raise click.BadParameter(f"{value!r} is not A:B, A: or :B with whole numbers") from None


@click.command()
@click.argument("file", metavar="FILE.dz", callback=streams.not_empty)
@click.option(
    "-o",
    "--out",
    required=True,
    callback=streams.not_empty,
    help="File NAME.npy, NAME-idx3-ubyte or NAME-idx3-ubyte.gz, NAME.png for one image, or folder.",
)
@click.option(
    "--range", "part", metavar="A:B", callback=_parse_range, help="Only images A to B - 1."
)
@click.option(
    "--labels",
    metavar="OUT",
    callback=streams.not_empty,
    help="Write the labels to OUT, a .npy, -idx1-ubyte or -idx1-ubyte.gz file.",
)
@extras.sidecar_out_option
@options.model
@options.max_images
@options.jobs
@options.force
@talk_options
def decompress(
    file: str,
    out: str,
    part: slice,
    labels: str | None,
    sidecar: str | None,
    model: str | None,
    max_images: int,
    jobs: int,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Decompress a .dz file.

    The name of OUT picks its form: .npy, -idx3-ubyte, -idx3-ubyte.gz, .png for one image, or a
    folder of PNG files; - writes .npy to standard output.
    """
    import digitzip

    talk = Talk(quiet, verbose)
    streams.refuse_same([file], out)
    if labels is not None:
        streams.refuse_same([file], labels)
        streams.check_output(labels, force)
    with (
        console.about(file),
        streams.readable(file) as source,
        digitzip.open(source, model=model, max_images=max_images, jobs=jobs) as dz,
    ):
        rows = _rows(part, len(dz))
        if len(rows) > max_images:
            raise LimitError(
                f"{console.images(len(rows))}, expected at most {max_images:,}; "
                "raise --max-images, or take a part with --range"
            )
        if labels is not None and dz.labels is None:
            raise InputError("the images have no labels; leave out --labels")
        if sidecar is not None:
            extras.check_sidecar(sidecar, dz, force)
        with talk.bar(len(rows)) as bar:
            batches = dz.batches(start=rows.start, stop=rows.stop)
            write(out, dz, rows, bar.follow(batches, len), force)
        if labels is not None and dz.labels is not None:
            found = dz.labels[rows.start : rows.stop]
            digitzip.write_labels(labels, found, overwrite=force)
        if sidecar is not None:
            extras.write_sidecar(sidecar, dz, rows, force)
        (count, height, width), size = dz.shape, dz.info.bytes
    if len(rows) == count:
        figures = console.figures(count, size, height * width, talk.seconds)
    else:
        figures = f"{len(rows):,} of {console.images(count)}, {talk.seconds:.1f} s"
    talk.summary(f"{file}: {figures}")


def _rows(part: slice, count: int) -> range:
    """Return the images of `count` in a range; raises `InputError` where it leaves the file."""
    for bound in (part.start, part.stop):
        if bound is not None and not -count <= bound <= count:
            name = f"{'' if part.start is None else part.start}:" + (
                "" if part.stop is None else str(part.stop)
            )
            has = console.images(count)
            raise InputError(f"no image {name}: the archive has {has}, counted from 0")
    start, stop, _ = part.indices(count)
    return range(start, max(start, stop))


def write(out: str, dz: Archive, rows: Sequence[int], batches: Iterable[Any], force: bool) -> None:
    """Write `batches`, the images of an archive at these indices, to `out`.

    PNG files have the names of the images, or else their numbers in the whole archive.
    """
    import digitzip

    _, height, width = dz.shape
    target = streams.standard_output(force) if out == streams.STANDARD else out
    if target is out:
        _check_space(out, len(rows), height * width)
    names: list[str] | None = None
    if target is not out or out.lower().endswith((*_ARRAYS, ".png")):
        pass  # an array has no names, and one file the name of OUT
    elif dz.names is not None:
        names = dz.names[rows]
    elif rows and rows != range(len(rows)):
        long = max(5, len(str(len(dz) - 1)))
        names = [f"{row:0{long}d}.png" for row in rows]
    try:
        digitzip.write_images(
            target, batches, count=len(rows), height=height, width=width,
            names=names, overwrite=force,
        )  # fmt: skip
    except InputError as error:
        problem = str(error).partition("; rename ")[0]  # nothing renames images of an archive
        raise InputError(f"{problem}; decompress to a .npy file") from error


def _check_space(out: str, images: int, pixels: int) -> None:
    """Refuse what the disk cannot hold; raises `OutputError`."""
    if out.lower().endswith(_ARRAYS):
        needed = images * pixels // (_GZIP_RATIO if out.lower().endswith(".gz") else 1)
    else:
        needed = images * _FILE_BYTES
    parent = Path(os.path.realpath(out)).parent
    if parent.is_dir() and needed > (free := shutil.disk_usage(parent).free):
        raise OutputError(
            f"{out}: about {needed:,} bytes are needed and {free:,} free; "
            "make room, or take a part with --range"
        )
