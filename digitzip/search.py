"""The search for better codes: which code near a given one decodes closest to an image.

Everything is exact on integers, so the search finds the same code on every machine. It knows a
decoder as a callable; models and files it does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]
Pixels = npt.NDArray[np.uint8]
Exact = npt.NDArray[np.float64]
"""Integers below 2^53, held in float64."""

Decode = Callable[[Codes], Pixels]
"""Codes uint8 [n, d] -> pixels uint8 [n, p]."""

_BATCH: Final = 256
_PROPOSALS: Final = 3  # of the model in one sweep
_DESCENTS: Final = 12  # passes over the numbers of a code while the model of the error is minimised
_FINE: Final = 8  # a first descent goes in this fraction of a level


def search(pixels: Pixels, codes: Codes, levels: int, decode: Decode, sweeps: int) -> Codes:
    """Return codes uint8 [n, d] that decode no farther from `pixels`, uint8 [n, p], than `codes`.

    Each sweep costs 2 d + 4 decodings of a digit. A digit that a sweep leaves as it was
    takes no part in the next.
    """
    codes = codes.copy()
    for start in range(0, len(codes), _BATCH):
        active = np.arange(start, min(start + _BATCH, len(codes)))
        for _ in range(sweeps):
            before = codes[active]
            codes[active] = _sweep(pixels[active], before, levels, decode)
            active = active[(codes[active] != before).any(axis=1)]
            if not active.size:
                break
    return codes


def _sweep(pixels: Pixels, codes: Codes, levels: int, decode: Decode) -> Codes:
    """Return the best of each code, its neighbours, and what a model of the error proposes.

    The neighbours give the derivative of the decoder by each number, and with it a quadratic model
    of the squared error for moves of several numbers at once. The model proposes, the decoder
    decides, and the model goes on from there.
    """
    image = pixels.astype(np.float64)
    best = _Best(image, codes, decode(codes))
    slopes = np.empty((*codes.shape, pixels.shape[1]))  # [n, d, p]: over two levels
    for j in range(codes.shape[1]):
        ends = []
        for step in (-1, 1):
            trial = codes.copy()
            trial[:, j] = np.clip(codes[:, j].astype(np.int16) + step, 0, levels - 1)
            ends.append(decode(trial).astype(np.float64))
            best.offer(trial, ends[-1])
        at_border = (codes[:, j] == 0) | (codes[:, j] == levels - 1)
        slopes[:, j] = (ends[1] - ends[0]) * (1 + at_border)[:, None]
    curvature = np.matmul(slopes, slopes.transpose(0, 2, 1))  # [n, d, d]
    for _ in range(_PROPOSALS):
        descent = np.matmul(slopes, best.missing[:, :, None])[:, :, 0]  # [n, d]
        proposal = _minimise(curvature, descent, best.codes, levels)
        best.offer(proposal, decode(proposal))
    return best.codes


class _Best:
    """The best codes so far, [n, d], and what their pixels still miss of the image, [n, p]."""

    def __init__(self, image: Exact, codes: Codes, decoded: Pixels) -> None:
        self.codes = codes.copy()
        self.missing = image - decoded
        self._image = image
        self._errors = _squares(self.missing)

    def offer(self, trial: Codes, decoded: Pixels | Exact) -> None:
        """Take the trials with a smaller error, or with an equal one and a smaller code."""
        missing = self._image - decoded
        errors = _squares(missing)
        better = errors < self._errors
        (ties,) = np.nonzero(errors == self._errors)
        for i in ties:
            better[i] = trial[i].tolist() < self.codes[i].tolist()
        self.codes[better] = trial[better]
        self.missing[better] = missing[better]
        self._errors[better] = errors[better]


def _minimise(curvature: Exact, descent: Exact, codes: Codes, levels: int) -> Codes:
    """Return the codes [n, d] where the model of the error is about least, near `codes`.

    With slopes over two levels that is where `curvature @ move = 2 * descent`. Coordinate descent,
    first in fractions of a level, then in whole ones.
    """
    own = np.maximum(np.einsum("njj->nj", curvature), 1)
    move = np.zeros(codes.shape)
    for unit in (_FINE, 1):
        move = np.rint(move * unit)
        low, high = -unit * codes.astype(np.float64), unit * (levels - 1.0 - codes)
        for _ in range(_DESCENTS):
            for j in range(codes.shape[1]):
                others = np.einsum("nk,nk->n", curvature[:, j], move) - own[:, j] * move[:, j]
                exact = (2 * unit * descent[:, j] - others) / own[:, j]
                move[:, j] = np.clip(np.rint(exact), low[:, j], high[:, j])
        move /= unit
    return (codes + move).astype(np.uint8)


def _squares(difference: Exact) -> Exact:
    """Return the squared errors [n] of differences [n, p]."""
    squares: Exact = np.einsum("np,np->n", difference, difference)
    return squares
