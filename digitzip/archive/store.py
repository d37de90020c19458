"""The chunks of an open file: read, checked against all the file says of them, and remembered."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Final

import numpy as np

from digitzip.archive import corrections
from digitzip.archive.cache import Recent
from digitzip.archive.corrections import Corrections
from digitzip.archive.index import Index, read_stored
from digitzip.archive.storage import Storage
from digitzip.codec import Codec, Codes, Images
from digitzip.entropy.corrections import packed_size
from digitzip.errors import DamagedError
from digitzip.fidelity.counts import Corrected
from digitzip.format import Chunk, Layer, LayerType, naming

_REMEMBERED: Final = 4
_PLAIN: Final = frozenset({LayerType.CODES, LayerType.NAMES})
_CORRECTED: Final = frozenset(corrections.TYPES)


class Chunks:
    """What each chunk holds, by its number. Calls raise `DamagedError` for what no writer wrote.

    Either all digits are `named` or none is. `codec` is called when codes are first unpacked: what
    needs no codes needs no model.
    """

    def __init__(self, storage: Storage, index: Index, codec: Callable[[], Codec]) -> None:
        self.index = index
        self._storage = storage
        self._codec = codec
        self._read = Recent(self._read_chunk, _REMEMBERED)
        self.codes = Recent(self._unpack_codes, _REMEMBERED)
        self.corrections = Recent(self._unpack_corrections, _REMEMBERED)
        self.names = Recent(self._unpack_names, _REMEMBERED)
        self.named = len(self) > 0 and self._names_layer(0) is not None

    def __len__(self) -> int:
        return len(self.index.places)

    def first(self, number: int) -> int:
        """Return the first digit of a chunk."""
        return self.index.places[number].first

    def digits(self, number: int) -> int:
        """Return how many digits a chunk holds."""
        return self.index.places[number].entry.digits

    def pixel_crc(self, number: int) -> int:
        """Return the CRC of a chunk's pixels, as its writer saw them."""
        return self._read(number).pixel_crc

    def plain(self, number: int) -> bool:
        """Tell whether a chunk has codes and names, and no other layer."""
        return self._types(number) <= _PLAIN

    def divisible(self, number: int) -> bool:
        """Tell whether a chunk has no layer beside codes, names and corrections."""
        return self._types(number) <= _PLAIN | _CORRECTED

    def stored(self, number: int) -> bytes:
        """Return a chunk as it stands in the file, checked without unpacking a digit."""
        self._read(number)
        return read_stored(self._storage, self.index.places[number])

    def check_stored(self) -> None:
        """Read every chunk without unpacking a digit."""
        for number in range(len(self)):
            self._read(number)

    def corrected(self) -> dict[LayerType, Corrected]:
        """Count what corrects digits of all chunks, by layer, without unpacking a digit."""
        found = {type_: Corrected() for type_ in corrections.TYPES}
        for number in range(len(self)):
            chunk = self._read(number)
            for type_ in corrections.TYPES:
                if (layer := chunk.layer(type_)) is not None:
                    digits = corrections.count(layer.body, chunk.digits)
                    found[type_] += Corrected(digits, packed_size((layer.body,)))
        return found

    def images(self, number: int, low: int, high: int) -> Images:
        """Decode the digits `low` … `high - 1` of a chunk, uint8 [high - low, height, width].

        A chunk that is decoded as a whole is proved by its pixel CRC.
        """
        chunk = self._read(number)
        images = self._codec().decode(self.codes(number)[low:high])
        for each in self.corrections(number).values():
            images = each.applied(np.arange(low, high), images)
        if len(images) == chunk.digits and zlib.crc32(images.data) != chunk.pixel_crc:
            raise DamagedError(
                f"digits {chunk.first} to {chunk.first + chunk.digits - 1} do not decode "
                "to the pixels their writer saw"
            )
        return images

    def _read_chunk(self, number: int) -> Chunk:
        place = self.index.places[number]
        chunk = Chunk.from_bytes(read_stored(self._storage, place))
        if (chunk.first, chunk.digits) != (place.first, place.entry.digits):
            raise DamagedError(
                f"chunk holds {chunk.digits} digits from {chunk.first}, "
                f"expected {place.entry.digits} from {place.first}"
            )
        if number and self.named != (chunk.layer(LayerType.NAMES) is not None):
            raise DamagedError(f"some digits have names and others, from {place.first}, have not")
        return chunk

    def _unpack_codes(self, number: int) -> Codes:
        chunk, codec = self._read(number), self._codec()
        return codec.packer.unpack(chunk.layers[0].body, chunk.digits, codec.model.shape.dims)

    def _unpack_corrections(self, number: int) -> dict[LayerType, Corrections]:
        if not self._types(number) & _CORRECTED:
            return {}  # and needs no codes
        return corrections.of_chunk(self._read(number), self.codes(number), self._codec())

    def _types(self, number: int) -> set[int]:
        return {layer.type for layer in self._read(number).layers}

    def _unpack_names(self, number: int) -> list[str]:
        layer = self._names_layer(number)
        return naming.unpack(layer.body, self._read(number).digits) if layer else []

    def _names_layer(self, number: int) -> Layer | None:
        return self._read(number).layer(LayerType.NAMES)
