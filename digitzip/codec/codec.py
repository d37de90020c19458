"""Images <-> codes. It knows no paths and no containers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.codec.search import Effort, Target, search
from digitzip.entropy.codes import Packer
from digitzip.entropy.residuals import Residual
from digitzip.errors import InputError
from digitzip.limits import DIMS, EFFORTS, THREADS
from digitzip.model import DEFAULT, DIMS_NAME, Model, load_model

Codes = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.uint8]
Images = npt.NDArray[np.uint8]

DEFAULT_EFFORT: Final = 1

EFFORT: Final = (
    Effort(sweeps=0, proposals=0, nearby=0),
    Effort(sweeps=1, proposals=1, nearby=1),
    Effort(sweeps=1, proposals=1, nearby=4),
    Effort(sweeps=1, proposals=2, nearby=8),
    Effort(sweeps=2, proposals=2, nearby=4),
    Effort(sweeps=2, proposals=2, nearby=12),
    Effort(sweeps=3, proposals=2, nearby=16),
    Effort(sweeps=6, proposals=3, nearby=20),
    Effort(sweeps=12, proposals=3, nearby=30),
    Effort(sweeps=200, proposals=4, nearby=60),
)
"""What each effort buys."""

_BATCH: Final = 512


class Codec:
    """Encodes and decodes with one model at one number of levels.

    `effort` is how long `encode` searches for better codes; 0 takes the encoder's answer (with one
    number, the best value: all are tried). All
    arithmetic is on integers: the same images, levels and effort give the same codes on every
    machine, and the same codes the same images. `threads` is how many batches are worked on at
    once; it pays where the matrix library itself uses one thread.
    """

    def __init__(
        self,
        model: Model,
        levels: int | None = None,
        effort: int | None = None,
        threads: int = 1,
    ) -> None:
        effort = DEFAULT_EFFORT if effort is None else effort
        for name, value, allowed in (("effort", effort, EFFORTS), ("threads", threads, THREADS)):
            if not isinstance(value, int) or value not in allowed:
                raise InputError(f"{name} is {value!r}, expected {allowed[0]} to {allowed[-1]}")
        self.model = model
        self.effort = effort
        self.threads = threads
        self._level_set = model.level_set(levels)
        self._target = Target(
            self.levels,
            self._decode_rows,
            self._level_set.costs,
            self._level_set.lambda_,
            model.nominal,
        )
        self.packer = Packer(self.levels, self._level_set.predict)

    @cached_property
    def residual(self) -> Residual | None:
        """What codes corrections of digits; None where the model has no network for it."""
        network, shape = self.model.residual, self.model.shape
        return None if network is None else Residual(network, shape.height, shape.width)

    @property
    def levels(self) -> int:
        """How many values a number of a code can take."""
        return self._level_set.levels

    def encode(self, images: Images) -> Codes:
        """Images uint8 [n, height, width] -> codes uint8 [n, d].

        Raises `InputError` for arrays of another type or shape.
        """
        images = self.check(images)
        pixels = images.reshape(len(images), self.model.shape.pixels)
        return self._in_batches(self._encode_rows, pixels, self.model.shape.dims)

    def decode(self, codes: Codes) -> Images:
        """Codes uint8 [n, d] -> images uint8 [n, height, width].

        Raises `InputError` for arrays of another type or shape, or with numbers out of range.
        """
        codes = np.asarray(codes)
        dims = self.model.shape.dims
        if codes.dtype != np.uint8 or codes.ndim != 2 or codes.shape[1] != dims:
            raise InputError(f"codes are {_describe(codes)}, expected uint8 [n, {dims}]")
        if codes.size and int(codes.max()) >= self.levels:
            raise InputError(f"a number of a code is {codes.max()}, expected below {self.levels}")
        shape = self.model.shape
        pixels = self._in_batches(self._decode_rows, codes, shape.pixels)
        return pixels.reshape(-1, shape.height, shape.width)

    @property
    def max_rmse(self) -> int | None:
        """The RMSE, in 1/65,535 of the range of pixels, of what the model was made for at most."""
        return self._level_set.max_rmse

    def worth(self, images: Images, codes: Codes, decoded: Images) -> npt.NDArray[np.int64]:
        """Return `squared error + lambda * rate` of codes uint8 [n, d] that give `decoded`.

        Images are uint8 [n, height, width]; what is worth most has the least, int64 [n].
        """
        missing = images.astype(np.int64) - decoded
        worth: npt.NDArray[np.int64] = np.einsum("nhw,nhw->n", missing, missing)
        if lambda_ := self._level_set.lambda_:
            worth += lambda_ * self._level_set.rate(codes)
        return worth

    def check(self, images: npt.NDArray[Any]) -> Images:
        """Return `images` if they are uint8 [n, height, width]; raises `InputError` otherwise."""
        images = np.asarray(images)
        shape = (self.model.shape.height, self.model.shape.width)
        if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != shape:
            raise InputError(
                f"images are {_describe(images)}, expected uint8 [n, {shape[0]}, {shape[1]}]"
            )
        return images

    def _encode_rows(self, pixels: Pixels) -> Codes:
        """Pixels uint8 [n, height * width] -> codes uint8 [n, d]."""
        codes = self._level_set.quantise(self.model.encoder(pixels))
        return search(pixels, codes, self._target, EFFORT[self.effort])

    def _decode_rows(self, codes: Codes) -> Pixels:
        """Codes uint8 [n, d], known to be in range, -> pixels uint8 [n, height * width]."""
        images = self.model.decode_points(self._level_set.dequantise(codes))
        return images.reshape(len(codes), self.model.shape.pixels)

    def _in_batches(self, work: Callable[[Codes], Codes], rows: Codes, width: int) -> Codes:
        """Return `work` of all rows, uint8 [n, width], in batches, several at once."""
        out = np.empty((len(rows), width), np.uint8)
        parts = [slice(start, start + _BATCH) for start in range(0, len(rows), _BATCH)]

        def fill(part: slice) -> None:
            out[part] = work(rows[part])

        if self.threads == 1 or len(parts) < 2:
            for part in parts:
                fill(part)
        else:
            from concurrent.futures import ThreadPoolExecutor  # slow to import, rarely needed

            with ThreadPoolExecutor(self.threads) as pool:
                list(pool.map(fill, parts))
        return out


def load_codec(
    model: str | Path | Model | None = None,
    *,
    dims: int | None = None,
    quality: int | None = None,
    effort: int | None = None,
    threads: int = 1,
) -> Codec:
    """Return the codec of a model: by name, by the path of its file, or the one of `dims` numbers.

    `quality` counts the model's numbers of levels from 1, the fewest. Raises `ModelError` when
    there is no such model or when it is refused, `InputError` when it has no such quality and
    when both `model` and `dims` are given.
    """
    if dims is not None:
        if model is not None:
            raise InputError("both a model and dims are given; dims picks a model by itself")
        if not isinstance(dims, int) or dims not in DIMS:
            raise InputError(f"dims is {dims!r}, expected {DIMS[0]} to {DIMS[-1]}")
        model = DIMS_NAME.format(dims)
    loaded = model if isinstance(model, Model) else load_model(DEFAULT if model is None else model)
    return Codec(loaded, loaded.levels_of(quality), effort, threads)


def _describe(array: npt.NDArray[Any]) -> str:
    return f"{array.dtype} {list(array.shape)}"
