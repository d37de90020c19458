"""Reading archives: any digit at random, or all of them in a stream."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from os import PathLike
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
import numpy.typing as npt

from digitzip.archive.finding import find
from digitzip.archive.index import Index, read_header, read_index, rebuild_index
from digitzip.archive.info import Info, info_of
from digitzip.archive.storage import Readable, Storage
from digitzip.archive.store import Chunks
from digitzip.archive.views import CodesView, NamesView, resolve
from digitzip.codec import Codec, Images
from digitzip.errors import DamagedError, InputError, ModelError
from digitzip.format import Header
from digitzip.limits import MAX_DIGITS
from digitzip.model import Model, find_model, load_model


class Archive:
    """An open archive: a sequence of images, decoded as they are asked for.

    `dz[i]` is uint8 [height, width]; `dz[a:b]` and `dz[[3, 1]]` are uint8 [n, height, width];
    `dz.codes` and `dz.names` are indexed alike. Safe to use from several threads, and after a
    fork; an archive opened by path or from bytes can be pickled.

    Random access checks the stored bytes of a chunk; `batches`, iteration and `test` also check
    the decoded pixels of every chunk they use as a whole.
    """

    def __init__(
        self,
        file: Readable,
        *,
        model: str | Path | Model | None = None,
        rebuild: bool = False,
        max_digits: int = MAX_DIGITS,
        threads: int = 1,
    ) -> None:
        self._reopen = partial(
            Archive, model=model, rebuild=rebuild, max_digits=max_digits, threads=threads
        )
        self._storage = Storage(file)
        try:
            self.header: Header = read_header(self._storage)
            index = self._find_chunks(rebuild)
            self._model, self._threads, self.max_digits = model, threads, max_digits
            if model is not None:
                _ = self.codec  # a model that was given and does not fit is refused at once
            self.chunks = Chunks(self._storage, index, lambda: self.codec)
            self.codes = CodesView(self)
            self.names: NamesView | None = NamesView(self) if self.chunks.named else None
        except BaseException:
            self.close()
            raise

    def _find_chunks(self, rebuild: bool) -> Index:
        try:
            return read_index(self._storage, self.header)
        except DamagedError as error:
            if not rebuild:
                raise DamagedError(f"{error}; digitzip recover saves what is whole") from error
            return rebuild_index(self._storage, self.header)

    @cached_property
    def codec(self) -> Codec:
        """The codec of the file's model, loaded when it is first used.

        Raises `ModelError` when no known folder holds the model.
        """
        return Codec(model_for(self.header, self._model), self.header.levels, 0, self._threads)

    def __len__(self) -> int:
        return self.chunks.index.digits

    def __getitem__(self, key: Any) -> Images:
        digits = self.resolve(key)  # [] or [n]
        flat = digits.reshape(-1)
        images = self.codec.decode(self.codes[flat])
        for number, positions in self.locate(flat):
            for each in self.chunks.corrections(number).values():
                places = flat[positions] - self.chunks.first(number)
                images[positions] = each.applied(places, images[positions])
        return images.reshape(*digits.shape, self.header.height, self.header.width)

    def __iter__(self) -> Iterator[Images]:
        for batch in self.batches():
            yield from batch

    def batches(self, n: int = 4096, start: int = 0, stop: int | None = None) -> Iterator[Images]:
        """Yield the images from `start` to `stop` as uint8 [<= n, height, width], in order.

        Chunks that are read whole are proved by their pixel CRC before any image is yielded.
        """
        self._check_open()
        if n < 1:
            raise InputError(f"batches of {n} digits, expected 1 or more")
        start, stop, _ = slice(start, stop).indices(len(self))
        for number, place in enumerate(self.chunks.index.places):
            low, high = max(start - place.first, 0), min(stop - place.first, place.entry.digits)
            if low < high:
                images = self.chunks.images(number, low, high)
                yield from (images[i : i + n] for i in range(0, len(images), n))

    def test(self) -> None:
        """Prove that every digit decodes here as its writer meant; raises `DamagedError`."""
        self._check_open()
        for number, place in enumerate(self.chunks.index.places):
            self.chunks.images(number, 0, place.entry.digits)
            if self.names is not None:
                self.chunks.names(number)
        if self.chunks.index.damaged:
            raise DamagedError("the file has no valid trailer")

    def find(self, *words: str) -> npt.NDArray[np.intp]:
        """Return the digits, intp [n], that numbers, ranges, names and patterns mean, each once.

        Raises `InputError` for a word that means no digit of the archive.
        """
        self._check_open()
        return find(self, words)

    def prove(self, digits: npt.NDArray[np.intp]) -> None:
        """Prove the chunks that hold `digits` as `test` proves all; raises `DamagedError`."""
        for number in np.unique(self.chunks.index.find(digits)).tolist():
            self.chunks.images(number, 0, self.chunks.digits(number))

    @property
    def size(self) -> int:
        """How many bytes the file has."""
        return self._storage.size

    @property
    def info(self) -> Info:
        """What the archive holds, without decoding it."""
        self._check_open()
        return info_of(self)

    def locate(self, digits: npt.NDArray[np.intp]) -> Iterator[tuple[int, npt.NDArray[np.intp]]]:
        """Yield each chunk that holds some of `digits`, with the positions of those in `digits`."""
        chunks = self.chunks.index.find(digits)
        order = np.argsort(chunks, kind="stable")  # one pass, however many chunks there are
        numbers, starts = np.unique(chunks[order], return_index=True)
        yield from zip(numbers.tolist(), np.split(order, starts[1:]), strict=False)

    def resolve(self, key: Any) -> npt.NDArray[np.intp]:
        """Return the digits, intp [n] or [], that an index, slice or index array means."""
        self._check_open()
        return resolve(key, len(self), self.max_digits)

    def _check_open(self) -> None:
        if self._storage.closed:
            raise ValueError("the archive is closed")

    def close(self) -> None:
        """End the use of the archive, and close the file if the archive opened it."""
        self._storage.close()

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
        source = self._storage.source
        if not isinstance(source, str | PathLike | bytes):
            raise TypeError("only an archive opened by path or from bytes can be pickled")
        return self._reopen, (source,)


def model_for(header: Header, model: str | Path | Model | None) -> Model:
    """Return the model the file was made with, which `model` must be if it is given."""
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
    return found
