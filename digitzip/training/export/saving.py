"""Weights files, written whole or not at all, once they were read back and found valid."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from digitzip import atomic
from digitzip.errors import OutputError
from digitzip.model import (
    Model,
    read_classifier,
    read_model,
    write_classifier,
    write_model,
)
from digitzip.model.classifier import Classifier


def save_model(out: Path, model: Model) -> None:
    """Write a model file; raises `OutputError` where there is no room for it."""

    def draft(path: Path) -> None:
        write_model(path, model)
        read_model(path)

    _save(out, draft)


def save_classifier(out: Path, reader: Classifier) -> None:
    """Write the file of a reader; raises `OutputError` where there is no room for it."""

    def draft(path: Path) -> None:
        write_classifier(path, reader)
        read_classifier(path)

    _save(out, draft)


def _save(out: Path, draft: Callable[[Path], None]) -> None:
    try:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "draft.safetensors"
            draft(path)
            with atomic.file(out, overwrite=True) as file:
                file.write(path.read_bytes())
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {str(out)!r}: {error.strerror or error}") from error
