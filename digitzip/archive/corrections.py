"""The layers that correct digits after the decoder, `refine` and `exact`: FORMAT.md section 4.2."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.codec import Images
from digitzip.container.wire import Cursor, varint
from digitzip.errors import DamagedError
from digitzip.residual import Residual, stepped, steps_of

Integers = npt.NDArray[np.integer[Any]]

MAX_BOUND: Final = 127
MAX_PIXELS: Final = 1 << 24  # of all digits of a layer that is coded

_CODED: Final = 1
_MAX_LANES_LOG: Final = 8
_DIGITS_OF_A_LANE: Final = 16  # fewer cost bytes, more cost time
_MOST_OF_A_LANE: Final = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Corrections:
    """Digits of a chunk, by their places, ascending [k], and their pixels uint8 [k, height, width].

    No pixel is further than `bound` from its original, 0 … 127. While a chunk is written the pixels
    are the originals themselves.
    """

    bound: int
    places: Integers
    images: Images

    def representations(
        self, decoded: Images, residual: Residual | None
    ) -> Iterator[tuple[bytes, ...]]:
        """Yield every representation of a layer's body, in pieces, for what was decoded [k, h, w]."""
        gaps = np.diff(self.places, prepend=-1) - 1
        listed = varint(len(gaps)) + b"".join(map(varint, gaps.tolist()))
        plain = bytes([0, self.bound]) + listed
        yield plain, self._steps(decoded).T.tobytes()
        if residual is not None and self.images.size <= MAX_PIXELS:
            log = max(len(gaps) // _DIGITS_OF_A_LANE, 1).bit_length() - 1
            log = min(log, _MAX_LANES_LOG)
            coded = residual.encode(self.images, decoded, self.bound, 1 << log)
            yield bytes([_CODED | log << 1, self.bound]) + listed, coded

    def _steps(self, decoded: Images) -> Images:
        """Return the bytes of the plain steps, uint8 [k, pixels]."""
        steps = steps_of(self.images, decoded, self.bound).reshape(len(decoded), -1)
        signed = steps.astype(np.int8)  # modulo 256, which matters where the bound is 0
        return np.where(
            signed < 0, ~(signed.astype(np.int16) << 1), signed.astype(np.int16) << 1
        ).astype(np.uint8)


def unpack(
    body: bytes, digits: int, decode: Callable[[Integers], Images], residual: Residual | None
) -> Corrections:
    """Return what a layer's body says of a chunk of so many digits; raises `DamagedError`.

    `decode` gives the pixels, uint8 [k, height, width], of the digits at places [k].
    """
    cursor = Cursor(body, "corrections")
    kind, bound = cursor.fixed(1), cursor.fixed(1)
    coded, log = kind & _CODED, kind >> 1
    if bound > MAX_BOUND or log > (_MAX_LANES_LOG if coded else 0):
        raise DamagedError(f"corrections: unknown representation {kind:#04x} with bound {bound}")
    places = _places(cursor, digits)
    decoded = decode(places)
    rest = cursor.take(cursor.remaining)
    if not coded:
        return Corrections(bound, places, _plain(rest, decoded, bound))
    if residual is None:
        raise DamagedError("corrections: they are coded, and the model has no residual network")
    if len(places) > _MOST_OF_A_LANE << log or decoded.size > MAX_PIXELS:
        raise DamagedError(f"corrections: {len(places)} digits in {1 << log} lanes, too many")
    return Corrections(bound, places, residual.decode(rest, decoded, bound, 1 << log))


def _places(cursor: Cursor, digits: int) -> Integers:
    """Read which digits of a chunk a layer lists."""
    count = cursor.bounded(1, digits, "number of digits")
    gaps = [cursor.bounded(0, digits - 1, "distance of two digits") for _ in range(count)]
    places: Integers = np.cumsum(np.array(gaps, np.intp) + 1) - 1
    if int(places[-1]) >= digits:
        raise DamagedError(f"corrections: digit {places[-1]} of a chunk of {digits}")
    return places


def _plain(steps: bytes, decoded: Images, bound: int) -> Images:
    """Return what comes back by plain steps."""
    if len(steps) != decoded.size:
        raise DamagedError(f"corrections: {len(steps)} bytes of steps, expected {decoded.size}")
    found = np.frombuffer(steps, np.uint8).reshape(-1, len(decoded)).T
    signed = (found >> 1).astype(np.int16) ^ -(found & 1).astype(np.int16)
    signed = signed.reshape(decoded.shape)
    if bound == 0:
        return (decoded + signed).astype(np.uint8)  # modulo 256
    return stepped(decoded, signed, bound)
