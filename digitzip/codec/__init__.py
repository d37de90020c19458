"""Images <-> codes. It knows no paths and no containers."""

from digitzip.codec.codec import (
    DEFAULT_EFFORT,
    Codec,
    Codes,
    Images,
    Pixels,
    load_codec,
)
from digitzip.codec.effort import EFFORT
from digitzip.codec.encoded import EncodedBatch

__all__ = [
    "DEFAULT_EFFORT",
    "EFFORT",
    "Codec",
    "Codes",
    "EncodedBatch",
    "Images",
    "Pixels",
    "load_codec",
]
