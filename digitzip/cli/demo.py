"""`digitzip demo`: the bundled sample decompressed, looked at, and compressed again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from digitzip.cli import console, streams, table
from digitzip.cli.talk import Talk, talk_options
from digitzip.errors import InputError

if TYPE_CHECKING:
    from digitzip.codec import Images

SAMPLE: Final = "demo.dz"
DIGITS: Final = "digits"
SHEET: Final = "contact-sheet.png"

_NOTE: Final = """\
These digits were decoded from the sample, so they went through the codec once already: their RMSE
says how stable the code is, not how near a first compression comes to an original."""


@click.command()
@click.option(
    "-o",
    "--out",
    default="digitzip-demo",
    show_default=True,
    callback=streams.not_empty,
    help="Folder to fill.",
)
@click.option("-f", "--force", is_flag=True, help="Write into a folder that is not empty.")
@talk_options
def demo(out: str, force: bool, quiet: bool, verbose: bool) -> None:
    """Try the codec on a bundled sample.

    Decompresses the sample to PNGs, compresses those again, and compares the sizes. A folder gets
    the digits, a contact sheet and the new .dz file. Nothing is downloaded.
    """
    from digitzip import atomic
    from digitzip.images.sheet import save_sheet
    from digitzip.model import bundled_folder

    talk = Talk(quiet, verbose)
    sample = bundled_folder() / SAMPLE
    if not sample.is_file():
        raise InputError(f"{sample}: the bundled sample is missing; install digitzip again")
    with atomic.folder(out, overwrite=force) as folder:
        first = _decompress(sample, folder / DIGITS)
        save_sheet(folder / SHEET, first)
        again = _compress(sample, folder / DIGITS, folder / SAMPLE)
        rows = _rows(folder, first, again)
    table.show(("form", "bytes", "B/digit", "ratio", "RMSE"), rows)
    print(f"\n{_NOTE}\n")
    place = Path(out)
    print(console.printable(f"See {place / SHEET}, {place / DIGITS} and {place / SAMPLE}."))
    talk.summary(f"{out}: {len(first)} digits, {talk.seconds:.1f} s")


def _decompress(sample: Path, folder: Path) -> Images:
    """Write the digits of `sample` as PNGs, and return them, uint8 [n, height, width]."""
    from digitzip import archive, images

    with console.about(str(sample)), archive.open(sample) as dz:
        names = None if dz.names is None else dz.names[:]
        height, width = dz.info.height, dz.info.width
        images.write(
            folder,
            ((batch, None) for batch in dz.batches()),
            count=len(dz),
            height=height,
            width=width,
            names=names,
        )
        return dz[:]


def _compress(sample: Path, folder: Path, out: Path) -> Images:
    """Compress the PNGs in `folder` with the sample's own model, and return what is decoded."""
    from digitzip import archive, images

    with archive.open(sample) as dz:
        model = dz.codec.model
        quality = model.qualities.index(dz.info.levels) + 1
    shape = model.shape
    with archive.create(out, model=model, quality=quality) as writer:
        for batch, names in images.read([folder], height=shape.height, width=shape.width):
            writer.append(batch, names)
    with archive.open(out, model=model) as dz:
        return dz[:]


def _rows(folder: Path, first: Images, again: Images) -> list[tuple[str, ...]]:
    from digitzip.metrics import rmse

    pngs = sum(path.stat().st_size for path in (folder / DIGITS).rglob("*.png"))
    packed = (folder / SAMPLE).stat().st_size
    sizes = (("raw pixels", first.size, 0.0), ("PNG files", pngs, 0.0),
             (".dz file", packed, rmse(first, again)))  # fmt: skip
    return [
        (
            form,
            f"{size:,}",
            f"{size / max(1, len(first)):.2f}",
            f"{first.size / size:.1f}",
            f"{error:.4f}",
        )
        for form, size, error in sizes
    ]
