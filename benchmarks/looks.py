"""What it looks like: originals over reconstructions of test digits that a rule picks, not an eye.

Best, typical and worst are told by the RMSE of a digit at digitzip's defaults; which are read
differently, the reader says. `results/looks.json` names the digits and the digest of their pixels,
and the picture the digest of what it shows, so that a test can tell a stale one without MNIST.
"""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont
from PIL.PngImagePlugin import PngInfo

import digitzip
from benchmarks import record
from digitzip.metrics import rmse
from digitzip.model import load_model

PICTURE: Final = record.ROOT / "docs" / "figures" / "looks.png"
EACH: Final = 12  # best, typical and worst digits
FITTING: Final = 144  # digits read differently, eight rows
PERCENTILES: Final = (0, 1, 10, 50, 90, 99, 100)

SIDE, GAP, SEAM = 28, 2, 1  # of a digit, between digits, inside a pair: enlarged with the digits
WIDTH: Final = 1076  # a row of 12 digits enlarged by 3, or of 18 by 2
MARGIN, HEAD, FOOT = 28, 32, 30  # of the page, of a heading, of the captions of a row
PAPER, GREY, INK = 255, 0x76, 0x11  # as in the other pictures
LEGEND: Final = "originals above, reconstructions below"

Reals = npt.NDArray[np.float64]
Ranks = npt.NDArray[np.intp]
Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Digit:
    """A digit: its place in the test set, its RMSE, and what it is read as before and after."""

    index: int
    rmse: float
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class Looks:
    """The digits that were picked, and the SHA-256 of the pixels that the picture has of them."""

    best: tuple[Digit, ...]
    typical: tuple[Digit, ...]
    worst: tuple[Digit, ...]
    read_differently: tuple[Digit, ...]  # all of them, by index
    pixels: str = ""

    @property
    def digest(self) -> str:
        return hashlib.sha256(json.dumps(asdict(self)).encode()).hexdigest()[:16]

    @property
    def groups(self) -> tuple[Group, ...]:
        """What the picture shows, from its top."""
        changed, fitting = self.read_differently, self.read_differently[:FITTING]
        some = "all" if len(fitting) == len(changed) else f"the first {len(fitting)} of"
        note = f"{some} {len(changed):,}, by their place in the test set" if changed else "none"
        return (
            Group("Best", "least RMSE of a digit", self.best, 3, _loss),
            Group("Typical", "nearest to the median RMSE", self.typical, 3, _loss),
            Group("Worst", "greatest RMSE", self.worst, 3, _loss),
            Group("Read differently", note, fitting, 2, _reading),
        )


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


def pick(errors: Reals, before: record.Labels, after: record.Labels) -> Looks:
    """Pick digits by their RMSE [n] and what they are read as [n]; of equals the first come first.

    Where there are fewer than asked for, a group has all of them.
    """

    def chosen(ranks: Ranks) -> tuple[Digit, ...]:
        return tuple(Digit(int(i), float(errors[i]), int(before[i]), int(after[i])) for i in ranks)

    def least(values: Reals) -> tuple[Digit, ...]:
        return chosen(np.argsort(values, kind="stable")[:EACH])

    return Looks(
        best=least(errors),
        typical=least(np.abs(errors - np.median(errors))),
        worst=least(-errors),
        read_differently=chosen(np.flatnonzero(before != after)),
    )


def rmse_of_each(x: record.Images, y: record.Images) -> Reals:
    """Return the RMSE of each of the images uint8 [n, height, width], pixels in 0 … 1."""
    errors: Reals = np.sqrt(np.square(x.astype(np.int64) - y).mean(axis=(1, 2))) / 255
    return errors


def layout(looks: Looks) -> tuple[list[tuple[Group, int, list[Place]]], int]:
    """Return each group with the top of its heading and its places; and how high the page is."""
    blocks, y = [], MARGIN
    for group in looks.groups:
        places = group.places(y)
        blocks.append((group, y, places))
        y = max((place.foot for place in places), default=y) + FOOT + MARGIN // 2
    return blocks, y


def digest_of(looks: Looks, images: record.Images, decoded: record.Images) -> str:
    """Return the SHA-256 of the pixels on the page, an original and its reconstruction in turn."""
    digest = hashlib.sha256()
    for digit in (digit for group in looks.groups for digit in group.digits):
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


def measured(images: record.Images) -> tuple[Result, bytes]:
    """Return what becomes of digits uint8 [n, 28, 28] at digitzip's defaults, and its picture."""
    from benchmarks import reader  # imports torch, which nothing else here needs

    data = digitzip.compress(images)
    decoded = digitzip.decompress(data)
    errors = rmse_of_each(images, decoded)
    looks = pick(errors, reader.read(images), reader.read(decoded))
    looks = replace(looks, pixels=digest_of(looks, images, decoded))
    result = {
        **record.environment(load_model()),
        "digits": len(images),
        "bytes": len(data),
        "rmse": rmse(images, decoded),
        "rmse_percentiles": {str(p): float(np.percentile(errors, p)) for p in PERCENTILES},
        "looks": asdict(looks),
    }
    return result, picture(looks, images, decoded)


def looks_of(result: Result) -> Looks:
    """Return what `looks.json` says was picked."""
    stored = dict(result["looks"])
    pixels = stored.pop("pixels")
    groups = {name: tuple(Digit(**digit) for digit in group) for name, group in stored.items()}
    return Looks(**groups, pixels=pixels)


def main() -> None:
    result, page = measured(record.test_images())
    record.write("looks", result)
    PICTURE.write_bytes(page)
    print(f"drew {PICTURE.relative_to(record.ROOT)}, {len(page):,} bytes")


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


if __name__ == "__main__":
    main()
