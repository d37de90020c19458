"""Print SHA-256 of what a bundled model makes of fixed images and codes, in batches of a size.

    python -m tests.fingerprint MODEL BATCH [numpy|torch]

Run in processes with other threads, BLAS kernels and libraries: the line must never change.
"""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt

from digitzip.codec import Codec
from digitzip.model import load_model

HERE = Path(__file__).parent / "conformance"
IMAGES, FINGERPRINTS = HERE / "images.npy", HERE / "fingerprints.json"
CODES = 5000
SEARCHED = 100  # images that are encoded once more with a search


def fixed_codes(levels: int, dims: int) -> npt.NDArray[np.uint8]:
    """Return codes uint8 [5000, dims] by arithmetic, not by a generator that may change."""
    hashes = np.arange(CODES * dims, dtype=np.uint64) * 2654435761 % 2**32
    return (hashes * levels >> 32).astype(np.uint8).reshape(CODES, dims)


def many_images() -> npt.NDArray[np.uint8]:
    """Return images uint8 [5000, 28, 28]: the fixed ones, shifted and dimmed."""
    fixed = np.load(IMAGES)
    shifted = [np.roll(fixed, (i % 9 - 4, i // 9 % 9 - 4), axis=(1, 2)) for i in range(CODES // 20)]
    return np.concatenate(shifted) // np.arange(1, CODES + 1)[:, None, None].clip(1, 3).astype(
        np.uint8
    )


def fingerprint(name: str, batch: int, library: str = "numpy") -> list[str]:
    """Return SHA-256 of the codes of the images, and of the pixels and intervals of the codes.

    Each covers every number of levels of the model.
    """
    model, images = load_model(name), many_images()
    hashes = [hashlib.sha256() for _ in range(3)]
    for quantiser in model.quantisers:
        codec = Codec(model, quantiser.levels, effort=0)
        codes = fixed_codes(codec.levels, model.shape.dims)
        if library == "torch":
            from digitzip.training.export.verify import forward

            pixels = images.reshape(len(images), -1)
            encoded = quantiser.quantise(forward(model.encoder, pixels))
            decoded = forward(model.decoder, quantiser.dequantise(codes)).astype(np.uint8)
        else:
            parts = range(0, CODES, batch)
            encoded = np.concatenate([codec.encode(images[i : i + batch]) for i in parts])
            decoded = np.concatenate([codec.decode(codes[i : i + batch]) for i in parts])
        searched = Codec(model, codec.levels, effort=1).encode(images[:: CODES // SEARCHED])
        intervals = [codec.coder.cdf_intervals(codes, j) for j in range(model.shape.dims)]
        owned = np.array(intervals, "<i8")
        arrays = (np.concatenate([encoded, searched]), decoded, owned)
        for digest, array in zip(hashes, arrays, strict=True):
            digest.update(np.ascontiguousarray(array).data)
    return [digest.hexdigest() for digest in hashes]


if __name__ == "__main__":
    print(*fingerprint(sys.argv[1], int(sys.argv[2]), *sys.argv[3:]))
