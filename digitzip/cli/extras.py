"""Labels and metadata of a new archive, from options."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import click

from digitzip import __version__
from digitzip.cli import streams

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

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


def read_labels(
    labels: str | None, inputs: Sequence[str], count: int
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
    return digitzip.read_labels(inputs, count)


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
