"""`digitzip models`: the models that can be named, and whether each is sound."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from digitzip.cli import console, table
from digitzip.errors import ModelError


@dataclass(frozen=True, slots=True)
class _Entry:
    name: str
    id: str
    height: int
    width: int
    dims: int
    qualities: tuple[int, ...]  # the levels of quality 1, 2 …
    levels: int  # by default
    bytes: int
    default: bool


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def models(as_json: bool) -> None:
    """List the models that can be named.

    Those in the folders of DIGITZIP_MODELS, then the shipped ones; * marks the default.
    """
    from digitzip.model import DEFAULT, model_files

    entries: list[_Entry] = []
    worst, default = 0, DEFAULT
    for path in model_files():
        try:
            entries.append(_entry(path, path.stem == default))
        except (ModelError, OSError) as error:
            console.complain(error)
            worst = max(worst, console.exit_code(error))
        if path.stem == default:  # a later one of the same name is hidden by this one
            default = ""
    if as_json:
        print(json.dumps([asdict(entry) for entry in entries], indent=2))
    else:
        _print(entries)
    if worst:
        click.get_current_context().exit(worst)


def _entry(path: Path, default: bool) -> _Entry:
    from digitzip.model import load_model

    model = load_model(path)
    shape = model.shape
    return _Entry(
        path.stem,
        model.id.hex(),
        shape.height,
        shape.width,
        shape.dims,
        model.qualities,
        model.levels_of(),
        path.stat().st_size,
        default,
    )


def _print(entries: list[_Entry]) -> None:
    rows = [
        (
            entry.name + " *" * entry.default,
            entry.id,
            f"{entry.height} x {entry.width}",
            str(entry.dims),
            _qualities(entry),
            f"{entry.bytes:,}",
        )
        for entry in entries
    ]
    table.show(("name", "id", "shape", "dims", "quality:levels", "bytes"), rows)


def _qualities(entry: _Entry) -> str:
    """Return each quality with its levels, the default with a star."""
    return " ".join(
        f"{quality}:{levels}" + "*" * (levels == entry.levels)
        for quality, levels in enumerate(entry.qualities, 1)
    )
