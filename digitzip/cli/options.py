"""Options that several commands share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from digitzip.cli import streams
from digitzip.limits import EFFORTS, JOBS, MAX_IMAGES

Command = TypeVar("Command", bound=Callable[..., Any])

out = click.option(
    "-o",
    "--out",
    required=True,
    callback=streams.not_empty,
    metavar="OUT.dz",
    help="File to write; - is standard output.",
)

force = click.option("-f", "--force", is_flag=True, help="Overwrite existing files.")

model = click.option(
    "--model", metavar="NAME|FILE", help="Model of the file, if it is not found by its id."
)

max_images = click.option(
    "--max-images",
    type=click.IntRange(0),
    default=MAX_IMAGES,
    metavar="N",
    help="Refuse to write more images.",
)

jobs = click.option(
    "--jobs",
    type=click.IntRange(JOBS[0], JOBS[-1]),
    default=0,
    metavar="N",
    help="Parts to process at once, 0 for all cores; the result does not change.",
)

effort = click.option(
    "--effort",
    type=click.IntRange(EFFORTS[0], EFFORTS[-1]),
    metavar="0-9",
    show_default="1",
    help="Effort of the search for better codes; more is slower.",
)

fit = click.option(
    "--fit",
    type=click.Choice(["none", "resize", "mnist"]),
    default="none",
    help="How to treat images of another kind: refuse, scale, or convert to MNIST's form.",
)

json = click.option("--json", "as_json", is_flag=True, help="Print JSON.")

BATCH: Final = 512
"""Images that are read at a time."""
