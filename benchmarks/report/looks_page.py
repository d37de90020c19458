"""Draw originals over reconstructions as one PNG page.

It holds the digest of what it shows, so that a test finds a stale one without MNIST.
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

from benchmarks.measure.picked import Looks, Pick
from benchmarks.record import ROOT, Images, Result
from benchmarks.report import tables

PATH: Final = ROOT / "docs" / "figures" / "looks.png"
FITTING: Final = 144  # label changes, eight rows

SIDE, GAP, SEAM = 28, 2, 1  # of an image, between images, inside a pair: enlarged with the images
WIDTH: Final = 1076  # a row of 12 images enlarged by 3, or of 18 by 2
MARGIN, HEAD, FOOT = 28, 32, 30  # of the page, of a heading, of the captions of a row
PAPER, GREY, INK = 255, 0x76, 0x11  # as in the other figures
LEGEND: Final = "originals above, reconstructions below"


@dataclass(frozen=True, slots=True)
class Pair:
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


@dataclass(frozen=True, slots=True)
class Group:
    """Images under a heading, enlarged by `scale`, each with a caption."""

    name: str
    note: str
    picks: tuple[Pick, ...]
    scale: int
    caption: Callable[[Pick], str]

    def pairs(self, y: int) -> list[Pair]:
        """Return where the images stand when the heading begins at `y`."""
        step = (SIDE + GAP) * self.scale
        height = (2 * SIDE + SEAM) * self.scale + FOOT
        columns = (WIDTH + GAP * self.scale) // step
        cells = (divmod(number, columns) for number in range(len(self.picks)))
        return [
            Pair(MARGIN + column * step, y + HEAD + row * height, self.scale)
            for row, column in cells
        ]


def table(result: Result) -> str:
    """Return how RMSE spreads over the images of `looks.json`, and how many labels change."""
    names = {"0": "least", "50": "median", "100": "greatest"}
    percentiles = result["rmse_percentiles"]
    heads = (names.get(percentile, f"{percentile} %") for percentile in percentiles)
    values = (f"{value:.4f}" for value in percentiles.values())
    count, images = len(result["looks"]["label_changes"]), result["images"]
    return (
        tables.table(("", *heads), ("RMSE of an image", *values))
        + f"\n\nLabel changes after the round trip: {count:,} of {images:,}, "
        f"{tables.number(count / images, '.2%')}."
    )


def groups(looks: Looks) -> tuple[Group, ...]:
    """Return what the page shows, from its top."""
    changed, fitting = looks.label_changes, looks.label_changes[:FITTING]
    some = "all" if len(fitting) == len(changed) else f"the first {len(fitting)} of"
    note = f"{some} {len(changed):,}, by index in the test set" if changed else "none"
    return (
        Group("Best", "least RMSE of an image", looks.best, 3, _loss),
        Group("Typical", "nearest to the median RMSE", looks.typical, 3, _loss),
        Group("Worst", "greatest RMSE", looks.worst, 3, _loss),
        Group("Label changes", note, fitting, 2, _change),
    )


def layout(looks: Looks) -> tuple[list[tuple[Group, int, list[Pair]]], int]:
    """Return each group with the top of its heading and its pairs; and the height of the page."""
    blocks, y = [], MARGIN
    for group in groups(looks):
        pairs = group.pairs(y)
        blocks.append((group, y, pairs))
        y = max((pair.foot for pair in pairs), default=y) + FOOT + MARGIN // 2
    return blocks, y


def digest_of(looks: Looks, images: Images, recon: Images) -> str:
    """Return the SHA-256 of the pixels on the page, original and reconstruction in turn."""
    digest = hashlib.sha256()
    for pick in (pick for group in groups(looks) for pick in group.picks):
        digest.update(images[pick.index].tobytes() + recon[pick.index].tobytes())
    return digest.hexdigest()


def picture(looks: Looks, images: Images, recon: Images) -> bytes:
    """Return the page as a PNG file; the same images give the same bytes.

    `images` and `recon`, uint8 [n, 28, 28], are those that were picked from.
    """
    bold, plain, small = _font("-Bold", 18), _font("", 15), _font("", 13)
    blocks, height = layout(looks)
    page = Image.new("L", (WIDTH + 2 * MARGIN, height), PAPER)
    draw = ImageDraw.Draw(page)
    draw.text((MARGIN + WIDTH, MARGIN + 18), LEGEND, GREY, plain, "rs")
    for group, y, pairs in blocks:
        draw.text((MARGIN, y + 18), group.name, INK, bold, "ls")
        after = MARGIN + draw.textlength(group.name, bold) + 12
        draw.text((after, y + 18), group.note, GREY, plain, "ls")
        for pick, pair in zip(group.picks, pairs, strict=True):
            page.paste(_enlarged(images[pick.index], pair.scale), (pair.x, pair.y))
            page.paste(_enlarged(recon[pick.index], pair.scale), (pair.x, pair.below))
            middle = pair.x + SIDE * pair.scale // 2
            draw.text((middle, pair.foot + 16), group.caption(pick), INK, small, "ms")
    notes = PngInfo()
    notes.add_text("Software", "digitzip")
    notes.add_text("Description", f"data {looks.digest}")
    out = io.BytesIO()
    page.save(out, "PNG", optimize=True, pnginfo=notes)
    return out.getvalue()


def _loss(pick: Pick) -> str:
    return f"{pick.rmse:.4f}"


def _change(pick: Pick) -> str:
    return f"{pick.before} → {pick.after}"


def _enlarged(image: Images, scale: int) -> Image.Image:
    return Image.fromarray(image.repeat(scale, axis=0).repeat(scale, axis=1))


def _font(weight: str, size: int) -> ImageFont.FreeTypeFont:
    """Return the letters of the other figures; Pillow's own have no arrow."""
    path = Path(mpl.get_data_path()) / "fonts" / "ttf" / f"DejaVuSans{weight}.ttf"
    return ImageFont.truetype(str(path), size, layout_engine=ImageFont.Layout.BASIC)
