"""Images <-> codes. It knows no paths and no containers."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip import jobs
from digitzip.arguments import describe, integer
from digitzip.blas import one_thread
from digitzip.codec.candidates import Flags, Integers, Pixels
from digitzip.codec.effort import EFFORT
from digitzip.codec.encoded import Codes, Images
from digitzip.codec.search import search, search_near
from digitzip.entropy.codes import CodeCoder
from digitzip.entropy.labels import LabelModel
from digitzip.entropy.packets import pack_code, unpack_code
from digitzip.entropy.residuals import ResidualModel
from digitzip.errors import InputError
from digitzip.images.fit_arrays import as_images
from digitzip.limits import DIMS, EFFORTS, LEVELS
from digitzip.model import DEFAULT, DIMS_NAME, Model, latent_model, load_model

DEFAULT_EFFORT: Final = 1

_BATCH: Final = 512


class Codec:
    """Encode and decode with one model at one number of levels.

    `effort`, 0 to 9, is how long `encode` searches for better codes; 0 takes the code that the
    encoder gives, except for a single latent, all values of which are tried. All arithmetic is on
    integers: the same images, levels and effort give the same codes on every machine, and the same
    codes the same images. Safe to use from several threads.
    """

    def __init__(self, model: Model, levels: int | None = None, effort: int | None = None) -> None:
        self.model = model
        self.effort = integer("effort", DEFAULT_EFFORT if effort is None else effort, EFFORTS)
        levels = None if levels is None else integer("levels", levels, LEVELS)
        self._latents = latent_model(model, levels)
        self.coder = CodeCoder(self.levels, self._latents.scores)

    @cached_property
    def residual(self) -> ResidualModel | None:
        """The coder of corrections; None where the model has no residual model."""
        return None if self.model.residual is None else ResidualModel(self.model.residual)

    @cached_property
    def labels(self) -> LabelModel | None:
        """The coder of labels; None where the model has no label model."""
        network = self.model.labels
        if network is None:
            return None
        return LabelModel(network, self.model.quantiser(self.levels).dequantise)

    @property
    def levels(self) -> int:
        """How many values a latent can take."""
        return self._latents.levels

    @property
    def max_rmse(self) -> int | None:
        """The greatest RMSE of an image that fits the model, in 1/65,535 of the pixel range."""
        return self._latents.max_rmse

    def encode(self, images: Images) -> Codes:
        """Encode images uint8 [n, height, width] to codes uint8 [n, d].

        Raises `InputError` for arrays of another dtype or shape.
        """
        pixels = self._pixels(self.check(images))
        return self._in_batches(self._encode_rows, pixels, self.model.shape.dims)

    def decode(self, codes: Codes) -> Images:
        """Decode codes uint8 [n, d] to images uint8 [n, height, width].

        Raises `InputError` for arrays of another dtype or shape, or with latents out of range.
        """
        codes = np.asarray(codes)
        shape = self.model.shape
        if codes.dtype != np.uint8 or codes.ndim != 2 or codes.shape[1] != shape.dims:
            raise InputError(f"codes are {describe(codes)}, expected uint8 [n, {shape.dims}]")
        self._check_range(codes)
        pixels = self._in_batches(self._latents.decode, codes, shape.pixels)
        return pixels.reshape(-1, shape.height, shape.width)

    def pack(self, code: Codes) -> bytes:
        """Pack one code, uint8 [d], into about as many bytes as its probability allows.

        A packet has no header and no checksum: the receiver needs to know model and levels.
        Raises `InputError` for arrays of another dtype or shape, or with latents out of range.
        Packets are section 10 of FORMAT.md.
        """
        code, dims = np.asarray(code), self.model.shape.dims
        if code.dtype != np.uint8 or code.shape != (dims,):
            raise InputError(f"code is {describe(code)}, expected uint8 [{dims}]")
        self._check_range(code)
        return pack_code(code, self.coder.cdf)

    def unpack(self, data: bytes | bytearray | memoryview) -> Codes:
        """Unpack the bytes that `pack` gives into the code, uint8 [d].

        Raises `DamagedError` for bytes that are the packet of no code, `InputError` for anything
        but bytes.
        """
        if not isinstance(data, bytes | bytearray | memoryview):
            raise InputError(f"data is of type {type(data).__name__}, expected bytes")
        return unpack_code(bytes(data), self.model.shape.dims, self.coder.cdf)

    @one_thread
    def search_near(
        self,
        images: Images,
        codes: Codes,
        allowed: Callable[[Integers, Images], Flags],
        nearest: int,
    ) -> tuple[Codes, Flags]:
        """Return the best allowed codes near codes uint8 [n, d], and which were found, bool [n].

        `allowed` tells which reconstructions uint8 [k, height, width] are good enough for the
        images of rows int [k]. For each image it is asked about the `nearest` reconstructions
        around its code; the code of lowest rate-distortion cost wins. Where none is allowed, the
        image keeps its code.
        """

        def allowed_rows(part: slice, recon: Pixels) -> Flags:
            k, n, _ = recon.shape
            rows = np.tile(np.arange(part.start, part.start + n), k)
            return allowed(rows, recon.reshape(k * n, *images.shape[1:])).reshape(k, n)

        return search_near(self._pixels(images), codes, self._latents, allowed_rows, nearest)

    def check(self, images: npt.NDArray[Any]) -> Images:
        """Return images uint8 [n, height, width] of an array that can be read in one way only.

        Raises `InputError` for any other array.
        """
        shape = self.model.shape
        images = as_images(images, shape.height, shape.width)
        if images.shape[1:] != (shape.height, shape.width):
            raise InputError(
                f"images are {describe(images)}; expected uint8 [n, {shape.height}, {shape.width}]"
            )
        return images

    def _check_range(self, codes: Codes) -> None:
        if codes.size and int(codes.max()) >= self.levels:
            raise InputError(f"a latent of a code is {codes.max()}, expected below {self.levels}")

    def _pixels(self, images: Images) -> Pixels:
        """Return images uint8 [n, height, width] as uint8 [n, height * width]."""
        return images.reshape(len(images), self.model.shape.pixels)

    @one_thread
    def _encode_rows(self, pixels: Pixels) -> Codes:
        """Encode pixels uint8 [n, height * width] to codes uint8 [n, d]."""
        return search(pixels, self._latents.encode(pixels), self._latents, EFFORT[self.effort])

    def _in_batches(self, work: Callable[[Codes], Codes], rows: Codes, width: int) -> Codes:
        """Apply `work` to all rows in batches; returns uint8 [n, width]."""
        out = np.empty((len(rows), width), np.uint8)
        for start in range(0, len(rows), _BATCH):
            jobs.check()
            part = slice(start, start + _BATCH)
            out[part] = work(rows[part])
        return out


def load_codec(
    model: str | Path | Model | None = None,
    *,
    dims: int | None = None,
    quality: int | None = None,
    effort: int | None = None,
) -> Codec:
    """Load the codec of a model: by name, by the path of its file, or the one with `dims` latents.

    `quality` is the model's number of levels, counted from 1, the fewest. Raises `ModelError`
    when there is no such model or it is refused, and `InputError` when the model has no such
    quality or both `model` and `dims` are given.
    """
    if dims is not None:
        if model is not None:
            raise InputError("both model and dims are given; give one of them")
        model = DIMS_NAME.format(integer("dims", dims, DIMS))
    loaded = model if isinstance(model, Model) else load_model(DEFAULT if model is None else model)
    return Codec(loaded, loaded.levels_of(quality), effort)
