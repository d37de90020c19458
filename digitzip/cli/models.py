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
def models(as_json: bool) -> None:
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
        _print(sound)
    if len(sound) < len(found):
        click.get_current_context().exit(console.exit_code(ModelError()))


def _print(models: Sequence[ModelInfo]) -> None:
    rows = [
        (
            model.name + " *" * model.default,
            model.id,
            f"{model.height} x {model.width}",
            str(model.dims),
            _qualities(model),
            f"{model.bytes:,}",
        )
        for model in models
    ]
    table.show(("name", "id", "shape", "dims", "qualities", "bytes"), rows)


def _qualities(model: ModelInfo) -> str:
    """Return each quality with its levels, the default with a star."""
    return " ".join(
        f"{quality}:{levels}" + "*" * (levels == model.default_levels)
        for quality, levels in enumerate(model.qualities, 1)
    )
