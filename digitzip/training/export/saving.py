"""Weights files: read back and found valid before they appear, whole."""

from pathlib import Path
from tempfile import TemporaryDirectory

from digitzip import atomic
from digitzip.errors import OutputError
from digitzip.model import Model, read_classifier, read_model, write_classifier, write_model
from digitzip.model.classifier import Classifier


def save(out: Path, weights: Model | Classifier) -> None:
    """Write the file of a model or a classifier; raise `OutputError` where that is impossible."""
    try:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "draft.safetensors"
            if isinstance(weights, Model):
                write_model(path, weights)
                read_model(path)
            else:
                write_classifier(path, weights)
                read_classifier(path)
            with atomic.file(out, overwrite=True) as file:
                file.write(path.read_bytes())
    except OutputError:
        raise
    except OSError as error:
        raise OutputError(f"cannot write {str(out)!r}: {error.strerror or error}") from error
