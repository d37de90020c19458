"""What the residual model sees of a pixel: causal neighbours, reconstruction, position, bound.

The layout of the inputs is docs/MODELS.md section 2. Pixels outside an image are 0. Positions count
the pixels of an image row by row.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import numpy.typing as npt

Images = npt.NDArray[np.uint8]
Integers = npt.NDArray[np.integer[Any]]

VALUES: Final = 256
MAX_WEIGHT: Final = 1 << 16
"""Largest weight of a pixel value: float32 adds 256 of them exactly."""
CAUSAL_REACH: Final = 5
"""Rows above a pixel, and columns to either side, whose final pixels are seen."""
RECON_REACH: Final = 3
"""Rows and columns around a pixel whose reconstruction is seen."""
_CAUSAL: Final = CAUSAL_REACH * (2 * CAUSAL_REACH + 2)
CONTEXT_SIZE: Final = _CAUSAL + (2 * RECON_REACH + 1) ** 2

_FAINT: Final = 8  # reconstructed pixels below this count as 0


def input_size(height: int, width: int) -> int:
    """Return the number of inputs of the residual model for images of this size."""
    return CONTEXT_SIZE + height + width + 1


class Context:
    """Gathers contexts from padded images of one size.

    `final` [n, …] comes from `pad_final`, `recon` [n, …] from `pad_recon`.
    """

    def __init__(self, height: int, width: int) -> None:
        positions = np.arange(height * width)
        rows, columns = np.divmod(positions, width)
        square = _square(rows, columns, width, CAUSAL_REACH)
        self._causal, self._centre = square[:, :_CAUSAL], square[:, _CAUSAL]
        self._around = _square(rows, columns, width, RECON_REACH)
        self._position = np.zeros((height * width, height + width), np.uint8)  # one-hot, 255
        self._position[positions, rows] = 255
        self._position[positions, height + columns] = 255

    def gather(self, final: Images, recon: Images, images: Integers, positions: Integers) -> Images:
        """Return the contexts of positions [k] of images [k], uint8 [k, 109]."""
        rows = images[:, None]
        parts = final[rows, self._causal[positions]], recon[rows, self._around[positions]]
        return np.concatenate(parts, axis=1)

    def gather_at(self, final: Images, recon: Images, position: int) -> Images:
        """Return the contexts of one position of all images, uint8 [n, 109]."""
        causal, around = self._causal[position], self._around[position]
        return np.concatenate([final.take(causal, axis=1), recon.take(around, axis=1)], axis=1)

    def inputs(self, context: Images, positions: Integers | int, bounds: Integers | int) -> Images:
        """Return the inputs of the residual model, uint8 [k, inputs], for contexts [k, 109]."""
        k = len(context)
        where = np.broadcast_to(self._position[positions], (k, self._position.shape[1]))
        last = np.broadcast_to(np.asarray(bounds, np.uint8), (k,))[:, None]
        return np.concatenate([context, where, last], axis=1)

    def put(self, final: Images, position: int, values: Integers) -> None:
        """Set one position of all images to values [n]."""
        final[:, self._centre[position]] = values

    def crop(self, final: Images) -> Images:
        """Return the pixels of all images without padding, uint8 [n, pixels]."""
        return final.take(self._centre, axis=1)


def pad_final(images: Images) -> Images:
    """Pad final pixels uint8 [n, h, w] for `Context`."""
    return _pad(images, CAUSAL_REACH)


def pad_recon(recon: Images) -> Images:
    """Pad reconstructions uint8 [n, h, w] for `Context`, without faint pixels."""
    return _pad(np.where(recon < _FAINT, 0, recon).astype(np.uint8), RECON_REACH)


def _pad(images: Images, reach: int) -> Images:
    padded = np.pad(images, ((0, 0), (reach, reach), (reach, reach)))
    return padded.reshape(len(padded), padded.shape[1] * padded.shape[2])


def _square(rows: Integers, columns: Integers, width: int, reach: int) -> Integers:
    """Return offsets in a padded image of the square around each pixel, [pixels, (2r + 1)^2]."""
    span = np.arange(2 * reach + 1)
    down = (rows[:, None, None] + span[:, None]) * (width + 2 * reach)
    offsets: Integers = (down + columns[:, None, None] + span).reshape(len(rows), -1)
    return offsets
