"""The parts of the benchmarks that reckon: codebooks, readings, ideals."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import nn

import digitzip
from benchmarks import record
from benchmarks.measure import classifier as reader
from benchmarks.measure import dims, margins, points, rate
from benchmarks.peers import published
from benchmarks.report import bars, render
from digitzip.codec import DEFAULT_EFFORT, Codec, Codes
from digitzip.entropy.probability import ideal_bits
from digitzip.kernels import Integers
from digitzip.model import Model, load_classifier, load_model
from tests import toy


def blobs(seed: int) -> dims.Rows:
    """Return 4 x 50 rows [200, 3] around 4 far corners."""
    random = np.random.default_rng(seed)
    corners = np.array([[0, 0, 0], [100, 0, 0], [0, 100, 0], [0, 0, 100]], np.float32)
    noise = random.normal(size=(200, 3)).astype(np.float32)
    return (np.repeat(corners, 50, axis=0) + noise).astype(np.float32)


def test_k_means_finds_the_middles_of_blobs() -> None:
    rows = blobs(0)
    centres = dims.learn(rows, 4, 20, np.random.default_rng(1))
    found = sorted(np.rint(centres / 100).astype(int).tolist())
    assert found == [[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]]
    cells = dims.nearest(rows, centres)
    for cell in range(4):
        np.testing.assert_allclose(centres[cell], rows[cells == cell].mean(axis=0), atol=1e-3)


def test_k_means_is_one_thing_for_one_seed() -> None:
    first, again = (dims.learn(blobs(2), 7, 20, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_a_codebook_that_holds_the_images_loses_nothing() -> None:
    images = toy.make_images(8)
    book = dims.quantised(images, images)
    assert book == dims.Codebook(cells=8, bytes_per_digit=3 / 8, rmse=0)


class Brightest(nn.Module):
    """Reads a digit as the row, of its first ten, that is brightest."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.sum(dim=3)[:, 0, :10]


def test_a_reader_gives_a_label_to_each_digit() -> None:
    images = np.zeros((1203, 28, 28), np.uint8)
    rows = np.arange(1203) % 10
    images[np.arange(1203), rows] = 255
    labels = reader.read_with(Brightest(), images)
    assert labels.dtype == np.uint8
    np.testing.assert_array_equal(labels, rows)
    assert len(reader.read_with(Brightest(), images[:0])) == 0


def test_the_share_of_changed_readings_counts_digits() -> None:
    before = np.array([1, 2, 3, 4], np.uint8)
    assert reader.share_changed(before, before) == 0
    assert reader.share_changed(before, np.array([1, 2, 8, 4], np.uint8)) == 0.25
    assert reader.share_changed(before[:0], before[:0]) == 0


def test_the_readers_network_scores_ten_digits() -> None:
    images = toy.make_images(3)
    scores = reader.Network().eval()(reader.pixels_of(images))
    assert scores.shape == (3, 10)
    torch.testing.assert_close(reader.pixels_of(images).max(), torch.tensor(1.0))


def test_ideal_bits_of_scores_that_know_nothing_are_those_of_the_levels(tiny: Model) -> None:
    level_set = tiny.level_set()
    codes = np.random.default_rng(0).integers(0, level_set.levels, (400, 3), np.uint8)

    class Knowing:
        """A predictor that gives every value a score of 0, and the true one `lead` / 32 nat."""

        def __init__(self, lead: int) -> None:
            self.lead = lead

        def predict(self, previous: Codes) -> Integers:
            scores = np.zeros((len(previous), 8), np.int32)
            scores[np.arange(len(previous)), codes[:, previous.shape[1]]] = self.lead
            return scores

    assert ideal_bits(Knowing(0).predict, codes) == pytest.approx(3 * 3)
    certain = ideal_bits(Knowing(320).predict, codes)
    assert certain == pytest.approx(3 * np.log2(1 + 7 * np.exp(-10)))


def test_the_overhead_does_not_grow_with_the_digits(codec: Codec) -> None:
    images = toy.make_images(9000)
    few, many = (points.compressed(images[:n], codec) for n in (3000, 9000))
    assert len(many) > 2 * len(few)
    assert 76 < points.overhead(few) < 200  # 76: header and trailer
    assert abs(points.overhead(many) - points.overhead(few)) < 10


def test_nerds_last_point_is_an_rmse_of_nine_hundredths() -> None:
    assert published.rmse_of_d32(published.NERD[-1][1]) == pytest.approx(0.090, abs=5e-4)


def a_point(dims: int, quality: int, rmse: float, size: float, **more: object) -> bars.Result:
    found: bars.Result = {
        "dims": dims, "quality": quality, "effort": 9, "rmse": rmse, "bytes_per_digit": size,
        "d32": 5.3, "codes_over_ideal": 0.02, "read_differently": 0.009, "default": False,
        "default_levels": quality == 2,
    }  # fmt: skip
    return found | more


