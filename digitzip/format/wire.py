"""The primitive fields of FORMAT.md section 1: varints, and a checked cursor over bytes."""

from __future__ import annotations

from typing import Final

from digitzip.errors import DamagedError

VARINT_LIMIT: Final = 2**53 - 1


def varint(value: int) -> bytes:
    """Return `value`, 0 … 2^53 - 1, as canonical unsigned LEB128."""
    if not 0 <= value <= VARINT_LIMIT:
        raise ValueError(f"varint out of range: {value}")
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


class Cursor:
    """A position in some bytes that only moves forward and never past the end.

    `what` names the structure in the messages of `DamagedError`.
    """

    def __init__(self, data: bytes, what: str, position: int = 0) -> None:
        self._data = data
        self._what = what
        self.position = position

    @property
    def remaining(self) -> int:
        return len(self._data) - self.position

    def take(self, size: int) -> bytes:
        """Return the next `size` bytes."""
        if size > self.remaining:
            raise DamagedError(
                f"{self._what} ends early: {size} bytes expected, {self.remaining} left"
            )
        start, self.position = self.position, self.position + size
        return self._data[start : self.position]

    def fixed(self, size: int) -> int:
        """Return the next little-endian unsigned integer of `size` bytes."""
        return int.from_bytes(self.take(size), "little")

    def varint(self) -> int:
        """Return the next canonical varint."""
        value = 0
        for shift in range(0, 56, 7):
            byte = self.fixed(1)
            value |= (byte & 0x7F) << shift
            if byte < 0x80:
                if byte == 0 and shift:
                    raise DamagedError(f"{self._what} has a varint with a useless last byte")
                if value > VARINT_LIMIT:
                    break
                return value
        raise DamagedError(f"{self._what} has a varint above 2^53 - 1")

    def bounded(self, low: int, high: int, name: str) -> int:
        """Return the next varint, which must lie in `low` … `high`."""
        value = self.varint()
        if not low <= value <= high:
            raise DamagedError(f"{self._what}: {name} is {value}, expected {low} to {high}")
        return value

    def end(self) -> None:
        """Refuse bytes that are left over."""
        if self.remaining:
            raise DamagedError(f"{self._what} has {self.remaining} bytes too many")
