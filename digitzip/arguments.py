"""Numbers given as arguments: any integer type, any real type, but no booleans."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from numbers import Real
from operator import index

from digitzip.errors import InputError


def integer(name: str, value: object, allowed: Sequence[int]) -> int:
    """Return an argument as an `int`: a Python or NumPy integer in a range, but no boolean.

    Raises `InputError`, which names the argument and the range, for anything else.
    """
    found: int | None = None
    with suppress(TypeError):
        found = index(value)  # type: ignore[arg-type]
    if found is None or isinstance(value, bool) or found not in allowed:
        raise InputError(f"{name} is {value!r}, expected {allowed[0]} to {allowed[-1]}")
    return found


def real(value: object) -> float | None:
    """Return an argument as a `float`; None where it is of no real type, or a boolean."""
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else None
