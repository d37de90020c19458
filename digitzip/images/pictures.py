"""Image files: decoded by Pillow, checked, and brought to the size of the frame.

Without a fit only images of the right size and kind pass, with every pixel kept. One rule each,
decided from the file and the same for every format:

    more than 8 bits a channel     refused
    several frames or pages        refused; a phone's MPO file is one picture
    nothing that can be decoded    refused: stubs of Pillow, PostScript
    turned by a camera             shown as the camera says, with and without a fit
    colour                         refused unless gray; a fit makes it gray
    transparency                   refused unless opaque; a fit puts contrasting paper behind

Pillow's decoders raise any exception on damaged bytes; here it becomes an `InputError` that names
the file.
"""

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
from PIL import ExifTags, Image, ImageFile, ImageOps, UnidentifiedImageError

from digitzip.errors import InputError
from digitzip.images import depths, fit_picture, formats
from digitzip.images.frame import LARGEST, Frame, Pixels
from digitzip.images.ink import WORKING_SIDE
from digitzip.images.locations import Location, Readable

_STRIP = 1 << 20  # pixels that are flattened at a time
_ENDS = {"PNG": b"IEND", "JPEG": b"\xff\xd9", "MPO": b"\xff\xd9"}
_END = 64  # bytes in which a file ends as its format says
_SIDEWAYS = range(5, 9)  # orientations that exchange height and width
_CONVERT = "convert it to gray or RGB in a PNG file first"


def read_picture(source: Readable, frame: Frame) -> Pixels:
    """Read an image file as uint8 [height, width]; raises `InputError`."""
    location = Location(source)
    with location.open() as file:
        return decode(file, location.label, frame)


def check_picture(source: Readable, frame: Frame) -> None:
    """Raise `InputError` for an image file that cannot be read, as far as it can be told soon."""
    location = Location(source)
    with location.open() as file:
        check(file, location.label, frame)


def check(file: BinaryIO, label: str, frame: Frame) -> None:
    """Raise `InputError` for the content of an image file, as far as it can be told soon.

    Without a fit the picture is decoded, since it is small. With one its header is read, and its
    pixels only where the file does not end as it should.
    """
    if frame.fit == "none":
        decode(file, label, frame)
        return
    with _admitted(file, label, frame) as picture:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _END))
        end = _ENDS.get(picture.format or "")
        if picture.width * picture.height <= _STRIP and (end is None or end not in file.read(_END)):
            with _pillow(label):
                picture.load()


def measure_picture(source: Readable) -> tuple[int, int]:
    """Return the height and width in the header of an image file; raises `InputError`."""
    location = Location(source)
    with location.open() as file:
        return measure(file, location.label)


def measure(file: BinaryIO, label: str) -> tuple[int, int]:
    """Return the height and width in the header of an image file; raises `InputError`."""
    with _admitted(file, label, Frame(1, 1, "resize")) as picture:
        with _pillow(label):
            # Pillow knows the size of a TIFF file as it is shown.
            turned = picture.format != "TIFF" and (
                picture.getexif().get(ExifTags.Base.Orientation, 1) in _SIDEWAYS
            )
        return (picture.width, picture.height) if turned else (picture.height, picture.width)


def decode(file: BinaryIO, label: str, frame: Frame) -> Pixels:
    """Decode the content of an image file; error messages call it `label`."""
    with _admitted(file, label, frame) as picture:
        with _pillow(label):
            if frame.fit == "mnist":
                # JPEG decodes at 1/2, 1/4 or 1/8 at little cost; the fit needs no more.
                picture.draft(None, (2 * WORKING_SIDE, 2 * WORKING_SIDE))
            picture.load()
            ImageOps.exif_transpose(picture, in_place=True)  # a copy would cost as much again
        frame.check_size(label, picture.height, picture.width)
        if frame.fit == "none":
            return _exact(picture, label, frame)
        with _pillow(label):
            flat = _flatten(picture)
        return _fitted(flat, label, frame)


@contextmanager
def _admitted(file: BinaryIO, label: str, frame: Frame) -> Iterator[Image.Image]:
    """Open an image file, and refuse it by its header, before pixels are decoded."""
    head = file.read(depths.HEAD)
    if (what := formats.foreign(head)) is not None:
        raise InputError(f"{label!r} is {what}")
    if (kind := formats.reader_of(head)) is not None:
        raise InputError(
            f"{label!r} is a {kind} file, and a folder is read for its image files only;"
            " give it as an input of its own"
        )
    file.seek(0)
    with _pillow(label, formats.text(head[: formats.HEAD])):
        picture = Image.open(file)
    with picture:
        _admit(picture, head, label, frame)
        yield picture


def fit_array(image: Pixels, label: str, frame: Frame) -> Pixels:
    """Fit one image of an array, uint8 [any height, any width]."""
    return _fitted(Image.fromarray(image), label, frame)


