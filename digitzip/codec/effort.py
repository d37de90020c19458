"""Efforts: how long a search takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Effort:
    """The work of a search: at most `sweeps` over the latents.

    Each sweep fits a quadratic model of the error. It tries up to `proposals` codes at the minimum
    of that model, then the `nearby` moves of one or two latents with the lowest predicted cost.
    """

    sweeps: int
    proposals: int
    nearby: int = 0


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
"""The efforts that a user can choose, by number."""
