"""The committed conformance files: read as the manifest says, or refused for its reason."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

import digitzip
from digitzip import errors
from digitzip.codec import Codec
from digitzip.model import Model, read_model

HERE = Path(__file__).parent / "conformance"
MANIFEST: dict[str, dict[str, Any]] = json.loads((HERE / "manifest.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def model() -> Model:
    return read_model(HERE / "tiny.safetensors")


def sha256(array: npt.NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def test_the_manifest_names_every_file_and_no_other() -> None:
    for kind in ("valid", "invalid"):
        stored = {path.stem for path in (HERE / kind).glob("*.dz")}
        assert stored == set(MANIFEST[kind])
    assert len(MANIFEST["valid"]) >= 15
    assert len(MANIFEST["invalid"]) >= 58


def test_the_conformance_model_is_small() -> None:
    assert (HERE / "tiny.safetensors").stat().st_size < 50_000


@pytest.mark.parametrize("name", sorted(MANIFEST["valid"]))
def test_valid_files_give_the_codes_and_pixels_of_the_manifest(name: str, model: Model) -> None:
    expected, path = MANIFEST["valid"][name], HERE / "valid" / f"{name}.dz"
    with digitzip.open(path, model=model) as dz:
        dz.test()
        assert (len(dz), dz.header.levels) == (expected["digits"], expected["levels"])
        assert sha256(dz.codes[:]) == expected["codes"]
        assert sha256(dz[:]) == expected["pixels"]
        assert (None if dz.names is None else dz.names[:]) == expected["names"]
    assert sha256(digitzip.decompress(path.read_bytes(), model=model)) == expected["pixels"]


@pytest.mark.parametrize("name", sorted(MANIFEST["invalid"]))
def test_invalid_files_are_refused_for_their_reason(name: str, model: Model) -> None:
    expected, path = MANIFEST["invalid"][name], HERE / "invalid" / f"{name}.dz"
    error = getattr(errors, expected["error"])
    with pytest.raises(error, match=expected["match"]), digitzip.open(path, model=model) as dz:
        dz.test()


@pytest.mark.parametrize("effort", [0, 1, 3])
def test_the_same_images_give_the_codes_of_the_manifest(effort: int, model: Model) -> None:
    codes = Codec(model, 8, effort).encode(np.load(HERE / "images.npy"))
    assert sha256(codes) == MANIFEST["encoded"][f"effort-{effort}"]


@pytest.mark.skipif(which("zstd") is None, reason="the zstd command is not installed")
def test_zstd_accepts_every_valid_file() -> None:
    files = sorted(map(str, (HERE / "valid").glob("*.dz")))
    result = subprocess.run(["zstd", "-t", *files], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
