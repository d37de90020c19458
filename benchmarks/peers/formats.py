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

from benchmarks.peers.coder import Coder, Format, Pixels, raw

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


PNG: Final = pillow("PNG", "optimised", {"optimize": True}, lossless=True)
PNG_FAST: Final = pillow("PNG", "level 1", {"compress_level": 1}, lossless=True)
WEBP_LOSSLESS: Final = pillow(
    "WebP", "lossless, quality 100, method 6", {"lossless": True, "quality": 100, "method": 6},
    lossless=True,
)  # fmt: skip
WEBP_LOSSLESS_FAST: Final = pillow(
    "WebP", "lossless, default effort", {"lossless": True}, lossless=True
)
WEBP_FAST: Final = pillow("WebP", "default quality and method", {})


def webp(quality: int) -> Format:
    return pillow("WebP", f"quality {quality}, method 6", {"quality": quality, "method": 6})


def jpeg(quality: int) -> Format:
    return pillow("JPEG", f"quality {quality}, optimised", {"quality": quality, "optimize": True})


def avif(quality: int, speed: int = 6) -> Format:
    """Return AVIF without chroma; speeds below 6, Pillow's default, take minutes a setting."""
    options = {
        "quality": quality, "subsampling": "4:0:0", "speed": speed, "codec": "aom",
        "max_threads": 1,
    }  # fmt: skip
    return pillow("AVIF", f"quality {quality}, 4:0:0, speed {speed}", options)


def jpeg_xl(effort: int = 7, distance: int = 0) -> Format:
    """Return JPEG XL at a distance from the original: 0 is lossless."""
    options = {"distance": distance} if distance else {"lossless": True}

    def write(image: Pixels) -> bytes:
        return bytes(imagecodecs.jpegxl_encode(image, effort=effort, numthreads=1, **options))

    def read(data: bytes) -> Pixels:
        return np.asarray(imagecodecs.jpegxl_decode(data, numthreads=1))

    kind = f"distance {distance}" if distance else "lossless"
    return Format("JPEG XL", f"{kind}, effort {effort}", not distance, write, read)


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


XZ: Final = 9 | lzma.PRESET_EXTREME  # the preset


def xz_of_image(data: bytes) -> bytes:
    """Return the xz stream of a few bytes: no checksum, and a window that is cleared fast."""
    window = {"id": lzma.FILTER_LZMA2, "preset": XZ, "dict_size": 4096}
    return lzma.compress(data, check=lzma.CHECK_NONE, filters=[window])


SINGLY: Final = (
    PNG,
    WEBP_LOSSLESS, *map(webp, (0, 1, 10, 30, 60)),
    *map(jpeg, (1, 5, 10, 25, 50, 75)),
    jpeg_xl(), *(jpeg_xl(distance=distance) for distance in (1, 5, 15, 25)),
    *map(avif, (0, 20, 50)),
    *map(jpeg_ls, (0, 4, 16, 64)),
    qoi(),
)  # fmt: skip
MOSAICS: Final = (
    PNG,
    WEBP_LOSSLESS, *map(webp, (0, 10, 30)),
    *map(jpeg, (1, 5, 10)),
    *(jpeg_xl(distance=distance) for distance in (5, 15, 25)),
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
    raw("xz", "level 9, extreme", partial(lzma.compress, preset=XZ), lzma.decompress),
    raw(
        "zstd singly", "level 19", zstandard.ZstdCompressor(level=19).compress, unzstd, solid=False
    ),
    raw("bzip2 singly", "level 9", bz2.compress, bz2.decompress, solid=False),
    raw("xz singly", "level 9, extreme", xz_of_image, lzma.decompress, solid=False),
)
SMALL: Final = (
    *(format.singly() for format in SINGLY),
    *(format.mosaic() for format in MOSAICS),
    *(jpeg_xl(effort).mosaic(SHEET) for effort in (7, 9)),
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
        *(format.singly() for format in (PNG_FAST, WEBP_LOSSLESS_FAST, WEBP_FAST)),
        *(format.singly() for format in (jpeg_xl(1), avif(50, speed=10))),
        raw("zstd", "level 3", partial(zstd, level=3), unzstd),
        raw("bzip2", "level 1", partial(bz2.compress, compresslevel=1), bz2.decompress),
        raw("xz", "level 0", partial(lzma.compress, preset=0), lzma.decompress),
    ),
    LACKING,
)
"""Formats and compressors at their fast settings, by title."""
