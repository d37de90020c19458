"""Fallbacks: what an image needed to satisfy a policy, from cheapest to most expensive."""

from enum import IntEnum


class Fallback(IntEnum):
    """What an image needed to pass the checks."""

    NONE = 0
    OTHER_CODE = 1
    NEAR_LOSSLESS = 2
    LOSSLESS = 3
