"""The guard: every image is compared with what comes back of it, and corrected where it must be.

A ladder of rungs, the cheapest first: the code that the search found; another code that passes the
tests; coarse steps from what was decoded; every pixel. Files and what they promise this room does
not know.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.codec import Codec, Codes, Images
from digitzip.entropy.residuals import MAX_BOUND, round_to_bounds
from digitzip.model.classifier import Classifier, Labels

Flags = npt.NDArray[np.bool_]
Integers = npt.NDArray[np.integer[Any]]

RMSE_UNIT: Final = 65_535
"""An RMSE of 1 in the units of a promise."""
COARSE: Final = 12
"""No pixel of an image that is refined differs by more, unless a bound says how far it may."""

_CHOSEN: Final = 32  # more margin than usual for a code that is chosen by its margin
_READ: Final = 32  # codes near a given one, nearest to the image, that the reader is asked about


class Rung(IntEnum):
    """How far up the ladder an image had to go."""

    CODE = 0
    OTHER_CODE = 1
    REFINE = 2
    EXACT = 3


@dataclass(frozen=True, slots=True)
class Tests:
    """What an image that comes back must pass, beside its original.

    `max_rmse` bounds its RMSE, in 1/65,535 of the range of pixels, `max_error` the difference of
    each pixel, 0 … 255. The `reader` must read it as it reads the original. Where a
    code gives it, it must be sure of both sides by `margin`; where it is refined, by a quarter of
    what it is of the original, from 1 to `margin`. An image that comes back exactly passes.
    """

    max_rmse: int | None = None
    max_error: int | None = None
    reader: Classifier | None = None
    margin: int = 0

    @property
    def any(self) -> bool:
        """Whether there is anything to pass."""
        return (self.max_rmse, self.max_error, self.reader) != (None, None, None)

    def near(self, images: Images, back: Images) -> Flags:
        """Return which images uint8 [n, h, w] the bounds hold for, bool [n]."""
        difference = images.astype(np.int64) - back
        passed = np.ones(len(images), np.bool_)
        if self.max_error is not None:
            passed &= (np.abs(difference) <= self.max_error).all(axis=(1, 2))
        if self.max_rmse is not None:
            error = np.einsum("nhw,nhw->n", difference, difference) * RMSE_UNIT**2  # below 2^61
            passed &= error <= images[0].size * (self.max_rmse * 255) ** 2
        return passed

    def read(self, images: Images) -> Reading | None:
        """Return what images read as; None where nobody reads."""
        if self.reader is None:
            return None
        return Reading(*self.reader.read_with_margins(images))

    def alike(self, reading: Reading | None, back: Images, margins: Integers | int) -> Flags:
        """Return which images that come back read as before, by these margins, bool [n].

        By 1 at least: by 0, another label may be the one that is read.
        """
        if self.reader is None or reading is None:
            return np.ones(len(back), np.bool_)
        passed: Flags = self.reader.margins(back, reading.labels) >= np.maximum(margins, 1)
        return passed


@dataclass(frozen=True, slots=True, eq=False)
class Reading:
    """What originals read as: labels uint8 [n, networks], and by which margins, int32 [n]."""

    labels: Labels
    margins: Integers

    def at(self, rows: Integers | slice) -> Reading:
        return Reading(self.labels[rows], self.margins[rows])


@dataclass(frozen=True, slots=True, eq=False)
class Guarded:
    """Codes uint8 [n, d], what they decode to and what comes back, both uint8 [n, h, w].

    `rungs`, uint8 [n], tell how the one becomes the other.
    """

    codes: Codes
    decoded: Images
    back: Images
    rungs: npt.NDArray[np.uint8]


class Ladder:
    """Encodes images so that all that comes back passes `tests`."""

    def __init__(self, codec: Codec, tests: Tests) -> None:
        self.codec = codec
        self.tests = tests

    @property
    def coarse(self) -> int:
        """How far a pixel of a refined image may be from its original; 0 where none is refined."""
        bound = COARSE if self.tests.max_error is None else min(self.tests.max_error, MAX_BOUND)
        if self.tests.max_rmse is None or not bound:
            return bound
        usual = 2 * 255 * self.tests.max_rmse // RMSE_UNIT  # steps err by half of it, mostly
        return min(bound, max(usual, 1))

    def climb(self, images: Images) -> Guarded:
        """Guard images uint8 [n, h, w]; raises `InputError` for others."""
        codes = self.codec.encode(images)
        decoded = self.codec.decode(codes)
        rungs = np.zeros(len(images), np.uint8)
        if not len(images):
            return Guarded(codes, decoded, decoded, rungs)
        reading = self.tests.read(images)
        near = self.tests.near(images, decoded)
        alike = self.tests.alike(reading, decoded, self.tests.margin)
        sure = np.ones_like(alike) if reading is None else reading.margins >= self.tests.margin
        passed = near & sure & alike | (decoded == images).all(axis=(1, 2))
        (misread,) = np.nonzero(near & sure & ~passed)
        if misread.size and reading is not None:
            others, found = self._other_codes(images[misread], codes[misread], reading.at(misread))
            rows = misread[found]
            codes[rows], decoded[rows] = others[found], self.codec.decode(others[found])
            rungs[rows], passed[rows] = Rung.OTHER_CODE, True
        back = decoded.copy()
        (failed,) = np.nonzero(~passed)
        rungs[failed], back[failed] = Rung.EXACT, images[failed]
        if failed.size and self.coarse:
            mine = None if reading is None else reading.at(failed)
            refined, enough = self._refined(images[failed], decoded[failed], mine)
            rungs[failed[enough]], back[failed[enough]] = Rung.REFINE, refined[enough]
        return Guarded(codes, decoded, back, rungs)

    def _refined(
        self, images: Images, decoded: Images, reading: Reading | None
    ) -> tuple[Images, Flags]:
        """Return what comes back in coarse steps, and which of it passes, bool [n].

        It is so near the originals that a quarter of the margin of those will do.
        """
        back = round_to_bounds(images, decoded, self.coarse)
        margins = 0 if reading is None else reading.margins // 4
        enough = np.clip(margins, 1, max(self.tests.margin, 1))
        alike = self.tests.alike(reading, back, enough) | (back == images).all(axis=(1, 2))
        passed: Flags = self.tests.near(images, back) & alike
        return back, passed

    def _other_codes(self, images: Images, codes: Codes, reading: Reading) -> tuple[Codes, Flags]:
        """Return the best codes near `codes` that pass, and which images have any, bool [n]."""

        def allowed(rows: Integers, recon: Images) -> Flags:
            alike = self.tests.alike(reading.at(rows), recon, self.tests.margin + _CHOSEN)
            return self.tests.near(images[rows], recon) & alike

        return self.codec.search_near(images, codes, allowed, _READ)
