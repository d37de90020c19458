"""Verify each image against its reconstruction; correct those that fail.

This room knows codecs, classifiers and corrections. It does not know files, beyond the promise that
a header states.
"""

from digitzip.fidelity.checks import Errors
from digitzip.fidelity.counts import FidelityCounts
from digitzip.fidelity.encoder import (
    Encoded,
    FidelityEncoder,
    encode_unchecked,
    encoder_from_arguments,
    encoder_from_promise,
    promise_of,
)
from digitzip.fidelity.fallback import Fallback
from digitzip.fidelity.misfits import Misfits
from digitzip.fidelity.policy import RMSE_UNIT, Policy

__all__ = [
    "RMSE_UNIT",
    "Encoded",
    "Errors",
    "Fallback",
    "FidelityCounts",
    "FidelityEncoder",
    "Misfits",
    "Policy",
    "encode_unchecked",
    "encoder_from_arguments",
    "encoder_from_promise",
    "promise_of",
]
