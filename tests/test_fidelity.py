"""Every image satisfies its policy, by the first fallback that is enough."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digitzip.codec import Codec, Images
from digitzip.errors import BoundError, InputError, ModelError
from digitzip.fidelity import (
    Fallback,
    FidelityCounts,
    FidelityEncoder,
    Policy,
    checks,
    encoder_from_arguments,
    encoder_from_promise,
    promise_of,
)
from digitzip.format import StoredPromise
from digitzip.kernels import KERNELS
from digitzip.model import write_classifier
from tests.toy import make_classifier
from tests.toy_policies import (
    CLASSIFIER,
    MODELS,
    PAIR,
    SIDE,
    TOY,
    all_kinds,
    check,
    registered,
    some,
)


@pytest.fixture(scope="module", autouse=True)
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder with the toy classifiers, where they are found."""
    with registered(tmp_path_factory.mktemp("classifiers")) as known:
        yield known


def encoder_of(name: str, **bounds: Any) -> FidelityEncoder:
    """Return the encoder of a toy model."""
    encoder = encoder_from_arguments(Codec(MODELS[name], effort=0), **bounds)
    assert encoder is not None
    return encoder


@settings(max_examples=60)
@given(
    all_kinds(),
    st.sampled_from(sorted(set(MODELS) - {"promises nothing"})),
    st.none() | st.floats(0.01, 1),
    st.none() | st.integers(0, 127),
    st.booleans(),
)
def test_final_pixels_satisfy_the_policy(
    images: Images, name: str, max_rmse: float | None, max_error: int | None, lossless: bool
) -> None:
    bounds = {"lossless": True} if lossless else {"max_rmse": max_rmse, "max_error": max_error}
    encoder = encoder_of(name, **bounds)
    batch, used, _ = encoder.encode(images)
    np.testing.assert_array_equal(batch.recon, encoder.codec.decode(batch.codes))
    corrected = used >= Fallback.NEAR_LOSSLESS
    np.testing.assert_array_equal(corrected, batch.bounds >= 0)
    np.testing.assert_array_equal(batch.bounds[used == Fallback.LOSSLESS], 0)
    np.testing.assert_array_equal(batch.pixels[~corrected], batch.recon[~corrected])
    assert (batch.pixels is batch.recon) == (not corrected.any())
    error = np.abs(batch.pixels.astype(np.int16) - images).max(axis=(1, 2))
    assert (error[corrected] <= batch.bounds[corrected]).all()
    promise, model = promise_of(encoder), encoder.codec.model
    check(
        images, batch.pixels, promise.max_error, promise.max_rmse, promise.classifier, model.margin
    )
    if lossless or max_error == 0:
        assert promise == StoredPromise(True, max_error=0)
    else:
        rmse = model.quantisers[0].max_rmse if max_rmse is None else int(max_rmse * 65_535)
        id_ = None if model.classifier_id is None else model.classifier_id[:4]
        assert promise == StoredPromise(True, max_error, rmse, id_)


def test_a_policy_that_requires_nothing_needs_no_encoder() -> None:
    assert encoder_from_arguments(Codec(TOY)) is None
    assert encoder_from_arguments(Codec(MODELS["bounded"]), guard=False) is None
    assert promise_of(None) == StoredPromise()
    assert encoder_from_promise(Codec(TOY), StoredPromise()) is None


@pytest.mark.parametrize(
    "name", ["bounded", "with a margin", "two networks", "labels only", "categorical"]
)
def test_each_image_uses_the_first_fallback_that_is_enough(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "digitzip.fidelity.encoder._OTHER_CODE_MARGIN", 0
    )  # toy classifiers have small margins
    encoder, images = encoder_of(name), some(200)
    codec, policy = encoder.codec, encoder.policy
    batch, used, _ = encoder.encode(images)
    codes = codec.encode(images)
    originals = checks.label(policy, images)
    assert originals is not None
    sure = originals.margins >= policy.margin

    def fine(recon: Images) -> checks.Flags:
        same = checks.same_label(policy, originals, recon, policy.margin)
        return sure & checks.within_bounds(policy, images, recon) & same

    first = fine(codec.decode(codes))
    np.testing.assert_array_equal(used == Fallback.NONE, first)
    np.testing.assert_array_equal(used == Fallback.OTHER_CODE, fine(batch.recon) & ~first)
    np.testing.assert_array_equal(used == Fallback.OTHER_CODE, (batch.codes != codes).any(axis=1))
    if policy.margin:
        assert not sure.all()  # an original with a small margin is corrected in any case
    assert {Fallback.NONE, Fallback.OTHER_CODE} <= set(used.tolist())
    if name != "labels only":
        assert set(used.tolist()) == set(Fallback)
    lossless, near = used == Fallback.LOSSLESS, used == Fallback.NEAR_LOSSLESS
    np.testing.assert_array_equal(batch.pixels[lossless], images[lossless])
    assert (batch.bounds[near] == policy.correction_bound).all()


