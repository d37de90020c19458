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
    levels: tuple[int, ...]
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
    levels = tuple(level_set.levels for level_set in model.level_sets)
    size = path.stat().st_size
    return _Entry(
        path.stem, model.id.hex(), shape.height, shape.width, shape.dims, levels, size, default
    )


def _print(entries: list[_Entry]) -> None:
    rows = [
        (
            entry.name + " *" * entry.default,
            entry.id,
            f"{entry.height} x {entry.width}",
            str(entry.dims),
            ",".join(map(str, entry.levels)),
            f"{entry.bytes:,}",
        )
        for entry in entries
    ]
    table.show(("name", "id", "shape", "dims", "levels", "bytes"), rows)
