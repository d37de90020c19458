"""List the image formats and general compressors by title.

Settings are fixed here or by what they gave on training images. `CODERS` are at their smallest, for
the table, and `FAST` at their fastest, for timing. Both lack what the installed libraries were
built without, and `left_out` lists it.
"""

from __future__ import annotations

import bz2
import io
import lzma
from collections.abc import Iterable
from functools import partial
from typing import Any, Final

import imagecodecs
import numpy as np
import zstandard
from PIL import Image, features

from benchmarks.peers.coder import Coder as Coder
from benchmarks.peers.coder import Format, Pixels, raw

LACKING: Final = {
    name: f"{library} was built without it"
    for name, library, there in (
        ("WebP", "Pillow", features.check("webp")),
        ("AVIF", "Pillow", features.check("avif")),
        ("JPEG XL", "imagecodecs", imagecodecs.JPEGXL.available),
        ("JPEG-LS", "imagecodecs", imagecodecs.JPEGLS.available),
        ("QOI", "imagecodecs", imagecodecs.QOI.available),
    )
    if not there
}
"""The formats that the installed libraries lack, and why."""


def pillow(name: str, setting: str, options: dict[str, Any], *, lossless: bool = False) -> Format:
    """Return a format of Pillow's, saved with these options and read as grey."""
    kind = name.upper()

    def write(image: Pixels) -> bytes:
        out = io.BytesIO()
        Image.fromarray(image).save(out, kind, **options)
        return out.getvalue()

    def read(data: bytes) -> Pixels:
        with Image.open(io.BytesIO(data), formats=[kind]) as image:
            return np.asarray(image.convert("L"))

    return Format(name, setting, lossless, write, read)


def png() -> Format:
    return pillow("PNG", "optimised", {"optimize": True}, lossless=True)


def png_fast() -> Format:
    return pillow("PNG", "level 1", {"compress_level": 1}, lossless=True)


def webp_lossless() -> Format:
    options = {"lossless": True, "quality": 100, "method": 6}
    return pillow("WebP", "lossless, quality 100, method 6", options, lossless=True)


def webp_lossless_fast() -> Format:
    return pillow("WebP", "lossless, default effort", {"lossless": True}, lossless=True)


def webp_fast() -> Format:
    return pillow("WebP", "default quality and method", {})


def webp(quality: int) -> Format:
    options = {"quality": quality, "method": 6}
    return pillow("WebP", f"quality {quality}, method 6", options)


def jpeg(quality: int) -> Format:
    return pillow("JPEG", f"quality {quality}, optimised", {"quality": quality, "optimize": True})


def avif(quality: int, speed: int = 6) -> Format:
    """Return AVIF without chroma; speeds below 6, Pillow's default, take minutes a setting."""
    options = {
        "quality": quality, "subsampling": "4:0:0", "speed": speed, "codec": "aom",
        "max_threads": 1,
    }  # fmt: skip
    return pillow("AVIF", f"quality {quality}, 4:0:0, speed {speed}", options)


def jpeg_xl_lossless(effort: int) -> Format:
    def write(image: Pixels) -> bytes:
        return bytes(imagecodecs.jpegxl_encode(image, lossless=True, effort=effort, numthreads=1))

    return Format("JPEG XL", f"lossless, effort {effort}", True, write, _read_jpeg_xl)


def jpeg_xl(distance: int) -> Format:
    def write(image: Pixels) -> bytes:
        return bytes(imagecodecs.jpegxl_encode(image, distance=distance, effort=7, numthreads=1))

    return Format("JPEG XL", f"distance {distance}, effort 7", False, write, _read_jpeg_xl)


def _read_jpeg_xl(data: bytes) -> Pixels:
    return np.asarray(imagecodecs.jpegxl_decode(data, numthreads=1))


def jpeg_ls(near: int) -> Format:
    """Return JPEG-LS that keeps every pixel within `near` of its value: 0 is lossless."""

    def write(image: Pixels) -> bytes:
        return bytes(imagecodecs.jpegls_encode(image, level=near))

    def read(data: bytes) -> Pixels:
        return np.asarray(imagecodecs.jpegls_decode(data))

    return Format("JPEG-LS", f"near {near}" if near else "lossless", near == 0, write, read)


