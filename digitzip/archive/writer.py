"""Writing archives: images in, chunks out, whatever their number."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import MappingProxyType, TracebackType
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from digitzip.archive.corrections import TYPES, Corrections, merged
from digitzip.archive.frames import Frames, Writable, opened
from digitzip.codec import Codec, Codes, Images
from digitzip.entropy.corrections import packed_size
from digitzip.errors import InputError
from digitzip.fidelity import FidelityCounts, FidelityEncoder, promise_of
from digitzip.format import Chunk, Guard, Header, Layer, LayerType, naming
from digitzip.format.chunk import MAX_DIGITS
from digitzip.model import Shape

if TYPE_CHECKING:
    from digitzip.archive.archive import Archive

_STEP: Final = 4096  # digits that are encoded at a time
_MOST_CORRECTED: Final = 2048 * 784  # pixels of a chunk: who wants one decodes them all
_MAX_NAME_BYTES: Final = 8 << 20  # in a chunk: half of what a chunk may hold


@dataclass(frozen=True, slots=True, eq=False)
class _Digits:
    """Codes uint8 [n, d], what they decode to, what comes back, [n, h, w], and what corrects it."""

    codes: Codes
    decoded: Images
    back: Images
    corrections: Mapping[LayerType, Corrections]

    def between(self, start: int, stop: int) -> _Digits:
        """Return the digits `start` … `stop - 1`."""
        part = slice(start, stop)
        corrections = _between(self.corrections, start, stop)
        return _Digits(self.codes[part], self.decoded[part], self.back[part], corrections)


@dataclass(frozen=True, slots=True, eq=False)
class _Correcting:
    """Corrections of digits of the chunk to come, and what those decode to, uint8 [k, h, w]."""

    given: Corrections
    decoded: Images


class Writer:
    """Writes one archive to a binary file object, front to back, never seeking.

    Holds the codes of at most one chunk. The archive is complete when `close` returns.
    """

    def __init__(
        self,
        out: BinaryIO,
        codec: Codec,
        encoder: FidelityEncoder | None = None,
        promise: Guard | None = None,
    ) -> None:
        """Write images that go through `encoder` to `out`; a promise replaces the encoder's own."""
        shape = codec.model.shape
        self._codec, self._encoder = codec, encoder
        self._frames = Frames(
            out,
            Header(
                codec.model.id,
                shape.height,
                shape.width,
                shape.dims,
                codec.levels,
                promise or promise_of(encoder),
            ),
        )
        self._named: bool | None = None
        self.taken: frozenset[str] = frozenset()
        """The names of the digits that were in the file before, where it is appended to."""
        self.counts = FidelityCounts()
        self._codes: list[Codes] = []  # of the chunk to come, with their names and corrections
        self._names: list[str] = []
        self._corrections: dict[LayerType, list[_Correcting]] = {type_: [] for type_ in TYPES}
        self._name_bytes = 0
        self._pending = 0
        self._pixel_crc = 0
        self._closed = False

    @property
    def shape(self) -> Shape:
        """Height and width of an image, and the numbers of a code."""
        return self._codec.model.shape

    @property
    def named(self) -> bool | None:
        """Whether digits have names; None before the first digit."""
        return self._named

    @property
    def usual(self) -> bool:
        """Whether digits are held to what the model says, and to no bound of anyone's own."""
        return self._encoder is not None and self._encoder.has_default_bounds

    def append(self, images: npt.NDArray[Any], names: Sequence[str] | None = None) -> None:
        """Add images uint8 [n, height, width] or [height, width], with a name each or none.

        Raises `InputError` for other arrays, for names that FORMAT.md section 5.1 forbids, when
        some digits of an archive are named and others not, and for a name that the file which is
        appended to has already.
        """
        images = np.asarray(images)
        images = self._codec.check(images[None] if images.ndim == 2 else images)
        names = self._check(len(images), names)
        for start in range(0, len(images), _STEP):
            part = slice(start, start + _STEP)
            self._add(self._encode(images[part]), None if names is None else names[part])

    def append_codes(
        self,
        codes: Codes,
        names: Sequence[str] | None = None,
        corrections: Mapping[LayerType, Corrections] = MappingProxyType({}),
    ) -> None:
        """Add digits by their codes, uint8 [n, d], as `append` adds images.

        `corrections` are of these digits, by the layer they go to. Raises `InputError` where the
        file promises how digits compare with originals, which codes alone do not tell.
        """
        if self._encoder is not None:
            raise InputError(
                "codes come without originals to compare with, which the guard needs: "
                "append images, or create the file without a guard"
            )
        codes = np.asarray(codes)
        if codes.ndim != 2:
            raise InputError(f"codes have {codes.ndim} axes, expected [n, {self.shape.dims}]")
        names = self._check(len(codes), names)
        for start in range(0, len(codes), _STEP):
            part = slice(start, start + _STEP)
            digits = self._decode(codes[part], _between(corrections, start, start + _STEP))
            self._add(digits, None if names is None else names[part])

    def _decode(self, codes: Codes, corrections: Mapping[LayerType, Corrections]) -> _Digits:
        """Return digits of these codes, and with these corrections."""
        decoded = self._codec.decode(codes)
        back = decoded.copy() if corrections else decoded
        for given in corrections.values():
            back[given.places] = given.back(decoded[given.places]).images
        return _Digits(codes, decoded, back, corrections)

    def _encode(self, images: Images) -> _Digits:
        """Return digits of codes that pass the guard, if there is one, with what corrects them."""
        if self._encoder is None:
            return self._decode(self._codec.encode(images), {})
        batch, used = self._encoder.encode(images)
        self.counts.add(used)
        corrections = {}
        for bound in np.unique(batch.bounds[batch.bounds >= 0]).tolist():
            (places,) = np.nonzero(batch.bounds == bound)
            type_ = LayerType.REFINE if bound else LayerType.EXACT
            corrections[type_] = Corrections(bound, places, batch.pixels[places])
        return _Digits(batch.codes, batch.recon, batch.pixels, corrections)

    def resume(self, dz: Archive) -> None:
        """Begin with all digits of `dz`, which is of the same model and levels.

        Its chunks are copied as they are, but the last is filled up. Raises `DamagedError` where
        that one does not decode as its writer saw: its pixel CRC could cover no more digits.
        """
        last = len(dz.chunks) - 1
        for number in range(len(dz.chunks)):
            if number == last and dz.chunks.plain(number) and dz.chunks.digits(number) < MAX_DIGITS:
                dz.chunks.images(number, 0, dz.chunks.digits(number))  # proves it
                self._codes = [dz.chunks.codes(number)]
                self._names = list(dz.chunks.names(number))
                self._name_bytes = sum(len(name.encode()) for name in self._names)
                self._pending = dz.chunks.digits(number)
                self._pixel_crc = dz.chunks.pixel_crc(number)  # goes on where it stood
            else:
                self._frames.copy(dz.chunks.stored(number))
        if len(dz):
            self._named = dz.names is not None
            self.taken = frozenset(dz.names or ())

    def close(self) -> None:
        """Write what is pending, and the trailer."""
        if not self._closed:
            if self._pending:
                self._flush()
            self._frames.close()
            self._closed = True

    def _check(self, digits: int, names: Sequence[str] | None) -> list[str] | None:
        """Return the names that so many digits may have; raises `InputError`."""
        if self._closed:
            raise InputError("the archive is closed; nothing can be appended")
        if not digits:
            return None
        checked = None if names is None else [naming.check(name) for name in names]
        if checked is not None and len(checked) != digits:
            raise InputError(f"{len(checked)} names for {digits} images")
        if self._named not in (None, checked is not None):
            raise InputError("some digits have names and others none; give all a name, or none")
        for name in checked or ():
            if name in self.taken:
                raise InputError(f"the file has a digit named {name!r} already; rename the new one")
        self._named = checked is not None
        return checked

    def _add(self, digits: _Digits, names: Sequence[str] | None) -> None:
        """Add at most `_STEP` digits; a chunk is written whenever one is full."""
        n = len(digits.codes)
        most = max(_MOST_CORRECTED // self.shape.pixels, 1) if digits.corrections else _STEP
        start = 0
        while start < n:
            stop = min(start + min(MAX_DIGITS - self._pending, most), n)
            part = digits.between(start, stop)
            part_names = [] if names is None else names[start:stop]
            name_bytes = sum(len(name.encode()) for name in part_names)
            if self._pending and not self._fits(name_bytes, part.corrections):
                self._flush()
                continue
            for type_, given in part.corrections.items():
                moved = Corrections(given.bound, given.places + self._pending, given.images)
                correcting = _Correcting(moved, part.decoded[given.places])
                self._corrections[type_].append(correcting)
            self._pixel_crc = zlib.crc32(part.back.data, self._pixel_crc)
            self._codes.append(part.codes)
            self._names += part_names
            self._name_bytes += name_bytes
            self._pending += len(part.codes)
            if self._pending == MAX_DIGITS:
                self._flush()
            start = stop

    def _fits(self, name_bytes: int, corrections: Mapping[LayerType, Corrections]) -> bool:
        """Tell whether names and corrections go into the chunk to come."""
        corrected = 0
        for type_, parts in self._corrections.items():
            mine = [part.given for part in parts]
            both = [*mine, corrections[type_]] if type_ in corrections else mine
            if len({part.bound for part in both}) > 1:
                return False
            corrected += sum(part.images.size for part in both)
        return corrected <= _MOST_CORRECTED and self._name_bytes + name_bytes <= _MAX_NAME_BYTES

    def _flush(self) -> None:
        """Write the pending digits as one chunk, in whichever representation is smallest."""
        codes = np.concatenate(self._codes)
        others = [*self._correcting()]
        if self._names:
            others.append(Layer(LayerType.NAMES, (naming.pack(self._names),)))
        frames = (
            Chunk(
                self._frames.digits,
                self._pending,
                self._pixel_crc,
                (Layer(LayerType.CODES, body), *others),
            ).to_bytes()
            for body in self._codec.packer.representations(codes)
        )
        self._frames.add(min(frames, key=len), self._pending)
        self._codes, self._names, self._name_bytes = [], [], 0
        self._corrections = {type_: [] for type_ in TYPES}
        self._pending, self._pixel_crc = 0, 0

    def _correcting(self) -> Iterator[Layer]:
        """Yield the layers that correct the pending digits."""
        for type_, parts in self._corrections.items():
            if parts:
                given = merged([part.given for part in parts])
                decoded = np.concatenate([part.decoded for part in parts])  # as places ascend
                layer = Layer(type_, given.pack(decoded, self._codec.residual))
                self.counts.correction_bytes += packed_size((layer.body,))
                yield layer

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if kind is None:
            self.close()


@contextmanager
def create(
    file: Writable, codec: Codec, encoder: FidelityEncoder | None = None, *, overwrite: bool = False
) -> Iterator[Writer]:
    """Yield a `Writer` to a path or a binary file object, whose images go through an encoder.

    A path is written beside and renamed at the end: it never shows part of an archive. Raises
    `OutputError` when it exists and `overwrite` is false, or when it cannot be written.
    """
    with opened(file, overwrite=overwrite) as out, Writer(out, codec, encoder) as writer:
        yield writer


def _between(
    corrections: Mapping[LayerType, Corrections], start: int, stop: int
) -> dict[LayerType, Corrections]:
    """Return the corrections of the digits `start` … `stop - 1`, counted from `start`."""
    found = ((type_, given.between(start, stop)) for type_, given in corrections.items())
    return {type_: given for type_, given in found if given is not None}
