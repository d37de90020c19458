"""What weights files hold: one table of metadata, tensors, networks and limits for both kinds.

docs/MODELS.md is the normative page. `weights_file` checks files against this table before tensors
are read, and `tensors` takes numbers and networks by it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from digitzip.kernels.context import MAX_WEIGHT
from digitzip.limits import DIMS, LEVELS, MAX_LAYER_WIDTH, SIDES

VERSION: Final = "1"

MAX_LAYERS: Final = 64
MAX_MULTIPLICATIONS: Final = 16 << 20  # of a network for one image
MAX_TABLE: Final = 65_536
MAX_KNOWN: Final = 64
MAX_CLASSES: Final = 256
LABELS: Final = LEVELS  # numbers of labels of a label model
MAX_NETWORKS: Final = 8  # of a classifier
MAX_NAME: Final = 100
MAX_POINT: Final = 1 << 15
MAX_LAMBDA: Final = 1 << 20
MAX_MARGIN: Final = 1 << 16
MAX_RMSE: Final = 65_535

Range = tuple[int, int]
PIXELS: Final = (0, 255)
SCORES: Final = (-(1 << 15), 1 << 15)


@dataclass(frozen=True, slots=True)
class FileSchema:
    """The name of a kind of weights file, and its metadata keys besides `notes.*`."""

    name: str
    keys: frozenset[str]

    @property
    def format(self) -> str:
        """The value of the metadata key `format`."""
        return f"digitzip-{self.name}"


_KEYS: Final = frozenset({"format", "version", "name", "id", "height", "width"})
MODEL: Final = FileSchema("model", _KEYS | {"levels", "classifier"})
CLASSIFIER: Final = FileSchema("classifier", _KEYS)


@dataclass(frozen=True, slots=True)
class TensorRule:
    """The greatest length of each axis of a tensor, and its types."""

    lengths: tuple[int, ...]
    dtypes: tuple[str, ...] = ("I32", "I16", "I8", "U16", "U8")


TENSORS: Final[Mapping[str, TensorRule]] = {  # by the last part of the name
    "weight": TensorRule((MAX_LAYER_WIDTH, MAX_LAYER_WIDTH), ("I8", "I16")),
    "bias": TensorRule((MAX_LAYER_WIDTH,)),
    "shift": TensorRule((MAX_LAYER_WIDTH,)),
    "clip": TensorRule((2,)),
    "skip": TensorRule((1,)),
    "table": TensorRule((MAX_TABLE,)),
    "window": TensorRule((4,)),
    "thresholds": TensorRule((DIMS[-1], LEVELS[-1] - 1)),
    "points": TensorRule((DIMS[-1], LEVELS[-1])),
    "lambda": TensorRule((1,)),
    "max_rmse": TensorRule((1,)),
    "margin": TensorRule((1,)),
    "codes": TensorRule((MAX_KNOWN, DIMS[-1]), ("U8",)),
    "images": TensorRule((MAX_KNOWN, SIDES[-1], SIDES[-1]), ("U8",)),
    "scores": TensorRule((MAX_KNOWN, MAX_NETWORKS, MAX_CLASSES)),
}

NUMBERS: Final[Mapping[str, range]] = {  # optional tensors of one number, by the last part
    "lambda": range(MAX_LAMBDA + 1),
    "max_rmse": range(1, MAX_RMSE + 1),
    "margin": range(MAX_MARGIN + 1),
    "skip": range(1, MAX_LAYERS),
}


@dataclass(frozen=True, slots=True)
class NetworkRule:
    """The range of the inputs of a network, and the one its outputs must keep; None where free."""

    inputs: Range | None
    outputs: Range | None


NETWORKS: Final[Mapping[str, NetworkRule]] = {  # by the part of the name without numbers
    "encoder": NetworkRule(PIXELS, None),
    "decoder": NetworkRule(None, PIXELS),  # the inputs are points of quantisers
    "predictor": NetworkRule(None, SCORES),  # as for the decoder
    "residual": NetworkRule(PIXELS, (0, MAX_WEIGHT)),
    "labels": NetworkRule(None, SCORES),  # as for the decoder
    "reader": NetworkRule(PIXELS, SCORES),
}
