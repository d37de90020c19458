"""Images that are no digits, some of them made of digits: what the models were not made for."""

from __future__ import annotations

import string
from typing import Final

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from benchmarks.record import Images

ODD: Final = 500  # images of each kind


def odd_images(images: Images) -> dict[str, Images]:
    """Return odd images by kind, each uint8 [n, 28, 28]; `images` are digits of that shape."""
    random = np.random.default_rng(2026)
    digits = images[:ODD]
    rows, columns = np.indices((28, 28))
    slopes = random.uniform(-9, 9, (2, ODD, 1, 1))
    ramps = 128 + slopes[0] * (rows - 14) + slopes[1] * (columns - 14)
    return {
        "black on white": 255 - digits,
        "upside down": digits[:, ::-1].copy(),
        "two digits at once": np.maximum(digits, images[ODD : 2 * ODD]),
        "noise": random.integers(0, 256, digits.shape, dtype=np.uint8),
        "ramps of grey": np.clip(ramps, 0, 255).astype(np.uint8),
        "clouds of grey": clouds(random),
        "letters": letters(random),
        "blank": np.zeros_like(digits),
    }


def clouds(random: np.random.Generator) -> Images:
    """Return smooth fields, uint8 [ODD, 28, 28], whose spectrum falls as that of photographs."""
    rows, columns = np.fft.fftfreq(28)[:, None], np.fft.rfftfreq(28)
    frequency = np.maximum(np.hypot(rows, columns), 1 / 28)
    waves = np.fft.rfft2(random.standard_normal((ODD, 28, 28))) / frequency
    fields = np.fft.irfft2(waves, s=(28, 28))
    spread = fields.std(axis=(1, 2), keepdims=True)
    found: Images = np.clip(128 + 56 * fields / spread, 0, 255).astype(np.uint8)
    return found


def letters(random: np.random.Generator) -> Images:
    """Return printed capital letters, uint8 [ODD, 28, 28], white on black, of several sizes."""
    found = np.zeros((ODD, 28, 28), np.uint8)
    for image in found:
        canvas = Image.new("L", (28, 28))
        font = ImageFont.load_default(float(random.uniform(18, 26)))
        letter = string.ascii_uppercase[int(random.integers(26))]
        ImageDraw.Draw(canvas).text((14, 14), letter, 255, font, anchor="mm")
        image[:] = np.asarray(canvas)
    return found