@pytest.mark.parametrize("name", ["bounded", "categorical"])
def test_batches_are_encoded_as_one_image_is(name: str) -> None:
    encoder, images = encoder_of(name), some(40)
    together, used, _ = encoder.encode(images)
    for i, image in enumerate(images):
        alone, fallbacks, _ = encoder.encode(image[None])
        np.testing.assert_array_equal(alone.codes[0], together.codes[i])
        np.testing.assert_array_equal(alone.pixels[0], together.pixels[i])
        assert fallbacks[0] == used[i]


def test_an_image_that_its_code_gives_exactly_is_not_corrected() -> None:
    codec = Codec(MODELS["with a margin"], effort=6)
    encoder = encoder_from_arguments(codec)
    assert encoder is not None
    codes = np.random.default_rng(3).integers(0, 8, (300, 4), np.uint8)
    images = codec.decode(codes)
    exact = (codec.decode(codec.encode(images)) == images).all(axis=(1, 2))
    assert exact.sum() > 30
    assert (encoder.encode(images)[1][exact] == Fallback.NONE).all()


@settings(max_examples=30)
@given(all_kinds(), all_kinds(), st.integers(1, 65_535), st.integers(0, 127))
def test_bounds_mean_what_plain_arithmetic_says(
    images: Images, recon: Images, max_rmse: int, max_error: int
) -> None:
    n = min(len(images), len(recon))
    if not n:
        return
    images, recon = images[:n], recon[:n]
    residual = images.astype(np.int64) - recon
    squares = (residual**2).sum(axis=(1, 2))
    limit = (max_rmse * 255) ** 2 * SIDE * SIDE
    expected = np.array([each * 65_535**2 <= limit for each in squares.tolist()])
    contrast = np.ptp(images, axis=(1, 2)).astype(int)
    half = [squares[i] / SIDE**2 <= images[i].var() / 4 + 1e-9 for i in range(n)]
    expected &= (contrast >= 128) | np.array(half)  # faint images have closer bounds
    passed = checks.within_bounds(Policy(max_rmse=max_rmse), images, recon)
    assert passed.tolist() == expected.tolist()
    worst = np.abs(residual).max(axis=(1, 2))
    expected = (worst <= max_error) & ((contrast >= 128) | (worst <= contrast / 8))
    passed = checks.within_bounds(Policy(max_error=max_error), images, recon)
    assert passed.tolist() == expected.tolist()


