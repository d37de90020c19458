"""Labels come back, plain and coded, whatever is done with their archives; no damage passes."""

from __future__ import annotations

import io
from contextlib import suppress
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

import digitzip
from digitzip.cli import digitzip as command
from digitzip.codec import Codec, Codes
from digitzip.entropy.labels import LabelModel, are_coded, pack_labels, unpack_labels
from digitzip.errors import DamagedError, ModelError
from digitzip.format import LayerType
from digitzip.model import Model, read_model
from tests.conftest import TINY
from tests.test_conformance import HERE
from tests.toy import make_labels, make_model

Images = npt.NDArray[np.uint8]

TOY = make_model().quantiser(8)
INVALID = sorted((HERE / "invalid").glob("labels-coded-*.dz"))


def label_model(labels: int = 10) -> LabelModel:
    return LabelModel(make_labels(labels=labels), TOY.dequantise)


def some_codes(n: int, seed: int = 0) -> Codes:
    return np.random.default_rng(seed).integers(0, 8, (n, 4), np.uint8)


def likely(model: LabelModel, codes: Codes) -> bytes:
    """Return the likeliest label of each code, but for every seventh."""
    labels = model.scores(codes).argmax(axis=1).astype(np.uint8)
    labels[6::7] = np.arange(len(labels[6::7])) % model.labels
    return bytes(labels)


def unpacked(body: bytes, codes: Codes, model: LabelModel | None) -> bytes:
    return unpack_labels(body, len(codes), lambda: (codes, model))


def no_context() -> tuple[Codes, LabelModel | None]:
    raise AssertionError("plain labels need neither codes nor model")


# Bodies of layers


@given(st.binary(max_size=50))
def test_plain_labels_come_back(labels: bytes) -> None:
    body = b"\0" + labels
    assert unpack_labels(body, len(labels), no_context) == labels
    for damaged, images in ((b"", 0), (b"\2" + labels, len(labels)), (body, len(labels) + 1)):
        with pytest.raises(DamagedError, match="labels"):
            unpack_labels(damaged, images, no_context)


@given(st.integers(1, 300), st.integers(2, 255), st.integers(0, 99))
def test_coded_labels_come_back(n: int, count: int, seed: int) -> None:
    model, codes = label_model(count), some_codes(n, seed)
    labels = np.random.default_rng(seed).integers(0, count, n, np.uint8)
    np.testing.assert_array_equal(model.decode(model.encode(labels, codes), codes), labels)


def test_batches_do_not_show() -> None:
    model, codes = label_model(), some_codes(5000)
    labels = np.frombuffer(likely(model, codes), np.uint8)
    np.testing.assert_array_equal(model.decode(model.encode(labels, codes), codes), labels)


def test_likely_labels_are_coded_and_take_little() -> None:
    model, codes = label_model(), some_codes(2000)
    labels = likely(model, codes)
    body = b"".join(pack_labels(labels, codes, model))
    assert are_coded(body)
    assert len(body) < len(labels) / 3
    assert unpacked(body, codes, model) == labels
    with pytest.raises(DamagedError, match="the model has no label model"):
        unpacked(body, codes, None)


@pytest.mark.parametrize("case", ["no label model", "a label beyond it", "in runs"])
def test_labels_are_plain_where_that_is_smaller_or_the_only_way(case: str) -> None:
    model, codes = label_model(), some_codes(2000)
    labels = likely(model, codes)
    if case == "a label beyond it":
        labels = labels[:-1] + b"\x0a"
    elif case == "in runs":
        labels = b"".join(bytes([v]) * 200 for v in range(10))
    known = None if case == "no label model" else model
    body = b"".join(pack_labels(labels, codes, known))
    assert not are_coded(body)
    assert unpacked(body, codes, known) == labels


@given(st.binary(max_size=60), st.integers(1, 20))
def test_arbitrary_bytes_are_labels_or_refused(data: bytes, n: int) -> None:
    model, codes = label_model(), some_codes(n)
    with suppress(DamagedError):
        labels = unpacked(b"\1" + data, codes, model)
        assert model.encode(np.frombuffer(labels, np.uint8), codes) == data


# Archives


@pytest.fixture(scope="module")
def model() -> Model:
    return read_model(HERE / "tiny-labels.safetensors")


@pytest.fixture(scope="module")
def labels(model: Model, images: Images) -> list[int]:
    """Labels of the images, most of them as the label model expects them."""
    codec = Codec(model, effort=0)
    assert codec.labels is not None
    return list(likely(codec.labels, codec.encode(images)))


@pytest.fixture(scope="module")
def stored(model: Model, images: Images, labels: list[int]) -> bytes:
    """An archive of 50 images with coded labels, in chunks of 20."""
    return compressed(images, model, labels)


