"""Image files: decoded by Pillow, checked, and brought to the size of the frame.

Without a fit only images of the right size and kind pass, with every pixel kept. Pillow's
decoders raise any exception on damaged bytes; here it becomes an `InputError` that names the file.
"""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from digitzip.errors import InputError
from digitzip.images import fit_picture
from digitzip.images.frame import LARGEST, Frame, Pixels
from digitzip.images.ink import WORKING_SIDE
from digitzip.images.locations import Location, Readable

_STRIP = 1 << 20  # pixels that are flattened at a time
_DEEP_MODES = ("I", "F", "I;16", "I;16L", "I;16B", "I;16N")


def read_picture(source: Readable, frame: Frame) -> Pixels:
    """Read an image file as uint8 [height, width]; raises `InputError`."""
    location = Location(source)
    with location.open() as file:
        return decode(file, location.label, frame)


def measure_picture(source: Readable) -> tuple[int, int]:
    """Return the height and width in the header of an image file; raises `InputError`."""
    location = Location(source)
    with location.open() as file, _pillow(location.label), Image.open(file) as picture:
        return picture.height, picture.width


def decode(file: BinaryIO, label: str, frame: Frame) -> Pixels:
    """Decode the content of an image file; error messages call it `label`."""
    with _pillow(label):
        picture = Image.open(file)
    with picture:
        _admit(picture, label, frame)
        with _pillow(label):
            if frame.fit == "mnist":
                # JPEG decodes at 1/2, 1/4 or 1/8 at little cost; the fit needs no more.
                picture.draft(None, (2 * WORKING_SIDE, 2 * WORKING_SIDE))
            picture.load()
            if frame.fit != "none":
                ImageOps.exif_transpose(picture, in_place=True)  # a copy would cost as much again
                flat = _flatten(picture)
        if frame.fit == "none":
            return _exact(picture, label, frame)
        return _fitted(flat, label, frame)


def fit_array(image: Pixels, label: str, frame: Frame) -> Pixels:
    """Fit one image of an array, uint8 [any height, any width]."""
    return _fitted(Image.fromarray(image), label, frame)


def _admit(picture: Image.Image, label: str, frame: Frame) -> None:
    """Refuse by the header of the file, before pixels are decoded."""
    if picture.format == "EPS":  # Pillow would run a PostScript interpreter on it
        raise InputError(f"{label!r} is PostScript; expected an image of pixels")
    frame.check_size(label, picture.height, picture.width)
    if picture.mode in _DEEP_MODES:
        raise InputError(
            f"{label!r} has more than 8 bits per pixel (mode {picture.mode}); expected 8-bit"
            " pixels: convert it first, to choose which values are black and white"
        )
    with _pillow(label):  # looks for a second frame in the file
        animated = getattr(picture, "is_animated", False)
    # A phone's MPO file is one photograph with previews or depth maps behind it.
    if picture.format != "MPO" and animated:
        raise InputError(f"{label!r} has several frames or pages; expected a single image")


def _exact(picture: Image.Image, label: str, frame: Frame) -> Pixels:
    """Return the pixels unchanged; refuse colour and transparency."""
    mode = picture.mode
    if mode in ("L", "1"):
        return np.array(picture.convert("L"))
    if mode in ("P", "PA", "LA", "La", "RGB", "RGBA", "RGBX", "RGBa"):
        with _pillow(label):
            pixels = np.array(picture.convert("RGBA"))
        gray = pixels[..., 0]
        if (pixels[..., 1:3] == gray[..., np.newaxis]).all() and (pixels[..., 3] == 255).all():
            return gray.copy()
    raise frame.refusal(label, f"in colour or transparent (mode {mode})")


def _flatten(picture: Image.Image) -> Image.Image:
    """Return the picture in mode L or RGB; put contrasting paper behind transparency."""
    if picture.mode in ("L", "RGB"):
        return picture
    if picture.mode == "1":
        return picture.convert("L")
    if not picture.has_transparency_data:
        return picture.convert("RGB")
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
def _pillow(label: str) -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # our own size limit stands in for the bomb warning
        try:
            yield
        except UnidentifiedImageError as error:
            raise InputError(
                f"{label!r} is not an image that Pillow can read, nor IDX, NPY or NPZ"
            ) from error
        except Image.DecompressionBombError as error:
            raise InputError(
                f"{label!r} has too many pixels; expected at most {LARGEST:,} per image"
            ) from error
        except Exception as error:
            text = str(error)[:100]
            reason = text if text.isprintable() else repr(text)
            raise InputError(f"{label!r} is a damaged image: {reason}") from error
