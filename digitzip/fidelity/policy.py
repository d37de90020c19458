"""Policies: what every image must satisfy, from arguments or from the promise of a file.

The promise is section 6 of FORMAT.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from digitzip.arguments import integer, real
from digitzip.codec import Codec
from digitzip.entropy.residuals import MAX_BOUND
from digitzip.errors import BoundError, InputError, ModelError
from digitzip.format import StoredPromise
from digitzip.format.header import CLASSIFIER_ID_SIZE
from digitzip.model import find_classifier
from digitzip.model.classifier import Classifier

RMSE_UNIT: Final = 65_535
"""An RMSE of 1, the whole range of pixels, in the units of a policy and of a promise."""
MAX_ERRORS: Final = range(MAX_BOUND + 1)
MARGINS: Final = range((1 << 16) + 1)
NEAR_LOSSLESS_BOUND: Final = 12
"""The greatest pixel error of a near-lossless correction where no argument asks for less."""


@dataclass(frozen=True, slots=True)
class Policy:
    """Requirements for every image; a field is None where nothing is required.

    `max_rmse` bounds the RMSE of each image, in 1/65,535 of the pixel range, and `max_error` the
    error of each pixel, 0 to 255. The `classifier` must give image and original the same label,
    both with at least `margin`, in 1/64 of a logit; a corrected image needs a smaller margin.
    An image without any error satisfies every policy.
    """

    max_rmse: int | None = None
    max_error: int | None = None
    classifier: Classifier | None = None
    margin: int = 0

    @property
    def correction_bound(self) -> int:
        """The greatest pixel error of a near-lossless image; 0 where all corrections are lossless.

        Pixel errors are spread over -bound … bound, so their RMSE is about half the bound. A bound
        on the RMSE therefore limits the pixel error to twice that RMSE.
        """
        bound = NEAR_LOSSLESS_BOUND if self.max_error is None else min(self.max_error, MAX_BOUND)
        if self.max_rmse is None or not bound:
            return bound
        return min(bound, max(2 * 255 * self.max_rmse // RMSE_UNIT, 1))

    @property
    def promise(self) -> StoredPromise:
        """The promise of a file whose images all satisfy the policy."""
        id_ = None if self.classifier is None else self.classifier.id[:CLASSIFIER_ID_SIZE]
        return StoredPromise(True, self.max_error, self.max_rmse, id_)


def policy_from_arguments(
    codec: Codec,
    *,
    guard: bool = True,
    max_rmse: float | None = None,
    max_error: int | None = None,
    lossless: bool = False,
    margin: int | None = None,
) -> Policy | None:
    """Return the policy for arguments of `compress`; None where they require nothing.

    `max_rmse` is an RMSE of pixels in 0 … 1, above 0; `max_error` is 0 to 127 pixel values;
    `margin` is in 1/64 of a logit. The model sets the defaults of `max_rmse` and `margin`.
    Raises `InputError` for other values and for arguments that exclude each other, `ModelError`
    where the model's classifier is not found.
    """
    if not isinstance(guard, bool) or not isinstance(lossless, bool):
        raise InputError(f"guard is {guard!r}, lossless {lossless!r}: expected True or False")
    rmse = None if max_rmse is None else _rmse(max_rmse)
    if max_error is not None:
        max_error = integer("max_error", max_error, MAX_ERRORS)
    if margin is not None:
        margin = integer("margin", margin, MARGINS)
    if lossless and (max_error or (rmse, margin) != (None, None)):
        raise InputError("lossless=True excludes max_rmse, max_error and margin")
    if not guard:
        if lossless or (rmse, max_error, margin) != (None, None, None):
            raise InputError("guard=False excludes max_rmse, max_error, lossless and margin")
        return None
    id_ = codec.model.classifier_id
    if margin is not None and id_ is None:
        raise InputError(f"margin is {margin}, and model {codec.model.name} names no classifier")
    if lossless or max_error == 0:
        return Policy(max_error=0)  # nothing else is left to check
    policy = Policy(
        max_rmse=codec.max_rmse if rmse is None else rmse,
        max_error=max_error,
        classifier=_classifier(codec, id_),
        margin=codec.model.margin if margin is None else margin,
    )
    required = (policy.max_rmse, policy.max_error, policy.classifier)
    return None if required == (None, None, None) else policy


def policy_from_promise(codec: Codec, promise: StoredPromise) -> Policy | None:
    """Return the policy that keeps the promise of a file; None where the file promises nothing.

    Raises `BoundError` where the promise cannot be kept.
    """
    if not promise.on:
        return None
    id_, own = promise.classifier, codec.model.classifier_id
    if id_ is not None and own is not None and own.startswith(id_):
        id_ = own  # the promise stores only the first bytes of an id
    try:
        classifier = _classifier(codec, id_)
    except ModelError as error:
        raise BoundError(f"the file promises labels of a classifier: {error}") from error
    return Policy(promise.max_rmse, promise.max_error, classifier, codec.model.margin)


def _rmse(max_rmse: object) -> int:
    """Return an RMSE in units of 1/65,535; raises `InputError` outside 1/65,535 … 1."""
    value = real(max_rmse)
    if value is None or not 1 / RMSE_UNIT <= value <= 1:
        raise InputError(f"max_rmse is {max_rmse!r}, expected 1/{RMSE_UNIT} to 1")
    return int(value * RMSE_UNIT)


def _classifier(codec: Codec, id_: bytes | None) -> Classifier | None:
    """Return the classifier with this id, for the images of a codec."""
    if id_ is None:
        return None
    found, shape = find_classifier(id_), codec.model.shape
    if (found.height, found.width) != (shape.height, shape.width):
        raise ModelError(
            f"classifier {found.name} takes {found.height} x {found.width} pixels, and images "
            f"have {shape.height} x {shape.width}: use a model with another classifier, or "
            "guard=False"
        )
    return found
