"""How long a search goes on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Effort:
    """How long to search: at most `sweeps` over the latents.

    Each sweep tries `proposals` minima of a quadratic model of the error, and the `nearby` best
    moves of one or two latents by that model.
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
