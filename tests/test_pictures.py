"""What image files say of themselves: depth, transparency, orientation, frames; one rule each."""

from __future__ import annotations

import io
import struct
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, features

from digitzip.errors import InputError
from digitzip.images import Fit, read_images
from digitzip.images.depths import depth_of

Pixels = NDArray[np.uint8]
FITS: tuple[Fit, ...] = ("none", "resize", "mnist")
GRAY = np.zeros((28, 28), np.uint8)
GRAY[6:22, 12:17] = np.arange(175, 255, 5, dtype=np.uint8)[:, None]


def read(data: bytes, tmp_path: Path, fit: Fit = "none", side: int = 28) -> Pixels:
    (tmp_path / "a.any").write_bytes(data)
    ((images, _),) = read_images([tmp_path / "a.any"], height=side, width=side, fit=fit)
    found: Pixels = images[0]
    return found


def refused(data: bytes, tmp_path: Path, said: str, fits: Iterable[Fit] = FITS) -> None:
    for fit in fits:
        with pytest.raises(InputError, match=said) as refusal:
            read(data, tmp_path, fit)
        assert "a.any" in str(refusal.value)


def picture(image: Image.Image, format_: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def chunk(kind: bytes, body: bytes) -> bytes:
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum


def png(
    samples: NDArray[Any], bits: int, colour: int, *, extra: bytes = b"", palette: bytes = b""
) -> bytes:
    """Return a PNG file of samples [height, width, channels] of so many bits."""
    height, width, channels = samples.shape
    rows = samples.reshape(height, width * channels)
    if bits == 16:
        packed = [row.astype(">u2").tobytes() for row in rows]
    elif bits == 8:
        packed = [row.astype(np.uint8).tobytes() for row in rows]
    else:
        planes = (rows[..., None].astype(np.uint8) >> np.arange(bits - 1, -1, -1)) & 1
        packed = [np.packbits(row.ravel()).tobytes() for row in planes]
    data = zlib.compress(b"".join(b"\0" + row for row in packed))
    head = struct.pack(">2I5B", width, height, bits, colour, 0, 0, 0)
    chunks = [(b"IHDR", head)] + [(b"PLTE", palette)] * bool(palette)
    body = b"".join(chunk(*each) for each in chunks)
    body += extra + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def tiff(samples: NDArray[Any], kind: int = 1, extra: int | None = None) -> bytes:
    """Return a TIFF file of samples [height, width, channels]; `kind` is their SampleFormat."""
    height, width, channels = samples.shape
    bits = samples.dtype.itemsize * 8
    data = samples.astype(samples.dtype.newbyteorder("<")).tobytes()
    tags = [(256, 3, [width]), (257, 3, [height]), (258, 3, [bits] * channels), (259, 3, [1]),
            (262, 3, [2 if channels > 2 else 1]), (277, 3, [channels]), (278, 3, [height]),
            (279, 4, [len(data)]), (339, 3, [kind] * channels)]  # fmt: skip
    if extra is not None:
        tags.append((338, 3, [extra]))
    tags = sorted([*tags, (273, 4, [0])])
    at = 8 + 2 + 12 * len(tags) + 4
    tail, rows = b"", b""
    for number, type_, values in tags:
        code = "H" if type_ == 3 else "I"
        packed = struct.pack(f"<{len(values)}{code}", *values)
        if len(packed) > 4:
            tail, packed = tail + packed, struct.pack("<I", at + len(tail))
        elif number == 273:
            packed = b"HERE"
        rows += struct.pack("<HHI", number, type_, len(values)) + packed.ljust(4, b"\0")
    rows = rows.replace(b"HERE", struct.pack("<I", at + len(tail)))
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + rows + bytes(4) + tail + data


FULL = np.full((28, 28), 65_535, np.uint16)
DEEP = GRAY.astype(np.uint16) * 257


def stacked(*planes: NDArray[Any]) -> NDArray[Any]:
    return np.stack(planes, axis=-1)


DEPTHS: dict[str, bytes] = {
    "PNG gray": png(stacked(DEEP), 16, 0),
    "PNG RGB": png(stacked(DEEP, DEEP, DEEP), 16, 2),
    "PNG gray and alpha": png(stacked(DEEP, FULL), 16, 4),
    "PNG RGB and alpha": png(stacked(DEEP, DEEP, DEEP, FULL), 16, 6),
    "TIFF gray": tiff(stacked(DEEP)),
    "TIFF RGB": tiff(stacked(DEEP, DEEP, DEEP)),
    "TIFF RGB and alpha": tiff(stacked(DEEP, DEEP, DEEP, FULL), extra=2),
    "TIFF floats": tiff(stacked(GRAY.astype(np.float32)), kind=3),
    "TIFF signed": tiff(stacked(GRAY.astype(np.int16)), kind=2),
    "PGM": b"P5\n28 28\n65535\n" + DEEP.astype(">u2").tobytes(),
    "PPM": b"P6 # wide\n28 28\n1023\n" + stacked(DEEP, DEEP, DEEP).astype(">u2").tobytes(),
    "PGM text": b"P2\n28 28\n4095\n" + b"1 " * 784,
    "SGI gray": picture(Image.fromarray(GRAY), "SGI", bpc=2),
    "SGI RGB": picture(Image.fromarray(GRAY).convert("RGB"), "SGI", bpc=2),
}


@pytest.mark.parametrize("name", DEPTHS)
def test_more_than_8_bits_a_channel_are_refused_in_every_layout(name: str, tmp_path: Path) -> None:
    refused(DEPTHS[name], tmp_path, "more than 8 bits per channel.*convert it first")


@pytest.mark.skipif(not features.check("jpg_2000"), reason="this Pillow has no JPEG 2000")
def test_more_than_8_bits_in_jpeg_2000_are_refused(tmp_path: Path) -> None:
    data = picture(Image.fromarray(GRAY).convert("RGB"), "JPEG2000")
    assert np.array_equal(read(data, tmp_path), GRAY)
    at = data.index(b"\xff\x4f\xff\x51") + 42
    refused(data[:at] + b"\x0b" + data[at + 1 :], tmp_path, "more than 8 bits per channel")


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow has no AVIF")
def test_more_than_8_bits_in_avif_are_refused(tmp_path: Path) -> None:
    data = picture(Image.fromarray(GRAY).convert("RGB"), "AVIF", quality=100)
    assert read(data, tmp_path, "resize").shape == (28, 28)
    at = data.index(b"av1C") + 6
    with Image.open(io.BytesIO(data)) as opened:  # Pillow writes 8 bits only
        for flags, depth in ((0, 8), (0x40, 10), (0x60, 12)):
            assert depth_of(opened, data[:at] + bytes([flags]) + data[at + 1 :]) == depth


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
def test_fewer_bits_are_exact(bits: int, tmp_path: Path) -> None:
    most = (1 << bits) - 1
    samples = stacked(GRAY >> (8 - bits))
    wanted = samples[..., 0] * (255 // most)
    assert np.array_equal(read(png(samples, bits, 0), tmp_path), wanted)
    palette = bytes(np.repeat(np.arange(most + 1) * (255 // most), 3).astype(np.uint8))
    assert np.array_equal(read(png(samples, bits, 3, palette=palette), tmp_path), wanted)
    if bits in (1, 4):
        pgm = b"P5\n28 28\n%d\n" % most + samples.tobytes()
        assert np.array_equal(read(pgm, tmp_path), wanted)


EIGHT = {0: stacked(GRAY), 2: stacked(GRAY, GRAY, GRAY), 3: stacked(GRAY)}
RAMP = bytes(np.repeat(np.arange(256), 3).astype(np.uint8))
SEE_THROUGH: dict[str, bytes] = {
    "gray of 8 bits": png(EIGHT[0], 8, 0, extra=chunk(b"tRNS", b"\0\0")),
    "gray of 4 bits": png(EIGHT[0] >> 4, 4, 0, extra=chunk(b"tRNS", b"\0\x0f")),
    "gray of 2 bits": png(EIGHT[0] >> 6, 2, 0, extra=chunk(b"tRNS", b"\0\x03")),
    "gray of 1 bit": png(EIGHT[0] >> 7, 1, 0, extra=chunk(b"tRNS", b"\0\1")),
    "RGB": png(EIGHT[2], 8, 2, extra=chunk(b"tRNS", bytes(6))),
    "one entry of a palette": png(EIGHT[3], 8, 3, palette=RAMP, extra=chunk(b"tRNS", b"\0")),
    "entries of a palette": png(
        EIGHT[3], 8, 3, palette=RAMP, extra=chunk(b"tRNS", bytes([9] * 256))
    ),
    "gray and alpha": png(stacked(GRAY, GRAY), 8, 4),
    "RGB and alpha": png(stacked(GRAY, GRAY, GRAY, GRAY), 8, 6),
    "TIFF with alpha": tiff(stacked(GRAY, GRAY, GRAY, GRAY), extra=2),
    "TIFF with premultiplied alpha": tiff(stacked(GRAY, GRAY, GRAY, GRAY), extra=1),
    "GIF": picture(Image.fromarray(GRAY), "GIF", transparency=0),
    "WebP": picture(Image.fromarray(stacked(GRAY, GRAY, GRAY, GRAY)), "WEBP", lossless=True),
    "TGA": picture(Image.fromarray(stacked(GRAY, GRAY, GRAY, GRAY)), "TGA"),
}


@pytest.mark.parametrize("name", SEE_THROUGH)
def test_what_is_transparent_is_refused_without_a_fit_and_gets_paper_with_one(
    name: str, tmp_path: Path
) -> None:
    refused(SEE_THROUGH[name], tmp_path, "in colour or transparent.*fit=", ["none"])
    assert read(SEE_THROUGH[name], tmp_path, "resize").shape == (28, 28)


def test_transparent_paper_is_made_to_contrast_with_the_ink(tmp_path: Path) -> None:
    for gray in (0, 255):
        samples = np.where(GRAY > 0, gray, 100)
        data = png(stacked(samples), 8, 0, extra=chunk(b"tRNS", b"\0\x64"))
        found = read(data, tmp_path, "resize").astype(int)
        assert abs(found[14, 14] - found[0, 0]) == 255


@pytest.mark.parametrize("colour", [0, 2, 3])
def test_transparency_that_no_pixel_has_is_no_transparency(colour: int, tmp_path: Path) -> None:
    body = {0: b"\0\x07", 2: b"\0\7" * 3, 3: b"\xff" * 7 + b"\0"}[colour]
    palette = RAMP if colour == 3 else b""
    data = png(EIGHT[colour], 8, colour, palette=palette, extra=chunk(b"tRNS", body))
    assert np.array_equal(read(data, tmp_path), GRAY)


TURNS: dict[int, Callable[[Pixels], Pixels]] = {
         2: np.fliplr, 3: lambda a: np.rot90(a, 2), 4: np.flipud, 5: np.transpose,
         6: lambda a: np.rot90(a, -1), 7: lambda a: np.rot90(a, 2).T, 8: np.rot90,
}  # fmt: skip


@pytest.mark.parametrize("format_", ["PNG", "TIFF", "JPEG", "WEBP", "MPO"])
@pytest.mark.parametrize("turn", TURNS)
def test_a_picture_is_shown_as_its_orientation_says(
    turn: int, format_: str, tmp_path: Path
) -> None:
    exif = Image.Exif()
    exif[0x0112] = turn
    lossless = {"lossless": True} if format_ == "WEBP" else {}
    shown = TURNS[turn](GRAY)
    data = picture(Image.fromarray(GRAY), format_, exif=exif, **lossless)
    for fit in ("none", "resize"):
        found = read(data, tmp_path, fit).astype(int)
        assert np.abs(found - shown).max() <= (90 if format_ in ("JPEG", "MPO") else 0)
    wide = picture(Image.fromarray(GRAY[6:22]), format_, exif=exif, **lossless)  # 16 x 28
    height, width = shown[:, 6:22].shape if turn > 4 else (16, 28)
    (tmp_path / "wide").write_bytes(wide)
    source = read_images(tmp_path / "wide")
    assert (source.height, source.width) == (height, width)
    ((images, _),) = source
    assert images.shape == (1, height, width)
    with pytest.raises(InputError, match="pixels; expected"):
        list(read_images(tmp_path / "wide", height=width, width=height))


@pytest.mark.parametrize("format_", ["PNG", "GIF", "TIFF", "WEBP"])
def test_several_frames_or_pages_are_refused(format_: str, tmp_path: Path) -> None:
    frames = {"save_all": True, "append_images": [Image.fromarray(255 - GRAY)]}
    refused(picture(Image.fromarray(GRAY), format_, **frames), tmp_path, "several frames")
    assert read(picture(Image.fromarray(GRAY), format_), tmp_path, "resize").shape == (28, 28)


def test_an_icon_of_several_sizes_is_refused(tmp_path: Path) -> None:
    icon = Image.fromarray(GRAY).resize((64, 64))
    refused(picture(icon, "ICO", sizes=[(16, 16), (64, 64)]), tmp_path, "several frames", FITS[1:])
    assert read(picture(icon, "ICO", sizes=[(64, 64)]), tmp_path, "resize").shape == (28, 28)


def test_formats_that_nothing_decodes_are_named(tmp_path: Path) -> None:
    wmf = b"\xd7\xcd\xc6\x9a\0\0" + struct.pack("<4hH", 0, 0, 28, 28, 96) + bytes(6)
    refused(wmf + b"\1\0\t\0" + bytes(60), tmp_path, "is WMF, which Pillow cannot decode; convert")
    refused(b"GRIB\0\0\0\1" + bytes(90), tmp_path, "is GRIB, which Pillow cannot decode; convert")
    lab = picture(Image.new("LAB", (28, 28)), "TIFF")
    refused(lab, tmp_path, "in the colour space Lab; convert it to gray or RGB in a PNG", FITS)
