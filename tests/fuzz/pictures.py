"""Image files of every kind that Pillow writes here; those of PNG with good checksums again."""

from __future__ import annotations

import io
import warnings
import zlib
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from PIL import Image

from digitzip import images
from digitzip.errors import DigitzipError
from digitzip.images.frame import Fit
from digitzip.images.pictures import measure_picture
from tests.fuzz.case import Case, Target
from tests.fuzz.damage import damage

_FORMATS: Final = (
    "PNG", "BMP", "GIF", "TIFF", "JPEG", "PPM", "TGA", "PCX", "ICO", "SGI", "WEBP", "JPEG2000",
    "AVIF", "DIB", "MPO", "ICNS", "IM", "SPIDER", "XBM", "DDS", "QOI", "BLP", "MSP",
)  # fmt: skip
_MODES: Final = ("L", "1", "P", "LA", "RGB", "RGBA", "I;16", "F")
_FITS: Final[tuple[Fit, ...]] = ("none",) * 12 + ("resize",) * 6 + ("mnist",)
_SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"


def target(folder: Path) -> Target:
    """Return the target; `folder` holds the file that is read."""
    path = folder / "fuzz.png"
    samples = list(_samples())

    def case(random: Random) -> Case:
        data = random.choice(samples)
        if data.startswith(_SIGNATURE) and random.random() < 0.7:
            data = _png(random, data)
        elif random.random() < 0.98:
            data = damage(random, data)
        fit = random.choice(_FITS)

        def read() -> None:
            path.write_bytes(data)
            for batch, names in images.read_images([path], height=28, width=28, fit=fit):
                assert batch.shape == (1, 28, 28)
                assert names == ["fuzz.png"]

        def measure() -> None:
            path.write_bytes(data)
            height, width = measure_picture(path)
            if height < 1 or width < 1:
                raise DigitzipError("no pixels")

        if random.random() < 0.1:
            return Case("measure", data, measure)
        return Case(f"read, fit {fit}", data, read)

    return case


def _samples() -> list[bytes]:
    """Return a picture in every format and mode that this Pillow writes."""
    y, x = np.mgrid[:28, :28]
    bar = np.clip(255 - 60 * np.abs(x - y / 2 - 8), 0, 255).astype(np.uint8)
    base = Image.fromarray(bar)
    found: list[bytes] = []
    for mode in _MODES:
        picture = base.convert(mode) if mode != "I;16" else Image.fromarray(bar.astype("<u2") * 257)
        for name in _FORMATS:
            out = io.BytesIO()
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")  # some formats are to go from Pillow
                    picture.save(out, name)
            except (OSError, KeyError, ValueError, SystemError, AttributeError):
                continue  # this format has no such mode, or this Pillow not this format
            found.append(out.getvalue())
    exif = Image.Exif()
    exif[0x0112] = 6
    for name in ("PNG", "JPEG", "TIFF", "WEBP", "MPO"):
        out = io.BytesIO()
        base.save(out, name, exif=exif)
        found.append(out.getvalue())
    for bits, transparent in (("1", 1), ("L", 255), ("P", 0), ("P", bytes(range(256)))):
        out = io.BytesIO()
        base.convert(bits).save(out, "PNG", transparency=transparent)
        found.append(out.getvalue())
    for name, extra in (("GIF", {}), ("TIFF", {"compression": "tiff_lzw"}), ("PNG", {})):
        out = io.BytesIO()
        base.save(out, name, save_all=True, append_images=[base.rotate(90)], **extra)
        found.append(out.getvalue())
    return found


def _png(random: Random, data: bytes) -> bytes:
    """Change the chunks of a PNG file and make their lengths and checksums good again."""
    chunks: list[tuple[bytes, bytes]] = []
    at = len(_SIGNATURE)
    while at < len(data):
        length = int.from_bytes(data[at : at + 4], "big")
        chunks.append((data[at + 4 : at + 8], data[at + 8 : at + 8 + length]))
        at += 12 + length
    for _ in range(random.choice((1, 1, 2))):
        index = random.randrange(len(chunks))
        kind, body = chunks[index]
        match random.randrange(5):
            case 0:
                chunks.insert(random.randrange(len(chunks)), (kind, body))
            case 1 if len(chunks) > 1:
                del chunks[index]
            case 2:
                chunks.insert(
                    index,
                    (
                        random.choice(
                            (
                                b"tRNS",
                                b"iCCP",
                                b"zTXt",
                                b"iTXt",
                                b"eXIf",
                                b"tRNS",
                                b"acTL",
                                b"PLTE",
                                b"gAMA",
                                b"fdAT",
                                b"abcd",
                            )
                        ),
                        random.randbytes(random.choice((0, 3, 26, 300))),
                    ),
                )
            case _ if kind == b"IDAT":
                unpacked = zlib.decompressobj().decompress(body, 1 << 20)
                chunks[index] = kind, zlib.compress(damage(random, unpacked), 1)
            case _:
                chunks[index] = kind, damage(random, body)
    return _SIGNATURE + b"".join(
        len(body).to_bytes(4, "big") + kind + body + zlib.crc32(kind + body).to_bytes(4, "big")
        for kind, body in chunks
    )
