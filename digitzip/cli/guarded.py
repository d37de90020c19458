"""The promises of a file, and what the guard did to keep them, as text."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from digitzip.cli import console
from digitzip.cli.talk import Talk

if TYPE_CHECKING:
    from digitzip import Info, Promise, Writer

_FEWEST: Final = 8  # corrected images that say something about a model


def tell(talk: Talk, file: str, writer: Writer) -> None:
    """Sum up what the guard of a closed writer did."""
    counts = writer.counts
    if not counts.total:
        return
    used = {fallback.name: images for fallback, images in counts.images.items()}
    done = [f"{console.images(used.get('NONE', 0))} by their code"]
    for what, fallback in (
        ("by another code", "OTHER_CODE"),
        ("near-lossless", "NEAR_LOSSLESS"),
        ("lossless", "LOSSLESS"),
    ):
        if images := used.get(fallback):
            done.append(f"{images:,} {what}")
    if counts.corrected:
        done.append(f"{counts.correction_bytes:,} B of corrections")
    talk.summary(f"{file}: guard: {', '.join(done)}")


@contextmanager
def default_without_bounds() -> Iterator[None]:
    """Let the default guard verify nothing without a warning: the summary says so."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "guard=True verifies nothing")
        yield


def corrections(found: Info) -> str:
    """Return the number of corrected images in words; tell where the model does not fit."""
    corrected = found.corrections or 0
    bounded = found.promise is None or found.promise.max_error is not None
    poor = not bounded and corrected >= _FEWEST and 2 * corrected > found.images
    return console.images(corrected) + ("; this model does not fit these images" if poor else "")


def promise(found: Info) -> str:
    """Return the promises of a file in words."""
    if found.promise is None:
        return "off"
    if found.promise.max_error == 0:
        return "every pixel exact"
    return ", ".join(_promises(found.promise)) or "verified without bounds"


def _promises(found: Promise) -> Iterator[str]:
    if found.max_rmse is not None:
        yield f"RMSE at most {math.ceil(found.max_rmse * 10_000) / 10_000:.4f}"
    if found.classifier_id is not None:
        who = f"{found.classifier or 'a classifier not found here'} ({found.classifier_id})"
        yield f"labels unchanged under {who}"
    if found.max_error is not None:
        yield f"pixel error at most {found.max_error}"
