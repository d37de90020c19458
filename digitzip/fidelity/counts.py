"""What the guard did to the digits of a file, and what that cost."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from digitzip.fidelity.ladder import Rung
from digitzip.format import LayerType


@dataclass(frozen=True, slots=True)
class Corrected:
    """How many digits need more than a code, and the bytes of that, each layer packed alone."""

    digits: int = 0
    bytes: int = 0

    def __add__(self, other: Corrected) -> Corrected:
        return Corrected(self.digits + other.digits, self.bytes + other.bytes)


@dataclass(slots=True)
class Tally:
    """How many digits took each rung, and the bytes of the layers that correct some of them."""

    digits: Counter[Rung] = field(default_factory=Counter)
    bytes: Counter[LayerType] = field(default_factory=Counter)

    @property
    def guarded(self) -> int:
        """How many digits there are in all."""
        return self.digits.total()

    @property
    def refined(self) -> Corrected:
        """Those that are coarsely corrected."""
        return Corrected(self.digits[Rung.REFINE], self.bytes[LayerType.REFINE])

    @property
    def exact(self) -> Corrected:
        """Those of which every pixel is kept."""
        return Corrected(self.digits[Rung.EXACT], self.bytes[LayerType.EXACT])

    @property
    def corrected(self) -> int:
        """How many need more than a code."""
        return self.refined.digits + self.exact.digits

    def count(self, rungs: npt.NDArray[np.integer[Any]]) -> None:
        """Add digits with these rungs [n]."""
        for rung, digits in enumerate(np.bincount(rungs, minlength=len(Rung)).tolist()):
            self.digits[Rung(rung)] += digits

    def spend(self, type_: LayerType, size: int) -> None:
        """Add a layer of so many bytes."""
        self.bytes[type_] += size
