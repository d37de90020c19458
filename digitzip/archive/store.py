"""The chunks of an open file: stored bytes, index, caches and decoding.

All that reads an archive stands on this module; it knows nothing of what its images are for.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np

from digitzip.archive import corrections
from digitzip.archive.cache import Recent
from digitzip.archive.corrections import Corrections
from digitzip.archive.index import Index, read_header, read_index, read_stored, rebuild_index
from digitzip.archive.indexing import Rows, Selection, select
from digitzip.archive.storage import Readable, Storage
from digitzip.codec import Codec, Codes, EncodedBatch, Images
from digitzip.codec.encoded import UNCORRECTED
from digitzip.errors import ClosedError, DamagedError, ModelError
from digitzip.format import Chunk, Header, LayerType, naming
from digitzip.limits import MAX_IMAGES
from digitzip.model import Model, find_model, load_model

_CACHED: Final = 16 << 20  # bytes of chunks, of codes and of names each that are remembered
_CACHED_CORRECTIONS: Final = 48 << 20
_CORRECTED: Final = frozenset(corrections.TYPES)
_KNOWN: Final = frozenset({LayerType.CODES, LayerType.NAMES}) | _CORRECTED

CorrectionsByLayer = dict[LayerType, Corrections]


class ChunkStore:
    """An open file, read by chunk `number` or by `rows`, the positions of images in the file.

    Calls raise `DamagedError` for what no writer wrote. The model is loaded when codes are first
    decoded: what needs no pixels needs no model. Safe to use from several threads.
    """

    def __init__(
        self,
        file: Readable,
        *,
        model: str | Path | Model | None = None,
        rebuild: bool = False,
        max_images: int = MAX_IMAGES,
        threads: int = 1,
    ) -> None:
        self.storage = Storage(file)
        try:
            self.header: Header = read_header(self.storage)
            self.index = self._find_chunks(rebuild)
            self.max_images = max_images
            self._model, self._threads = model, threads
            if model is not None:
                _ = self.codec  # a model that was given and does not fit is refused at once
            self._proved: set[int] = set()
            self._read = Recent(self._read_chunk, _chunk_size, _CACHED)
            self.codes = Recent(self._unpack_codes, lambda codes: codes.nbytes, _CACHED)
            self.names = Recent(self._unpack_names, _names_size, _CACHED)
            self.corrections = Recent(
                self._unpack_corrections, _corrections_size, _CACHED_CORRECTIONS
            )
            self.named: bool | None = None  # not known before the first chunk is read
            self.named = bool(self.numbers) and LayerType.NAMES in self._types(0)
        except BaseException:
            self.close()
            raise

    def _find_chunks(self, rebuild: bool) -> Index:
        try:
            return read_index(self.storage, self.header)
        except DamagedError as error:
            if not rebuild:
                raise DamagedError(f"{error}; digitzip recover saves what is whole") from error
            return rebuild_index(self.storage, self.header)

    @cached_property
    def codec(self) -> Codec:
        """The codec of the file; raises `ModelError` when no known folder holds its model."""
        return codec_for(self.header, self._model, self._threads)

    def __len__(self) -> int:
        """Return the number of images in the file."""
        return self.index.digits

    @property
    def numbers(self) -> range:
        """The numbers of the chunks, in file order."""
        return range(len(self.index.places))

    def span(self, number: int) -> range:
        """Return the rows of a chunk."""
        place = self.index.places[number]
        return range(place.first, place.first + place.entry.digits)

    def close(self) -> None:
        self.storage.close()

    def check_open(self) -> None:
        """Raise `ClosedError` where the archive is closed."""
        if self.storage.closed:
            raise ClosedError("the archive is closed")

    def select(self, key: Any, shape: tuple[int, ...] = ()) -> Selection:
        """Return what `array[key]` needs of an array [images, *shape] of the file."""
        self.check_open()
        return select(key, (len(self), *shape), self.max_images)

    def groups(self, rows: Rows) -> Iterator[tuple[int, Rows, Rows]]:
        """Yield each chunk that holds some of `rows` [n]: number, positions in `rows`, in chunk."""
        chunks = self.index.find(rows)
        order = np.argsort(chunks, kind="stable")  # one pass, however many chunks there are
        numbers, starts = np.unique(chunks[order], return_index=True)
        for number, positions in zip(numbers.tolist(), np.split(order, starts[1:]), strict=False):
            yield number, positions, rows[positions] - self.span(number).start

    def codes_of(self, rows: Rows) -> Codes:
        """Return the codes of `rows`, uint8 [n, d]."""
        codes = np.empty((rows.size, self.header.dims), np.uint8)
        for number, positions, inside in self.groups(rows):
            codes[positions] = self.codes(number)[inside]
        return codes

    def names_of(self, rows: Rows) -> list[str]:
        """Return the names of `rows`, of an archive that has names."""
        names = [""] * rows.size
        for number, positions, inside in self.groups(rows):
            chunk = self.names(number)
            for position, row in zip(positions.tolist(), inside.tolist(), strict=True):
                names[position] = chunk[row]
        return names

    def batch_of(self, rows: Rows) -> EncodedBatch:
        """Decode `rows`; each chunk that holds some of them is unpacked once, in any order."""
        codes = np.empty((rows.size, self.header.dims), np.uint8)
        bounds = np.full(rows.size, UNCORRECTED, np.int16)
        corrected = []
        for number, positions, inside in self.groups(rows):
            codes[positions] = self.codes(number)[inside]
            for each in self.corrections(number).values():
                listed = np.isin(inside, each.places)
                mine = np.searchsorted(each.places, inside[listed])
                bounds[positions[listed]] = each.bound
                corrected.append((positions[listed], each.images[mine]))
        recon = self.codec.decode(codes)
        if not corrected:
            return EncodedBatch(codes, recon, recon, bounds)
        pixels = recon.copy()
        for positions, images in corrected:
            pixels[positions] = images
        return EncodedBatch(codes, recon, pixels, bounds)

    def images(self, number: int, low: int = 0, high: int | None = None) -> Images:
        """Decode the images `low` ... `high - 1` of a chunk, uint8 [n, height, width].

        A chunk that is decoded as a whole is proved by its pixel CRC.
        """
        span = self.span(number)
        rows = np.arange(span.start, span.stop, dtype=np.intp)[low:high]
        images = self.batch_of(rows).pixels
        if len(rows) == len(span):
            if zlib.crc32(images.data) != self._read(number).pixel_crc:
                raise DamagedError(
                    f"digits {span.start} to {span.stop - 1} do not decode "
                    "to the pixels their writer saw"
                )
            self._proved.add(number)
        return images

    def prove(self, rows: Rows) -> None:
        """Prove the chunks that hold `rows`, once each, by their pixel CRCs."""
        for number in np.unique(self.index.find(rows)).tolist():
            if number not in self._proved:
                self.images(number)

    def divisible(self, number: int) -> bool:
        """Return whether this build knows all layers of a chunk."""
        return self._types(number) <= _KNOWN

    def stored(self, number: int) -> bytes:
        """Return a chunk as it is stored, checked without unpacking a code."""
        self._read(number)
        return read_stored(self.storage, self.index.places[number])

    def check_stored(self) -> None:
        """Read every chunk without unpacking a code."""
        for number in self.numbers:
            self._read(number)

    def correction_bodies(self, number: int) -> Iterator[tuple[LayerType, bytes]]:
        """Yield the layers of a chunk that correct images."""
        chunk = self._read(number)
        for type_ in corrections.TYPES:
            if (layer := chunk.layer(type_)) is not None:
                yield type_, layer.body

    def _read_chunk(self, number: int) -> Chunk:
        place = self.index.places[number]
        chunk = Chunk.from_bytes(read_stored(self.storage, place))
        if (chunk.first, chunk.digits) != (place.first, place.entry.digits):
            raise DamagedError(
                f"chunk holds {chunk.digits} digits from {chunk.first}, "
                f"expected {place.entry.digits} from {place.first}"
            )
        if self.named not in (None, chunk.layer(LayerType.NAMES) is not None):
            raise DamagedError(f"some digits have names and others, from {place.first}, have not")
        return chunk

    def _types(self, number: int) -> set[int]:
        return {layer.type for layer in self._read(number).layers}

    def _unpack_codes(self, number: int) -> Codes:
        chunk, codec = self._read(number), self.codec
        return codec.coder.unpack(chunk.layers[0].body, chunk.digits, codec.model.shape.dims)

    def _unpack_corrections(self, number: int) -> CorrectionsByLayer:
        if not self._types(number) & _CORRECTED:
            return {}  # and needs no codes
        return corrections.of_chunk(self._read(number), self.codes(number), self.codec)

    def _unpack_names(self, number: int) -> list[str]:
        chunk = self._read(number)
        layer = chunk.layer(LayerType.NAMES)
        return [] if layer is None else naming.unpack(layer.body, chunk.digits)


def codec_for(header: Header, model: str | Path | Model | None, threads: int) -> Codec:
    """Return the codec of a file with this header, whose model `model` must be if it is given.

    Raises `ModelError` when the model is another one, or when no known folder holds it.
    """
    if model is None:
        found = find_model(header.model_id)
    else:
        found = model if isinstance(model, Model) else load_model(model)
    if found.id != header.model_id:
        raise ModelError(
            f"the file needs model {header.model_id.hex()}; {found.name} is {found.id.hex()}"
        )
    shape = (found.shape.height, found.shape.width, found.shape.dims)
    if shape != (header.height, header.width, header.dims):
        raise DamagedError("header: height, width or dims are not those of its model")
    return Codec(found, header.levels, 0, threads)


def _chunk_size(chunk: Chunk) -> int:
    return sum(len(layer.body) for layer in chunk.layers)


def _names_size(names: list[str]) -> int:
    return sum(map(len, names)) + 64 * len(names)


def _corrections_size(found: CorrectionsByLayer) -> int:
    return sum(each.images.nbytes for each in found.values())
