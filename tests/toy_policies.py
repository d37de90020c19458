"""Toy models with bounds and classifiers, and images of all kinds, for tests of fidelity."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import strategies as st

from digitzip.codec import Codec, Images
from digitzip.kernels import Layer, Network
from digitzip.model import Model, write_classifier
from tests.toy import make_classifier, make_images, make_model, make_residual

SIDE = 8
CLASSIFIER = make_classifier(side=SIDE)
OTHER = make_classifier(seed=1, side=SIDE)
PAIR = replace(
    CLASSIFIER,
    name="toy-pair",
    networks=CLASSIFIER.networks + OTHER.networks,
    known_scores=np.stack(
        [each.scores(CLASSIFIER.known_images)[:, 0] for each in (CLASSIFIER, OTHER)], 1
    ),
)
TOY = make_model(side=SIDE)


def bounded(model: Model, max_rmse: int = 27_000, **changes: Any) -> Model:
    """Return a model that names the toy classifier and bounds the RMSE."""
    sets = tuple(replace(each, max_rmse=max_rmse) for each in model.quantisers)
    return replace(model, **{"quantisers": sets, "classifier_id": CLASSIFIER.id} | changes)


def categorical() -> Model:
    """Return a toy model whose decoder tells the values of its latents apart one by one."""
    random = np.random.default_rng(4)
    apart = Layer(
        random.integers(-60, 61, (16, 4), np.int8), np.zeros(16, np.int32), np.full(16, 12), 0, 1
    )
    pixels = Layer(
        random.integers(-90, 91, (SIDE * SIDE, 16), np.int8),
        random.integers(0, 256, SIDE * SIDE, np.int32), np.zeros(SIDE * SIDE, np.uint8), 0, 255,
    )  # fmt: skip
    decoder = Network([apart, pixels], -256, 256)
    known = decoder(TOY.quantisers[0].dequantise(TOY.known_codes)).astype(np.uint8)
    return replace(TOY, decoder=decoder, known_images=known.reshape(-1, SIDE, SIDE))


MODELS = {
    "promises nothing": TOY,
    "bounded": bounded(TOY),
    "bounded, coded": bounded(TOY, residual=make_residual(side=SIDE)),
    "with a margin": bounded(TOY, margin=20),
    "without a classifier": bounded(TOY, classifier_id=None),
    "two networks": bounded(TOY, classifier_id=PAIR.id, margin=8),
    "labels only": bounded(TOY, 65_535),
    "categorical": bounded(categorical(), 30_000),
}


@contextmanager
def registered(folder: Path) -> Iterator[Path]:
    """Make the toy classifiers known for a while, as files of a folder."""
    for classifier in (CLASSIFIER, PAIR):
        write_classifier(folder / f"{classifier.name}.safetensors", classifier)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITZIP_MODELS", str(folder))
        yield folder


@st.composite
def all_kinds(draw: st.DrawFn, most: int = 8) -> Images:
    """Images uint8 [0 … most, 8, 8]: noise, blanks, bars, and what toy models decode to."""
    n, seed = draw(st.integers(0, most)), draw(st.integers(0, 999))
    random = np.random.default_rng(seed)
    codes = random.integers(0, 8, (n, 4), np.uint8)
    kinds = [
        random.integers(0, 256, (n, SIDE, SIDE), np.uint8),
        np.full((n, SIDE, SIDE), seed % 256, np.uint8),
        make_images(n, seed, SIDE),
        Codec(TOY, effort=0).decode(codes),
        Codec(MODELS["categorical"], effort=0).decode(codes),
    ]
    which = random.integers(0, len(kinds), n)
    chosen: Images = np.array([kinds[kind][i] for i, kind in enumerate(which)], np.uint8)
    return chosen.reshape(n, SIDE, SIDE)


def some(n: int = 60, seed: int = 0) -> Images:
    """Return n images: decoded ones, bars and noise in turn."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 8, (n, 4), np.uint8)
    images = Codec(TOY, effort=0).decode(codes)
    images[1::3] = make_images(n, seed, SIDE)[1::3]
    images[2::3] = random.integers(0, 256, (n, SIDE, SIDE), np.uint8)[2::3]
    return images


def check(
    images: Images,
    pixels: Images,
    max_error: int | None,
    max_rmse: int | None,
    classifier_id: bytes | None,
    margin: int = 0,
) -> None:
    """Check by plain arithmetic that pixels are as near to their images as promised."""
    assert pixels.shape == images.shape
    for one, other in zip(images, pixels, strict=True):
        if (one == other).all():
            continue
        residual: npt.NDArray[np.int64] = one.astype(np.int64) - other
        if max_error is not None:
            assert int(np.abs(residual).max()) <= max_error
        if max_rmse is not None:
            assert np.sqrt((residual**2).mean()) / 255 <= max_rmse / 65_535 + 1e-12
        if classifier_id is not None:
            classifier = CLASSIFIER if classifier_id == CLASSIFIER.id[:4] else PAIR
            assert classifier_id == classifier.id[:4]
            labels = classifier.read(one[None])
            np.testing.assert_array_equal(classifier.read(other[None]), labels)
            enough = min(margin, int(classifier.margins(one[None], labels)[0]) // 4)
            assert classifier.margins(other[None], labels)[0] >= max(enough, 1)
