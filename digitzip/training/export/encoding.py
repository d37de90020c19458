"""Encode many images on all cores."""

from typing import Final

import numpy as np

from digitzip.codec import Codec, Codes, Images
from digitzip.jobs import Jobs
from digitzip.kernels import RELEASES_GIL

_UNIT: Final = 512


def encode(codec: Codec, images: Images) -> Codes:
    """Return what `codec.encode` gives for images uint8 [n, height, width]."""
    parts = [images[start : start + _UNIT] for start in range(0, len(images), _UNIT)]
    none = np.empty((0, codec.model.shape.dims), np.uint8)
    with Jobs(0, codec, processes=not RELEASES_GIL) as jobs:
        return np.concatenate([none, *jobs.map(Codec.encode, parts)])
