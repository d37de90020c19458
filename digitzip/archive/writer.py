"""Writing archives: images in, chunks out, whatever their number."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Any, BinaryIO, Final

import numpy as np
import numpy.typing as npt

from digitzip.archive.builder import BuiltChunk, ChunkBuilder
from digitzip.archive.sink import ChunkSink, Writable, opened
from digitzip.archive.store import ChunkStore
from digitzip.archive.views import NamesView
from digitzip.codec import Codec, EncodedBatch, Images
from digitzip.entropy.corrections import packed_size
from digitzip.errors import ClosedError, InputError
from digitzip.fidelity import FidelityCounts, FidelityEncoder, promise_of
from digitzip.format import Guard, Header, naming
from digitzip.format.chunk import MAX_DIGITS
from digitzip.model import Shape

_STEP: Final = 4096  # images that are encoded at a time


class Writer:
    """Writes one archive, with or without a `with` block, front to back, never seeking.

    The file appears when `close` returns. Where a `with` block is left by an exception, or the
    writer is dropped without `close`, nothing appears. Holds the images of at most one chunk.
    """

    def __init__(
        self,
        out: BinaryIO,
        codec: Codec,
        encoder: FidelityEncoder | None = None,
        promise: Guard | None = None,
        outputs: ExitStack | None = None,
    ) -> None:
        """Write images that go through `encoder` to `out`; a promise replaces the encoder's own.

        `outputs` are left when the writer is closed.
        """
        shape = codec.model.shape
        header = Header(
            codec.model.id,
            shape.height,
            shape.width,
            shape.dims,
            codec.levels,
            promise or promise_of(encoder),
        )
        self._codec, self._encoder = codec, encoder
        self._sink, self._builder = ChunkSink(out, header), ChunkBuilder(codec)
        self._named: bool | None = None
        self.taken: frozenset[str] = frozenset()
        """The names of the images that were in the file before, where it is appended to."""
        self.counts = FidelityCounts()
        self._outputs = outputs or ExitStack()
        self._closed = False

    @property
    def shape(self) -> Shape:
        """Height and width of an image, and the latents of a code."""
        return self._codec.model.shape

    @property
    def named(self) -> bool | None:
        """Whether images have names; None before the first image."""
        return self._named

    @property
    def usual(self) -> bool:
        """Whether images are held to what the model says, and to no bound of anyone's own."""
        return self._encoder is not None and self._encoder.has_default_bounds

    def append(self, images: npt.NDArray[Any], names: Sequence[str] | None = None) -> None:
        """Add images uint8 [n, height, width] or [height, width], with a name each or none.

        Raises `InputError` for other arrays, for names that FORMAT.md section 5.1 forbids, when
        some images of an archive are named and others not, and for a name that the file which is
        appended to has already.
        """
        images = np.asarray(images)
        images = self._codec.check(images[None] if images.ndim == 2 else images)
        checked = self._check(len(images), names)
        for start in range(0, len(images), _STEP):
            part = slice(start, start + _STEP)
            self._write(self._builder.add(self._encode(images[part]), checked[part]))

    def _encode(self, images: Images) -> EncodedBatch:
        """Return images as the file will give them, corrected where the guard asks for it."""
        if self._encoder is None:
            codes = self._codec.encode(images)
            return EncodedBatch.plain(codes, self._codec.decode(codes))
        batch, used = self._encoder.encode(images)
        self.counts.add(used)
        return batch

    def resume(self, store: ChunkStore) -> None:
        """Begin with all images of a file of the same model and levels.

        Its chunks are copied as they are, but the last is filled up. Raises `DamagedError` where
        that one does not decode as its writer saw: its pixel CRC could cover no more images.
        """
        for number in store.numbers:
            span = store.span(number)
            if span.stop == len(store) and len(span) < MAX_DIGITS and store.divisible(number):
                rows = np.arange(span.start, span.stop, dtype=np.intp)
                store.prove(rows)
                self._builder.first = span.start
                for _, body in store.correction_bodies(number):
                    spent = packed_size((body,))
                    self.counts.correction_bytes -= spent  # the new images cost the rest
                self._write(self._builder.add(store.batch_of(rows), store.names(number)))
            else:
                self._sink.copy(store.stored(number))
                self._builder.first = span.stop
        if len(store):
            self._named = bool(store.named)
            self.taken = frozenset(NamesView(store))

    def close(self) -> None:
        """Complete the archive: the file appears. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        with self._outputs:
            self._write(self._builder.finish())
            self._sink.close()

    def _write(self, chunks: Sequence[BuiltChunk]) -> None:
        for chunk in chunks:
            self._sink.add(chunk.frame, chunk.images)
            self.counts.correction_bytes += sum(chunk.correction_bytes.values())

    def _check(self, images: int, names: Sequence[str] | None) -> list[str]:
        """Return the names, if any, that so many images may have; raises `InputError`."""
        if self._closed:
            raise ClosedError("the writer is closed; nothing can be appended")
        checked = [naming.check(name) for name in names or ()]
        if not images:
            return []
        if names is not None and len(checked) != images:
            raise InputError(f"{len(checked)} names for {images} images")
        if self._named not in (None, names is not None):
            raise InputError("some digits have names and others none; give all a name, or none")
        for name in checked:
            if name in self.taken:
                raise InputError(f"the file has a digit named {name!r} already; rename the new one")
        self._named = names is not None
        return checked

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
        elif not self._closed:
            self._closed = True
            self._outputs.__exit__(kind, error, trace)


def create(
    file: Writable,
    codec: Codec,
    encoder: FidelityEncoder | None = None,
    *,
    overwrite: bool = False,
) -> Writer:
    """Return a `Writer` to a path or a binary file object.

    Raises `OutputError` when the path exists and `overwrite` is false, or cannot be written.
    """
    with ExitStack() as outputs:
        out = outputs.enter_context(opened(file, overwrite=overwrite))
        return Writer(out, codec, encoder, outputs=outputs.pop_all())
