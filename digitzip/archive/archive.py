"""An open archive: any image at random, or all of them in a stream."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.archive.finding import find
from digitzip.archive.info import CorrectionStats, Info, info_of, stats_of
from digitzip.archive.opening import Opening
from digitzip.archive.storage import Readable
from digitzip.archive.store import ChunkStore
from digitzip.archive.views import CodesView, LabelsView, NamesView
from digitzip.codec import Codec, Images
from digitzip.errors import DamagedError, InputError
from digitzip.images.sheet import sheet_png
from digitzip.model import Model

_SHEET: Final = 100  # images on a contact sheet


class Archive:
    """An open archive: a sequence of images, decoded as they are asked for.

    `dz[i]` is uint8 [height, width]; `dz[a:b]` and `dz[[3, 1]]` are uint8 [n, height, width];
    `dz.codes`, `dz.names` and `dz.labels` are indexed alike. Safe to use from several threads, and
    after a fork; an archive opened by path or from bytes can be pickled.

    Random access checks the stored bytes of a chunk; `batches`, iteration and `test` also check
    the decoded pixels of every chunk they use as a whole.
    """

    def __init__(self, store: ChunkStore) -> None:
        self._store = store
        self.codes = CodesView(self._store)
        self.names: NamesView | None = NamesView(self._store) if self._store.named else None
        self.labels: LabelsView | None = LabelsView(self._store) if self._store.labelled else None

    @property
    def codec(self) -> Codec:
        """The codec of the file's model, loaded when it is first used.

        Raises `ModelError` when no known folder holds the model.
        """
        return self._store.codec

    def __len__(self) -> int:
        return len(self._store)

    def __getitem__(self, key: Any) -> Images:
        found = self._store.select(key, self.shape[1:])
        images: Images = self._store.batch_of(found.rows).pixels[found.index]
        return images

    def __array__(
        self, dtype: npt.DTypeLike | None = None, copy: bool | None = None
    ) -> npt.NDArray[Any]:
        """Decode all images as NumPy asks for them; raises `LimitError` for too many."""
        if copy is False:
            raise ValueError("an archive is decoded to a new array; copy=False is not possible")
        return np.asarray(self[...], dtype)

    @property
    def shape(self) -> tuple[int, int, int]:
        """Images, height and width: the shape of the array that the archive stands for."""
        return len(self), self._store.header.height, self._store.header.width

    @property
    def ndim(self) -> int:
        """The number of axes, 3."""
        return 3

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        """The type of the pixels, uint8."""
        return np.dtype(np.uint8)

    def __repr__(self) -> str:
        if self._store.storage.closed:
            return "<digitzip.Archive, closed>"
        images, height, width = self.shape
        source = self._store.storage.source
        name = f" {os.fspath(source)!r}" if isinstance(source, str | PathLike) else ""
        return f"<digitzip.Archive{name}: {images} images of {height} x {width} pixels>"

    def _repr_png_(self) -> bytes | None:
        """Return a contact sheet of the first images as a PNG file, for notebooks."""
        if self._store.storage.closed or not len(self):
            return None
        return sheet_png(self[:_SHEET])

    def __iter__(self) -> Iterator[Images]:
        for batch in self.batches():
            yield from batch

    def batches(self, n: int = 4096, start: int = 0, stop: int | None = None) -> Iterator[Images]:
        """Yield the images from `start` to `stop` as uint8 [<= n, height, width], in order.

        Chunks that are read whole are verified by their pixel CRC before any image is yielded.
        """
        self._store.check_open()
        if n < 1:
            raise InputError(f"batches of {n} images, expected 1 or more")
        start, stop, _ = slice(start, stop).indices(len(self))
        for images in self._store.chunks_between(start, stop):
            yield from (images[i : i + n] for i in range(0, len(images), n))

    def test(self, rows: Any = None, *, progress: Callable[[int], object] | None = None) -> None:
        """Verify the decoded pixels of every chunk by its pixel CRC; raises `DamagedError`.

        Also check names, labels and the trailer. With `rows`, any key that `dz[rows]` takes, only
        verify the chunks that hold these images. `progress` gets the number of images of the file
        that are verified so far.
        """
        self._store.check_open()
        if rows is not None:
            self._store.verify(self._store.select(rows).rows)
            return
        numbers = self._store.numbers
        chunks = self._store.whole_chunks(numbers)
        for number, _ in zip(numbers, chunks, strict=True):
            self._store.chunk_names(number)
            self._store.chunk_labels(number)
            if progress is not None:
                progress(self._store.span(number).stop)
        self._store.check_corrected()
        if self._store.index.damaged:
            raise DamagedError("the file has no valid trailer")

    def find(self, *words: str) -> npt.NDArray[np.intp]:
        """Return the rows, intp [n], of numbers, ranges, names and patterns, each once.

        A range A:B goes up to B, without B itself. Raises `InputError` for a word that means no
        image of the archive, and for a range that goes beyond it.
        """
        self._store.check_open()
        return find(self._store, words)

    @property
    def info(self) -> Info:
        """Facts from the header and the trailer; no chunk is read."""
        self._store.check_open()
        return info_of(self._store)

    def stats(self) -> CorrectionStats:
        """Return statistics of the corrections; reads every chunk, decodes none."""
        self._store.check_open()
        return stats_of(self._store)

    def close(self) -> None:
        """End the use of the archive, and close the file if the archive opened it."""
        self._store.close()

    def __enter__(self) -> Archive:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def __reduce__(self) -> tuple[Any, ...]:
        source = self._store.storage.source
        if not isinstance(source, str | PathLike | bytes):
            raise TypeError("only an archive opened by path or from bytes can be pickled")
        return open_archive, (source, self._store.opening)


def open_archive(file: Readable, opening: Opening) -> Archive:
    """Open a path, bytes or a binary file."""
    return Archive(ChunkStore(file, opening))


@contextmanager
def opened_archive(
    file: Readable | Archive, model: str | Path | Model | None, jobs: int | None
) -> Iterator[Archive]:
    """Yield an open archive as it is, or open a path, bytes or a binary file for the block."""
    if not isinstance(file, Archive):
        with open_archive(file, Opening(model=model, jobs=1 if jobs is None else jobs)) as dz:
            yield dz
        return
    for name, value in (("model", model), ("jobs", jobs)):
        if value is not None:
            raise InputError(
                f"{name}= is for a file that is opened; an open archive has its {name}"
            )
    yield file
