"""Write archives: images in, chunks out, with memory for a few chunks a job."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack, suppress
from types import TracebackType
from typing import Any, BinaryIO, get_args

import numpy as np
import numpy.typing as npt

from digitzip.archive.assembly import Assembly
from digitzip.archive.index import Extras
from digitzip.archive.sink import ChunkSink, Writable, opened
from digitzip.archive.store import ChunkStore
from digitzip.archive.views import NamesView
from digitzip.arguments import describe, integer
from digitzip.codec import Codec
from digitzip.entropy.packed import packed_size
from digitzip.errors import ClosedError, DigitzipWarning, InputError
from digitzip.fidelity import FidelityCounts, FidelityEncoder, promise_of
from digitzip.format import Header
from digitzip.format.metadata import WRITER_KEY
from digitzip.format.metadata import check as check_metadata
from digitzip.format.names import check as check_name
from digitzip.images import Fit
from digitzip.images.fit_arrays import fit_images
from digitzip.images.taken_names import TakenNames
from digitzip.limits import DEFAULT_CHUNK_IMAGES, JOBS, MAX_CHUNK_IMAGES
from digitzip.model import Shape
from digitzip.version import __version__


class Writer:
    """A writer of one archive, as `create` and `append` return it.

    It works with and without a `with` block, and writes front to back without seeking.

    The file appears when `close` returns. Where a `with` block is left by an exception, or the
    writer is dropped without `close`, nothing appears. Images are encoded some hundred at a time,
    up to `jobs` times as many at once, so `counts` are complete when `close` returns.
    """

    def __init__(
        self,
        out: BinaryIO,
        codec: Codec,
        encoder: FidelityEncoder | None = None,
        *,
        metadata: Mapping[str, str] | None = None,
        chunk: int = DEFAULT_CHUNK_IMAGES,
        header: Header | None = None,
        fit: Fit = "none",
        jobs: int = 1,
        progress: Callable[[int], object] | None = None,
        outputs: ExitStack | None = None,
    ) -> None:
        """Write images that go through `encoder` to `out`.

        `metadata` is by default the version of digitzip. A given `header` replaces the header made
        from `codec`, `encoder` and `metadata`. `outputs` is closed when the writer is closed.
        """
        self._chunk = integer("chunk", chunk, range(1, MAX_CHUNK_IMAGES + 1))
        if header is None:
            shape = codec.model.shape
            sizes = (shape.height, shape.width, shape.dims, codec.levels)
            texts = {WRITER_KEY: __version__} if metadata is None else check_metadata(metadata)
            header = Header(codec.model.id, *sizes, promise_of(encoder), texts)
        if fit not in get_args(Fit):
            raise InputError(f"fit is {fit!r}, expected one of {get_args(Fit)}")
        self._codec, self._fit = codec, fit
        self._sink = ChunkSink(out, header)
        self._assembly = Assembly(
            codec,
            encoder,
            self._sink,
            capacity=self._chunk,
            jobs=integer("jobs", jobs, JOBS),
            progress=progress,
        )
        self._extras: Extras | None = None
        self._taken = TakenNames()
        self._outputs = outputs or ExitStack()
        self._closed = False

    @property
    def shape(self) -> Shape:
        """Height and width of an image, and the latents of a code."""
        return self._codec.model.shape

    @property
    def counts(self) -> FidelityCounts:
        """What the guard did so far."""
        return self._assembly.counts

    @property
    def named(self) -> bool | None:
        """Whether images have names; None before the first image."""
        return None if self._extras is None else self._extras.named

    @property
    def labelled(self) -> bool | None:
        """Whether images have labels; None before the first image."""
        return None if self._extras is None else self._extras.labelled

    def append(
        self,
        images: npt.NDArray[Any],
        names: Sequence[str] | None = None,
        labels: npt.ArrayLike | None = None,
    ) -> None:
        """Add images uint8 [n, height, width], or of a shape that can be read in no other way.

        Such shapes are [height, width], [n, height * width], and an axis of length 1 for channels.
        Each has a name and a label, an integer from 0 to 255, or none has.

        Raises `InputError` for other arrays and labels, for names that cannot be file names on
        every platform, where only some images of an archive have names or labels, and for names
        that decompress to one file: equal but for case or Unicode form, or one a file and the other
        its folder. Then nothing is added.
        """
        images = fit_images(images, self._fit, self.shape.height, self.shape.width)
        checked, label_bytes = self._check(len(images), names, labels)
        self._assembly.add(images, checked, label_bytes)

    def resume(self, store: ChunkStore) -> None:
        """Copy all images of a file of the same model and levels, before any are appended.

        Chunks are copied byte for byte, except the last: it is decoded, so that new images can fill
        it. Raises `DamagedError` where its pixels do not match its pixel CRC.
        """
        if not len(store):
            return
        self._extras = self._sink.extras = store.index.extras
        for number in store.numbers:
            span = store.span(number)
            if span.stop == len(store) and len(span) < self._chunk and store.divisible(number):
                rows = np.arange(span.start, span.stop, dtype=np.intp)
                store.verify(rows)
                if (body := store.correction_body(number)) is not None:
                    # only count what new images add
                    self.counts.correction_bytes -= packed_size((body,))
                batch, labels = store.batch_of(rows), store.chunk_labels(number)
                self._assembly.add_encoded(batch, store.chunk_names(number), labels)
            else:
                self._sink.copy(store.chunk_bytes(number))
        if store.named:
            for name in sorted(NamesView(store)):
                with suppress(InputError):  # a damaged or foreign file may hold unsafe names
                    self._taken.take(name)

    def close(self) -> None:
        """Complete the archive: the file appears. Closing twice does nothing."""
        if self._closed:
            return
        self._closed = True
        with self._outputs, self._assembly:
            self._assembly.finish()
            self._sink.close()
        misfits = self._assembly.misfits
        if 2 * misfits.images > self._assembly.images:
            warnings.warn(
                f"model {self._codec.model.name} does not fit these images: of "
                f"{self._assembly.images} reconstructions, {misfits.images} exceed its bound; "
                f"{misfits.remedy}",
                DigitzipWarning,
                stacklevel=2,
            )

    def _check(
        self, images: int, names: Sequence[str] | None, labels: npt.ArrayLike | None
    ) -> tuple[list[str], bytes]:
        """Return the checked names and labels of `images` images; raises `InputError`."""
        if self._closed:
            raise ClosedError("the writer is closed; nothing can be appended")
        checked = [] if names is None else _check_names(names)
        label_bytes = b"" if labels is None else _check_labels(labels)
        if not images:
            return [], b""
        for what, given, count in (
            ("names", names is not None, len(checked)),
            ("labels", labels is not None, len(label_bytes)),
        ):
            if given and count != images:
                raise InputError(f"{count} {what} for {images} images")
        extras = Extras(names is not None, labels is not None)
        if self._extras is not None and (only := self._extras.disagreement(extras)):
            raise InputError(
                f"some images have {only} and others none; give {only} to all, or to none"
            )
        self._taken.take_all(checked)  # raises where two images would be one file
        self._extras = self._sink.extras = extras
        return checked, label_bytes

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
            self._assembly.close()
            self._outputs.__exit__(kind, error, trace)


def create(
    file: Writable,
    codec: Codec,
    encoder: FidelityEncoder | None = None,
    *,
    metadata: Mapping[str, str] | None = None,
    chunk: int = DEFAULT_CHUNK_IMAGES,
    fit: Fit = "none",
    jobs: int = 1,
    progress: Callable[[int], object] | None = None,
    overwrite: bool = False,
) -> Writer:
    """Return a `Writer` to a path or a binary file object.

    Raises `OutputError` when the path exists and `overwrite` is false, or cannot be written.
    """
    with ExitStack() as pending:
        out, outputs = pending.enter_context(opened(file, overwrite=overwrite)), ExitStack()
        writer = Writer(
            out,
            codec,
            encoder,
            metadata=metadata,
            chunk=chunk,
            fit=fit,
            jobs=jobs,
            progress=progress,
            outputs=outputs,
        )
        outputs.push(pending.pop_all())
        return writer


def _check_names(names: Sequence[str]) -> list[str]:
    """Return names as a list; raises `InputError` for names that are not safe file names."""
    if isinstance(names, str):
        raise TypeError(f"names are a sequence of strings, not {names!r:.80}")
    return [check_name(name) for name in names]


def _check_labels(labels: npt.ArrayLike) -> bytes:
    """Return labels [n] as bytes; raises `InputError` for any but integers from 0 to 255."""
    array = np.asarray(labels)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InputError(f"labels are {describe(array)}, expected integers [n]")
    if array.size and not 0 <= int(array.min()) <= int(array.max()) <= 255:
        raise InputError(f"labels are {array.min()} to {array.max()}, expected 0 to 255")
    return array.astype(np.uint8).tobytes()
