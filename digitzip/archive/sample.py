"""The bundled sample: a small archive of handwritten digits."""

from pathlib import Path

from digitzip.errors import InputError
from digitzip.model import bundled_folder


def sample_path() -> Path:
    """Return the path of the bundled sample, a `.dz` file of MNIST test images.

    Raises `InputError` where it is missing from the installation.
    """
    path = bundled_folder() / "demo.dz"
    if not path.is_file():
        raise InputError(f"{path}: the bundled sample is missing; install digitzip again")
    return path
