"""Images <-> codes. It knows no paths and no containers."""

from digitzip.codec.codec import (
    DEFAULT_EFFORT,
    EFFORT,
    Codec,
    Codes,
    Images,
    Pixels,
    load_codec,
)

__all__ = ["DEFAULT_EFFORT", "EFFORT", "Codec", "Codes", "Images", "Pixels", "load_codec"]
