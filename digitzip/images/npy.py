"""The NPY header, read and written with NumPy, which never unpickles here.

A file whose images lie one after another (C order) can be streamed; one in Fortran order
interleaves them. This module knows bytes and binary files, not paths.
"""

import io
import math
import tokenize
import warnings
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.lib import format as npy_format

from digitzip.errors import InputError

MAGIC = npy_format.MAGIC_PREFIX

# What NumPy's parser, which evaluates a Python literal, raises on hostile headers.
NPY_ERRORS = (
    ValueError,
    TypeError,
    SyntaxError,
    tokenize.TokenError,
    RecursionError,
    MemoryError,
    OverflowError,
)


class Header(NamedTuple):
    """The shape of an array, whether it is in Fortran order, and its type."""

    shape: tuple[int, ...]
    fortran: bool
    dtype: "np.dtype[Any]"


def parse_header(file: BinaryIO, label: str) -> Header:
    """Read up to the values; raises `InputError` for anything but a valid header."""
    try:
        # NumPy's parser warns about headers from Python 2 and odd escapes in hostile ones.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            version = npy_format.read_magic(file)
            if version == (1, 0):
                shape, fortran, dtype = npy_format.read_array_header_1_0(file)
            elif version == (2, 0):
                shape, fortran, dtype = npy_format.read_array_header_2_0(file)
            else:
                raise ValueError(f"version {version[0]}.{version[1]}; expected 1.0 or 2.0")
        if min(shape, default=0) < 0:
            raise ValueError(f"negative shape {list(shape)}")
    except NPY_ERRORS as error:
        raise InputError(f"{label!r} has no valid NPY header: {_first_line(error)}") from error
    return Header(tuple(map(int, shape)), fortran and math.prod(shape) > 0, dtype)


def parse_labels_header(file: BinaryIO, label: str) -> tuple[int, "np.dtype[Any]"]:
    """Read up to the labels; return their number and integer type; raises `InputError`."""
    shape, _, dtype = parse_header(file, label)
    if dtype.kind not in "iu" or len(shape) != 1:
        raise InputError(f"{label!r} is an array {dtype} {list(shape)}; expected integers [n]")
    return shape[0], dtype


def format_header(*shape: int) -> bytes:
    """Return the bytes before the data of an array uint8 of this shape."""
    header = io.BytesIO()
    npy_format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )
    return header.getvalue()


def _first_line(error: BaseException) -> str:
    text = (str(error).splitlines() or [""])[0][:100]
    return text if text.isprintable() else repr(text)
