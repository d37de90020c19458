"""The promises of a file, and what the guard did to keep them, as text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from digitzip.cli import console
from digitzip.cli.talk import Talk

if TYPE_CHECKING:
    from digitzip import Info, Writer

_FEWEST: Final = 8  # corrected images that say something about a model
_RMSE_UNIT: Final = 65_535


def tell(talk: Talk, file: str, writer: Writer) -> None:
    """Sum up what the guard of a closed writer did; warn where most images needed corrections."""
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
    if writer.usual:
        _warn(talk, file, counts.corrected, counts.total)


def look(talk: Talk, file: str, found: Info) -> None:
    """Warn of a file most of whose images needed corrections, though no bound was given."""
    if found.guard.on and found.guard.max_error is None and found.corrections:
        _warn(talk, file, found.corrections.digits, found.digits)


def _warn(talk: Talk, file: str, corrected: int, images: int) -> None:
    if corrected >= _FEWEST and 2 * corrected > images:
        talk.warn(
            f"{file}: this model does not fit these images: {corrected:,} of "
            f"{console.images(images)} needed corrections; train a model with digitzip train"
        )


def promise(found: Info) -> str:
    """Return the promises of a file in words."""
    if not found.guard.on:
        return "off"
    if found.guard.max_error == 0:
        return "every pixel exact"
    return ", ".join(_promises(found)) or "verified without bounds"


def max_rmse(found: Info) -> float | None:
    """Return the maximum RMSE that a file promises, in 0 ... 1."""
    return None if found.guard.max_rmse is None else found.guard.max_rmse / _RMSE_UNIT


def _promises(found: Info) -> Iterator[str]:
    if (most := max_rmse(found)) is not None:
        yield f"RMSE at most {math.ceil(most * 10_000) / 10_000:.4f}"
    if found.guard.classifier is not None:
        who = f"{found.reader or 'a classifier not found here'} ({found.guard.classifier.hex()})"
        yield f"labels unchanged under {who}"
    if found.guard.max_error is not None:
        yield f"pixel error at most {found.guard.max_error}"
