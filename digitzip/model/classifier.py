"""The classifier: which digit an image shows, by integer networks that no codec was trained with.

The fidelity checks compare the labels of original and reconstruction, network by network. It knows
no paths and no codes; its file is docs/MODELS.md section 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final

import numpy as np
import numpy.typing as npt

from digitzip.arguments import describe
from digitzip.errors import InputError
from digitzip.kernels import KERNELS, Network
from digitzip.model.tensors import Integers, Tensors, identify, network_tensors

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.int32]

UNIT: Final = 64
"""Scores are in 1/64 of a logit."""

_ID_TEXT: Final = b"digitzip-reader-1"


@dataclass(frozen=True, eq=False)
class Classifier:
    """Trained, validated networks with the same classes: everything that a classifier file holds.

    All arithmetic is on integers: the same images get the same scores on every machine.
    """

    name: str
    height: int
    width: int
    networks: tuple[Network, ...]
    known_images: Images
    known_scores: Scores
    notes: Mapping[str, str] = field(default_factory=dict)

    @property
    def classes(self) -> int:
        """Number of labels, counted from 0."""
        return self.networks[0].outputs

    def scores(self, images: Images) -> Scores:
        """Images uint8 [n, height, width] -> int32 [n, networks, classes], in 1/64 of a logit.

        Raises `InputError` for arrays of another type or shape.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.shape[1:] != (self.height, self.width):
            raise InputError(
                f"images are {describe(images)}, expected uint8 [n, {self.height}, {self.width}]"
            )
        pixels = images.reshape(len(images), self.height * self.width)
        return np.stack([KERNELS.forward(each, pixels) for each in self.networks], axis=1)

    def read(self, images: Images) -> Labels:
        """Images uint8 [n, height, width] -> labels uint8 [n, networks], by the largest score.

        Of equal scores the smaller label wins. Raises `InputError` as `scores`.
        """
        labels: Labels = self.scores(images).argmax(axis=2).astype(np.uint8)
        return labels

    def margins(self, images: Images, labels: Labels) -> Scores:
        """Return the margins of labels over all others, the smallest of all networks, int32 [n].

        Images uint8 [n, height, width], labels uint8 [n, networks], as `read` gives them. Raises
        `InputError` for other arrays, and for a label that is none.
        """
        scores, labels = self.scores(images), np.asarray(labels)
        if labels.dtype != np.uint8 or labels.shape != scores.shape[:2]:
            raise InputError(
                f"labels are {describe(labels)}, expected uint8 {list(scores.shape[:2])}"
            )
        if labels.size and int(labels.max()) >= self.classes:
            raise InputError(f"a label is {labels.max()}, expected below {self.classes}")
        return _ahead(scores, labels)

    def read_with_margins(self, images: Images) -> tuple[Labels, Scores]:
        """Return what `read` gives and the `margins` of it, from the same scores."""
        scores = self.scores(images)
        labels = scores.argmax(axis=2).astype(np.uint8)
        return labels, _ahead(scores, labels)

    @cached_property
    def id(self) -> bytes:
        """The classifier id: 16 bytes over all that scores depend on (docs/MODELS.md section 7)."""
        sizes = (self.height, self.width, self.classes)
        return identify(_ID_TEXT, sizes, self._network_tensors())

    def tensors(self) -> Tensors:
        """Return every tensor of the classifier file by its name."""
        tensors = dict(self._network_tensors())
        return tensors | {"known.images": self.known_images, "known.scores": self.known_scores}

    def _network_tensors(self) -> Iterator[tuple[str, Integers]]:
        for number, network in enumerate(self.networks):
            yield from network_tensors(f"reader.{number}", network)


def _ahead(scores: Scores, labels: Labels) -> Scores:
    """Return the margins of labels [n, networks], the smallest of each row; overwrites scores."""
    index = labels[..., None].astype(np.intp)
    own = np.take_along_axis(scores, index, axis=2)[..., 0]
    np.put_along_axis(scores, index, np.iinfo(np.int32).min, axis=2)
    margins: Scores = (own - scores.max(axis=2)).min(axis=1)
    return margins
