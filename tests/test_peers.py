"""Peers are real: their bytes decode, lossless means lossless, and a run says what it left out."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import digitzip
from benchmarks import record
from benchmarks.measure import classifier
from benchmarks.peers import factorised, formats, learned
from benchmarks.peers import rate as peers
from benchmarks.peers.coder import tiled, untiled
from benchmarks.record import Images, Labels
from digitzip.model import load_model
from tests import toy

IMAGES = toy.make_images(50)
PNG = formats.CODERS["PNG, optimised"]


@pytest.fixture(scope="module")
def found() -> dict[str, peers.Peer]:
    """What 24 bars cost and lose by every image format and general compressor, by title."""
    return {title: peers.measure(c, IMAGES[:24]) for title, c in formats.CODERS.items()}


def test_a_lossless_peer_gives_every_pixel_back(found: dict[str, peers.Peer]) -> None:
    for title, peer in found.items():
        promised = formats.CODERS[title].lossless
        assert peer.lossless == promised, title
        if promised:
            assert (peer.rmse, peer.psnr, peer.d32, peer.ssim) == (0, math.inf, 0, 1)
            assert peer.label_change_rate == 0


def test_a_lossy_peer_loses_less_the_more_bytes_it_takes(found: dict[str, peers.Peer]) -> None:
    lossy = {"WebP", "JPEG", "JPEG XL", "AVIF", "JPEG-LS"} - set(formats.LACKING)
    for name in (*lossy, *(f"{name} mosaic" for name in lossy)):
        family = [peer for peer in found.values() if peer.name == name and not peer.lossless]
        losses = [peer.rmse for peer in sorted(family, key=lambda peer: peer.bytes)]
        assert len(losses) >= 3
        assert losses == sorted(set(losses), reverse=True), name


def test_a_mosaic_costs_less_than_its_images_one_by_one(found: dict[str, peers.Peer]) -> None:
    pairs = [(title.replace(" mosaic", ""), title) for title in found if " mosaic" in title]
    pairs = [(single, solid) for single, solid in pairs if single in found]
    assert len(pairs) >= 4
    for single, solid in pairs:
        assert found[single].solid < found[solid].solid
        assert found[solid].bytes < found[single].bytes, solid


def test_titles_name_one_setting_each() -> None:
    assert len(formats.CODERS) + len(formats.left_out()) == len(formats.SMALL)
    assert not set(formats.CODERS) & set(formats.FAST)


def test_what_the_libraries_lack_is_left_out_by_title() -> None:
    lacking = {"AVIF": "Pillow was built without it", "QOI": "imagecodecs was built without it"}
    there, lines = formats.at_hand(formats.SMALL, lacking), formats.left_out(lacking)
    assert len(there) + len(lines) == len(formats.SMALL)
    assert not any("AVIF" in title or "QOI" in title for title in there)
    assert "QOI, grey as RGB: imagecodecs was built without it" in lines


@pytest.mark.parametrize("title", formats.FAST)
def test_fast_settings_round_trip_too(title: str) -> None:
    files, _ = formats.FAST[title].round_trip(IMAGES[:5])
    assert len(files) == (1 if formats.FAST[title].solid else 5)


def test_a_round_trip_that_does_not_give_the_images_back_is_refused() -> None:
    def flip(files: list[bytes]) -> Images:
        images = PNG.decode(files)
        images[-1, 14, 14] ^= 1
        return images

    with pytest.raises(ValueError, match="PNG, optimised: lossless, but other pixels came back"):
        peers.measure(replace(PNG, decode=flip), IMAGES)
    replace(PNG, decode=flip, lossless=False).round_trip(IMAGES)
    short = replace(PNG, lossless=False, decode=lambda files: PNG.decode(files[1:]))
    with pytest.raises(ValueError, match=r"\(49, 28, 28\) came back, expected .*\(50, 28, 28\)"):
        short.round_trip(IMAGES)
    blank = replace(PNG, lossless=False, decode=lambda files: np.zeros_like(IMAGES))
    with pytest.raises(ValueError, match="no nearer than blank images"):
        blank.round_trip(IMAGES)
    blank.round_trip(np.zeros_like(IMAGES))


@pytest.mark.parametrize(("n", "rows", "columns"), [(1, 1, 1), (2, 1, 2), (7, 3, 3), (97, 10, 10)])
def test_a_mosaic_is_near_a_square_and_blank_after_the_last_image(
    n: int, rows: int, columns: int
) -> None:
    images = toy.make_images(n, seed=3)
    mosaic = tiled(images)
    assert mosaic.shape == (28 * rows, 28 * columns)
    assert not untiled(mosaic, rows * columns)[n:].any()
    np.testing.assert_array_equal(mosaic[:28, -28:], images[columns - 1])
    np.testing.assert_array_equal(untiled(mosaic, n), images)


def test_a_mosaic_in_sheets_is_a_file_of_each() -> None:
    coder = formats.PNG.mosaic(20)
    sheets = coder.encode(IMAGES)
    assert len(sheets) == 3
    np.testing.assert_array_equal(coder.decode(sheets[2:]), IMAGES[40:])


@pytest.mark.skipif("AVIF" in formats.LACKING, reason="Pillow was built without AVIF")
def test_avif_stores_no_chroma() -> None:
    file = formats.avif(20).write(IMAGES[0])
    assert file[file.index(b"av1C") + 6] & 0x10  # monochrome


@pytest.mark.skipif("JPEG-LS" in formats.LACKING, reason="imagecodecs was built without JPEG-LS")
@pytest.mark.parametrize("near", [16, 64])
def test_near_lossless_jpeg_ls_keeps_every_pixel_within_its_bound(near: int) -> None:
    coder = formats.jpeg_ls(near).singly()
    recon = coder.decode(coder.encode(IMAGES)).astype(int)
    assert 0 < np.abs(recon - IMAGES).max() <= near


@pytest.fixture(scope="module")
def bars() -> learned.Components:
    """The components of 300 other bars."""
    return learned.components(toy.make_images(300, seed=1), 40)


def test_components_are_orthonormal_and_have_the_variance_that_they_say(
    bars: learned.Components,
) -> None:
    axes, variances = bars.axes[:20], bars.variances
    np.testing.assert_allclose(axes @ axes.T, np.eye(20), atol=1e-5)
    along = ((toy.make_images(300, seed=1).reshape(300, -1) - bars.mean) @ axes.T).var(axis=0)
    np.testing.assert_allclose(along, variances[:20], rtol=1e-3)
    assert (np.diff(variances) <= 0).all()
    assert learned.step_of(bars, 10, 1) ** 2 / 12 == pytest.approx(variances[10], rel=0.01)


def test_a_finer_step_loses_less_and_costs_more(bars: learned.Components) -> None:
    steps = [learned.step_of(bars, 20, fineness) for fineness in learned.FINENESS]
    coarse, middle, fine = (peers.measure(learned.pca(bars, 20, step), IMAGES) for step in steps)
    assert coarse.rmse > middle.rmse > fine.rmse
    assert coarse.bytes < middle.bytes < fine.bytes
    assert coarse.model_bytes == 4 * 784 * 21


def test_pca_decodes_from_its_bytes_within_half_a_step(bars: learned.Components) -> None:
    step = 60
    coder = learned.pca(bars, 10, step)
    (file,) = coder.encode(IMAGES)
    coefficients = (IMAGES.reshape(50, -1) - bars.mean) @ bars.axes[:10].T
    planes = learned.unpack_planes(file, 10)
    assert np.abs(planes.T.astype(int) * step - coefficients).max() <= step / 2 + 0.01
    plain = np.clip(coefficients @ bars.axes[:10] + bars.mean, 0, 255).reshape(-1, 28, 28)
    away = np.linalg.norm((coder.decode([file]) - plain).reshape(50, -1), axis=1)
    assert (away <= math.sqrt(10) * step / 2 + math.sqrt(784) / 2).all()  # rounded twice


@pytest.mark.parametrize("k", [2, 100, 256, 257, 4096])
def test_cells_come_back_in_whichever_packing_is_smaller(k: int) -> None:
    cells = np.random.default_rng(k).integers(0, k, 1000)
    for some in (cells[:1], cells, np.full(1000, k - 1)):
        data = learned.pack_cells(some, k)
        assert len(data) <= 5 + math.ceil(len(some) * math.ceil(math.log2(k)) / 8)
        np.testing.assert_array_equal(learned.unpack_cells(data, k), some)
    assert len(data) < 40


def test_a_codebook_that_holds_the_images_gives_them_back() -> None:
    book = toy.make_images(64, seed=5)
    peer = peers.measure(
        learned.codebook(book), book[np.random.default_rng(6).permutation(64)[:50]]
    )
    assert peer.lossless
    assert (peer.bytes, peer.model_bytes) == (5 + math.ceil(50 * 6 / 8), 64 * 784)


@given(st.integers(1, 3), st.integers(1, 40), st.integers(0, 2**32 - 1))
def test_planes_come_back(k: int, n: int, seed: int) -> None:
    planes = np.random.default_rng(seed).integers(-127, 128, (k, n)).astype(np.int8)
    planes[0, n // 2 :] = planes[0, 0]
    np.testing.assert_array_equal(learned.unpack_planes(learned.pack_planes(planes), k), planes)


def test_planes_cost_about_their_entropy_and_a_byte_for_each_value() -> None:
    values = np.random.default_rng(0).normal(0, np.array([[20], [2], [0.2]]), (3, 10_000))
    planes = np.clip(np.rint(values), -127, 127).astype(np.int8)
    tables, bits = 0, 0.0
    for plane in planes:
        counts = np.unique(plane, return_counts=True)[1]
        tables += 2 + np.ptp(plane.astype(int)) + 1
        bits -= counts @ np.log2(counts / plane.size)
    assert len(learned.pack_planes(planes)) < 1.002 * bits / 8 + tables + 4 + 32


def test_a_dictionary_makes_images_smaller_and_is_stated(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(learned, "DICTIONARY", 4096)
    peer = peers.measure(learned.with_dictionary(toy.make_images(300, seed=1)), IMAGES)
    assert (peer.lossless, peer.solid) == (True, False)
    assert 0 < peer.model_bytes <= 4096
    assert peer.bytes < peers.measure(formats.CODERS["zstd singly, level 19"], IMAGES).bytes


def test_ours_singly_is_what_compress_makes_of_each_image() -> None:
    coder, model = peers.ours_singly(), load_model()
    images = toy.known_images(3)
    files, recon = coder.round_trip(images)
    assert files == [digitzip.compress(image[None], guard=False) for image in images]
    np.testing.assert_array_equal(recon[1:2], digitzip.decompress(files[1]))
    assert coder.setting == f"{model.name}, {digitzip.load_codec().levels} levels"
    assert coder.model_bytes > 1_000_000


def brightest(images: Images) -> Labels:
    """Label an image with the row, of its first ten, that is brightest."""
    rows: Labels = images[:, :10].sum(axis=2).argmax(axis=1).astype(np.uint8)
    return rows


def test_label_changes_are_counted_from_the_originals(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(classifier, "classify", brightest)
    monkeypatch.setattr(classifier, "CACHED", tmp_path / "none.pt")
    assert peers.change_rate_from(IMAGES, needed=False) is None
    change_rate = peers.change_rate_from(IMAGES, needed=True)
    assert change_rate
    recon = IMAGES.copy()
    recon[7] = 0
    recon[7, (brightest(IMAGES)[7] + 1) % 10] = 255
    assert change_rate(recon) == 1 / 50
    lossy = formats.CODERS["JPEG, quality 1, optimised"]
    assert peers.measure(lossy, IMAGES, lambda recon: 0.25).label_change_rate == 0.25
    assert peers.measure(lossy, IMAGES).label_change_rate is None


def test_a_run_writes_strict_json_and_what_it_left_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    results: dict[str, record.Result] = {}
    chosen = [PNG, formats.CODERS["JPEG, quality 1, optimised"]]
    monkeypatch.setattr(record, "test_images", lambda: IMAGES[:12])
    monkeypatch.setattr(record, "write", results.__setitem__)
    monkeypatch.setattr(peers, "coders", lambda cells: iter(chosen))
    monkeypatch.setattr(classifier, "classify", brightest)
    monkeypatch.setattr(factorised, "CACHED", tmp_path / "none.pt")
    monkeypatch.setattr("sys.argv", ["benchmarks", "peers"])
    peers.main()
    result = json.loads(json.dumps(results["peers"], allow_nan=False))
    png, jpeg = result["peers"]
    assert (png["psnr"], png["rmse"], png["lossless"]) == (None, 0, True)
    assert jpeg["psnr"] > 0
    assert result["images"] == 12
    assert result["versions"] | peers.versions() == result["versions"]
    assert result["left_out"] == formats.left_out() + factorised.left_out() != []
    shown = capsys.readouterr().out
    assert all(f"left out: {line}\n" in shown for line in result["left_out"])
    assert all(coder.title in shown for coder in chosen)
