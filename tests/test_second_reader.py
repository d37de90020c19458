"""The pages suffice: a reader written from them alone reads the conformance files.

`second_reader` is plain Python and computes each distinct code once, so that even the file of a
thousand images is decoded whole; no test here stops at a part of a file.
"""

import hashlib
import json
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from digitzip.errors import ModelError
from digitzip.kernels import Layer, Network, Window
from digitzip.model import Model, read_model, write_model
from digitzip.model.model_file import known_answer
from tests import second_reader as second
from tests.toy import make_model

FOLDER = Path(__file__).parent / "conformance"
MANIFEST: dict[str, dict[str, Any]] = json.loads((FOLDER / "manifest.json").read_text("utf-8"))
PACKETS: dict[str, list[dict[str, Any]]] = json.loads((FOLDER / "packets.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def models() -> dict[str, second.Model]:
    names = ("tiny", "tiny-residual", "tiny-labels")
    return {name: second.Model((FOLDER / f"{name}.safetensors").read_bytes()) for name in names}


@pytest.fixture(scope="module")
def model(models: dict[str, second.Model]) -> second.Model:
    return models["tiny"]


@pytest.mark.parametrize("name", MANIFEST["valid"])
def test_valid(name: str, models: dict[str, second.Model]) -> None:
    expected = MANIFEST["valid"][name]
    content = second.read((FOLDER / "valid" / f"{name}.dz").read_bytes(), models[expected["model"]])
    found = {
        "model": expected["model"],
        "images": content.images,
        "levels": content.levels,
        "codes": hashlib.sha256(b"".join(map(bytes, content.codes))).hexdigest(),
        "pixels": hashlib.sha256(content.pixels).hexdigest(),
        "names": content.names,
        "labels": None if content.labels is None else list(content.labels),
        "corrected": content.corrected,
        "metadata": content.metadata,
    }
    assert found == expected


@pytest.mark.parametrize("name", sorted(MANIFEST["invalid"]))
def test_invalid(name: str, models: dict[str, second.Model]) -> None:
    # A ModelError of the manifest is a refusal here too: the file's id is not that of the model.
    with pytest.raises(second.Refused):
        second.read(
            (FOLDER / "invalid" / f"{name}.dz").read_bytes(),
            models[MANIFEST["invalid"][name]["model"]],
        )


def test_corrections(model: second.Model) -> None:
    """FORMAT.md section 4.2, as a reader of the page works it out by hand."""
    codes = [(0, 1, 2), (3, 4, 5), (6, 7, 0)]
    plain = [model.decode(8, code) for code in codes]
    # +100 for image 1, modulo 256, as its N is 0; +2 and -1 steps of 2N + 1 = 3 for images 0 and 2
    steps = bytes([200, 4, 1] * (model.height * model.width))
    expected = [
        bytes(min(pixel + 6, 255) for pixel in plain[0]),
        bytes((pixel + 100) % 256 for pixel in plain[1]),
        bytes(max(pixel - 3, 0) for pixel in plain[2]),
    ]

    def content(groups: bytes) -> bytes:
        body = bytes([0]) + groups + steps
        length = [len(body) & 0x7F | 0x80, len(body) >> 7]
        return (
            bytes([3])
            + zlib.crc32(b"".join(expected)).to_bytes(4, "little")
            + bytes([1, 10, 2, 0, 3, 6, 1, 4, 7, 2, 5, 0])  # codes: values, one to a byte
            + bytes([2, *length])
            + body
        )

    good = bytes([2, 0, 1, 1, 1, 2, 0, 1])  # two groups: N = 0, image 1; N = 1, images 0 and 2
    found = second.read_chunk(content(good), 3, 8, model)
    assert found.pixels == b"".join(expected)
    assert found.corrected == 3
    for row in 0, 2:  # listed again, not there
        wrong = bytes([2, 0, 1, 1, 1, 2, 0 if row else 1, row])
        with pytest.raises(second.Refused, match="no such image, or again"):
            second.read_chunk(content(wrong), 3, 8, model)


@pytest.mark.parametrize("vector", PACKETS["valid"], ids=lambda vector: str(vector["packet"]))
def test_packets(vector: dict[str, Any], models: dict[str, second.Model]) -> None:
    model, levels = models[vector["model"]], vector["levels"]
    packet = bytes.fromhex(vector["packet"])
    assert second.write_packet(vector["code"], levels, model) == packet
    assert second.read_packet(packet, levels, model) == vector["code"]


@pytest.mark.parametrize("vector", PACKETS["invalid"], ids=lambda vector: str(vector["why"]))
def test_packets_that_pack_does_not_give(
    vector: dict[str, Any], models: dict[str, second.Model]
) -> None:
    with pytest.raises(second.Refused):
        second.read_packet(
            bytes.fromhex(vector["packet"]), vector["levels"], models[vector["model"]]
        )


@pytest.mark.parametrize("value", [0, 500, 1 << 20])
def test_lambda_is_a_matter_of_writing_alone(
    value: int, model: second.Model, tmp_path: Path
) -> None:
    first = read_model(FOLDER / "tiny.safetensors")
    dear = replace(first.quantisers[0], lambda_=value)
    path = tmp_path / "dear.safetensors"
    write_model(path, replace(first, quantisers=(dear, *first.quantisers[1:])))
    assert second.Model(path.read_bytes()).id == model.id


def looking(window: Window, rows: int, channels: int, **others: Any) -> Layer:
    """Return a random layer with a window that mostly does not clip."""
    random = np.random.default_rng(rows)
    weight = random.integers(-60, 61, (rows, window.size**2 * channels), np.int8)
    bias, shift = random.integers(-500, 501, rows), np.full(rows, 6)
    return Layer(weight, bias, shift, 0, 255, window=window, **others)


def with_windows() -> Model:
    """Return a model of images of 8 x 8 whose encoder and decoder look through windows."""
    toy = make_model(side=8)
    (dense,) = toy.decoder.layers
    grow = replace(dense, weight=np.resize(dense.weight, (200, 4)), high=255,
                   bias=np.resize(dense.bias, 200), shift=np.resize(dense.shift, 200))  # fmt: skip
    same, last = looking(Window(10, 10, 1, 1), 2, 2, skip=1), looking(Window(10, 10, 3, 1), 1, 2)
    first = looking(Window(8, 8, 4, 2), 5, 1)
    (dense,) = toy.encoder.layers
    narrow = replace(dense, weight=dense.weight[:, : first.outputs].copy())
    model = replace(
        toy,
        encoder=Network([first, narrow], 0, 255),
        decoder=Network([grow, same, last], -256, 256),
    )
    return replace(model, known_images=known_answer(model))


def test_windows(tmp_path: Path) -> None:
    """Both readers find the same windows, in a decoder of three layers."""
    path, model = tmp_path / "windows.safetensors", with_windows()
    write_model(path, model)
    assert read_model(path).id == model.id
    assert len(np.unique(model.known_images)) > 50
    theirs = second.Model(path.read_bytes())  # it decodes the known answer
    assert theirs.id == model.id
    levels = model.quantiser(5)
    codes = np.random.default_rng(0).integers(0, 5, (20, 4), np.uint8)
    for code, image in zip(
        codes.tolist(), model.decode_points(levels.dequantise(codes)), strict=True
    ):
        assert theirs.decode(5, tuple(code)) == image.tobytes()


@pytest.mark.parametrize(
    ("network", "window"),
    [
        ("decoder.2", (10, 10, 3, 0)),
        ("decoder.2", (10, 10, 0, 1)),
        ("decoder.2", (10, 10, -3, 1)),
        ("decoder.2", (20, 5, 3, 1)),  # fewer windows
        ("decoder.2", (10, 10, 3, 2)),
        ("decoder.2", (10, 10, 11, 1)),
        ("decoder.1", (10, 20, 1, 1)),
        ("decoder.1", (14, 14, 1, 1)),
        ("encoder.0", (64, 1, 4, 2)),
        ("encoder.0", (2**31 - 1, 2**31 - 1, 4, 2**30)),
    ],
)
def test_both_refuse_windows(
    network: str, window: tuple[int, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = with_windows()
    tensors = model.tensors() | {f"{network}.window": np.array(window, np.int32)}
    monkeypatch.setattr(Model, "tensors", lambda model: tensors)
    path = tmp_path / "bad.safetensors"
    write_model(path, model)
    with pytest.raises(ModelError, match=r"window|inputs|outputs|maps"):
        read_model(path)
    with pytest.raises(second.Refused, match=r"window|outputs|type or shape"):
        second.Model(path.read_bytes())
