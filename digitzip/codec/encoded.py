"""The record that carries a batch of images from the codec to the bytes of a chunk."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]
Images = npt.NDArray[np.uint8]

UNCORRECTED: Final = -1
"""The bound of an image without a correction."""


@dataclass(frozen=True, slots=True, eq=False)
class EncodedBatch:
    """Codes of n images, their reconstructions, and their final pixels.

    `codes` are uint8 [n, d]. `recon`, uint8 [n, height, width], is what the decoder gives for them;
    `pixels` has the corrections applied, and is `recon` itself where there are none. `bounds`,
    int16 [n], is the greatest pixel error of each corrected image, 0 (lossless) to 127, and -1 for
    an image without a correction.
    """

    codes: Codes
    recon: Images
    pixels: Images
    bounds: npt.NDArray[np.int16]

    @classmethod
    def plain(cls, codes: Codes, recon: Images) -> EncodedBatch:
        """Return a batch without corrections."""
        return cls(codes, recon, recon, np.full(len(codes), UNCORRECTED, np.int16))

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def corrected(self) -> npt.NDArray[np.bool_]:
        """Whether each image has a correction, bool [n]."""
        flags: npt.NDArray[np.bool_] = self.bounds != UNCORRECTED
        return flags

    def slice(self, start: int, stop: int) -> EncodedBatch:
        """Return the images `start` to `stop - 1`."""
        part = slice(start, stop)
        recon = self.recon[part]
        pixels = recon if self.pixels is self.recon else self.pixels[part]
        return EncodedBatch(self.codes[part], recon, pixels, self.bounds[part])
