"""The committed conformance files: read as the manifest says, or refused for its reason."""

from __future__ import annotations

import hashlib
import json
import subprocess
from dataclasses import replace
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
MODELS = "tiny", "tiny-residual", "tiny-labels"
PACKETS: dict[str, list[dict[str, Any]]] = json.loads((HERE / "packets.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def models() -> dict[str, Model]:
    """The models of the manifest: one plain, one with a residual model, one with a label model."""
    return {name: read_model(HERE / f"{name}.safetensors") for name in MODELS}


@pytest.fixture(scope="module")
def model(models: dict[str, Model]) -> Model:
    return models["tiny"]


def sha256(array: npt.NDArray[Any]) -> str:
    return hashlib.sha256(np.ascontiguousarray(array).data).hexdigest()


def test_the_manifest_names_every_file_and_no_other() -> None:
    for kind in ("valid", "invalid"):
        stored = {path.stem for path in (HERE / kind).glob("*.dz")}
        assert stored == set(MANIFEST[kind])
    assert len(MANIFEST["valid"]) >= 43
    assert len(MANIFEST["invalid"]) >= 126
    assert {each["levels"] for each in PACKETS["valid"]} == {5, 8}
    assert len(PACKETS["valid"]) >= 20


def test_the_conformance_models_are_small() -> None:
    assert all((HERE / f"{name}.safetensors").stat().st_size < 50_000 for name in MODELS)


def test_a_residual_network_makes_another_model(models: dict[str, Model]) -> None:
    assert models["tiny"].id.hex() == "b69b54bc59d56ef56cd2cc2307f6f524"
    assert models["tiny-residual"].id != models["tiny"].id
    assert replace(models["tiny-residual"], residual=None).id == models["tiny"].id


def test_a_label_network_makes_another_model(models: dict[str, Model]) -> None:
    assert models["tiny-labels"].id != models["tiny"].id
    assert replace(models["tiny-labels"], labels=None).id == models["tiny"].id


def test_in_a_column_the_residual_network_gives_no_weight_at_all(
    models: dict[str, Model],
) -> None:
    network = models["tiny-residual"].residual
    assert network is not None
    inputs = np.random.default_rng(0).integers(0, 256, (200, network.inputs))
    for column, all_none in ((26, False), (27, True)):
        inputs[:, 109:165] = 0
        inputs[:, 109 + 28 + column] = 255
        weights = network(inputs)
        assert (not weights.any()) == all_none
    assert network.range == (0, 1 << 16)


@pytest.mark.parametrize("name", sorted(MANIFEST["valid"]))
def test_valid_files_give_the_codes_and_pixels_of_the_manifest(
    name: str, models: dict[str, Model]
) -> None:
    expected, path = MANIFEST["valid"][name], HERE / "valid" / f"{name}.dz"
    model = models[expected["model"]]
    with digitzip.open(path, model=model) as dz:
        dz.test()
        assert (len(dz), dz.info.levels) == (expected["images"], expected["levels"])
        assert sha256(dz.codes[:]) == expected["codes"]
        assert sha256(dz[:]) == expected["pixels"]
        assert (None if dz.names is None else dz.names[:]) == expected["names"]
        assert (None if dz.labels is None else dz.labels[:].tolist()) == expected["labels"]
        assert dz.info.metadata == expected["metadata"]
        assert dz.info.corrections == dz.stats().images == expected["corrected"]
    assert sha256(digitzip.decompress(path.read_bytes(), model=model)) == expected["pixels"]


@pytest.mark.parametrize("name", sorted(MANIFEST["invalid"]))
def test_invalid_files_are_refused_for_their_reason(name: str, models: dict[str, Model]) -> None:
    expected, path = MANIFEST["invalid"][name], HERE / "invalid" / f"{name}.dz"
    model = models[expected["model"]]
    error = getattr(errors, expected["error"])
    with pytest.raises(error, match=expected["match"]), digitzip.open(path, model=model) as dz:
        dz.test()


@pytest.mark.parametrize("effort", [0, 1, 3])
def test_the_same_images_give_the_codes_of_the_manifest(effort: int, model: Model) -> None:
    codes = Codec(model, 8, effort).encode(np.load(HERE / "images.npy"))
    assert sha256(codes) == MANIFEST["encoded"][f"effort-{effort}"]


@pytest.mark.parametrize("vector", PACKETS["valid"], ids=lambda vector: str(vector["packet"]))
def test_packets(vector: dict[str, Any], models: dict[str, Model]) -> None:
    codec = Codec(models[vector["model"]], vector["levels"])
    packet = bytes.fromhex(vector["packet"])
    assert codec.pack(np.array(vector["code"], np.uint8)) == packet
    assert codec.unpack(packet).tolist() == vector["code"]


@pytest.mark.parametrize("vector", PACKETS["invalid"], ids=lambda vector: str(vector["why"]))
def test_packets_that_pack_does_not_give(vector: dict[str, Any], models: dict[str, Model]) -> None:
    with pytest.raises(errors.DamagedError):
        Codec(models[vector["model"]], vector["levels"]).unpack(bytes.fromhex(vector["packet"]))


@pytest.mark.skipif(which("zstd") is None, reason="the zstd command is not installed")
def test_zstd_accepts_every_valid_file() -> None:
    files = sorted(map(str, (HERE / "valid").glob("*.dz")))
    result = subprocess.run(["zstd", "-t", *files], capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
