"""Checkpoints: everything a run needs to go on as if it had never stopped.

One file, `checkpoint.pt`, replaced whole after each epoch. It holds tensors, numbers and text only
and is read with `weights_only`, so nothing in it is ever executed.
"""

import io
import pickle
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from digitzip import atomic
from digitzip.errors import InputError, OutputError
from digitzip.training.recipe import Recipe

FILE_NAME = "checkpoint.pt"
LIGHTER = "lighter"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state after `epoch` epochs. The dicts are torch state dicts."""

    recipe: Recipe
    height: int
    width: int
    fingerprint: str  # of the images, so that a run resumes on the data it began with
    epoch: int
    model: dict[str, Any]
    average: dict[str, Any]
    optimiser: dict[str, Any]
    random: torch.Tensor  # state of the one generator that every draw comes from


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint; an interruption leaves the old one or the new, whole."""
    names = [name for name in Checkpoint.__slots__ if name != "recipe"]
    values: dict[str, Any] = {name: getattr(checkpoint, name) for name in names}
    values |= {"version": VERSION, "recipe": checkpoint.recipe.to_json()}
    whole = io.BytesIO()  # torch would tell a full disk in words of its own
    torch.save(values, whole)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic.file(folder / FILE_NAME, overwrite=True) as file:
            file.write(whole.getbuffer())
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write a checkpoint in {folder}: {error}") from error


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read the folder's checkpoint; raise InputError when there is none or it is not one."""
    path = folder / FILE_NAME
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{folder} holds no {FILE_NAME}; train without --resume first") from error
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path} is not a readable checkpoint; remove it and train anew"
        ) from error
    version = values.pop("version", None) if isinstance(values, dict) else None
    if version != VERSION:
        raise InputError(f"{path} is a checkpoint of version {version}; this build reads {VERSION}")
    try:
        return Checkpoint(**{**values, "recipe": Recipe.from_json(values["recipe"])})
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path} lacks parts of a checkpoint; remove it, train anew") from error


def has_checkpoint(folder: Path) -> bool:
    """Tell whether a run left its state in a folder."""
    return (folder / FILE_NAME).exists()


def lighter_folder(folder: Path) -> Path:
    """Return the folder of the checkpoint of lighter networks, that follow those of `folder`."""
    return folder / LIGHTER


def epochs_done(folder: Path) -> tuple[int, int]:
    """Return how many epochs the run in a folder has done, and of how many.

    Raises InputError as `load_checkpoint` does.
    """
    stored = load_checkpoint(folder)
    lighter = lighter_folder(folder)
    more = load_checkpoint(lighter).epoch if has_checkpoint(lighter) else 0
    return stored.epoch + more, stored.recipe.all_epochs


def discard_checkpoint(folder: Path) -> None:
    """Remove the folder's checkpoints, and the folder if nothing else is in it."""
    for place in (lighter_folder(folder), folder):
        with suppress(OSError):
            (place / FILE_NAME).unlink()
        with suppress(OSError):
            place.rmdir()
