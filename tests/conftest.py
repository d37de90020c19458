"""What several rooms' tests share: the tiny conformance model, and images no training ever saw."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the processes of pytest share the cores
os.environ.setdefault("OMP_NUM_THREADS", "1")
if os.environ.pop("PYTHONDONTWRITEBYTECODE", ""):  # else each process that a test starts compiles
    bytecode = tempfile.TemporaryDirectory()  # removed at exit
    os.environ["PYTHONPYCACHEPREFIX"] = bytecode.name

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, settings

from digitzip.codec import Codec
from digitzip.model import Model, read_model

TINY = Path(__file__).parent / "conformance" / "tiny.safetensors"

busy = [HealthCheck.too_slow]  # a busy machine is no failure
settings.register_profile("digitzip", deadline=None, derandomize=True, suppress_health_check=busy)
settings.load_profile("digitzip")


@pytest.fixture(scope="session")
def tiny() -> Model:
    """The conformance model: 28x28, 3 latents, 8 or 5 levels, random weights."""
    return read_model(TINY)


@pytest.fixture(scope="session")
def codec(tiny: Model) -> Codec:
    """The codec of the conformance model without search."""
    return Codec(tiny, effort=0)


@pytest.fixture(scope="session")
def images() -> npt.NDArray[np.uint8]:
    """Images uint8 [50, 28, 28] of noise."""
    return np.random.default_rng(7).integers(0, 256, (50, 28, 28), dtype=np.uint8)
