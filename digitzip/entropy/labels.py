"""Labels of images <-> the body of a labels layer: plain, or coded (FORMAT.md section 5.2).

Coded labels are as short as the codes of the images make them likely. This room knows no model
files and no chunks.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.entropy.codes import CodeCoder, Codes
from digitzip.entropy.packed import smallest
from digitzip.errors import DamagedError
from digitzip.kernels import KERNELS, Network

Integers = npt.NDArray[np.integer[Any]]
Labels = npt.NDArray[np.uint8]

_PLAIN: Final = b"\0"
_CODED: Final = b"\1"
_WHAT: Final = "labels"


class LabelModel:
    """Codes the labels 0 … `labels` - 1; `network` gives their scores for the points of a code.

    `points` are those of codes uint8 [n, d], int [n, d].
    """

    def __init__(self, network: Network, points: Callable[[Codes], Integers]) -> None:
        self._network, self._points = network, points
        self._coder = CodeCoder(network.outputs, self.scores)

    @property
    def labels(self) -> int:
        """How many labels there are."""
        return self._network.outputs

    def scores(self, codes: Codes) -> Integers:
        """Codes uint8 [n, d] -> the scores of their labels, int32 [n, labels]."""
        return KERNELS.forward(self._network, self._points(codes))

    def encode(self, labels: Labels, codes: Codes) -> bytes:
        """Return the bytes from which `decode` recovers labels uint8 [n] of codes uint8 [n, d]."""
        last = codes.shape[1]
        intervals = self._coder.cdf_intervals(np.column_stack([codes, labels]), last)
        return KERNELS.rans_encode([intervals], 1)

    def decode(self, data: bytes, codes: Codes) -> Labels:
        """Return the labels, uint8 [n], of codes uint8 [n, d]; raises `DamagedError`."""
        decoder = KERNELS.rans_decoder(data, 1, len(codes), _WHAT)
        labels = self._coder.take(decoder, codes)
        decoder.finish()
        return labels


Context = Callable[[], tuple[Codes, LabelModel | None]]
"""Gives the codes of a chunk, uint8 [n, d], and the label model, if its model has one."""


def pack_labels(labels: bytes, codes: Codes, model: LabelModel | None) -> tuple[bytes, ...]:
    """Return the smallest body of the layer, in pieces; a byte for each of codes uint8 [n, d]."""
    representations = [(_PLAIN + labels,)]
    values = np.frombuffer(labels, np.uint8)
    if model is not None and int(values.max()) < model.labels:
        representations.append((_CODED + model.encode(values, codes),))
    return smallest(representations).pieces


def unpack_labels(body: bytes, images: int, context: Context) -> bytes:
    """Return the labels of a chunk, one byte for each image; raises `DamagedError`.

    `context` is called for coded labels only: plain ones need no model.
    """
    if are_coded(body):
        codes, model = context()
        if model is None:
            raise DamagedError("labels: they are coded, but the model has no label model")
        return model.decode(body[1:], codes).tobytes()
    return unpack_plain_labels(body, images)


def unpack_plain_labels(body: bytes, images: int) -> bytes:
    """Return the labels of a chunk where they are plain, as `unpack_labels`."""
    if body[:1] != _PLAIN:
        raise DamagedError(f"labels: unknown representation {body[:1].hex() or 'of no bytes'}")
    if len(body) - 1 != images:
        raise DamagedError(f"labels: {len(body) - 1} labels, expected {images}")
    return body[1:]


def are_coded(body: bytes) -> bool:
    """Return whether the labels of a layer's body are coded."""
    return body[:1] == _CODED
