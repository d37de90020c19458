"""`digitzip extract`: some digits of a `.dz` file, by number or by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from digitzip.cli import console, decompress, streams
from digitzip.cli.talk import Talk, talk_options

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from digitzip.archive import Archive
    from digitzip.codec import Images

_ARCHIVE: Final = ".dz"
_BATCH: Final = 4096
_FROM_THE_END: Final = re.compile(r"-[0-9]+(:.*)?", re.DOTALL)


class _Command(click.Command):
    """A command whose words may be numbers from the end, and ranges that begin with one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        options: list[str] = []
        words: list[str] = []
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                words += rest
            elif arg == "-" or not arg.startswith("-") or _FROM_THE_END.fullmatch(arg):
                words.append(arg)
            else:
                options.append(arg)
                if self._takes_next(arg):
                    value = next(rest, None)
                    if value is None:  # click says so
                        return super().parse_args(ctx, options)
                    options.append(value)
        return super().parse_args(ctx, [*options, "--", *words])

    def _takes_next(self, arg: str) -> bool:
        """Tell whether the value of an option, or of the last in -qfo, is the next argument."""
        options = (param for param in self.params if isinstance(param, click.Option))
        valued = {name for option in options if not option.is_flag for name in option.opts}
        if arg.startswith("--"):
            return arg in valued
        ends = (end for end, letter in enumerate(arg[1:], 2) if f"-{letter}" in valued)
        return next(ends, None) == len(arg)


@click.command(cls=_Command)
@click.argument("file", metavar="FILE.dz", callback=streams.not_empty)
@click.argument("words", nargs=-1, required=True, metavar="DIGIT...")
@click.option(
    "-o",
    "--out",
    required=True,
    callback=streams.not_empty,
    help="A .dz, .npy, -idx3-ubyte or -idx3-ubyte.gz file, else a folder.",
)
@streams.model_option
@streams.max_digits_option
@streams.threads_option
@click.option("-f", "--force", is_flag=True, help="Overwrite what exists.")
@talk_options
def extract(
    file: str,
    words: tuple[str, ...],
    out: str,
    model: str | None,
    max_digits: int,
    threads: int,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Extract some digits of a .dz file.

    DIGIT is a number from 0 on, or negative from the end; a range A:B, without B itself; a name;
    or a pattern of names such as 'a/*.png'. A name that is a number itself is found by a pattern;
    other names and patterns that begin with - come last, after --.
    Each digit is written once, in the order given. The chunks they stand in are proved first.

    OUT is written as its name says: .dz, with the same codes; .npy, -idx3-ubyte,
    -idx3-ubyte.gz; or else a folder of PNG files; - writes .npy to standard output.
    """
    from digitzip import archive

    talk = Talk(quiet, verbose)
    streams.refuse_same([file], out)
    with (
        console.about(file),
        streams.readable(file) as source,
        archive.open(source, model=model, max_images=max_digits, threads=threads) as dz,
    ):
        digits = dz.find(*words)
        if out.lower().endswith(_ARCHIVE):
            archive.extract(dz, digits, out, overwrite=force)
        else:
            dz.prove(digits)  # as archive.extract does: before anything is written
            with talk.bar(len(digits)) as bar:
                _write(out, dz, digits, bar.follow(_batches(dz, digits), len), force)
        count = len(dz)
    talk.summary(f"{file}: {len(digits):,} of {count:,} digits, {talk.seconds:.1f} s")


def _batches(dz: Archive, digits: npt.NDArray[np.intp]) -> Iterator[Images]:
    return (dz[digits[start : start + _BATCH]] for start in range(0, len(digits), _BATCH))


def _write(
    out: str, dz: Archive, digits: npt.NDArray[np.intp], batches: Iterator[Images], force: bool
) -> None:
    if out == streams.STANDARD:
        shape = (len(digits), dz.header.height, dz.header.width)
        decompress.write_npy(streams.standard_output(force), batches, shape)
    else:
        decompress.write(out, dz, digits.tolist(), batches, force)
