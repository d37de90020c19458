"""Labels and metadata of a new archive, from options."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final, Literal

import click

from digitzip import InputError, __version__
from digitzip.cli import console, streams

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from digitzip import Archive, ImageSource, Writer

FOLDERS: Final = "folders"

_SOURCES: Final = 8  # inputs that are named in the metadata

labels_option = click.option(
    "--labels",
    metavar="FILE|folders",
    callback=streams.not_empty,
    help="Labels 0 ... 255 of the images: an IDX or .npy file; or folders, for one sub-folder per "
    "class in sorted order.",
)

metadata_option = click.option(
    "--metadata",
    "texts",
    metavar="KEY=VALUE",
    multiple=True,
    help="Text to store in the file, besides the version and the source; repeatable.",
)


sidecar_option = click.option(
    "--sidecar",
    metavar="FILE.csv",
    callback=streams.not_empty,
    help="Names and labels of the images of an array file, as decompress --sidecar writes them.",
)

sidecar_out_option = click.option(
    "--sidecar",
    metavar="OUT.csv",
    callback=streams.not_empty,
    help="Write the names and labels of the images to OUT.csv.",
)


def read_sidecar(
    sidecar: str, labels: str | None, source: ImageSource
) -> tuple[npt.NDArray[np.object_] | None, npt.NDArray[np.uint8] | None]:
    """Return the names and labels of all images of a source, as a sidecar has them.

    Raises `click.UsageError` where they are given in another way, too.
    """
    import numpy as np

    import digitzip

    if labels is not None or source.named:
        other = "--labels gives labels" if labels is not None else "the inputs have names"
        raise click.UsageError(f"--sidecar is for arrays without names and labels; {other}")
    names, found = digitzip.read_sidecar(sidecar, source.count)
    return None if names is None else np.array(names, object), found


def write_sidecar(out: str, dz: Archive, rows: Sequence[int], force: bool) -> None:
    """Write the names and labels of some images of an archive."""
    import digitzip

    digitzip.write_sidecar(
        out,
        names=None if dz.names is None else dz.names[rows],
        labels=None if dz.labels is None else dz.labels[:][list(rows)],
        overwrite=force,
    )


def check_sidecar(out: str, dz: Archive, force: bool) -> None:
    """Raise an error where a sidecar cannot be written, before the work begins."""
    streams.check_output(out, force)
    if dz.names is None and dz.labels is None:
        raise InputError("the images have neither names nor labels; leave out --sidecar")


def read_labels(
    labels: str | None, inputs: Sequence[str], count: int, sort: Literal["name", "natural"]
) -> npt.NDArray[np.uint8] | None:
    """Return the labels of `count` images that are read from `inputs`, or None.

    Raises `click.UsageError` where `labels` is "folders" and an input is not a folder, and
    `InputError` where there are not `count` labels.
    """
    import digitzip

    if labels is None:
        return None
    if labels != FOLDERS:
        return digitzip.read_labels(labels, count)
    for name in inputs:
        if not os.path.isdir(name):  # noqa: PTH112 (raises nothing)
            raise click.UsageError(f"--labels folders: {name!r} is not a folder of sub-folders")
    return digitzip.read_labels(inputs, count, sort=sort)


def append_all(
    writer: Writer,
    source: ImageSource,
    inputs: Sequence[str],
    labels: str | None,
    sidecar: str | None,
    sort: Literal["name", "natural"],
) -> int:
    """Append all images of a source with their names and labels; return their number."""
    given = None
    if sidecar is None:
        numbers = read_labels(labels, inputs, source.count, sort)
        if labels is None:
            numbers = source.labels()
        if labels is None and numbers is not None and writer.labelled is False:
            console.warn("the images of the archive have no labels, so labels are left out")
            numbers = None
    else:
        given, numbers = read_sidecar(sidecar, labels, source)
    count = 0
    for images, names, rows in source.batches():
        names = names if given is None else given[rows].tolist()
        writer.append(images, names, None if numbers is None else numbers[rows])
        count += len(images)
    return count


def metadata(texts: Sequence[str], inputs: Sequence[str]) -> dict[str, str]:
    """Return the metadata of a new file; raises `click.UsageError`."""
    names = [streams.name_of(name) for name in inputs[:_SOURCES]]
    found = {
        "digitzip": __version__,
        "source": ", ".join(names) + ", ..." * (len(inputs) > _SOURCES),
    }
    for text in texts:
        key, equals, value = text.partition("=")
        if not (key and equals):
            raise click.UsageError(f"--metadata is {text!r}, expected KEY=VALUE")
        found[key] = value
    return found
