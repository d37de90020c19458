"""Checkpoints: everything that a run needs to go on as if it had never stopped.

One file, `checkpoint.pt`, is replaced whole after each epoch. It holds tensors, numbers and text
only and is read with `weights_only`, so nothing in it is ever executed.
"""

import io
import pickle
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import torch

from digitzip import atomic
from digitzip.errors import InputError, OutputError
from digitzip.training.settings import differences

FILE_NAME: Final = "checkpoint.pt"
VERSION: Final = 2


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The state of a run after `epoch` of `epochs` epochs."""

    recipe: str  # JSON
    images: str  # fingerprint, so that a run resumes on the images it began with
    stage: int  # of the run, which the learner is in
    epoch: int
    epochs: int
    learner: dict[str, Any]  # as `Learner.state`

    def check(self, recipe: object, images: str) -> None:
        """Raise `InputError` when the checkpoint is of another recipe or other images."""
        if self.images != images:
            raise InputError(
                "the checkpoint was made from other images; use the same or start anew"
            )
        if changes := differences(recipe, self.recipe):
            raise InputError(f"the checkpoint was made with another recipe: it has {changes}")


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint; an interruption leaves the old one or the new, whole."""
    whole = io.BytesIO()  # torch would report a full disk in its own words
    values = {name: getattr(checkpoint, name) for name in Checkpoint.__slots__}
    torch.save({**values, "version": VERSION}, whole)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with atomic.file(folder / FILE_NAME, overwrite=True) as file:
            file.write(whole.getbuffer())
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write a checkpoint in {folder}: {error}") from error


def load_checkpoint(folder: Path) -> Checkpoint:
    """Read the folder's checkpoint; raise `InputError` where there is none or it is damaged."""
    path = folder / FILE_NAME
    try:
        values = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise InputError(f"{folder} holds no {FILE_NAME}; there is nothing to resume") from error
    except (OSError, RuntimeError, EOFError, pickle.UnpicklingError) as error:
        raise InputError(
            f"{path} is not a readable checkpoint; remove it and train anew"
        ) from error
    version = values.pop("version", None) if isinstance(values, dict) else None
    if version != VERSION:
        raise InputError(f"{path} is a checkpoint of version {version}; this build reads {VERSION}")
    try:
        return Checkpoint(**values)
    except TypeError as error:
        raise InputError(f"{path} lacks parts of a checkpoint; remove it, train anew") from error


def discard_checkpoint(folder: Path) -> None:
    """Remove the folder's checkpoint, and the folder if nothing else is in it."""
    with suppress(OSError):
        (folder / FILE_NAME).unlink()
    with suppress(OSError):
        folder.rmdir()
