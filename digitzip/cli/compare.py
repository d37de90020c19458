"""`digitzip compare`: how far the digits of a `.dz` file are from their originals."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING

import click

from digitzip.cli import console, guarded, streams, table
from digitzip.cli.talk import Talk, talk_options
from digitzip.errors import BoundError, InputError

if TYPE_CHECKING:
    from digitzip.archive import Comparison
    from digitzip.archive.comparing import Compared, Listed
    from digitzip.images import Fit


@click.command()
@click.argument(
    "originals", nargs=-1, required=True, metavar="ORIGINALS...", callback=streams.not_empty
)
@click.argument("file", metavar="FILE.dz", callback=streams.not_empty)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--sheet",
    metavar="FILE.png",
    callback=streams.not_empty,
    help="Draw the listed digits, each below its original.",
)
@click.option(
    "--worst",
    type=click.IntRange(0),
    default=10,
    show_default=True,
    metavar="N",
    help="How many digits of a kind to list.",
)
@streams.model_option
@streams.fit_option
@click.option("-f", "--force", is_flag=True, help="Overwrite an existing sheet.")
@talk_options
def compare(
    originals: tuple[str, ...],
    file: str,
    as_json: bool,
    sheet: str | None,
    worst: int,
    model: str | None,
    fit: Fit,
    force: bool,
    quiet: bool,
    verbose: bool,
) -> None:
    """Tell how far the digits of a .dz file are from their originals.

    ORIGINALS are what the file was compressed from, with the same --fit. They are matched by name
    where both have names, else in order. The exit code is 5 where a digit is further from its
    original than the file promises.
    """
    from digitzip import archive, atomic, images
    from digitzip.images.sheet import pairs, save_sheet

    talk = Talk(quiet, verbose)
    if file == streams.STANDARD in originals:
        raise click.UsageError("standard input (-) can be read only once")
    streams.refuse_same([*originals, file], sheet or streams.STANDARD)
    with atomic.file(sheet, overwrite=force) if sheet else nullcontext() as page:
        with (
            streams.paths(originals) as files,
            streams.readable(file) as source,
            console.about(file, InputError),
            archive.open(source, model=model) as dz,
            talk.bar() as bar,
        ):
            info = dz.info
            shape = (info.height, info.width)
            found = images.read(files, height=shape[0], width=shape[1], fit=fit)
            bar.total = found.count
            compared = archive.compare(
                bar.follow(found, lambda item: len(item[0])), dz, worst=worst
            )
        if page is not None:
            listed = [(each.original, each.back) for each in _all(compared)]
            save_sheet(page, pairs(listed, shape))
    promise = guarded.promise(info)
    unread = info.guard.classifier is not None and compared.reader is None
    if as_json:
        print(json.dumps(_as_json(compared), indent=2, allow_nan=False))
    else:
        _show(compared, promise, unread)
    talk.summary(f"{file}: {console.digits(compared.digits)} compared, {talk.seconds:.1f} s")
    if unread:
        talk.warn(f"{file}: how its digits read could not be compared ({promise})")
    if compared.broken is not None and compared.broken.digits:
        raise BoundError(
            f"{file}: {console.digits(compared.broken.digits)} not as the file promises: {promise}"
        )


def _show(compared: Comparison, promise: str, unread: bool) -> None:
    """Print the figures, and a table for each kind of digits that there are.

    `unread` says that the promised reader is not to be had.
    """
    psnr = "no error" if math.isinf(compared.psnr) else f"{compared.psnr:.2f} dB"
    misread, broken = compared.misread, compared.broken
    for label, value in (
        ("digits", f"{compared.digits:,}"),
        ("RMSE", f"{compared.rmse:.4f}"),
        ("PSNR", psnr),
        ("SSIM", f"{compared.ssim:.4f}"),
        ("pixels", f"off by {compared.max_error} of 255 at most"),
        ("reader", _reading(compared)),
        ("guard", promise if broken is None else f"{_kept(broken, unread)}: {promise}"),
    ):
        print(f"{label:8} {console.printable(value)}")
    for title, digits in (
        ("Worst", compared.worst),
        ("Read differently", misread.worst if misread else ()),
        ("Not as promised", broken.worst if broken else ()),
    ):
        if digits:
            print(f"\n{title}")
            _table(digits)


def _reading(compared: Comparison) -> str:
    if compared.misread is None:
        return "none"
    return f"{compared.reader} reads {console.digits(compared.misread.digits)} differently"


def _kept(broken: Listed, unread: bool) -> str:
    if broken.digits:
        return f"broken by {console.digits(broken.digits)}"
    return "kept as far as it was compared" if unread else "kept"


def _table(digits: Sequence[Compared]) -> None:
    header = ["digit", "RMSE", "pixels off by", "reads as", "name"]
    rows = [
        [str(each.digit), f"{each.rmse:.4f}", str(each.max_error), _labels(each), each.name or ""]
        for each in digits
    ]
    if digits[0].name is None:
        header, rows = header[:-1], [row[:-1] for row in rows]
    table.show(header, rows)


def _labels(each: Compared) -> str:
    if each.labels is None:
        return "-"
    original, back = each.labels
    return f"{back}" if original == back else f"{original} -> {back}"


def _all(compared: Comparison) -> Iterator[Compared]:
    """Yield every digit that is listed once."""
    kinds = [compared.misread, compared.broken]
    digits = [*compared.worst, *(each for kind in kinds if kind for each in kind.worst)]
    yield from {each.digit: each for each in digits}.values()


def _as_json(compared: Comparison) -> dict[str, object]:
    return {
        "digits": compared.digits,
        "rmse": compared.rmse,
        "psnr": None if math.isinf(compared.psnr) else compared.psnr,
        "ssim": compared.ssim,
        "max_error": compared.max_error,
        "reader": compared.reader,
        "worst": [_digit_as_json(each) for each in compared.worst],
        "misread": _kind_as_json(compared.misread),
        "broken": _kind_as_json(compared.broken),
    }


def _kind_as_json(kind: Listed | None) -> dict[str, object] | None:
    if kind is None:
        return None
    return {"digits": kind.digits, "worst": [_digit_as_json(each) for each in kind.worst]}


def _digit_as_json(each: Compared) -> dict[str, object]:
    return {
        "digit": each.digit,
        "name": each.name,
        "rmse": each.rmse,
        "max_error": each.max_error,
        "reads_as": None if each.labels is None else list(each.labels),
    }
