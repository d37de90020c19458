"""`digitzip models`: the models that can be named, and whether each is sound."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from digitzip import ModelError
from digitzip.cli import console, options, table

if TYPE_CHECKING:
    from digitzip import ModelInfo


@click.command()
@options.json
@click.option("-v", "--verbose", is_flag=True, help="Print the path of each model, too.")
def models(as_json: bool, verbose: bool) -> None:
    """List the models that can be named.

    Models in the folders of DIGITZIP_MODELS come first, then the bundled ones; * marks defaults.
    """
    import digitzip

    found = digitzip.list_models()
    sound = [model for model in found if model.error is None]
    for model in found:
        if model.error is not None:
            console.complain(ModelError(model.error))
    if as_json:
        print(json.dumps([asdict(model) for model in sound], indent=2))
    else:
        _print(sound, verbose)
    if len(sound) < len(found):
        click.get_current_context().exit(console.exit_code(ModelError()))


def _print(models: Sequence[ModelInfo], verbose: bool) -> None:
    rows = [
        (
            model.name + " *" * model.default,
            model.id,
            f"{model.height} x {model.width}",
            str(model.dims),
            _qualities(model),
            f"{model.bytes:,}",
            *([model.path] if verbose else []),
        )
        for model in models
    ]
    heads = ("name", "id", "shape", "dims", "qualities", "bytes", *(["path"] if verbose else []))
    table.show(heads, rows)


def _qualities(model: ModelInfo) -> str:
    """Return each quality with its levels, the default with a star."""
    return " ".join(
        f"{quality}:{levels}" + "*" * (levels == model.default_levels)
        for quality, levels in enumerate(model.qualities, 1)
    )
