"""What several rooms' tests share: the tiny conformance model, and images no training ever saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import settings

from digitzip.codec import Codec
from digitzip.model import Model, read_model

TINY = Path(__file__).parent / "conformance" / "tiny.safetensors"

settings.register_profile("digitzip", deadline=None, derandomize=True)
settings.load_profile("digitzip")


@pytest.fixture(scope="session")
def tiny() -> Model:
    """The conformance model: 28x28, 3 numbers, 8 or 5 levels, random weights."""
    return read_model(TINY)


@pytest.fixture(scope="session")
def codec(tiny: Model) -> Codec:
    """The codec of the conformance model without search."""
    return Codec(tiny, effort=0)


@pytest.fixture(scope="session")
def images() -> npt.NDArray[np.uint8]:
    """Images uint8 [50, 28, 28] of noise."""
    return np.random.default_rng(7).integers(0, 256, (50, 28, 28), dtype=np.uint8)