def test_a_tie_of_scores_is_no_label(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.array([[5, 5, 0, 0], [5, 5, 0, 0], [4, 5, 0, 0]], np.int32)
    originals = checks.Labelled(np.array([[0], [1], [1]], np.uint8), np.zeros(3, np.int32))
    policy, recon = Policy(classifier=CLASSIFIER), some(3)
    monkeypatch.setattr(KERNELS, "forward", lambda *_: scores.copy())
    for margin, expected in (
        (0, [False, False, True]),
        (1, [False, False, True]),
        (2, [False] * 3),
    ):
        assert checks.same_label(policy, originals, recon, margin).tolist() == expected
    assert checks.same_label(Policy(), originals, recon, 2).tolist() == [True] * 3


def test_the_bound_of_corrections_follows_the_policy() -> None:
    assert Policy().correction_bound == 12
    for bound in (0, 9, 127):
        assert Policy(max_error=bound).correction_bound == bound
    assert Policy(max_rmse=65_535 // 100).correction_bound == 5
    assert Policy(max_rmse=1).correction_bound == 1
    assert Policy(max_rmse=1, max_error=0).correction_bound == 0


def test_counts_are_of_images_by_fallback() -> None:
    counts = FidelityCounts()
    for used in ([0, 0, 1, 3], [2, 2, 0], []):
        counts.add(np.array(used, np.uint8))
    assert [counts.images[each] for each in Fallback] == [3, 1, 2, 1]
    assert (counts.total, counts.corrected) == (7, 3)


# arguments


@pytest.mark.parametrize(
    ("bounds", "match"),
    [
        ({"max_error": -1}, "max_error is -1, expected 0 to 127"),
        ({"max_error": 128}, "max_error is 128, expected 0 to 127"),
        ({"max_error": 5.0}, "max_error is 5.0, expected 0 to 127"),
        ({"max_error": True}, "max_error is True, expected 0 to 127"),
        ({"max_rmse": 0}, "max_rmse is 0, expected 1/65535 to 1"),
        ({"max_rmse": 1.01}, "max_rmse is 1.01, expected 1/65535"),
        ({"max_rmse": float("nan")}, "max_rmse is nan, expected 1/65535"),
        ({"max_rmse": "0.1"}, "max_rmse is '0.1', expected 1/65535"),
        ({"max_rmse": True}, "max_rmse is True, expected 1/65535"),
        ({"guard": "off"}, "guard is 'off', lossless False: expected True or False"),
        ({"lossless": True, "max_error": 1}, "lossless=True excludes max_rmse, max_error and"),
        ({"lossless": True, "max_rmse": 0.1}, "lossless=True excludes max_rmse, max_error and"),
        ({"guard": False, "lossless": True}, "guard=False excludes max_rmse"),
        ({"guard": False, "max_error": 0}, "guard=False excludes max_rmse"),
        ({"guard": False, "max_rmse": 0.5}, "guard=False excludes max_rmse"),
        ({"guard": False, "margin": 1}, "guard=False excludes max_rmse"),
        ({"margin": -1}, "margin is -1, expected 0 to 65536"),
        ({"margin": 1}, "margin is 1, and model toy names no classifier"),
    ],
)
def test_impossible_and_contradicting_bounds_are_refused(
    bounds: dict[str, Any], match: str
) -> None:
    with pytest.raises(InputError, match=match):
        encoder_from_arguments(Codec(TOY), **bounds)


@pytest.mark.parametrize("type_", [np.int64, np.uint8, np.array])
def test_any_integer_type_is_an_integer_and_any_real_type_a_number(type_: Any) -> None:
    policy = encoder_of(
        "bounded", max_error=type_(9), margin=type_(3), max_rmse=np.float32(0.5)
    ).policy
    assert (policy.max_error, policy.margin, policy.max_rmse) == (9, 3, 32_767)
    assert {type(policy.max_error), type(policy.margin)} == {int}
    assert encoder_of("bounded", max_rmse=np.int64(1)).policy.max_rmse == 65_535


def test_the_least_and_the_greatest_rmse_are_accepted() -> None:
    for max_rmse, promised in ((1 / 65_535, 1), (1, 65_535), (1.0, 65_535)):
        assert promise_of(encoder_of("bounded", max_rmse=max_rmse)).max_rmse == promised


# classifiers


def test_a_classifier_that_is_not_found_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIGITZIP_MODELS")
    codec = Codec(MODELS["bounded"], effort=0)
    with pytest.raises(ModelError, match="with id"):
        encoder_from_arguments(codec)
    with pytest.raises(BoundError, match="the file promises labels of a classifier: no "):
        encoder_from_promise(codec, StoredPromise(True, classifier=CLASSIFIER.id[:4]))
    assert encoder_from_arguments(codec, lossless=True) is not None  # needs no classifier


def test_a_classifier_of_another_size_is_an_error(folder: Path) -> None:
    other = make_classifier("wide", side=9)
    write_classifier(folder / "wide.safetensors", other)
    with pytest.raises(ModelError, match="wide takes 9 x 9 pixels, and images have 8 x 8"):
        encoder_from_arguments(Codec(replace(TOY, classifier_id=other.id)))


def test_a_promise_gives_the_encoder_that_keeps_it() -> None:
    codec = Codec(MODELS["two networks"], effort=0)
    for bounds in ({}, {"max_error": 9}, {"lossless": True}, {"max_rmse": 0.1}):
        encoder = encoder_from_arguments(codec, **bounds)
        promise = promise_of(encoder)
        again = encoder_from_promise(codec, promise)
        assert encoder is not None
        assert again is not None
        assert promise_of(again) == promise
    assert promise_of(encoder_of("two networks")).classifier == PAIR.id[:4]
    other = encoder_from_promise(codec, StoredPromise(True, classifier=CLASSIFIER.id[:4]))
    assert other is not None
    assert other.policy.classifier is not None
    assert other.policy.classifier.id == CLASSIFIER.id
