"""`digitzip demo`: decompress the bundled sample, draw it, and compress it again."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from digitzip import OutputError
from digitzip.cli import console, options, streams, table
from digitzip.cli.talk import Talk, talk_options

if TYPE_CHECKING:
    from digitzip import Comparison

SAMPLE: Final = "demo.dz"
IMAGES: Final = "digits"
SHEET: Final = "contact-sheet.png"

_NOTE: Final = """\
The images were decoded from the sample, so they have been through the codec already: their RMSE
shows how stable the code is, not the error of a first compression."""


@click.command()
@click.option(
    "-o", "--out", default="digitzip-demo", callback=streams.not_empty, help="Folder to fill."
)
@options.force
@talk_options
def demo(out: str, force: bool, quiet: bool, verbose: bool) -> None:
    """Try the codec on a bundled sample.

    Decompresses the sample to PNG files, compresses it again and compares the sizes. The folder
    gets the images, a contact sheet and the new .dz file; files of an earlier demo are replaced.
    Nothing is downloaded.
    """
    import digitzip

    talk = Talk(quiet, verbose)
    folder, sample = Path(out), digitzip.sample_path()
    with console.about(str(sample)), digitzip.open(sample) as dz:
        images, names = dz[:], None if dz.names is None else dz.names[:]
        model, info = dz.codec.model, dz.info
    if not force:
        _refuse_others(folder, names or [f"{i:05d}.png" for i in range(len(images))])
    digitzip.write_images(_made(folder) / IMAGES, images, names=names, overwrite=True)
    digitzip.write_images(folder / SHEET, digitzip.contact_sheet(images)[None], overwrite=True)
    quality = model.qualities.index(info.levels) + 1
    with digitzip.create(folder / SAMPLE, model=model, quality=quality, overwrite=True) as writer:
        writer.append(images, names)
    with digitzip.open(folder / SAMPLE, model=model) as dz:
        again = digitzip.compare(images, dz, worst=0)
    pngs = sum(path.stat().st_size for path in (folder / IMAGES).rglob("*.png"))
    packed = (folder / SAMPLE).stat().st_size
    table.show(("form", "bytes", "B/image", "ratio", "RMSE"), [
        _row("raw pixels", images.size, images.size, again, 0.0),
        _row("PNG files", pngs, images.size, again, 0.0),
        _row(".dz file", packed, images.size, again, again.rmse),
    ])  # fmt: skip
    print(f"\n{_NOTE}\n")
    print(console.printable(f"See {folder / SHEET}, {folder / IMAGES} and {folder / SAMPLE}."))
    talk.summary(f"{out}: {console.images(len(images))}, {talk.seconds:.1f} s")


def _refuse_others(folder: Path, names: list[str]) -> None:
    """Refuse a folder that holds anything but the files of an earlier demo."""
    found = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    ours = {SAMPLE, SHEET, *(f"{IMAGES}/{name}" for name in names)}
    if found - ours or (found and not (folder / IMAGES).is_dir()):
        raise OutputError(
            f"the folder {str(folder)!r} has other files; name another with -o, or -f overwrites "
            "the files that have the names of the demo's"
        )


def _made(folder: Path) -> Path:
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise OutputError(f"cannot write {str(folder)!r}: {error.strerror or error}") from error
    return folder


def _row(form: str, size: int, pixels: int, again: Comparison, rmse: float) -> tuple[str, ...]:
    each = size / max(1, again.images)
    return form, f"{size:,}", f"{each:.2f}", f"{pixels / size:.1f}", f"{rmse:.4f}"
