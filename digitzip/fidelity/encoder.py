"""Encode images within a policy: verify each one, and correct those that fail.

The code that the search finds is tried first, then another code near it, then a near-lossless
correction, and at last a lossless one. The first that passes the checks is used.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from digitzip.codec import Codec, Codes, EncodedBatch, Images
from digitzip.entropy.residuals import round_to_bounds
from digitzip.fidelity import checks
from digitzip.fidelity.checks import Errors, Flags, Integers, Labelled
from digitzip.fidelity.fallback import Fallback
from digitzip.fidelity.misfits import Misfits
from digitzip.fidelity.policy import Policy, policy_from_arguments, policy_from_promise
from digitzip.format import StoredPromise

_OTHER_CODE_MARGIN: Final = 32  # added to the margin, since the code is chosen by its label
_NEAREST: Final = 32  # codes near a given one that are checked


class Encoded(NamedTuple):
    """Encoded images, the `Fallback` of each one, uint8 [n], and those that do not fit the model.

    An image does not fit where its reconstruction exceeds the bound of the model.
    """

    batch: EncodedBatch
    used: npt.NDArray[np.uint8]
    misfits: Misfits = Misfits()


class FidelityEncoder:
    """Encode images so that the final pixels of each one satisfy a policy."""

    def __init__(self, codec: Codec, policy: Policy) -> None:
        self.codec = codec
        self.policy = policy

    def encode(self, images: Images) -> Encoded:
        """Encode images uint8 [n, h, w]; raises `InputError` for other arrays."""
        codes = self.codec.encode(images)
        recon = self.codec.decode(codes)
        used = np.zeros(len(images), np.uint8)
        if not len(images):
            return Encoded(EncodedBatch.plain(codes, recon), used)
        errors = Errors.of(images, recon)
        misfits = Misfits.of(self.codec, images, errors)
        originals = checks.label(self.policy, images)
        passed = self._code_passes(errors, recon, originals)
        failed = np.flatnonzero(~passed)
        if failed.size and originals is not None:
            found = self._use_other_codes(images, codes, recon, errors, originals, failed)
            used[found] = Fallback.OTHER_CODE
            failed = np.setdiff1d(failed, found)
        if not failed.size:
            return Encoded(EncodedBatch.plain(codes, recon), used, misfits)
        bounds, pixels = np.full(len(images), -1, np.int16), recon.copy()
        used[failed], bounds[failed], pixels[failed] = Fallback.LOSSLESS, 0, images[failed]
        if self.policy.correction_bound:
            own = None if originals is None else originals.at(failed)
            corrected, enough = self._near_lossless(images[failed], recon[failed], own)
            near = failed[enough]
            used[near], bounds[near] = Fallback.NEAR_LOSSLESS, self.policy.correction_bound
            pixels[near] = corrected[enough]
        return Encoded(EncodedBatch(codes, recon, pixels, bounds), used, misfits)

    def _code_passes(self, errors: Errors, recon: Images, originals: Labelled | None) -> Flags:
        """Return which images pass by their code alone, bool [n]."""
        passed = errors.within(self.policy, recon[0].size)
        if originals is not None:
            passed &= originals.margins >= self.policy.margin
            passed &= checks.same_label(self.policy, originals, recon, self.policy.margin)
        passed |= errors.squared == 0
        return passed

    def _use_other_codes(
        self,
        images: Images,
        codes: Codes,
        recon: Images,
        errors: Errors,
        originals: Labelled,
        failed: Integers,
    ) -> Integers:
        """Search other codes for images that fail only by their label; return the replaced rows.

        An image qualifies where its reconstruction is within the bounds and the margin of the
        original is large enough. Replaces rows of `codes` and `recon`.
        """
        near = errors.at(failed).within(self.policy, recon[0].size)
        rows = failed[near & (originals.margins[failed] >= self.policy.margin)]
        if not rows.size:
            return rows
        margin = self.policy.margin + _OTHER_CODE_MARGIN

        def allowed(i: Integers, trial: Images) -> Flags:
            same = checks.same_label(self.policy, originals.at(rows[i]), trial, margin)
            return same & checks.within_bounds(self.policy, images[rows[i]], trial)

        others, passed = self.codec.search_near(images[rows], codes[rows], allowed, _NEAREST)
        found = rows[passed]
        codes[found] = others[passed]
        recon[found] = self.codec.decode(others[passed])
        return found

    def _near_lossless(
        self, images: Images, recon: Images, originals: Labelled | None
    ) -> tuple[Images, Flags]:
        """Return near-lossless images, uint8 [n, h, w], and which of them pass, bool [n].

        These images are close to the originals, so a smaller margin is enough: a quarter of the
        original's margin, at least 1 and at most the margin of the policy.
        """
        pixels = round_to_bounds(images, recon, self.policy.correction_bound)
        quarter = 0 if originals is None else originals.margins // 4
        margins = np.clip(quarter, 1, max(self.policy.margin, 1))
        errors = Errors.of(images, pixels)
        same = checks.same_label(self.policy, originals, pixels, margins) | (errors.squared == 0)
        return pixels, errors.within(self.policy, pixels[0].size) & same


def encode_unchecked(codec: Codec, images: Images) -> Encoded:
    """Encode images uint8 [n, h, w] without a policy; raises `InputError` for other arrays."""
    codes = codec.encode(images)
    recon = codec.decode(codes)
    misfits = Misfits()
    if codec.max_rmse is not None:
        misfits = Misfits.of(codec, images, Errors.of(images, recon))
    return Encoded(EncodedBatch.plain(codes, recon), np.zeros(len(images), np.uint8), misfits)


def encoder_from_arguments(
    codec: Codec,
    *,
    guard: bool = True,
    max_rmse: float | None = None,
    max_error: int | None = None,
    lossless: bool = False,
    margin: int | None = None,
) -> FidelityEncoder | None:
    """Return the encoder for arguments of `compress`; None where they require nothing.

    Arguments and errors are those of `policy_from_arguments`.
    """
    policy = policy_from_arguments(
        codec, guard=guard, max_rmse=max_rmse, max_error=max_error, lossless=lossless, margin=margin
    )
    return None if policy is None else FidelityEncoder(codec, policy)


def encoder_from_promise(codec: Codec, promise: StoredPromise) -> FidelityEncoder | None:
    """Return the encoder that keeps the promise of a file; None where it promises nothing.

    Raises `BoundError` where the promise cannot be kept.
    """
    policy = policy_from_promise(codec, promise)
    return None if policy is None else FidelityEncoder(codec, policy)


def promise_of(encoder: FidelityEncoder | None) -> StoredPromise:
    """Return the promise of a file whose images go through this encoder, or through none."""
    return StoredPromise() if encoder is None else encoder.policy.promise