def a_result() -> tuple[bars.Result, bars.Result]:
    measured = [
        a_point(10, 1, 0.095, 3.5),
        a_point(10, 2, 0.087, 4.4),
        a_point(10, 2, 0.093, 4.4, effort=2, default=True),
        a_point(1, 2, 0.170, 1.01, effort=2),
        a_point(4, 2, 0.126, 2.6, effort=2),
    ]
    rate: bars.Result = {
        "points": measured, "default_effort": 2, "highest_effort": 9, "model_bytes": 3_000_000,
        "bytes_of_models": {"mnist-10": 3_000_000, "mnist-1": 18_000_000},
    }  # fmt: skip
    return rate, {"decompress_over_png_decode": 1.5, "compress_over_webp_encode": 0.1}


def test_a_bar_is_cleared_only_at_its_rate_by_the_setting_it_names() -> None:
    rows = {bar.measure: bar for bar in bars.claimed(*a_result())}
    verdicts = {measure: bar.cells[-1] for measure, bar in rows.items()}
    assert verdicts["RMSE at ≤ 4.5 bytes a digit, highest effort"] == "cleared"
    assert verdicts["RMSE at ≤ 4.5 bytes, default effort"] == "missed"
    assert verdicts["RMSE at ≤ 3.6 bytes, highest effort"] == "cleared"
    assert verdicts["one number: RMSE at ≤ 1.0 byte"] == "missed"  # 1.01 bytes
    assert verdicts["four numbers: the same"] == "cleared"
    assert verdicts["three numbers: the same"] == ""  # there is no such model
    assert verdicts["decompress / Pillow PNG decode"] == "beyond"
    assert verdicts["compress / Pillow WebP lossless encode"] == "missed"
    assert verdicts["all models"] == "missed"  # 21 MB
    assert verdicts["its D32 (best published at that rate: 5.456)"] == "missed"
    assert len(list(bars.unmet(list(rows.values())))) == 6


def test_a_setting_is_found_from_its_models_default() -> None:
    rate, _ = a_result()
    finer = bars.at(rate, 10, 1, 9)
    coarser = bars.at(rate, 10, -1, 9)
    assert finer is None
    assert coarser is not None
    assert coarser["quality"] == 1
    assert bars.at(rate, 2, 0, 9) is None


def test_a_ratio_is_never_rounded_over_its_bar() -> None:
    assert bars.rounded(0.196, 0.2) == "0.196"
    assert bars.rounded(0.19996, 0.2, None) == "0.19996"
    assert bars.rounded(0.204, 0.2) == "0.20"
    assert bars.rounded(0.18, 0.2) == "0.18"
    assert bars.rounded(0.998, 0.5, 1) == "0.998"
    assert bars.rounded(2.041, 0.5, 1) == "2.04"


def test_a_commit_is_marked_if_what_measured_differs_from_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, ...]] = []

    def git(*arguments: str) -> str:
        asked.append(arguments)
        return " M benchmarks/speed.py" if arguments[0] == "status" else "0123456789ab"

    monkeypatch.setattr(record, "_git", git)
    assert record.environment()["commit"] == "0123456789ab+"
    assert {"digitzip", "weights", "benchmarks", "constraints.txt"} <= set(asked[-1])
    assert {":!benchmarks/results", ":!benchmarks/ledger.jsonl"} <= set(asked[-1])


def test_a_margin_flags_what_is_read_with_less() -> None:
    before, after = np.array([9, 9, 3, 0], np.int32), np.array([8, -2, 5, 9], np.int32)
    different = np.array([False, True, True, True])
    assert margins.row(5, before, after, different) == margins.Row(5, 1, 2, 3, 0)


def test_the_margin_of_the_default_model_was_measured_with_its_reader() -> None:
    model, measured = load_model(), render.load("margins")
    assert model.reader == load_classifier(margins.READER).id
    assert measured["reader"]["id"] == load_classifier(margins.READER).id.hex()
    (row,) = (row for row in measured["rows"] if row["margin"] == model.margin)
    assert row["missed"] < measured["judged_differently"] / 4


def test_every_result_that_names_its_data_names_it_alike() -> None:
    known = record.environment(learned=True)["data"]
    assert set(known.values()) == {
        record.SHA256[name] for name in record.SHA256 if "images" in name
    }
    assert record.environment()["data"].items() < known.items()
    found = {path.stem: json.loads(path.read_text()) for path in record.RESULTS.glob("*.json")}
    assert {"rate", "dims"} <= found.keys()
    for name, result in found.items():
        assert result.get("data", {}).items() <= known.items(), name


def test_every_shipped_level_count_is_measured_and_the_default_at_every_effort() -> None:
    found = list(rate.settings())
    assert len(set(found)) == len(found)
    at_default = {(s.path, s.levels) for s in found if s.effort == DEFAULT_EFFORT}
    assert at_default == {
        (path, level_set.levels)
        for path in points.shipped()
        for level_set in load_model(path).level_sets
    }
    default, levels = load_model(), digitzip.load_codec().levels
    efforts = [s.effort for s in found if (s.path.stem, s.levels) == (default.name, levels)]
    assert efforts == list(range(10))
