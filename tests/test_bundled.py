"""The bundled weights: the same codes and pixels with any threads, kernels, batches and library."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

import digitzip
from digitzip.images import read_images
from digitzip.model import DEFAULT, bundled_folder, load_model, model_files
from tests import fingerprint

ROOT = Path(__file__).parents[1]
FINGERPRINTS = json.loads(fingerprint.FINGERPRINTS.read_text("utf-8"))
DATA = os.environ.get("DIGITZIP_DATA")
needs_mnist = pytest.mark.skipif(
    not DATA, reason="MNIST is not here: DIGITZIP_DATA names no folder of its IDX files"
)

SETTINGS: dict[str, tuple[int, str, dict[str, str]]] = {
    "one thread": (4096, "numpy", {"OPENBLAS_NUM_THREADS": "1"}),
    "two threads, Haswell kernels": (
        4096, "numpy", {"OPENBLAS_NUM_THREADS": "2", "OPENBLAS_CORETYPE": "Haswell"}
    ),
    "batches of 1, Sandybridge kernels": (1, "numpy", {"OPENBLAS_CORETYPE": "Sandybridge"}),
    "batches of 7, Prescott kernels, NumPy without AVX": (
        7, "numpy",
        {"OPENBLAS_CORETYPE": "Prescott", "NPY_DISABLE_CPU_FEATURES": "AVX2 FMA3 AVX512F"},
    ),
    "PyTorch on the CPU": (4096, "torch", {}),
}  # fmt: skip
"""Size of a batch, library and environment: each value once, several of them in one case."""
CASES = [(DEFAULT, setting) for setting in SETTINGS] + [
    (model, "batches of 7, Prescott kernels, NumPy without AVX")
    for model in ("mnist-1", "mnist-4")  # a list, and grids
]


@pytest.mark.parametrize(("model", "setting"), CASES)
def test_the_same_codes_and_pixels_whatever_computes_them(model: str, setting: str) -> None:
    batch, library, variables = SETTINGS[setting]
    if library == "torch" and find_spec("torch") is None:
        pytest.skip("PyTorch is not installed")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "tests.fingerprint", model, str(batch), library],
        cwd=ROOT, env={**os.environ, **variables}, capture_output=True, text=True, check=True,
    )  # fmt: skip
    expected = FINGERPRINTS[model]
    assert done.stdout.split() == [expected["codes"], expected["pixels"], expected["intervals"]]


def test_every_bundled_model_loads_and_is_the_released_one() -> None:
    stored = {path.stem for path in model_files() if path.parent == bundled_folder()}
    assert stored == set(FINGERPRINTS)
    for name, expected in FINGERPRINTS.items():
        assert load_model(name).id.hex() == expected["id"]
        assert (bundled_folder() / f"{name}.safetensors").stat().st_size <= 4_000_000


def test_one_blank_image_is_a_file_of_110_bytes_at_most() -> None:
    assert len(digitzip.compress(np.zeros((1, 28, 28), np.uint8), guard=False)) <= 110


def test_the_bundled_sample_is_whole() -> None:
    with digitzip.open(bundled_folder() / "demo.dz") as dz:
        dz.test()
        assert len(dz) == 100


@pytest.fixture(scope="module")
def mnist() -> npt.NDArray[np.uint8]:
    stored = Path(DATA or "") / "t10k-images-idx3-ubyte"
    inputs = [path for path in (stored.with_name(f"{stored.name}.gz"), stored) if path.exists()]
    if not inputs:
        pytest.fail(f"DIGITZIP_DATA is set, but there is no {stored}[.gz]")
    return np.concatenate([batch for batch, _ in read_images(inputs[:1])])


@needs_mnist
def test_mnist_images_cost_five_bytes_and_lose_little(mnist: npt.NDArray[np.uint8]) -> None:
    mnist = mnist[:2000]
    for guard, most in ((False, 5.2), (True, 6.5)):  # a small file
        data = digitzip.compress(mnist, guard=guard)
        error = (digitzip.decompress(data).astype(np.float64) - mnist) / 255
        assert len(data) / len(mnist) <= most
        assert np.sqrt(np.mean(error**2)) <= 0.105


@needs_mnist
def test_an_image_alone_is_a_file_of_110_bytes_at_most(mnist: npt.NDArray[np.uint8]) -> None:
    assert max(len(digitzip.compress(digit[None], guard=False)) for digit in mnist[:50]) <= 110
    guarded = sorted(len(digitzip.compress(digit[None])) for digit in mnist[:50])
    assert guarded[45] <= 110  # all but the corrected ones


@needs_mnist
def test_decoded_images_keep_their_code(mnist: npt.NDArray[np.uint8]) -> None:
    codec = digitzip.load_codec()
    codes = codec.encode(mnist)
    again = codec.encode(codec.decode(codes))
    assert (again == codes).all(axis=1).mean() >= 0.99
