"""How a file is opened: the arguments that `digitzip.open`, archives and stores share."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from digitzip.arguments import integer
from digitzip.limits import JOBS, MAX_IMAGES
from digitzip.model import Model


@dataclass(frozen=True, slots=True)
class Opening:
    """How a file is opened; see `digitzip.open`."""

    model: str | Path | Model | None = None
    rebuild: bool = False
    max_images: int = MAX_IMAGES
    jobs: int = 1

    def __post_init__(self) -> None:
        integer("jobs", self.jobs, JOBS)


USUAL: Final = Opening()
