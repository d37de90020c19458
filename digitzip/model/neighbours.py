"""Codes near a given code: the candidates that a search decodes."""

from __future__ import annotations

from functools import cache

import numpy as np
import numpy.typing as npt

Codes = npt.NDArray[np.uint8]
Steps = npt.NDArray[np.int16]


@cache
def moves(dims: int, reach: int = 1) -> Steps:
    """Return int16 [m, d]: one latent by up to `reach` levels, or two latents by one level each."""
    unit = np.eye(dims, dtype=np.int16)
    found = []
    for j in range(dims):
        for step in (-1, 1):
            found += [far * step * unit[j] for far in range(1, reach + 1)]
            found += [step * unit[j] + by * unit[k] for k in range(j) for by in (-1, 1)]
    steps = np.array(found, np.int16)
    steps.flags.writeable = False
    return steps


def around(codes: Codes, levels: int) -> Codes:
    """Return uint8 [n, m, d]: codes uint8 [n, d] moved by `moves` of reach 2, kept in range."""
    moved = codes[:, None].astype(np.int16) + moves(codes.shape[1], reach=2)
    return np.asarray(np.clip(moved, 0, levels - 1), np.uint8)


def all_values(codes: Codes, levels: int, latent: int) -> Codes:
    """Return uint8 [levels, n, d]: codes uint8 [n, d] with every value of one latent."""
    trials = np.repeat(codes[None], levels, axis=0)
    trials[:, :, latent] = np.arange(levels, dtype=np.uint8)[:, None]
    return trials


def one_step(codes: Codes, levels: int, *, outward: bool) -> tuple[Codes, Steps]:
    """Return codes uint8 [n, d, d], each one step away in one latent, and the steps, int16 [n, d].

    Steps go toward the middle of the range, or outward where there is room.
    """
    steps = np.where(2 * codes.astype(np.int16) < levels - 1, 1, -1).astype(np.int16)
    if outward:
        steps = np.where((codes == 0) | (codes == levels - 1), steps, -steps)
    trials = np.repeat(codes[:, None], codes.shape[1], axis=1)
    j = np.arange(codes.shape[1])
    trials[:, j, j] = codes + steps
    return trials, steps


def every_code(dims: int, levels: int) -> Codes:
    """Return uint8 [levels^d, d]: all codes there are, ascending."""
    return np.ascontiguousarray(np.indices((levels,) * dims).reshape(dims, -1).T, np.uint8)
