"""Weights files: read back and found valid before they appear, whole."""

from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from digitzip import atomic
from digitzip.errors import OutputError
from digitzip.model import Model, read_classifier, read_model, write_classifier, write_model
from digitzip.model.classifier import Classifier


def save_model(out: Path, model: Model) -> None:
    """Write a model file; raise `OutputError` where that is not possible."""
    _save(out, lambda path: write_model(path, model), read_model)


def save_classifier(out: Path, classifier: Classifier) -> None:
    """Write a classifier's file; raise `OutputError` where that is not possible."""
    _save(out, lambda path: write_classifier(path, classifier), read_classifier)


def _save(out: Path, write: Callable[[Path], None], read: Callable[[Path], object]) -> None:
    try:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "draft.safetensors"
            write(path)
            read(path)
            with atomic.file(out, overwrite=True) as file:
                file.write(path.read_bytes())
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {str(out)!r}: {error.strerror or error}") from error
