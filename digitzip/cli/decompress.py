"""`digitzip decompress`: one `.dz` file in, an array file or a folder of PNGs out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, Final

import click

from digitzip.cli import console, streams
from digitzip.cli.talk import Talk, talk_options
from digitzip.errors import InputError, LimitError, OutputError

if TYPE_CHECKING:
    from digitzip.archive import Archive
    from digitzip.codec import Images

_ARRAYS: Final = (".npy", "-idx3-ubyte", "-idx3-ubyte.gz")
_FILE_BYTES: Final = 4096  # of disk for a PNG of a few hundred bytes
_GZIP_RATIO: Final = 10  # of digits, or better


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
    help="A .npy, -idx3-ubyte or -idx3-ubyte.gz file, else a folder.",
)
@click.option(
    "--range", "part", metavar="A:B", callback=_parse_range, help="Only digits A to B - 1."
)
@streams.model_option
@streams.max_digits_option
@streams.threads_option
@click.option("-f", "--force", is_flag=True, help="Overwrite what exists.")
@talk_options
def decompress(
    file: str,
    out: str,
    part: slice,
    model: str | None,
    max_digits: int,
    threads: int,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Decompress a .dz file.

    OUT is written as its name says: .npy, -idx3-ubyte, -idx3-ubyte.gz, or else a folder of PNG
    files; - writes .npy to standard output.
    """
    from digitzip import archive

    talk = Talk(quiet, verbose)
    streams.refuse_same([file], out)
    with (
        console.about(file),
        streams.readable(file) as source,
        archive.open(source, model=model, max_images=max_digits, threads=threads) as dz,
    ):
        digits = _clip(part, len(dz))
        if len(digits) > max_digits:
            raise LimitError(
                f"{len(digits)} digits, expected at most {max_digits}; "
                "raise --max-digits, or take a part with --range"
            )
        with talk.bar(len(digits)) as bar:
            batches = bar.follow(dz.batches(start=digits.start, stop=digits.stop), len)
            if out == streams.STANDARD:
                shape = (len(digits), dz.header.height, dz.header.width)
                write_npy(streams.standard_output(force), batches, shape)
            else:
                write(out, dz, digits, batches, force)
        count, size, pixels = len(dz), dz.size, dz.header.height * dz.header.width
    if len(digits) == count:
        figures = console.figures(count, size, pixels, talk.seconds)
    else:
        figures = f"{len(digits):,} of {count:,} digits, {talk.seconds:.1f} s"
    talk.summary(f"{file}: {figures}")


def _clip(part: slice, count: int) -> range:
    """Return the digits of `count` that `part` means; raises `click.UsageError` for none of them.

    A part that is empty by itself is no error.
    """
    start, stop, _ = part.indices(count)
    match part.start, part.stop:
        case int(first), int(end):
            beyond = first < end and (first < 0) == (end < 0)
        case int(first), None:
            beyond = first > count
        case _, end:
            beyond = end is not None and end < -count
    if start >= stop and beyond:
        raise click.UsageError(f"--range lies outside the file, which has {count:,} digits")
    return range(start, max(start, stop))


def write(
    out: str, dz: Archive, digits: Sequence[int], batches: Iterable[Images], force: bool
) -> None:
    """Write `batches`, the images of some `digits` of an archive, to the place `out`.

    As PNG files they have their names, or the numbers that they have in the whole.
    """
    from digitzip import images

    height, width = dz.header.height, dz.header.width
    _check_space(out, len(digits), height * width)
    names: list[str] | None = None
    if out.lower().endswith(_ARRAYS):
        pass  # an array has no names
    elif dz.names is not None:
        names = dz.names[digits]
    elif digits and digits != range(len(digits)):  # a part keeps its numbers of the whole
        long = max(5, len(str(len(dz) - 1)))
        names = [f"{digit:0{long}d}.png" for digit in digits]
    unnamed = ((batch, None) for batch in batches)
    try:
        images.write(
            out, unnamed, count=len(digits), height=height, width=width,
            names=names, overwrite=force,
        )  # fmt: skip
    except InputError as error:
        raise InputError(f"{error}, or decompress to a .npy file") from error


def write_npy(out: BinaryIO, batches: Iterable[Images], shape: tuple[int, int, int]) -> None:
    """Write `batches`, all together of this shape, as an NPY file."""
    from digitzip.images import npy

    out.write(npy.format_header(*shape))
    for batch in batches:
        out.write(batch.tobytes())


def _check_space(out: str, digits: int, pixels: int) -> None:
    """Refuse what the disk cannot hold; raises `OutputError`."""
    if out.lower().endswith(_ARRAYS):
        needed = digits * pixels // (_GZIP_RATIO if out.lower().endswith(".gz") else 1)
    else:
        needed = digits * _FILE_BYTES
    parent = Path(os.path.realpath(out)).parent
    if parent.is_dir() and needed > (free := shutil.disk_usage(parent).free):
        raise OutputError(
            f"{out}: about {needed:,} bytes are needed and {free:,} free; "
            "make room, or take a part with --range"
        )
