"""The quality dial: a number from 0 to 100 stands for a model, its levels and a bound on pixels.

`dial.json` beside the bundled models holds the steps. They were chosen on held-out images: each
step has more bytes and less error than the step before it.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from typing import Final

from digitzip.arguments import integer
from digitzip.errors import InputError, ModelError
from digitzip.model.registry import bundled_folder

QUALITIES: Final = range(101)
FILE: Final = "dial.json"


@dataclass(frozen=True, slots=True)
class QualityStep:
    """A step of the quality dial: 0 is the smallest bundled model, 100 keeps every pixel.

    `max_error` is the bound on pixels, 0 … 127, or None. `bytes_per_image` and `rmse` (pixels in
    0 … 1) were measured on held-out images of MNIST at the default effort, with the guard.
    """

    quality: int
    model: str
    levels: int
    max_error: int | None
    bytes_per_image: float
    rmse: float


@cache
def quality_steps() -> tuple[QualityStep, ...]:
    """Return the steps of the quality dial, from 0 to 100."""
    path = bundled_folder() / FILE
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))["steps"]
        steps = tuple(QualityStep(**step) for step in stored)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ModelError(f"{path}: the quality steps cannot be read ({error})") from error
    if [step.quality for step in steps] != list(QUALITIES):
        raise ModelError(f"{path}: expected the quality steps 0 to {QUALITIES[-1]}")
    return steps


def quality_step(quality: int, **others: object) -> QualityStep:
    """Return the step of a quality.

    Raises `InputError` for another number than 0 to 100, and where one of the `others`, arguments
    that the step sets itself, is neither None nor False.
    """
    step = quality_steps()[integer("quality", quality, QUALITIES)]
    given = [name for name, value in others.items() if value is not None and value is not False]
    if given:
        raise InputError(f"quality={quality} excludes {given[0]}=; give one of them")
    return step


def unbounded(step: QualityStep, why: str) -> QualityStep:
    """Return a step without a bound on pixels; raises `InputError` for any other."""
    if step.max_error is not None:
        last = max(each.quality for each in quality_steps() if each.max_error is None)
        raise InputError(
            f"quality={step.quality} keeps pixels within {step.max_error}, {why}; "
            f"expected a quality of 0 to {last}"
        )
    return step