def compressed(images: Images, model: Model, labels: list[int]) -> bytes:
    return digitzip.compress(images, model=model, labels=labels, effort=0, guard=False, chunk=20)


def bodies(data: bytes) -> list[bytes]:
    """Return the body of the labels of each chunk."""
    with digitzip.open(data) as dz:
        chunks = [dz._store.read_chunk(number) for number in dz._store.numbers]
    return [layer.body for chunk in chunks if (layer := chunk.layer(LayerType.LABELS))]


def labels_of(data: bytes, model: Model) -> list[int]:
    with digitzip.open(data, model=model) as dz:
        dz.test()
        assert dz.labels is not None
        found: list[int] = dz.labels[:].tolist()
        assert [int(dz.labels[i]) for i in range(0, len(dz), 7)] == found[::7]
    return found


def test_an_archive_keeps_its_labels_and_pixels(
    stored: bytes, model: Model, images: Images, labels: list[int]
) -> None:
    assert [are_coded(body) for body in bodies(stored)] == [True] * 3
    assert labels_of(stored, model) == labels
    without = read_model(TINY)  # the same model without a label model
    plain = compressed(images, without, labels)
    assert labels_of(plain, without) == labels
    assert len(stored) < len(plain)
    np.testing.assert_array_equal(
        digitzip.decompress(stored, model=model), digitzip.decompress(plain, model=TINY)
    )


def test_one_odd_label_makes_its_chunk_plain(model: Model, images: Images) -> None:
    odd = [0] * 25 + [255] + [0] * 24
    data = compressed(images, model, odd)
    assert not are_coded(bodies(data)[1])
    assert labels_of(data, model) == odd


def test_labels_outlive_join_extract_append_and_recover(
    stored: bytes, model: Model, images: Images, labels: list[int], tmp_path: Path
) -> None:
    out = io.BytesIO()
    digitzip.join([stored, stored], out)
    assert labels_of(out.getvalue(), model) == labels * 2

    out = io.BytesIO()
    digitzip.extract(stored, [49, 3, 22], out, model=model)
    assert labels_of(out.getvalue(), model) == [labels[49], labels[3], labels[22]]

    path = tmp_path / "more.dz"
    path.write_bytes(stored)
    with digitzip.append(path, model=model, effort=0, chunk=20) as writer:
        writer.append(images[:15], labels=labels[:15])
    assert labels_of(path.read_bytes(), model) == labels + labels[:15]

    out = io.BytesIO()
    saved = digitzip.recover(stored[:-9], out, model=model)
    assert (saved.images, saved.labels_lost) == (50, False)
    assert labels_of(out.getvalue(), model) == labels


@pytest.mark.filterwarnings("ignore:the model of the file:digitzip.DigitzipWarning")
def test_without_the_model_coded_labels_are_kept_but_not_read(
    stored: bytes, model: Model, labels: list[int], tmp_path: Path
) -> None:
    out = io.BytesIO()
    saved = digitzip.recover(stored[:-9], out)
    assert (saved.verified, saved.labels_lost) == (False, False)
    assert labels_of(out.getvalue(), model) == labels
    with digitzip.open(stored) as dz:
        assert dz.info.labels
        assert dz.labels is not None
        with pytest.raises(ModelError, match="no model with id"):
            dz.labels[0]
    (tmp_path / "in.dz").write_bytes(stored)
    done = CliRunner().invoke(command, ["list", str(tmp_path / "in.dz")])
    assert (done.exit_code, done.stdout) == (4, "")
    model_file = str(HERE / "tiny-labels.safetensors")
    done = CliRunner().invoke(command, ["list", str(tmp_path / "in.dz"), "--model", model_file])
    assert done.stdout.splitlines() == [f"{i}\t{label}" for i, label in enumerate(labels)]


@pytest.mark.parametrize("path", INVALID, ids=lambda path: path.stem)
def test_damaged_labels_are_lost_and_their_images_saved(path: Path, model: Model) -> None:
    data, known = path.read_bytes(), model
    if data[16:32] != model.id:
        known = read_model(TINY)
    with digitzip.open(data, model=known) as dz:
        pixels = dz[:]
        with pytest.raises(DamagedError, match="labels: "):
            dz.labels[:]  # type: ignore[index]
    out = io.BytesIO()
    saved = digitzip.recover(data, out, model=known)
    assert (saved.images, saved.labels_lost) == (len(pixels), False)
    with digitzip.open(out.getvalue(), model=known) as dz:
        dz.test()
        assert dz.labels is None
        np.testing.assert_array_equal(dz[:], pixels)
