"""Images -> what they read as: small, unlike integer networks that no codec had a part in.

A guard asks them whether a decoded image still reads as the original did: each of them must say so.
They know no paths, no codes and no containers; their file is docs/MODELS.md section 7.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from digitzip.errors import InputError
from digitzip.kernels import KERNELS, Network
from digitzip.model.tensors import Integers, Tensors, identify, network_tensors

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.uint8]
Scores = npt.NDArray[np.int32]

UNIT: Final = 64
"""A score of 1 is so small a part of a logit."""

_ID_TEXT: Final = b"digitzip-reader-1"


@dataclass(frozen=True, eq=False)
class Classifier:
    """Trained, validated networks that read the same images: everything that their file holds.

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
        """How many labels there are, from 0."""
        return self.networks[0].outputs

    def scores(self, images: Images) -> Scores:
        """Images uint8 [n, height, width] -> int32 [n, networks, classes], in 1/64 of a logit.

        Raises `InputError` for arrays of another type or shape.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.shape[1:] != (self.height, self.width):
            raise InputError(
                f"images are {_describe(images)}, expected uint8 [n, {self.height}, {self.width}]"
            )
        pixels = images.reshape(len(images), self.height * self.width)
        return np.stack([KERNELS.forward(each, pixels) for each in self.networks], axis=1)

    def read(self, images: Images) -> Labels:
        """Images uint8 [n, height, width] -> uint8 [n, networks], the label of its best score.

        Of equal scores the smaller label wins. Raises `InputError` as `scores`.
        """
        labels: Labels = self.scores(images).argmax(axis=2).astype(np.uint8)
        return labels

    def margins(self, images: Images, labels: Labels) -> Scores:
        """Return by how much a label is ahead of all others, by the least sure network, int32 [n].

        Images uint8 [n, height, width], labels uint8 [n, networks], as `read` gives them. Raises
        `InputError` for other arrays, and for a label that is none.
        """
        scores, labels = self.scores(images), np.asarray(labels)
        if labels.dtype != np.uint8 or labels.shape != scores.shape[:2]:
            raise InputError(
                f"labels are {_describe(labels)}, expected uint8 {list(scores.shape[:2])}"
            )
        if labels.size and int(labels.max()) >= self.classes:
            raise InputError(f"a label is {labels.max()}, expected below {self.classes}")
        return _ahead(scores, labels)

    def read_with_margins(self, images: Images) -> tuple[Labels, Scores]:
        """Return what `read` gives, and the `margins` of it, from the same scores."""
        scores = self.scores(images)
        labels = scores.argmax(axis=2).astype(np.uint8)
        return labels, _ahead(scores, labels)

    @cached_property
    def id(self) -> bytes:
        """The 16 bytes of docs/MODELS.md section 7 over all that reading depends on."""
        sizes = (self.height, self.width, self.classes)
        return identify(_ID_TEXT, sizes, self._network_tensors())

    def tensors(self) -> Tensors:
        """Return every tensor of the reader's file by its name."""
        tensors = dict(self._network_tensors())
        return tensors | {"known.images": self.known_images, "known.scores": self.known_scores}

    def _network_tensors(self) -> Iterator[tuple[str, Integers]]:
        for number, network in enumerate(self.networks):
            yield from network_tensors(f"reader.{number}", network)


def _ahead(scores: Scores, labels: Labels) -> Scores:
    """Return by how much labels [n, networks] are ahead, the least of each row; spoils scores."""
    places = labels[..., None].astype(np.intp)
    own = np.take_along_axis(scores, places, axis=2)[..., 0]
    np.put_along_axis(scores, places, np.iinfo(np.int32).min, axis=2)
    margins: Scores = (own - scores.max(axis=2)).min(axis=1)
    return margins


def _describe(array: npt.NDArray[Any]) -> str:
    return f"{array.dtype} {list(array.shape)}"
