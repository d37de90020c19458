"""Images <-> codes. It knows no paths and no containers."""

from digitzip.codec.codec import (
    DEFAULT_EFFORT,
    Codec,
    load_codec,
)
from digitzip.codec.effort import EFFORT
from digitzip.codec.encoded import Codes, EncodedBatch, Images

__all__ = [
    "DEFAULT_EFFORT",
    "EFFORT",
    "Codec",
    "Codes",
    "EncodedBatch",
    "Images",
    "load_codec",
]
