"""Bits of a channel as the file states them: Pillow's modes do not, since it drops the low byte.

Each entry reads the header of one format; formats that are not here have 8 bits at most, or a mode
of Pillow that says more.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

from PIL import Image

HEAD: Final = 1 << 14
"""Bytes at the start of a file that tell the depth."""

_DEEP_MODES: Final = {"I": 32, "F": 32, "I;16": 16, "I;16L": 16, "I;16B": 16, "I;16N": 16}
_COMMENT: Final = re.compile(rb"#[^\n\r]*")


def depth_of(picture: Image.Image, head: bytes) -> int:
    """Return the bits of the deepest channel of an opened picture that starts with `head`."""
    read = _DEPTHS.get(picture.format or "")
    return max(8 if read is None else read(head, picture), _DEEP_MODES.get(picture.mode, 1))


def _png(head: bytes, picture: Image.Image) -> int:
    return head[24]


def _tiff(head: bytes, picture: Image.Image) -> int:
    tags: Any = picture.tag_v2  # type: ignore[attr-defined]
    bits, kinds = tags.get(258, (1,)), tags.get(339, (1,))
    signed = any(kind not in (1, 4) for kind in kinds)  # integers with a sign, and floats
    return max(*map(int, bits), 9 if signed else 1)


def _pnm(head: bytes, picture: Image.Image) -> int:
    words = _COMMENT.sub(b"", head[:HEAD]).split(maxsplit=4)
    if words[0] in (b"P1", b"P4") or len(words) < 4 or not words[3].isdigit():
        return 1
    return int(words[3]).bit_length()


def _jpeg_2000(head: bytes, picture: Image.Image) -> int:
    at = head.find(b"\xff\x4f\xff\x51") + 40  # the number of components
    components = int.from_bytes(head[at : at + 2], "big")
    depths = head[at + 2 : at + 2 + 3 * components : 3]
    return max((depth & 0x7F) + 1 for depth in depths) if depths else 8


def _avif(head: bytes, picture: Image.Image) -> int:
    flags = [found[1][2] for found in re.finditer(rb"av1C(...)", head, re.DOTALL)]
    return max((8 + 2 * (byte >> 6 & 1) + 2 * (byte >> 5 & 1) for byte in flags), default=8)


def _sgi(head: bytes, picture: Image.Image) -> int:
    return 8 * head[3]


_DEPTHS: Final[dict[str, Callable[[bytes, Image.Image], int]]] = {
    "PNG": _png,
    "TIFF": _tiff,
    "PPM": _pnm,
    "JPEG2000": _jpeg_2000,
    "AVIF": _avif,
    "SGI": _sgi,
}
