"""What a guard did and what it promises, as text."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from digitzip.cli import console
from digitzip.cli.talk import Talk

if TYPE_CHECKING:
    from digitzip.archive import Info, Writer
    from digitzip.fidelity import FidelityCounts

_FEWEST: Final = 8  # digits that say something of a model


def tell(talk: Talk, file: str, writer: Writer) -> None:
    """Sum up what the guard of a closed writer did, and warn where its model is the wrong one."""
    counts = writer.counts
    if not counts.total:
        return
    talk.summary(f"{file}: guard: {', '.join(_fallbacks(counts))}")
    if writer.usual:
        _warn(talk, file, counts.corrected, counts.total)


def look(talk: Talk, file: str, found: Info) -> None:
    """Warn of a file most of whose digits needed corrections, with no bound of anyone's own."""
    if found.guard.on and found.guard.max_error is None and found.corrections:
        _warn(talk, file, found.corrections.digits, found.digits)


def _warn(talk: Talk, file: str, corrected: int, digits: int) -> None:
    if corrected >= _FEWEST and 2 * corrected > digits:
        talk.warn(
            f"{file}: this model does not fit these images: {corrected:,} of {digits:,} digits "
            "needed corrections; train one with digitzip train --data"
        )


def promise(found: Info) -> str:
    """Return what a file promises, in words."""
    if not found.guard.on:
        return "off"
    if found.guard.max_error == 0:
        return "every pixel exact"
    return ", ".join(_promises(found)) or "compared with the originals, but within no bound"


def max_rmse(found: Info) -> float | None:
    """Return the greatest RMSE that a file promises, in 0 … 1."""
    from digitzip.fidelity import RMSE_UNIT

    return None if found.guard.max_rmse is None else found.guard.max_rmse / RMSE_UNIT


def _fallbacks(counts: FidelityCounts) -> Iterator[str]:
    from digitzip.fidelity import Fallback

    yield f"{console.digits(counts.images[Fallback.NONE])} by their code"
    for what, fallback in (
        ("by another code", Fallback.OTHER_CODE),
        ("near-lossless", Fallback.NEAR_LOSSLESS),
        ("lossless", Fallback.LOSSLESS),
    ):
        if images := counts.images[fallback]:
            yield f"{images:,} {what}"
    if counts.corrected:
        yield f"{counts.correction_bytes:,} B of corrections"


def _promises(found: Info) -> Iterator[str]:
    if (most := max_rmse(found)) is not None:
        yield f"RMSE at most {math.ceil(most * 10_000) / 10_000:.4f}"
    if found.guard.classifier is not None:
        who = f"{found.reader or 'a reader not known here'} ({found.guard.classifier.hex()})"
        yield f"read by {who} as the originals"
    if found.guard.max_error is not None:
        yield f"no pixel off by more than {found.guard.max_error}"
