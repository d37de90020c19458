"""Benchmarks compute what they say: codebooks, label changes, ideals, overhead, records."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

import digitzip
from benchmarks import record
from benchmarks.measure import classifier, dims, margins, points, rate
from benchmarks.peers import kmeans, published
from benchmarks.report import render
from digitzip.codec import DEFAULT_EFFORT, Codes
from digitzip.entropy.probability import ideal_bits
from digitzip.kernels import Integers
from digitzip.model import Model, load_classifier, load_model
from tests import toy


def blobs(seed: int) -> kmeans.Rows:
    """Return 4 x 50 rows [200, 3] around 4 far corners."""
    random = np.random.default_rng(seed)
    corners = np.array([[0, 0, 0], [100, 0, 0], [0, 100, 0], [0, 0, 100]], np.float32)
    noise = random.normal(size=(200, 3)).astype(np.float32)
    return (np.repeat(corners, 50, axis=0) + noise).astype(np.float32)


def test_k_means_finds_the_centres_of_blobs() -> None:
    rows = blobs(0)
    centres, again = (kmeans.learn(rows, 4, 20, np.random.default_rng(1)) for _ in range(2))
    np.testing.assert_array_equal(centres, again)
    found = sorted(np.rint(centres / 100).astype(int).tolist())
    assert found == [[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]
    cells = kmeans.nearest(rows, centres)
    for cell in range(4):
        np.testing.assert_allclose(centres[cell], rows[cells == cell].mean(axis=0), atol=1e-3)


def test_a_codebook_that_holds_the_images_loses_nothing() -> None:
    images = toy.make_images(8)
    book = dims.quantised(images, images)
    assert book == dims.Codebook(cells=8, bytes_per_image=3 / 8, rmse=0)


class Brightest(nn.Module):
    """Labels an image with the row, of its first ten, that is brightest."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(dim=3)[:, 0, :10]


def test_a_classifier_gives_each_image_its_likeliest_label() -> None:
    images = np.zeros((1203, 28, 28), np.uint8)
    rows = np.arange(1203) % 10
    images[np.arange(1203), rows] = 255
    labels = classifier.labels_of(Brightest(), images)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, rows)
    assert len(classifier.labels_of(Brightest(), images[:0])) == 0
    assert classifier.Network().eval()(classifier.pixels_of(images[:3])).shape == (3, 10)


def test_the_change_rate_is_a_share_of_images() -> None:
    before = np.array([1, 2, 3, 4], np.uint8)
    assert classifier.change_rate(before, np.array([1, 2, 8, 4], np.uint8)) == 0.25
    assert classifier.change_rate(before[:0], before[:0]) == 0


def test_ideal_bits_of_scores_that_know_nothing_are_those_of_the_levels(tiny: Model) -> None:
    quantiser = tiny.quantiser()
    codes = np.random.default_rng(0).integers(0, quantiser.levels, (400, 3), np.uint8)

    class Knowing:
        """An entropy model that scores every value 0, and the true one `lead` / 32 nat."""

        def __init__(self, lead: int) -> None:
            self.lead = lead

        def predict(self, previous: Codes) -> Integers:
            scores = np.zeros((len(previous), 8), np.int32)
            scores[np.arange(len(previous)), codes[:, previous.shape[1]]] = self.lead
            return scores

    assert ideal_bits(Knowing(0).predict, codes) == pytest.approx(3 * 3)
    certain = ideal_bits(Knowing(320).predict, codes)
    assert certain == pytest.approx(3 * np.log2(1 + 7 * np.exp(-10)))


def test_the_overhead_hardly_grows_with_the_images_of_a_chunk() -> None:
    codec = digitzip.load_codec(effort=0)
    codes = np.random.default_rng(0).integers(0, codec.levels, (2000, 10), np.uint8)
    images = codec.decode(codes)
    for n in (1, 20, 300, 1000, 2000):
        data = digitzip.compress(images[:n], effort=0, guard=False)
        assert 60 < points.overhead(data) < 250
        assert len(data) - points.overhead(data) >= 4 * n


def test_a_case_is_refused_if_the_file_gives_other_images(monkeypatch: pytest.MonkeyPatch) -> None:
    case, images = points.Case("mnist-10", 3, 0), toy.known_images(20)
    points.round_trip(images, case)
    monkeypatch.setattr(digitzip, "decompress", lambda data, **options: images)
    with pytest.raises(ValueError, match="other images than its codes"):
        points.round_trip(images, case)


def test_every_quality_is_measured_and_the_default_at_every_effort() -> None:
    found = list(rate.cases())
    assert len(set(found)) == len(found)
    assert {(case.model, case.quality) for case in found if case.effort == DEFAULT_EFFORT} == {
        (path.stem, quality)
        for path in points.bundled()
        for quality in range(1, len(load_model(path).qualities) + 1)
    }
    model = load_model()
    usual = model.qualities.index(digitzip.load_codec().levels) + 1
    efforts = [c.effort for c in found if (c.model, c.quality) == (model.name, usual)]
    assert efforts == list(range(10))


def test_nerds_last_point_is_an_rmse_of_nine_hundredths() -> None:
    assert published.rmse_of_d32(published.NERD[-1][1]) == pytest.approx(0.090, abs=5e-4)


def test_a_commit_is_marked_if_the_code_differs_from_it(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[str, ...]] = []

    def git(*arguments: str) -> str:
        asked.append(arguments)
        return " M benchmarks/quick.py" if arguments[0] == "status" else "0123456789ab"

    monkeypatch.setattr(record, "_git", git)
    assert record.environment()["commit"] == "0123456789ab+"
    assert {"digitzip", "weights", "benchmarks", "constraints.txt"} <= set(asked[-1])
    assert {":!benchmarks/results", ":!benchmarks/ledger.jsonl"} <= set(asked[-1])


def test_a_margin_flags_labels_with_less() -> None:
    before, after = np.array([9, 9, 3, 0], np.int32), np.array([8, -2, 5, 9], np.int32)
    changed = np.array([False, True, True, True])
    assert margins.row(5, before, after, changed) == margins.Row(5, 1, 2, 3, 0)


def test_the_margin_of_the_default_model_was_measured_with_its_classifier() -> None:
    model, measured = load_model(), render.load("margins")
    bundled = load_classifier(margins.CLASSIFIER)
    assert model.classifier_id == bundled.id
    assert measured["classifier"]["id"] == bundled.id.hex()
    (row,) = (row for row in measured["rows"] if row["margin"] == model.margin)
    assert row["missed"] < measured["label_changes"] / 4


def test_every_result_that_names_its_data_names_it_alike() -> None:
    known = record.environment(learned=True)["data"]
    digests = {digest for name, digest in record.SHA256.items() if "images" in name}
    assert set(known.values()) == digests
    assert record.environment()["data"].items() < known.items()
    for path in record.RESULTS.glob("*.json"):
        assert json.loads(path.read_text()).get("data", {}).items() <= known.items(), path
