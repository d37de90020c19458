"""The layers `refine` and `exact` of container version 2; version 3 has entropy/corrections.py."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.codec import Codec, Codes, Images
from digitzip.entropy.corrections import packed_size
from digitzip.entropy.residuals import (
    MAX_BOUND,
    ResidualModel,
    apply_residual,
    quantise_residual,
    round_to_bounds,
)
from digitzip.errors import DamagedError
from digitzip.format import Chunk, LayerType
from digitzip.format.wire import Cursor, varint

Integers = npt.NDArray[np.integer[Any]]

TYPES: Final = (LayerType.REFINE, LayerType.EXACT)
MAX_PIXELS: Final = 1 << 24  # of all digits of a layer that is coded

_CODED: Final = 1
_MAX_LANES_LOG: Final = 8
_DIGITS_OF_A_LANE: Final = 16  # fewer cost bytes, more cost time;
_DIGITS_OF_A_FEW: Final = 4  # but of the first lanes, which are decoded as fast as one
_FEW_LANES: Final = 32
_MOST_OF_A_LANE: Final = 1024


@dataclass(frozen=True, slots=True, eq=False)
class Corrections:
    """Digits of a chunk, by their places, ascending [k], and their pixels uint8 [k, height, width].

    No pixel is further than `bound` from its original, 0 … 127.
    """

    bound: int
    places: Integers
    images: Images

    def applied(self, places: Integers, images: Images) -> Images:
        """Return images [n], of the digits at `places` [n], changed where digits are listed."""
        listed, mine = self._listed(places)
        images[listed] = self.images[mine]
        return images

    def of(self, places: Integers, new: Integers) -> Iterator[Corrections]:
        """Yield those of the digits at `places` [n], if any, at `new` places [n] from now on."""
        listed, mine = self._listed(places)
        if listed.size:
            yield Corrections(self.bound, new[listed], self.images[mine])

    def _listed(self, places: Integers) -> tuple[Integers, Integers]:
        """Return which of the digits at `places` [n] are listed, and where: both [k]."""
        mine = np.searchsorted(self.places, places)
        mine[mine == len(self.places)] = 0
        (listed,) = np.nonzero(self.places[mine] == places)
        return listed, mine[listed]

    def between(self, start: int, stop: int) -> Corrections | None:
        """Return those of the digits `start` … `stop - 1`, counted from `start`; None of none."""
        low, high = np.searchsorted(self.places, (start, stop))
        if low == high:
            return None
        return Corrections(self.bound, self.places[low:high] - start, self.images[low:high])

    def back(self, decoded: Images) -> Corrections:
        """Return them with pixels as they come back, where the decoder gave `decoded` [k, h, w]."""
        final = round_to_bounds(self.images, decoded, self.bound)
        return Corrections(self.bound, self.places, final)

    def pack(self, decoded: Images, residual: ResidualModel | None) -> tuple[bytes, ...]:
        """Return the smallest body of a layer, in pieces, where the decoder gave `decoded`."""
        return min(self.representations(decoded, residual), key=packed_size)

    def representations(
        self, decoded: Images, residual: ResidualModel | None
    ) -> Iterator[tuple[bytes, ...]]:
        """Yield every representation of a layer's body."""
        gaps = np.diff(self.places, prepend=-1) - 1
        listed = varint(len(gaps)) + b"".join(map(varint, gaps.tolist()))
        yield bytes([0, self.bound]) + listed, self._steps(decoded).T.tobytes()
        if residual is not None and self.images.size <= MAX_PIXELS:
            log = _lanes_log(len(gaps))
            coded = residual.encode(self.images, decoded, self.bound, 1 << log)
            yield bytes([_CODED | log << 1, self.bound]) + listed, coded

    def _steps(self, decoded: Images) -> Images:
        """Return the bytes of the plain steps, uint8 [k, pixels]."""
        steps = quantise_residual(self.images, decoded, self.bound).reshape(len(decoded), -1)
        signed = steps.astype(np.int8)  # modulo 256, which matters where the bound is 0
        return np.where(
            signed < 0, ~(signed.astype(np.int16) << 1), signed.astype(np.int16) << 1
        ).astype(np.uint8)


def _lanes_log(digits: int) -> int:
    """Return the logarithm of how many lanes so many digits are coded in."""
    few = min(digits // _DIGITS_OF_A_FEW, _FEW_LANES)
    return min(max(few, digits // _DIGITS_OF_A_LANE, 1).bit_length() - 1, _MAX_LANES_LOG)


def of_chunk(chunk: Chunk, codes: Codes, codec: Codec) -> dict[LayerType, Corrections]:
    """Return all corrections of a chunk with these codes; raises `DamagedError`."""

    def decode(places: Integers) -> Images:
        return codec.decode(codes[places])

    found = {
        type_: unpack(layer.body, chunk.digits, decode, codec.residual)
        for type_ in TYPES
        if (layer := chunk.layer(type_)) is not None
    }
    listed = np.concatenate([[], *(each.places for each in found.values())])
    if len(np.unique(listed)) < len(listed):
        raise DamagedError("corrections: a digit is both refined and exact")
    return found


def count(body: bytes, digits: int) -> int:
    """Return how many digits a layer's body lists; raises `DamagedError`, but trusts the rest."""
    cursor = Cursor(body, "corrections")
    cursor.take(2)
    return cursor.bounded(1, digits, "number of digits")


def merged(parts: Sequence[Corrections]) -> Corrections:
    """Return corrections of one bound, of different digits, as one."""
    places = np.concatenate([part.places for part in parts])
    images, order = np.concatenate([part.images for part in parts]), np.argsort(places)
    return Corrections(parts[0].bound, places[order], images[order])


def unpack(
    body: bytes, digits: int, decode: Callable[[Integers], Images], residual: ResidualModel | None
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
    return apply_residual(decoded, signed, bound)
