"""Lambda of each number of levels: how much squared error the search gives for a bit."""

import math
from dataclasses import dataclass, replace

import numpy as np

from digitzip.codec import Codec, Images
from digitzip.entropy.probability import UNIT, ideal_bits
from digitzip.model import Model, Quantiser
from digitzip.model.schema import MAX_LAMBDA


@dataclass(frozen=True, slots=True)
class Point:
    """Bits and squared error of a held-out image, at one number of levels."""

    bits: float
    error: float  # of pixels 0 ... 255, summed over an image
    rounding: float = 0.0  # the part of it that rounding the encoder's output adds


def with_lambdas(
    quantisers: list[Quantiser], points: list[Point], coordinates: int
) -> tuple[Quantiser, ...]:
    """Return the level sets, each with the slope of the model's own curve of error against bits.

    Where the search trades error for rate at the slope of the curve, no other level count gives
    less error at that rate. One level count alone takes the slope of theory: what rounding adds
    falls to a quarter with a bit more for every coordinate.
    """
    if len(points) == 1:
        slope = 2 * math.log(2) * max(0.0, points[0].rounding) / coordinates  # of a bit
        lambda_ = min(round(slope / (math.log(2) * UNIT)), MAX_LAMBDA)
        return (replace(quantisers[0], lambda_=lambda_),)
    order = sorted(range(len(points)), key=lambda i: points[i].bits)
    lambdas = [0] * len(points)
    for rank, i in enumerate(order):
        fewer, more = (
            points[order[max(rank - 1, 0)]],
            points[order[min(rank + 1, len(order) - 1)]],
        )
        slope = (fewer.error - more.error) / max(more.bits - fewer.bits, 1e-9)  # of a bit
        lambdas[i] = max(0, round(slope / (math.log(2) * UNIT)))
    return tuple(
        replace(quantiser, lambda_=min(lambda_, MAX_LAMBDA))
        for quantiser, lambda_ in zip(quantisers, lambdas, strict=True)
    )


def within(quantiser: Quantiser, model: Model, most_bits: float, images: Images) -> Quantiser:
    """Return a level set of a model with a lambda at which a code costs `most_bits` at most.

    It is the least such lambda, within a sixteenth, for codes of images [n, h, w] at the default
    effort; the greatest lambda if none is enough.
    """

    def fits(lambda_: int) -> bool:
        priced = replace(model, quantisers=(replace(quantiser, lambda_=lambda_),))
        return measured(Codec(priced), images).bits <= most_bits

    if fits(0):
        return replace(quantiser, lambda_=0)
    low, high = 0, max(64, quantiser.lambda_)
    while high < MAX_LAMBDA and not fits(high):
        low, high = high, min(MAX_LAMBDA, 2 * high)
    while high - low > max(1, high // 16):
        middle = (low + high) // 2
        low, high = (low, middle) if fits(middle) else (middle, high)
    return replace(quantiser, lambda_=high)


def measured(codec: Codec, images: Images) -> Point:
    """Return what a codec does to images [n, h, w]."""
    codes = codec.encode(images)
    bits = ideal_bits(codec.model.quantiser(codec.levels).scores, codes)
    return Point(bits, error_of(images, codec.decode(codes)))


def error_of(images: Images, recon: Images) -> float:
    """Return the mean squared error of an image, summed over pixels 0 ... 255."""
    difference = images.astype(np.int64) - recon
    return float((difference**2).sum()) / len(images)
