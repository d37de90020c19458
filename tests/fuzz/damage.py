"""Damage to bytes: as disks and transfers cause it, and as an attacker would choose it."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Final

NUMBERS: Final = (
    0, 1, 2, 7, 8, 9, 10, 11, 16, 27, 28, 29, 63, 64, 65, 127, 128, 129, 255, 256, 257, 1023,
    1024, 1025, 4096, 16_383, 16_384, 16_385, 65_535, 65_536, (1 << 20) + 1, (16 << 20) + 1,
    (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 32, (1 << 53) - 1, 1 << 53, (1 << 63) - 1,
    1 << 63, (1 << 64) - 1,
)  # fmt: skip
"""Numbers at which something begins or ends."""


def damage(random: Random, data: bytes) -> bytes:
    """Return `data` changed in one to four ways."""
    out = bytearray(data)
    for _ in range(random.choice((1, 1, 1, 2, 3, 4))):
        random.choice(_WAYS)(random, out)
    return bytes(out)


def number(random: Random, most: int = 1 << 53) -> int:
    """Return a number below `most`, likely one at an edge."""
    if random.random() < 0.6:
        return random.choice([each for each in NUMBERS if each < most] or [0])
    return random.randrange(min(most, 1 << random.randrange(1, 54)))


def _at(random: Random, out: bytearray) -> int:
    return random.randrange(len(out)) if out else 0


def _stretch(random: Random, out: bytearray) -> slice:
    start = _at(random, out)
    return slice(start, start + random.choice((1, 1, 2, 4, 8, 16, 64, 1024)))


def _flip(random: Random, out: bytearray) -> None:
    if out:
        out[_at(random, out)] ^= 1 << random.randrange(8)


def _set(random: Random, out: bytearray) -> None:
    if out:
        out[_at(random, out)] = random.choice((0, 1, 0x7F, 0x80, 0xFF, random.randrange(256)))


def _put_number(random: Random, out: bytearray) -> None:
    size, order = random.choice((1, 2, 4, 8)), random.choice(("little", "big"))
    value = random.choice(NUMBERS) % (1 << 8 * size)
    at = _at(random, out)
    field = value.to_bytes(size, "little" if order == "little" else "big")
    out[at : at + size] = field[: len(out) - at]


def _remove(random: Random, out: bytearray) -> None:
    del out[_stretch(random, out)]


def _insert(random: Random, out: bytearray) -> None:
    at = _at(random, out)
    out[at:at] = random.randbytes(random.choice((1, 1, 2, 4, 16, 64)))


def _repeat(random: Random, out: bytearray) -> None:
    part = _stretch(random, out)
    out[part.start : part.start] = out[part] * random.choice((1, 1, 1, 2, 16))


def _copy(random: Random, out: bytearray) -> None:
    part, to = out[_stretch(random, out)], _at(random, out)
    out[to : to + len(part)] = part


def _cut(random: Random, out: bytearray) -> None:
    del out[_at(random, out) :]


def _extend(random: Random, out: bytearray) -> None:
    out += random.choice((b"\0", b"\xff", random.randbytes(1))) * random.choice((1, 4, 100, 3000))


_WAYS: Final[tuple[Callable[[Random, bytearray], None], ...]] = (
    _flip, _flip, _set, _set, _put_number, _put_number, _remove, _insert, _repeat, _copy, _cut,
    _extend,
)  # fmt: skip
