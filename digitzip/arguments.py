"""Arguments: any integer type, any real type, but no booleans; arrays as errors state them."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Real
from operator import index
from typing import Any

from digitzip.errors import InputError


def integer(name: str, value: object, allowed: Sequence[int]) -> int:
    """Return an argument as an `int`: a Python or NumPy integer in a range, but no boolean.

    Raises `InputError`, which names the argument and the range, for anything else.
    """
    found = whole(value)
    if found is None or found not in allowed:
        raise InputError(f"{name} is {value!r}, expected {allowed[0]} to {allowed[-1]}")
    return found


def whole(value: object) -> int | None:
    """Return an argument as an `int`; None where it is of no integer type, or a boolean."""
    try:
        return None if isinstance(value, bool) else index(value)  # type: ignore[arg-type]
    except TypeError:
        return None


def real(value: object) -> float | None:
    """Return an argument as a `float`; None where it is of no real type, or a boolean."""
    return float(value) if isinstance(value, Real) and not isinstance(value, bool) else None


def describe(array: Any) -> str:
    """Return type and shape of an array as errors state them, such as uint8 [3, 28, 28]."""
    return f"{array.dtype} {list(array.shape)}"
