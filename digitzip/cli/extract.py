"""`digitzip extract`: some images of a `.dz` file, by number or by name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

import click

from digitzip.cli import console, decompress, extras, options, streams
from digitzip.cli.talk import Talk, talk_options

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from digitzip import Archive

_ARCHIVE: Final = ".dz"
_BATCH: Final = 4096
_FROM_THE_END: Final = re.compile(r"-[0-9]+(:.*)?", re.DOTALL)


class _Command(click.Command):
    """Accept arguments that are negative numbers, or ranges that begin with one."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        given: list[str] = []
        words: list[str] = []
        rest = iter(args)
        for arg in rest:
            if arg == "--":
                words += rest
            elif arg == "-" or not arg.startswith("-") or _FROM_THE_END.fullmatch(arg):
                words.append(arg)
            else:
                given.append(arg)
                if self._takes_next(arg):
                    value = next(rest, None)
                    if value is None:  # click says so
                        return super().parse_args(ctx, given)
                    given.append(value)
        return super().parse_args(ctx, [*given, "--", *words])

    def _takes_next(self, arg: str) -> bool:
        """Tell whether the next argument is the value of an option, or of the last in -qfo."""
        params = (param for param in self.params if isinstance(param, click.Option))
        valued = {name for option in params if not option.is_flag for name in option.opts}
        if arg.startswith("--"):
            return arg in valued
        ends = (end for end, letter in enumerate(arg[1:], 2) if f"-{letter}" in valued)
        return next(ends, None) == len(arg)


@click.command(cls=_Command)
@click.argument("file", metavar="FILE.dz", callback=streams.not_empty)
@click.argument("words", nargs=-1, required=True, metavar="IMAGE...")
@click.option(
    "-o",
    "--out",
    required=True,
    callback=streams.not_empty,
    help="File NAME.dz, NAME.npy, NAME-idx3-ubyte or NAME-idx3-ubyte.gz, NAME.png for one image, "
    "or folder.",
)
@extras.sidecar_out_option
@options.model
@options.max_images
@options.jobs
@options.force
@talk_options
def extract(
    file: str,
    words: tuple[str, ...],
    out: str,
    sidecar: str | None,
    model: str | None,
    max_images: int,
    jobs: int,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Extract some images of a .dz file.

    IMAGE is a number from 0, or negative from the end; a range A:B, without B itself; a name; or
    a pattern of names such as 'a/*.png'. A name that is a number is found by a pattern; other
    names and patterns that begin with - come last, after --.
    Each image is written once, in the order given. Its chunk is verified first.

    The name of OUT picks its form: .dz, with the same codes; .npy, -idx3-ubyte, -idx3-ubyte.gz;
    .png for one image; or a folder of PNG files; - writes .npy to standard output.
    """
    import digitzip

    talk = Talk(quiet, verbose)
    streams.refuse_same([file], out)
    with (
        console.about(file),
        streams.readable(file) as source,
        digitzip.open(source, model=model, max_images=max_images, jobs=jobs) as dz,
    ):
        rows = dz.find(*words)
        if sidecar is not None:
            extras.check_sidecar(sidecar, dz, force)
        if out.lower().endswith(_ARCHIVE):
            digitzip.extract(dz, rows, out, overwrite=force)
        else:
            dz.test(rows)  # as digitzip.extract does: before anything is written
            with talk.bar(len(rows)) as bar:
                batches = bar.follow(_batches(dz, rows), len)
                decompress.write(out, dz, rows.tolist(), batches, force)
        if sidecar is not None:
            extras.write_sidecar(sidecar, dz, rows.tolist(), force)
        count = len(dz)
    talk.summary(f"{file}: {len(rows):,} of {console.images(count)}, {talk.seconds:.1f} s")


def _batches(dz: Archive, rows: npt.NDArray[np.intp]) -> Iterator[npt.NDArray[np.uint8]]:
    return (dz[rows[start : start + _BATCH]] for start in range(0, len(rows), _BATCH))
