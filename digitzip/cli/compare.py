"""`digitzip compare`: the error of the images of a `.dz` file against their originals."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, Literal

import click

from digitzip import BoundError, InputError
from digitzip.cli import console, guarded, options, reading, streams, table
from digitzip.cli.talk import Talk, talk_options

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from digitzip import Comparison, Fit

_GAP: Final = 2  # pixels between an image and its original, of this gray
_GROUND: Final = 96


@click.command()
@click.argument(
    "originals", nargs=-1, required=True, metavar="ORIGINALS...", callback=streams.not_empty
)
@click.argument("file", metavar="FILE.dz", callback=streams.not_empty)
@options.json
@click.option(
    "--sheet",
    metavar="FILE.png",
    callback=streams.not_empty,
    help="Draw the listed images, each below its original.",
)
@click.option(
    "--worst",
    type=click.IntRange(0),
    default=10,
    metavar="N",
    help="Images of each kind to list.",
)
@options.model
@options.fit
@reading.sort_option
@reading.prefix_option
@reading.invert_option
@options.jobs
@options.force
@talk_options
def compare(
    originals: tuple[str, ...],
    file: str,
    as_json: bool,
    sheet: str | None,
    worst: int,
    model: str | None,
    fit: Fit,
    sort: Literal["name", "natural"],
    prefix: bool,
    invert: bool,
    jobs: int,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Compare the images of a .dz file with their originals.

    ORIGINALS are the inputs that the file was compressed from, with the same --fit, --sort,
    --prefix and --invert. They are matched by name where both have names, else in order. The exit
    code is 5 where an image breaks a promise of the file.
    """
    import digitzip

    talk = Talk(quiet, verbose)
    streams.once([*originals, file])
    streams.refuse_same([*originals, file], sheet or streams.STANDARD)
    if sheet:
        streams.check_output(sheet, force)
    with (
        streams.inputs(originals) as files,
        streams.readable(file) as source,
        console.about(file, InputError),
        digitzip.open(source, model=model, jobs=jobs) as dz,
        talk.bar() as bar,
    ):
        info = dz.info
        shape = (info.height, info.width)
        found = digitzip.read_images(
            files, height=shape[0], width=shape[1], fit=fit, sort=sort, prefix=prefix, invert=invert
        )
        bar.total = found.count
        compared = digitzip.compare(bar.follow(found, lambda batch: len(batch[0])), dz, worst=worst)
    if sheet:
        page = digitzip.contact_sheet(_pairs(compared, shape))
        digitzip.write_images(sheet, page[None], overwrite=force)
    promise = guarded.promise(info)
    promised = None if info.promise is None else info.promise.classifier_id
    unread = promised is not None and compared.classifier is None
    if as_json:
        print(json.dumps(_as_json(compared), indent=2, allow_nan=False))
    else:
        _show(compared, promise, unread)
    talk.summary(f"{file}: {console.images(compared.images)} compared, {talk.seconds:.1f} s")
    if compared.broken is not None and compared.broken.images:
        raise BoundError(
            f"{file}: {console.images(compared.broken.images)} outside the promise of the file: "
            f"{promise}"
        )


def _pairs(compared: Comparison, shape: tuple[int, int]) -> npt.NDArray[np.uint8]:
    """Return each listed image below its original: uint8 [n, 2 height + _GAP, width]."""
    import numpy as np

    listed, (height, width) = list(_all(compared)), shape
    pages = np.full((len(listed), 2 * height + _GAP, width), _GROUND, np.uint8)
    for page, each in zip(pages, listed, strict=True):
        page[:height], page[-height:] = each.original, each.recon
    return pages


def _show(compared: Comparison, promise: str, unread: bool) -> None:
    """Print the figures, and a table for each kind of images found.

    `unread` says that the promised classifier was not found.
    """
    psnr = "no error" if math.isinf(compared.psnr) else f"{compared.psnr:.2f} dB"
    changes, broken = compared.label_changes, compared.broken
    for label, value in (
        ("images", f"{compared.images:,}"),
        ("RMSE", f"{compared.rmse:.4f}"),
        ("PSNR", psnr),
        ("SSIM", f"{compared.ssim:.4f}"),
        ("pixels", f"error at most {compared.max_error} of 255"),
        ("labels", _reading(compared)),
        ("guard", promise if broken is None else f"{_kept(broken, unread)}: {promise}"),
    ):
        print(f"{label:8} {console.printable(value)}")
    for title, listed in (
        ("Worst", compared.worst),
        ("Labels changed", changes.worst if changes else ()),
        ("Promise broken", broken.worst if broken else ()),
    ):
        if listed:
            print(f"\n{title}")
            _table(listed)


def _reading(compared: Comparison) -> str:
    if compared.label_changes is None:
        return "not compared"
    return f"{console.images(compared.label_changes.images)} changed under {compared.classifier}"


def _kept(broken: Any, unread: bool) -> str:
    if broken.images:
        return f"broken by {console.images(broken.images)}"
    return "kept as far as compared" if unread else "kept"


def _table(images: Sequence[Any]) -> None:
    header = ["image", "RMSE", "max error", "label", "name"]
    rows = [
        [str(each.index), f"{each.rmse:.4f}", str(each.max_error), _labels(each), each.name or ""]
        for each in images
    ]
    if images[0].name is None:
        header, rows = header[:-1], [row[:-1] for row in rows]
    table.show(header, rows)


def _labels(each: Any) -> str:
    if each.labels is None:
        return "-"
    original, recon = each.labels
    return f"{recon}" if original == recon else f"{original} -> {recon}"


def _all(compared: Comparison) -> Iterator[Any]:
    """Yield every listed image once."""
    kinds = [compared.label_changes, compared.broken]
    listed = [*compared.worst, *(each for kind in kinds if kind for each in kind.worst)]
    yield from {each.index: each for each in listed}.values()


def _as_json(compared: Comparison) -> dict[str, object]:
    return {
        "images": compared.images,
        "rmse": compared.rmse,
        "psnr": None if math.isinf(compared.psnr) else compared.psnr,
        "ssim": compared.ssim,
        "max_error": compared.max_error,
        "classifier": compared.classifier,
        "worst": [_image_as_json(each) for each in compared.worst],
        "label_changes": _kind_as_json(compared.label_changes),
        "broken": _kind_as_json(compared.broken),
    }


def _kind_as_json(kind: Any | None) -> dict[str, object] | None:
    if kind is None:
        return None
    return {"images": kind.images, "worst": [_image_as_json(each) for each in kind.worst]}


def _image_as_json(each: Any) -> dict[str, object]:
    return {
        "index": each.index,
        "name": each.name,
        "rmse": each.rmse,
        "max_error": each.max_error,
        "labels": None if each.labels is None else list(each.labels),
    }