def _admit(picture: Image.Image, head: bytes, label: str, frame: Frame) -> None:
    if picture.format == "EPS":  # Pillow would run a PostScript interpreter on it
        raise InputError(f"{label!r} is PostScript; expected an image of pixels")
    if isinstance(picture, ImageFile.StubImageFile):
        raise InputError(f"{label!r} is {picture.format}, which Pillow cannot decode; {_CONVERT}")
    if frame.fit != "none" or (picture.width, picture.height) != (frame.height, frame.width):
        frame.check_size(label, picture.height, picture.width)  # a camera may have turned it
    with _pillow(label):
        depth = depths.depth_of(picture, head)
        # Looks for a second frame in the file.
        several = getattr(picture, "is_animated", False) or len(picture.info.get("sizes", ())) > 1
    if depth > 8:
        raise InputError(
            f"{label!r} has more than 8 bits per channel ({depth}, {picture.format}); expected"
            " 8-bit pixels: convert it first, to choose which values are black and white"
        )
    if picture.mode == "LAB":
        raise InputError(f"{label!r} is in the colour space Lab; {_CONVERT}")
    # A phone's MPO file is one photograph with previews or depth maps behind it.
    if several and picture.format != "MPO":
        raise InputError(f"{label!r} has several frames or pages; expected a single image")
    if picture.format == "PNG" and head[24:26] in (b"\2\0", b"\4\0"):
        _scale_transparency(picture, head[24])


def _scale_transparency(picture: Image.Image, bits: int) -> None:
    """Scale the gray that is transparent as Pillow scales grays of 2 and 4 bits: to 8 bits."""
    if isinstance(gray := picture.info.get("transparency"), int):
        picture.info["transparency"] = gray * 255 // ((1 << bits) - 1)


def _exact(picture: Image.Image, label: str, frame: Frame) -> Pixels:
    """Return the pixels unchanged; refuse colour and transparency."""
    mode = picture.mode
    if mode in ("L", "1") and not picture.has_transparency_data:
        return np.array(picture.convert("L"))
    if mode in ("1", "L", "P", "PA", "LA", "La", "RGB", "RGBA", "RGBX", "RGBa"):
        with _pillow(label):
            pixels = np.array(picture.convert("RGBA"))
        gray = pixels[..., 0]
        if (pixels[..., 1:3] == gray[..., np.newaxis]).all() and (pixels[..., 3] == 255).all():
            return gray.copy()
    raise frame.refusal(label, f"in colour or transparent (mode {mode})")


def _flatten(picture: Image.Image) -> Image.Image:
    """Return the picture in mode L or RGB; put contrasting paper behind transparency."""
    if not picture.has_transparency_data:
        if picture.mode in ("L", "RGB"):
            return picture
        return picture.convert("L" if picture.mode == "1" else "RGB")
    rows = max(1, _STRIP // picture.width)
    tops = range(0, picture.height, rows)
    strips = [(0, top, picture.width, min(top + rows, picture.height)) for top in tops]
    light, covered, holes = 0, 0, False
    for strip in strips:
        drawn = picture.crop(strip).convert("RGBA")
        alpha = np.asarray(drawn.getchannel("A"), np.int64)
        luma = np.asarray(drawn.convert("RGB").convert("L"), np.int64)
        light, covered = light + int((luma * alpha).sum()), covered + int(alpha.sum())
        holes = holes or bool((alpha < 128).any())
    colour = "black" if light > 127.5 * covered and holes else "white"
    flat = Image.new("RGB", picture.size)
    for strip in strips:
        drawn = picture.crop(strip).convert("RGBA")
        paper = Image.new("RGBA", drawn.size, colour)
        flat.paste(Image.alpha_composite(paper, drawn).convert("RGB"), strip[:2])
    return flat


def _fitted(picture: Image.Image, label: str, frame: Frame) -> Pixels:
    if frame.fit == "resize":
        return fit_picture.resize(picture, frame.height, frame.width)
    digit = fit_picture.mnist(picture, frame.height, frame.width)
    if digit is None:
        raise InputError(f"{label!r} shows no ink that stands out; expected one digit on paper")
    return digit


@contextmanager
def _pillow(label: str, found: str | None = None) -> Iterator[None]:
    """Turn what Pillow raises into an `InputError`; `found` says what the file is, if known."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # our own size limit stands in for the bomb warning
        try:
            yield
        except UnidentifiedImageError as error:
            what = "not an image that Pillow can read, nor an array or table of images"
            raise InputError(f"{label!r} is {found or what}; expected images") from error
        except Image.DecompressionBombError as error:
            raise InputError(
                f"{label!r} has too many pixels; expected at most {LARGEST:,} per image"
            ) from error
        except Exception as error:
            text = str(error)[:100]
            reason = text if text.isprintable() else repr(text)
            raise InputError(f"{label!r} is a damaged image: {reason}") from error
