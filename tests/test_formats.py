"""Image formats and general compressors are real: their bytes decode, and count what files hold."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.peers import formats
from benchmarks.peers import rate as peers
from benchmarks.peers.coder import Coder, tiled, untiled
from benchmarks.record import Images
from tests import toy

IMAGES = toy.make_images(50)

Files = dict[str, list[bytes]]


@pytest.fixture(scope="module")
def files() -> Files:
    """The files of 50 bars by every image format and general compressor, by title."""
    return {title: coder.encode(IMAGES) for title, coder in formats.CODERS.items()}


@pytest.fixture(scope="module")
def found(files: Files) -> dict[str, peers.Peer]:
    """What these files cost and lose, by title."""

    def measured(title: str, coder: Coder) -> peers.Peer:
        return peers.measure(replace(coder, encode=lambda _: files[title]), IMAGES)

    return {title: measured(title, coder) for title, coder in formats.CODERS.items()}


@pytest.mark.parametrize(
    "title", [title for title, coder in formats.CODERS.items() if coder.lossless]
)
def test_a_lossless_peer_gives_every_pixel_back(
    title: str, files: Files, found: dict[str, peers.Peer]
) -> None:
    np.testing.assert_array_equal(formats.CODERS[title].decode(files[title]), IMAGES)
    peer = found[title]
    assert (peer.lossless, peer.rmse, peer.psnr, peer.d32) == (True, 0, math.inf, 0)
    assert (peer.ssim, peer.read_differently) == (1, 0)


def test_a_lossy_peer_loses_less_the_more_bytes_it_takes(found: dict[str, peers.Peer]) -> None:
    families: dict[str, list[peers.Peer]] = defaultdict(list)
    for title, coder in formats.CODERS.items():
        if not coder.lossless:
            families[coder.name].append(found[title])
    lossy = {"WebP", "JPEG", "JPEG XL", "AVIF", "JPEG-LS"} - set(formats.LACKING)
    assert set(families) == lossy | {f"{name} mosaic" for name in lossy}
    for family in families.values():
        assert len(family) >= 3
        by_size = sorted(family, key=lambda peer: peer.bytes)
        losses = [peer.rmse for peer in by_size]
        assert losses == sorted(losses, reverse=True)
        assert len(set(losses)) == len(losses)
        assert not any(peer.lossless for peer in family)
        assert all(0 < peer.ssim < 1 for peer in family)


def test_bytes_are_those_of_all_files_of_which_a_solid_peer_has_one(
    files: Files, found: dict[str, peers.Peer]
) -> None:
    for title, peer in found.items():
        assert len(files[title]) == (1 if peer.solid else len(IMAGES)), title
        assert peer.bytes == sum(len(file) for file in files[title]), title
        assert peer.bytes_per_digit == peer.bytes / 50, title


def test_a_mosaic_costs_less_than_its_digits_one_by_one(found: dict[str, peers.Peer]) -> None:
    pairs = [
        (title.replace(" mosaic", "").removesuffix(f", {formats.SHEET:,} a file"), title)
        for title in found
        if " mosaic" in title
    ]
    pairs = [(single, solid) for single, solid in pairs if single in found]
    assert len(pairs) >= 4
    for single, solid in pairs:
        assert found[solid].bytes < found[single].bytes, solid


def test_titles_name_one_setting_each() -> None:
    assert len(formats.CODERS) + len(formats.left_out()) == len(formats.SMALL)
    assert not set(formats.CODERS) & set(formats.FAST)


def test_what_the_libraries_lack_is_left_out_by_title_and_said() -> None:
    lacking = {"AVIF": "Pillow was built without it", "QOI": "imagecodecs was built without it"}
    there = formats.at_hand(formats.SMALL, lacking)
    said = formats.left_out(lacking)
    assert len(there) + len(said) == len(formats.SMALL)
    assert not any("AVIF" in title or "QOI" in title for title in there)
    assert "AVIF mosaic, quality 0, 4:0:0, speed 6: Pillow was built without it" in said
    assert "QOI, grey as RGB: imagecodecs was built without it" in said
    assert formats.left_out({}) == []


@pytest.mark.parametrize("title", formats.FAST)
def test_fast_settings_round_trip_too(title: str) -> None:
    coder = formats.FAST[title]
    files, _ = coder.round_trip(IMAGES)
    assert len(files) == (1 if coder.solid else len(IMAGES))


def test_a_round_trip_that_does_not_give_the_digits_back_is_refused() -> None:
    honest = formats.CODERS["PNG, optimised"]
    files, decoded = honest.round_trip(IMAGES)
    assert files == honest.encode(IMAGES)
    np.testing.assert_array_equal(decoded, IMAGES)

    def decode_wrongly(files: list[bytes]) -> Images:
        images = honest.decode(files)
        images[-1, 14, 14] ^= 1
        return images

    flipped = replace(honest, decode=decode_wrongly)
    with pytest.raises(ValueError, match=r"PNG, optimised: lossless, and other pixels came back"):
        flipped.round_trip(IMAGES)
    replace(flipped, lossless=False).round_trip(IMAGES)
    short = replace(honest, lossless=False, decode=lambda files: honest.decode(files[1:]))
    with pytest.raises(ValueError, match=r"\(49, 28, 28\) came back, expected .*\(50, 28, 28\)"):
        short.round_trip(IMAGES)
    blank = replace(honest, lossless=False, decode=lambda files: np.zeros_like(IMAGES))
    with pytest.raises(ValueError, match="no nearer than a blank page"):
        blank.round_trip(IMAGES)
    blank.round_trip(np.zeros_like(IMAGES))


@pytest.mark.parametrize(
    ("n", "shape"), [(1, (1, 1)), (2, (1, 2)), (7, (3, 3)), (50, (7, 8)), (97, (10, 10))]
)
def test_a_mosaic_is_near_a_square_and_blank_after_the_last_digit(
    n: int, shape: tuple[int, int]
) -> None:
    images = toy.make_images(n, seed=3)
    picture = tiled(images)
    assert picture.shape == (28 * shape[0], 28 * shape[1])
    rest = shape[0] * shape[1] - n
    assert not untiled(picture, n + rest)[n:].any()
    np.testing.assert_array_equal(picture[:28, -28:], images[shape[1] - 1])
    np.testing.assert_array_equal(untiled(picture, n), images)


def test_a_mosaic_in_sheets_is_a_file_of_each_and_loses_none() -> None:
    coder = formats.png().mosaic(20)
    sheets = coder.encode(IMAGES)
    assert len(sheets) == 3
    np.testing.assert_array_equal(coder.decode(sheets), IMAGES)
    np.testing.assert_array_equal(coder.decode(sheets[2:]), IMAGES[40:])


@pytest.mark.skipif("AVIF" in formats.LACKING, reason="Pillow was built without AVIF")
def test_avif_stores_no_chroma() -> None:
    file = formats.avif(20).write(IMAGES[0])
    third = file[file.index(b"av1C") + 6]  # its byte of flags
    assert third & 0x10  # monochrome


@pytest.mark.skipif("JPEG-LS" in formats.LACKING, reason="imagecodecs was built without JPEG-LS")
def test_near_bounds_the_error_of_every_pixel() -> None:
    coder = formats.jpeg_ls(16).singly()
    decoded = coder.decode(coder.encode(IMAGES))
    assert 0 < np.abs(decoded.astype(int) - IMAGES).max() <= 16
