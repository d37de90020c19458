"""Verify each image against its reconstruction; correct those that fail.

This room knows codecs, classifiers and corrections. It does not know files, beyond the promise that
a header states.
"""

from digitzip.fidelity.checks import within_bounds
from digitzip.fidelity.counts import FidelityCounts
from digitzip.fidelity.encoder import (
    FidelityEncoder,
    encoder_from_arguments,
    encoder_from_promise,
    promise_of,
)
from digitzip.fidelity.fallback import Fallback
from digitzip.fidelity.policy import RMSE_UNIT, Policy

__all__ = [
    "RMSE_UNIT",
    "Fallback",
    "FidelityCounts",
    "FidelityEncoder",
    "Policy",
    "encoder_from_arguments",
    "encoder_from_promise",
    "promise_of",
    "within_bounds",
]
