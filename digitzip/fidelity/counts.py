"""Counts of fallbacks, and the bytes of corrections."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from digitzip.fidelity.fallback import Fallback


@dataclass(slots=True)
class FidelityCounts:
    """How many images used each fallback, and the bytes of their corrections, compressed alone."""

    images: Counter[Fallback] = field(default_factory=Counter)
    correction_bytes: int = 0

    @property
    def total(self) -> int:
        """How many images there are in all."""
        return self.images.total()

    @property
    def corrected(self) -> int:
        """How many images have a correction."""
        return self.images[Fallback.NEAR_LOSSLESS] + self.images[Fallback.LOSSLESS]

    def add(self, used: npt.NDArray[np.integer[Any]]) -> None:
        """Add images that used these fallbacks, int [n]."""
        for fallback, images in enumerate(np.bincount(used, minlength=len(Fallback)).tolist()):
            self.images[Fallback(fallback)] += images
