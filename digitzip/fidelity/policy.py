"""What a file promises of its digits <-> the ladder that keeps it (FORMAT.md section 6)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from digitzip.codec import Codec
from digitzip.entropy.residuals import MAX_BOUND
from digitzip.errors import BoundError, InputError, ModelError
from digitzip.fidelity.ladder import RMSE_UNIT, Ladder, Tests
from digitzip.format import Guard
from digitzip.format.header import CLASSIFIER_ID_SIZE
from digitzip.model import LevelSet, Model, find_classifier

MAX_ERRORS: Final = range(MAX_BOUND + 1)
MARGINS: Final = range((1 << 16) + 1)


def ladder_of(
    codec: Codec,
    *,
    guard: bool = True,
    max_rmse: float | None = None,
    max_error: int | None = None,
    lossless: bool = False,
    margin: int | None = None,
) -> Ladder | None:
    """Return the ladder that keeps these bounds; None without a guard, or where none is to keep.

    `max_rmse` is a part of the range of pixels, above 0 and up to 1, by default what the model
    says; `max_error` counts pixel values, 0 … 127; `margin` is how sure the reader must be, in its
    units, by default what the model says. Raises `InputError` for other bounds and those that
    contradict each other, `ModelError` where the model's reader is not to be had.
    """
    if max_error is not None and (type(max_error) is not int or max_error not in MAX_ERRORS):
        raise InputError(f"max_error is {max_error!r}, expected 0 to {MAX_ERRORS[-1]}")
    if type(guard) is not bool or type(lossless) is not bool:
        raise InputError(f"guard is {guard!r}, lossless {lossless!r}: expected True or False")
    if max_rmse is not None and not _is_rmse(max_rmse):
        raise InputError(f"max_rmse is {max_rmse!r}, expected 1/{RMSE_UNIT} to 1")
    if margin is not None and (type(margin) is not int or margin not in MARGINS):
        raise InputError(f"margin is {margin!r}, expected 0 to {MARGINS[-1]}")
    if lossless and (max_error or (max_rmse, margin) != (None, None)):
        raise InputError("lossless allows no error: leave out the other bounds")
    if not guard:
        if lossless or (max_rmse, max_error, margin) != (None, None, None):
            raise InputError("without a guard no bound is kept: leave out the bounds, or guard off")
        return None
    if margin is not None and codec.model.reader is None:
        raise InputError(f"margin is {margin}, and model {codec.model.name} names no reader")
    if lossless or max_error == 0:
        return Ladder(codec, Tests(max_error=0))  # nothing else is left to test
    most = codec.max_rmse if max_rmse is None else int(max_rmse * RMSE_UNIT)
    tests = _tests(codec, most, max_error, codec.model.reader)
    if not tests.any:
        return None
    return Ladder(codec, tests if margin is None else replace(tests, margin=margin))


def ladder_for(codec: Codec, promise: Guard) -> Ladder | None:
    """Return the ladder that keeps the promise of a file for more digits.

    Raises `BoundError` where that cannot be done.
    """
    if not promise.on:
        return None
    try:
        reader, usual = promise.reader, codec.model.reader
        if reader is not None and usual is not None and usual.startswith(reader):
            reader = usual  # and no other whose id begins so
        return Ladder(codec, _tests(codec, promise.max_rmse, promise.max_error, reader))
    except ModelError as error:
        raise BoundError(f"the file promises how its digits read: {error}") from error


def promise_of(ladder: Ladder | None) -> Guard:
    """Return what a file promises whose digits went up this ladder."""
    if ladder is None:
        return Guard()
    tests = ladder.tests
    reader = None if tests.reader is None else tests.reader.id[:CLASSIFIER_ID_SIZE]
    return Guard(True, tests.max_error, tests.max_rmse, reader)


def usual_promises(model: Model, level_set: LevelSet) -> Iterator[Guard]:
    """Yield what a file promises without a guard, by default, and with a bound on each pixel."""
    reader = None if model.reader is None else model.reader[:CLASSIFIER_ID_SIZE]
    default = Guard(True, max_rmse=level_set.max_rmse, reader=reader)
    yield from (Guard(), default, Guard(True, max_error=0))
    yield from (replace(default, max_error=bound) for bound in MAX_ERRORS[1:])


def _is_rmse(value: object) -> bool:
    return type(value) in (int, float) and 1 / RMSE_UNIT <= value <= 1  # type: ignore[operator]


def _tests(
    codec: Codec, max_rmse: int | None, max_error: int | None, reader: bytes | None
) -> Tests:
    found = None if reader is None else find_classifier(reader)
    shape = codec.model.shape
    if found is not None and (found.height, found.width) != (shape.height, shape.width):
        raise ModelError(
            f"reader {found.name} reads {found.height} x {found.width} pixels, and images are "
            f"{shape.height} x {shape.width}: give a model with another reader, or guard off"
        )
    return Tests(max_rmse, max_error, found, codec.model.margin)
