"""Peers are measured as they promise, ours singly among them, and a run says what it left out."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import digitzip
from benchmarks import record
from benchmarks.measure import classifier as reader
from benchmarks.measure import dims
from benchmarks.peers import factorised, formats, learned
from benchmarks.peers import rate as peers
from benchmarks.peers.formats import CODERS
from digitzip.model import load_model, shipped_folder
from tests import toy

IMAGES = toy.make_images(50)


def test_a_peer_that_breaks_its_promise_is_refused() -> None:
    honest = CODERS["PNG, optimised"]
    wrong = replace(honest, decode=lambda files: honest.decode(files)[::-1])
    with pytest.raises(ValueError, match="lossless, and other pixels came back"):
        peers.measure(wrong, IMAGES)


def test_reading_is_asked_only_of_what_came_back_changed() -> None:
    lossless, lossy = CODERS["PNG, optimised"], CODERS["JPEG, quality 1, optimised"]
    asked: list[record.Images] = []

    def changed(decoded: record.Images) -> float:
        asked.append(decoded)
        return 0.25

    assert peers.measure(lossless, IMAGES, changed).read_differently == 0
    assert not asked
    assert peers.measure(lossy, IMAGES, changed).read_differently == 0.25
    np.testing.assert_array_equal(asked[0], lossy.decode(lossy.encode(IMAGES)))
    assert peers.measure(lossless, IMAGES).read_differently == 0
    assert peers.measure(lossy, IMAGES).read_differently is None


def brightest(images: record.Images) -> record.Labels:
    """Read a digit as the row, of its first ten, that is brightest."""
    rows: record.Labels = images[:, :10].sum(axis=2).argmax(axis=1).astype(np.uint8)
    return rows


def test_what_changed_is_told_from_the_originals(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(reader, "read", brightest)
    monkeypatch.setattr(reader, "CACHED", tmp_path / "none.pt")
    assert peers.changed_from(IMAGES, needed=False) is None
    changed = peers.changed_from(IMAGES, needed=True)
    assert changed
    decoded = IMAGES.copy()
    decoded[7] = 0
    decoded[7, (brightest(IMAGES)[7] + 1) % 10] = 255
    assert changed(decoded) == 1 / 50
    assert changed(IMAGES) == 0


def test_ours_singly_is_what_compress_makes_of_each_digit() -> None:
    coder = peers.ours_singly()
    files, decoded = coder.round_trip(IMAGES[:3])
    assert files == [digitzip.compress(image[None], guard=False) for image in IMAGES[:3]]
    np.testing.assert_array_equal(decoded[1:2], digitzip.decompress(files[1]))
    model = load_model()
    assert coder.setting == f"{model.name}, {digitzip.load_codec().levels} levels"
    assert coder.model_bytes == (shipped_folder() / f"{model.name}.safetensors").stat().st_size


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> dict[str, dict[str, Any]]:
    """What `main` writes, with bars in place of MNIST and a few of them as each codebook."""
    results: dict[str, dict[str, Any]] = {}
    monkeypatch.setattr(record, "train_images", lambda: toy.make_images(200, seed=1))
    monkeypatch.setattr(record, "test_images", lambda: IMAGES[:12])
    monkeypatch.setattr(dims, "codebook", lambda k: toy.make_images(k % 999, seed=k))
    monkeypatch.setattr(learned, "DICTIONARY", 2048)
    monkeypatch.setattr(record, "write", results.__setitem__)
    monkeypatch.setattr(reader, "read", brightest)
    monkeypatch.setattr(reader, "CACHED", tmp_path / "none.pt")
    monkeypatch.setattr(factorised, "CACHED", tmp_path / "neither.pt")
    return results


def test_the_run_writes_strict_json_with_versions_and_data(
    written: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "peers"])
    peers.main()
    result = json.loads(json.dumps(written["peers"], allow_nan=False))
    others = 2 + len(learned.NUMBERS) * len(learned.FINENESS) + len(dims.CELLS)
    assert result["digits"] == 12
    assert len(result["peers"]) == len(CODERS) + others
    assert len({(peer["name"], peer["setting"]) for peer in result["peers"]}) == len(
        result["peers"]
    )
    assert result["versions"] | peers.versions() == result["versions"]
    assert result["data"] == {
        "mnist test images": record.SHA256["t10k-images-idx3-ubyte"],
        "mnist training images": record.SHA256["train-images-idx3-ubyte"],
    }
    assert result["left_out"] == formats.left_out() + factorised.left_out() != []
    said = capsys.readouterr().out
    assert all(f"left out: {line}\n" in said for line in result["left_out"])
    for peer in result["peers"]:
        assert (peer["psnr"] is None) == peer["lossless"] == (peer["rmse"] == 0)
        assert peer["lossless"] == (peer["ssim"] == 1)
        assert 0 <= peer["read_differently"] <= 1
    assert any(peer["read_differently"] for peer in result["peers"])


def test_a_quick_run_prints_each_peer_and_writes_nothing(
    written: dict[str, dict[str, Any]],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("sys.argv", ["benchmarks", "peers", "--quick"])
    monkeypatch.setattr(peers, "QUICK", 4)
    peers.main()
    shown = capsys.readouterr().out.splitlines()
    others = 2 + len(learned.NUMBERS) * len(learned.FINENESS) + len(peers.QUICK_CELLS)
    left_out = formats.left_out() + factorised.left_out()
    assert shown[1 + len(CODERS) + others :] == [f"left out: {line}" for line in left_out]
    sizes = {title: len(b"".join(c.encode(IMAGES[:4]))) for title, c in CODERS.items()}
    for line, (title, size) in zip(shown[1:], sizes.items(), strict=False):
        assert line.startswith(title)
        assert f" {size / 4:.3f} " in line
        assert (" – " in line) != CODERS[title].lossless  # there is no reader
    assert not written