def qoi() -> Format:
    """Return QOI, which has no grey mode: it stores three equal channels, of which one is read."""

    def write(image: Pixels) -> bytes:
        return bytes(imagecodecs.qoi_encode(np.repeat(image[:, :, None], 3, axis=2)))

    def read(data: bytes) -> Pixels:
        return np.asarray(imagecodecs.qoi_decode(data)[:, :, 0])

    return Format("QOI", "grey as RGB", True, write, read)


def zstd(data: bytes, level: int = 19) -> bytes:
    """Return one Zstandard frame."""
    return zstandard.ZstdCompressor(level=level).compress(data)


def unzstd(frame: bytes) -> bytes:
    """Return the content of a frame that `zstd` made."""
    return zstandard.ZstdDecompressor().decompress(frame, allow_extra_data=False)


def xz(data: bytes) -> bytes:
    return lzma.compress(data, preset=9 | lzma.PRESET_EXTREME)


def xz_of_image(data: bytes) -> bytes:
    """Return the same of a few bytes: no checksum, and a window that takes no time to clear."""
    window = {"id": lzma.FILTER_LZMA2, "preset": 9 | lzma.PRESET_EXTREME, "dict_size": 4096}
    return lzma.compress(data, check=lzma.CHECK_NONE, filters=[window])


SINGLY: Final = (
    png(),
    webp_lossless(), *map(webp, (0, 1, 10, 30, 60)),
    *map(jpeg, (1, 5, 10, 25, 50, 75)),
    jpeg_xl_lossless(7), *map(jpeg_xl, (1, 5, 15, 25)),
    *map(avif, (0, 20, 50)),
    *map(jpeg_ls, (0, 4, 16, 64)),
    qoi(),
)  # fmt: skip
MOSAICS: Final = (
    png(),
    webp_lossless(), *map(webp, (0, 10, 30)),
    *map(jpeg, (1, 5, 10)),
    *map(jpeg_xl, (5, 15, 25)),
    *map(avif, (0, 10, 30)),
    *map(jpeg_ls, (0, 4, 16, 64)),
    qoi(),
)  # fmt: skip
SHEET: Final = 2_500
"""Images in a lossless JPEG XL mosaic: of training images, 2,500 or 4,900 in a square cost 132 to
144 bytes each, but 16 to 22 more where a side of the mosaic has 2,800 pixels."""
GENERAL: Final = (
    raw("zstd", "level 19", zstd, unzstd),
    raw("zstd", "level 22", partial(zstd, level=22), unzstd),
    raw("bzip2", "level 9", partial(bz2.compress, compresslevel=9), bz2.decompress),
    raw("xz", "level 9, extreme", xz, lzma.decompress),
    raw(
        "zstd singly", "level 19", zstandard.ZstdCompressor(level=19).compress, unzstd, solid=False
    ),
    raw("bzip2 singly", "level 9", bz2.compress, bz2.decompress, solid=False),
    raw("xz singly", "level 9, extreme", xz_of_image, lzma.decompress, solid=False),
)
SMALL: Final = (
    *(format.singly() for format in SINGLY),
    *(format.mosaic() for format in MOSAICS),
    *(jpeg_xl_lossless(effort).mosaic(SHEET) for effort in (7, 9)),
    *GENERAL,
)


def at_hand(coders: Iterable[Coder], lacking: dict[str, str]) -> dict[str, Coder]:
    """Return the coders by title, without the formats that are lacking."""
    return {coder.title: coder for coder in coders if coder.family not in lacking}


def left_out(lacking: dict[str, str] = LACKING) -> list[str]:
    """Return a line for each coder that `CODERS` lacks: what it is, and why."""
    return [f"{c.title}: {lacking[c.family]}" for c in SMALL if c.family in lacking]


CODERS: Final = at_hand(SMALL, LACKING)
"""Image formats and general compressors at their smallest settings, by title."""
FAST: Final = at_hand(
    (
        *(format.singly() for format in (png_fast(), webp_lossless_fast(), webp_fast())),
        *(format.singly() for format in (jpeg_xl_lossless(1), avif(50, speed=10))),
        raw("zstd", "level 3", partial(zstd, level=3), unzstd),
        raw("bzip2", "level 1", partial(bz2.compress, compresslevel=1), bz2.decompress),
        raw("xz", "level 0", partial(lzma.compress, preset=0), lzma.decompress),
    ),
    LACKING,
)
"""Formats and compressors at their fast settings, by title."""
