"""The page of originals over reconstructions, as PNG; which digits those are is picked before.

It holds the digest of what it shows, so that a test can tell a stale one without MNIST.
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import matplotlib as mpl
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

from benchmarks import record
from benchmarks.measure.picked import Digit, Looks

FITTING: Final = 144  # digits read differently, eight rows

SIDE, GAP, SEAM = 28, 2, 1  # of a digit, between digits, inside a pair: enlarged with the digits
WIDTH: Final = 1076  # a row of 12 digits enlarged by 3, or of 18 by 2
MARGIN, HEAD, FOOT = 28, 32, 30  # of the page, of a heading, of the captions of a row
PAPER, GREY, INK = 255, 0x76, 0x11  # as in the other pictures
LEGEND: Final = "originals above, reconstructions below"


@dataclass(frozen=True, slots=True)
class Group:
    """Digits under a heading, drawn `scale` times as large as they are, each with a caption."""

    name: str
    note: str
    digits: tuple[Digit, ...]
    scale: int
    caption: Callable[[Digit], str]

    def places(self, y: int) -> list[Place]:
        """Return where the digits stand when the heading begins at `y`."""
        step = (SIDE + GAP) * self.scale
        height = (2 * SIDE + SEAM) * self.scale + FOOT
        columns = (WIDTH + GAP * self.scale) // step
        rows_and_columns = (divmod(number, columns) for number in range(len(self.digits)))
        return [
            Place(MARGIN + column * step, y + HEAD + row * height, self.scale)
            for row, column in rows_and_columns
        ]


@dataclass(frozen=True, slots=True)
class Place:
    """Where on the page an original stands, and its reconstruction below."""

    x: int
    y: int
    scale: int

    @property
    def below(self) -> int:
        return self.y + (SIDE + SEAM) * self.scale

    @property
    def foot(self) -> int:
        return self.below + SIDE * self.scale


def groups(looks: Looks) -> tuple[Group, ...]:
    """Return what the page shows, from its top."""
    changed, fitting = looks.read_differently, looks.read_differently[:FITTING]
    some = "all" if len(fitting) == len(changed) else f"the first {len(fitting)} of"
    note = f"{some} {len(changed):,}, by their place in the test set" if changed else "none"
    return (
        Group("Best", "least RMSE of a digit", looks.best, 3, _loss),
        Group("Typical", "nearest to the median RMSE", looks.typical, 3, _loss),
        Group("Worst", "greatest RMSE", looks.worst, 3, _loss),
        Group("Read differently", note, fitting, 2, _reading),
    )


def layout(looks: Looks) -> tuple[list[tuple[Group, int, list[Place]]], int]:
    """Return each group with the top of its heading and its places; and how high the page is."""
    blocks, y = [], MARGIN
    for group in groups(looks):
        places = group.places(y)
        blocks.append((group, y, places))
        y = max((place.foot for place in places), default=y) + FOOT + MARGIN // 2
    return blocks, y


def digest_of(looks: Looks, images: record.Images, decoded: record.Images) -> str:
    """Return the SHA-256 of the pixels on the page, an original and its reconstruction in turn."""
    digest = hashlib.sha256()
    for digit in (digit for group in groups(looks) for digit in group.digits):
        digest.update(images[digit.index].tobytes() + decoded[digit.index].tobytes())
    return digest.hexdigest()


def picture(looks: Looks, images: record.Images, decoded: record.Images) -> bytes:
    """Return the page as a PNG file; the same digits give the same bytes.

    `images` and `decoded` are uint8 [n, 28, 28], of all the digits that were picked from.
    """
    bold, plain, small = _font("-Bold", 18), _font("", 15), _font("", 13)
    blocks, height = layout(looks)
    page = Image.new("L", (WIDTH + 2 * MARGIN, height), PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((MARGIN + WIDTH, MARGIN + 18), LEGEND, GREY, plain, "rs")
    for group, y, places in blocks:
        draw.text((MARGIN, y + 18), group.name, INK, bold, "ls")
        after = MARGIN + draw.textlength(group.name, bold) + 12
        draw.text((after, y + 18), group.note, GREY, plain, "ls")
        for digit, place in zip(group.digits, places, strict=True):
            page.paste(_enlarged(images[digit.index], place.scale), (place.x, place.y))
            page.paste(_enlarged(decoded[digit.index], place.scale), (place.x, place.below))
            middle = place.x + SIDE * place.scale // 2
            draw.text((middle, place.foot + 16), group.caption(digit), INK, small, "ms")
    notes = PngInfo()
    notes.add_text("Software", "digitzip")
    notes.add_text("Description", f"data {looks.digest}")
    out = io.BytesIO()
    page.save(out, "PNG", optimize=True, pnginfo=notes)
    return out.getvalue()


def _loss(digit: Digit) -> str:
    return f"{digit.rmse:.4f}"


def _reading(digit: Digit) -> str:
    return f"{digit.before} → {digit.after}"


def _enlarged(image: record.Images, scale: int) -> Image.Image:
    return Image.fromarray(image.repeat(scale, axis=0).repeat(scale, axis=1))


def _font(weight: str, size: int) -> ImageFont.FreeTypeFont:
    """Return the letters of the other pictures; Pillow's own have no arrow."""
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / f"DejaVuSans{weight}.ttf"
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
