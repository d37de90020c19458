"""What a guarded file promises holds of every digit, wherever the digit goes afterwards."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import digitzip
from digitzip.archive import Archive
from digitzip.codec import Codec
from digitzip.entropy.corrections import packed_size
from digitzip.errors import BoundError, InputError, ModelError
from digitzip.fidelity import ladder as room
from digitzip.fidelity.ladder import Ladder, Rung
from digitzip.fidelity.policy import ladder_of
from digitzip.format import Guard, LayerType
from digitzip.kernels.network import Layer, Network
from digitzip.model import Model, write_classifier
from digitzip.model.classifier import Classifier
from tests.archives import chunk_sizes
from tests.toy import make_classifier, make_images, make_model, make_residual

Images = npt.NDArray[np.uint8]

SIDE = 8
READER = make_classifier(side=SIDE)
OTHER = make_classifier(seed=1, side=SIDE)
PAIR = replace(
    READER,
    name="toy-pair",
    networks=READER.networks + OTHER.networks,
    known_scores=np.stack([each.scores(READER.known_images)[:, 0] for each in (READER, OTHER)], 1),
)
TOY = make_model(side=SIDE)


def bounded(model: Model, max_rmse: int = 27_000, **changes: Any) -> Model:
    """Return a model that names the toy reader and bounds the RMSE."""
    sets = tuple(replace(each, max_rmse=max_rmse) for each in model.level_sets)
    return replace(model, **{"level_sets": sets, "reader": READER.id} | changes)


def nominal() -> Model:
    """Return a toy model whose decoder tells the values of its numbers apart one by one."""
    random = np.random.default_rng(4)
    apart = Layer(
        random.integers(-60, 61, (16, 4), np.int8), np.zeros(16, np.int32), np.full(16, 12), 0, 1
    )
    pixels = Layer(
        random.integers(-90, 91, (SIDE * SIDE, 16), np.int8),
        random.integers(0, 256, SIDE * SIDE, np.int32), np.zeros(SIDE * SIDE, np.uint8), 0, 255,
    )  # fmt: skip
    decoder = Network([apart, pixels], -256, 256)
    known = decoder(TOY.level_sets[0].dequantise(TOY.known_codes)).astype(np.uint8)
    return replace(TOY, decoder=decoder, known_images=known.reshape(-1, SIDE, SIDE))


MODELS = {
    "promises nothing": TOY,
    "bounded": bounded(TOY),
    "bounded, coded": bounded(TOY, residual=make_residual(side=SIDE)),
    "with a margin": bounded(TOY, margin=20),
    "without a reader": bounded(TOY, reader=None),
    "read by two": bounded(TOY, reader=PAIR.id, margin=8),
    "reads only": bounded(TOY, 65_535),
    "nominal": bounded(nominal(), 30_000),
}


@pytest.fixture(scope="module", autouse=True)
def shelf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that holds the toy reader, and is known."""
    folder = tmp_path_factory.mktemp("shelf")
    for reader in (READER, PAIR):
        write_classifier(folder / f"{reader.name}.safetensors", reader)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DIGITZIP_MODELS", str(folder))
        yield folder


@st.composite
def digits(draw: st.DrawFn, most: int = 8) -> Images:
    """Images uint8 [0 … most, 8, 8]: noise, blanks, bars, and what toy models decode to."""
    n, seed = draw(st.integers(0, most)), draw(st.integers(0, 999))
    random = np.random.default_rng(seed)
    codes = random.integers(0, 8, (n, 4), np.uint8)
    kinds = [
        random.integers(0, 256, (n, SIDE, SIDE), np.uint8),
        np.full((n, SIDE, SIDE), seed % 256, np.uint8),
        make_images(n, seed, SIDE),
        Codec(TOY, effort=0).decode(codes),
        Codec(MODELS["nominal"], effort=0).decode(codes),
    ]
    which = random.integers(0, len(kinds), n)
    return np.array([kinds[kind][i] for i, kind in enumerate(which)], np.uint8).reshape(
        n, SIDE, SIDE
    )


def some(n: int = 60, seed: int = 0) -> Images:
    """Return n images of the kinds of `digits`."""
    random = np.random.default_rng(seed)
    codes = random.integers(0, 8, (n, 4), np.uint8)
    images = Codec(TOY, effort=0).decode(codes)
    images[1::3] = make_images(n, seed, SIDE)[1::3]
    images[2::3] = random.integers(0, 256, (n, SIDE, SIDE), np.uint8)[2::3]
    return images


def check(images: Images, back: Images, guard: Guard, margin: int = 0) -> None:
    """Check by plain arithmetic that what came back is as near as a file promises."""
    assert guard.on
    assert back.shape == images.shape
    for one, other in zip(images, back, strict=True):
        if (one == other).all():
            continue
        differences = one.astype(np.int64) - other
        if guard.max_error is not None:
            assert int(np.abs(differences).max()) <= guard.max_error
        if guard.max_rmse is not None:
            rmse = np.sqrt((differences**2).mean()) / 255
            assert rmse <= guard.max_rmse / 65_535 + 1e-12
        if guard.reader is not None:
            reader = READER if guard.reader == READER.id[:4] else PAIR
            assert guard.reader == reader.id[:4]
            labels = reader.read(one[None])
            np.testing.assert_array_equal(reader.read(other[None]), labels)
            enough = min(margin, int(reader.margins(one[None], labels)[0]) // 4)  # if refined
            assert reader.margins(other[None], labels)[0] >= max(enough, 1)


def layers_of(dz: Archive) -> dict[LayerType, list[int]]:
    """Return the digits that each kind of layer corrects, by their numbers in the file."""
    found: dict[LayerType, list[int]] = {LayerType.REFINE: [], LayerType.EXACT: []}
    for number in dz._store.numbers:
        for type_, each in dz._store.corrections(number).items():
            found[type_] += (each.places + dz._store.span(number).start).tolist()
    return found


# what is compressed


@settings(max_examples=60)
@given(
    digits(),
    st.sampled_from(sorted(MODELS)),
    st.none() | st.floats(0.01, 1),
    st.none() | st.integers(0, 127),
    st.integers(1, 2),
)
def test_every_image_that_comes_back_passes_the_tests(
    images: Images, name: str, max_rmse: float | None, max_error: int | None, quality: int
) -> None:
    model = MODELS[name]
    data = digitzip.compress(
        images, model=model, effort=0, max_rmse=max_rmse, max_error=max_error, quality=quality
    )
    with digitzip.open(data, model=model) as dz:
        guard = dz.header.guard
        if guard.on:
            check(images, dz[:], guard, model.margin)
        dz.test()
    if name == "promises nothing" and (max_rmse, max_error) == (None, None):
        assert guard == Guard()  # there is nothing to test
        return
    assert guard.max_error == max_error
    if max_error == 0:
        assert guard == Guard(True, max_error=0)
        return
    assert guard.reader == (None if model.reader is None else model.reader[:4])
    if max_rmse is not None:
        assert guard.max_rmse is not None
        assert guard.max_rmse / 65_535 <= max_rmse
    else:
        assert guard.max_rmse == model.level_sets[0].max_rmse


@pytest.mark.parametrize("bound", [*range(4), 39, 40, 41, 64, 100, 126, 127])
@pytest.mark.parametrize("name", ["promises nothing", "bounded, coded"])
def test_no_pixel_errs_by_more_than_was_asked_for(bound: int, name: str) -> None:
    images = some(12, bound)
    data = digitzip.compress(images, model=MODELS[name], effort=0, max_error=bound)
    back = digitzip.decompress(data, model=MODELS[name])
    assert int(np.abs(back.astype(np.int16) - images).max()) <= bound


@settings(max_examples=20)
@given(digits(), st.sampled_from(sorted(MODELS)), st.sampled_from([None, 0]))
def test_lossless_keeps_every_pixel(images: Images, name: str, max_error: int | None) -> None:
    model = MODELS[name]
    data = digitzip.compress(images, model=model, effort=0, lossless=True, max_error=max_error)
    np.testing.assert_array_equal(digitzip.decompress(data, model=model), images)
    assert digitzip.open(data, model=model).header.guard == Guard(True, max_error=0)


def test_without_a_guard_codes_are_the_encoders_and_nothing_is_promised() -> None:
    images, model = some(), MODELS["bounded"]
    data = digitzip.compress(images, model=model, effort=0, guard=False)
    with digitzip.open(data, model=model) as dz:
        np.testing.assert_array_equal(dz.codes[:], Codec(model, effort=0).encode(images))
        assert dz.header.guard == Guard()
        assert layers_of(dz) == {LayerType.REFINE: [], LayerType.EXACT: []}


# the ladder


@pytest.mark.parametrize(
    "name", ["bounded", "with a margin", "read by two", "reads only", "nominal"]
)
def test_each_image_takes_the_first_rung_that_will_do(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_CHOSEN", 0)  # more than the toy reader is ever sure
    codec, images = Codec(MODELS[name], effort=0), some(200)
    ladder = ladder_of(codec)
    assert ladder is not None
    guarded, codes = ladder.climb(images), codec.encode(images)
    decoded = codec.decode(guarded.codes)
    np.testing.assert_array_equal(guarded.decoded, decoded)
    tests, reading = ladder.tests, ladder.tests.read(images)
    assert reading is not None
    sure = reading.margins >= tests.margin
    fine = sure & tests.near(images, decoded) & tests.alike(reading, decoded, tests.margin)
    at_first = codec.decode(codes)
    fine_at_first = tests.near(images, at_first) & tests.alike(reading, at_first, tests.margin)
    if ladder.tests.margin:
        assert (fine_at_first & ~sure).any()  # unsure originals go up, whatever comes back
    fine_at_first &= sure
    same = (guarded.codes == codes).all(axis=1)
    np.testing.assert_array_equal(guarded.rungs == Rung.CODE, fine_at_first)
    np.testing.assert_array_equal(guarded.rungs == Rung.OTHER_CODE, fine & ~fine_at_first)
    np.testing.assert_array_equal(guarded.rungs == Rung.OTHER_CODE, ~same)
    assert {Rung.CODE, Rung.OTHER_CODE} <= set(guarded.rungs.tolist())
    if name != "reads only":
        assert set(guarded.rungs.tolist()) == set(Rung)
    exact = guarded.rungs == Rung.EXACT
    np.testing.assert_array_equal(guarded.back[exact], images[exact])
    by_code = guarded.rungs <= Rung.OTHER_CODE
    np.testing.assert_array_equal(guarded.back[by_code], decoded[by_code])
    refined = guarded.rungs == Rung.REFINE
    assert (np.abs(guarded.back[refined].astype(int) - images[refined]) <= ladder.coarse).all()


@pytest.mark.parametrize("name", ["bounded", "bounded, coded", "nominal"])
def test_the_tally_counts_what_the_file_holds(name: str) -> None:
    images, model, out = some(90), MODELS[name], io.BytesIO()
    with digitzip.create(out, model=model, effort=0) as writer:
        for start in range(0, 90, 25):
            writer.append(images[start : start + 25])
    tally = writer.tally
    with digitzip.open(out.getvalue(), model=model) as dz:
        layers = layers_of(dz)
        bodies = dz._store._read(0).layers
        check(images, dz[:], dz.header.guard)
    assert tally.guarded == 90
    assert tally.digits[Rung.REFINE] == len(layers[LayerType.REFINE]) > 0
    assert tally.digits[Rung.EXACT] == len(layers[LayerType.EXACT]) > 0
    assert tally.corrected == tally.digits[Rung.REFINE] + tally.digits[Rung.EXACT]
    sizes = {layer.type: packed_size((layer.body,)) for layer in bodies}
    assert dict(tally.bytes) == {type_: sizes[type_] for type_ in layers}


def test_batches_climb_as_one_image_does() -> None:
    codec, images = Codec(MODELS["bounded"], effort=0), some(70)
    ladder = ladder_of(codec)
    assert ladder is not None
    together = ladder.climb(images)
    for i, image in enumerate(images):
        alone = ladder.climb(image[None])
        np.testing.assert_array_equal(alone.codes[0], together.codes[i])
        assert alone.rungs[0] == together.rungs[i]


@settings(max_examples=30)
@given(digits(), digits(), st.integers(1, 65_535), st.integers(0, 127))
def test_bounds_mean_what_plain_arithmetic_says(
    images: Images, back: Images, max_rmse: int, max_error: int
) -> None:
    n = min(len(images), len(back))
    if not n:
        return
    difference = images[:n].astype(np.int64) - back[:n]
    squares = (difference**2).sum(axis=(1, 2)).tolist()
    near = room.Tests(max_rmse=max_rmse).near(images[:n], back[:n]).tolist()
    limit = (max_rmse * 255) ** 2 * SIDE * SIDE
    assert near == [each * 65_535**2 <= limit for each in squares]
    worst = np.abs(difference).max(axis=(1, 2))
    near = room.Tests(max_error=max_error).near(images[:n], back[:n]).tolist()
    assert near == (worst <= max_error).tolist()


def test_of_equal_scores_none_is_read_for_sure(monkeypatch: pytest.MonkeyPatch) -> None:
    scores = np.array([[5, 5, 0, 0], [5, 5, 0, 0], [4, 5, 0, 0]], np.int32)
    reading = room.Reading(np.array([[0], [1], [1]], np.uint8), np.zeros(3, np.int32))
    tests, back = room.Tests(reader=READER), some(3)
    monkeypatch.setattr(Network, "__call__", lambda network, x: scores.copy())
    assert tests.alike(reading, back, 0).tolist() == [False, False, True]
    assert tests.alike(reading, back, 1).tolist() == [False, False, True]
    assert tests.alike(reading, back, 2).tolist() == [False, False, False]
    assert room.Tests().alike(reading, back, 2).tolist() == [True] * 3


# bounds that are refused


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
        ({"lossless": True, "max_error": 1}, "lossless allows no error: leave out the other"),
        ({"lossless": True, "max_rmse": 0.1}, "lossless allows no error: leave out the other"),
        ({"guard": False, "lossless": True}, "without a guard no bound is kept"),
        ({"guard": False, "max_error": 0}, "without a guard no bound is kept"),
        ({"guard": False, "max_rmse": 0.5}, "without a guard no bound is kept"),
        ({"guard": False, "margin": 1}, "without a guard no bound is kept"),
        ({"margin": -1}, "margin is -1, expected 0 to 65536"),
        ({"margin": 1}, "margin is 1, and model toy names no reader"),
    ],
)
def test_bounds_that_cannot_be_or_contradict_are_refused(
    bounds: dict[str, Any], match: str
) -> None:
    with pytest.raises(InputError, match=match):
        digitzip.compress(some(2), model=TOY, **bounds)
    with pytest.raises(InputError, match=match):
        digitzip.create(io.BytesIO(), model=TOY, **bounds)


def test_the_least_and_the_greatest_bounds_are_kept() -> None:
    for max_rmse in (1 / 65_535, 1, 1.0):
        data = digitzip.compress(some(5), model=TOY, effort=0, max_rmse=max_rmse)
        with digitzip.open(data, model=TOY) as dz:
            assert dz.header.guard.max_rmse == round(max_rmse * 65_535)
            check(some(5), dz[:], dz.header.guard)


def test_a_reader_that_is_not_to_be_had_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DIGITZIP_MODELS")
    with pytest.raises(ModelError, match="no reader with id"):
        digitzip.compress(some(2), model=MODELS["bounded"])
    data = digitzip.compress(some(2), model=MODELS["bounded"], lossless=True)  # asks no reader
    np.testing.assert_array_equal(digitzip.decompress(data, model=TOY), some(2))


def test_a_reader_of_other_images_is_an_error(shelf: Path) -> None:
    other: Classifier = make_classifier("wide", side=9)
    write_classifier(shelf / "wide.safetensors", other)
    with pytest.raises(ModelError, match="reader wide reads 9 x 9 pixels, and images are 8 x 8"):
        digitzip.compress(some(2), model=replace(TOY, reader=other.id))


# what becomes of a file


def guarded(images: Images, name: str = "bounded", **bounds: Any) -> bytes:
    return digitzip.compress(images, model=MODELS[name], effort=0, **bounds)


@pytest.mark.parametrize(
    "bounds", [{}, {"max_error": 9}, {"lossless": True}, {"max_rmse": 0.1}, {"guard": False}]
)
def test_what_is_appended_is_as_near_as_the_file_promises(
    bounds: dict[str, Any], tmp_path: Path
) -> None:
    path, model, images = tmp_path / "some.dz", MODELS["bounded"], some(60)
    path.write_bytes(guarded(images[:20], **bounds))
    promised = digitzip.open(path.read_bytes()).header.guard
    for part in (slice(20, 21), slice(21, 60)):
        with digitzip.append(path, model=model, effort=0) as writer:
            writer.append(images[part])
    with digitzip.open(path, model=model) as dz:
        dz.test()
        assert dz.header.guard == promised
        if promised.on:
            check(images, dz[:], promised)
        else:
            np.testing.assert_array_equal(dz.codes[:], Codec(model, effort=0).encode(images))


def test_what_cannot_be_compared_is_not_appended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, model, images = tmp_path / "some.dz", MODELS["bounded"], some(9)
    path.write_bytes(guarded(images))
    old = path.read_bytes()
    monkeypatch.delenv("DIGITZIP_MODELS")
    with (
        pytest.raises(BoundError, match="promises how its digits read: no reader"),
        digitzip.append(path, model=model),
    ):
        pass
    assert path.read_bytes() == old


def test_a_joined_file_promises_what_both_promise_and_keeps_every_pixel() -> None:
    images, model = some(40), MODELS["bounded, coded"]
    parts = [
        guarded(images[:20], "bounded, coded", max_error=60),
        guarded(images[20:], "bounded, coded", max_error=3, max_rmse=0.05),
    ]
    out = io.BytesIO()
    digitzip.join(parts, out)
    with digitzip.open(out.getvalue(), model=model) as dz:
        dz.test()
        assert dz.header.guard == Guard(True, 60, 27_000, READER.id[:4])
        check(images, dz[:], dz.header.guard)
        back = np.concatenate([digitzip.decompress(part, model=model) for part in parts])
        np.testing.assert_array_equal(dz[:], back)
    plain = guarded(images[:20], "bounded, coded", guard=False)
    digitzip.join([parts[0], plain], out := io.BytesIO())
    assert digitzip.open(out.getvalue()).header.guard == Guard()


@pytest.fixture(scope="module")
def mixed(shelf: Path) -> bytes:
    """A file of 60 digits in four chunks: of two bounds, lossless, and without corrections."""
    images = some(60)
    parts = [
        guarded(images[:20], "bounded, coded"),
        guarded(images[20:35], "bounded, coded", max_error=7),
        guarded(images[35:40], "bounded, coded", lossless=True),
        guarded(images[40:], "bounded, coded", guard=False),
    ]
    out = io.BytesIO()
    digitzip.join(parts, out)
    return out.getvalue()


@settings(max_examples=25)
@given(st.lists(st.integers(-60, 59), max_size=80))
def test_any_digits_are_those_of_the_whole(mixed: bytes, numbers: list[int]) -> None:
    with digitzip.open(mixed, model=MODELS["bounded, coded"]) as dz:
        whole = np.concatenate(list(dz.batches()))
        np.testing.assert_array_equal(dz[np.array(numbers, np.intp)], whole[numbers])
        for number in numbers[:5]:
            np.testing.assert_array_equal(dz[number], whole[number])
        start, stop = sorted(np.array([0, 60, *numbers])[-2:] % 61)
        np.testing.assert_array_equal(dz[start:stop], whole[start:stop])
        parts = [np.zeros((0, SIDE, SIDE), np.uint8), *dz.batches(7, start, stop)]
        np.testing.assert_array_equal(np.concatenate(parts), whole[start:stop])


@settings(max_examples=15)
@given(st.lists(st.integers(0, 59), min_size=1, max_size=70))
def test_extracted_digits_keep_their_corrections_and_pixels(
    mixed: bytes, numbers: list[int]
) -> None:
    out, model = io.BytesIO(), MODELS["bounded, coded"]
    with digitzip.open(mixed, model=model) as dz:
        digitzip.extract(dz, numbers, out)
        with digitzip.open(out.getvalue(), model=model) as some_of_it:
            some_of_it.test()
            np.testing.assert_array_equal(some_of_it[:], dz[numbers])
            np.testing.assert_array_equal(some_of_it.codes[:], dz.codes[numbers])
            assert some_of_it.header.guard == dz.header.guard
            old, new = layers_of(dz), layers_of(some_of_it)
            for type_ in (LayerType.REFINE, LayerType.EXACT):
                assert [numbers[i] for i in new[type_]] == [
                    number for number in numbers if number in old[type_]
                ]


def test_recover_keeps_chunks_with_corrections(mixed: bytes) -> None:
    model = MODELS["bounded, coded"]
    with digitzip.open(mixed, model=model) as dz:
        whole, places = dz[:], dz._store.index.places
    cut = mixed[: places[3].offset + 9]
    damaged = bytearray(mixed)
    damaged[places[1].offset + 40] ^= 1
    for data, kept in ((cut, range(40)), (bytes(damaged), [*range(20), *range(35, 60)])):
        out = io.BytesIO()
        found = digitzip.recover(data, out, model=model)
        assert (found.digits, found.proved) == (len(kept), True)
        np.testing.assert_array_equal(
            digitzip.decompress(out.getvalue(), model=model), whole[list(kept)]
        )


# chunks


def test_a_chunk_holds_so_many_corrected_digits_that_one_is_decoded_soon(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("digitzip.archive.builder.MAX_CORRECTED_PIXELS", 2048 * SIDE * SIDE)
    images = np.random.default_rng(8).integers(0, 256, (5000, SIDE, SIDE), np.uint8)
    data = digitzip.compress(images, model=TOY, effort=0, lossless=True)
    with digitzip.open(data, model=TOY) as dz:
        dz.test()
        assert max(chunk_sizes(dz)) == 2048
        np.testing.assert_array_equal(dz[:], images)


@pytest.mark.parametrize("bound", [None, 0, 9, 127])
def test_the_coarse_bound_is_the_one_asked_for(bound: int | None) -> None:
    ladder = Ladder(Codec(TOY, effort=0), room.Tests(max_error=bound))
    assert ladder.coarse == (12 if bound is None else bound)


def test_an_image_that_its_code_gives_exactly_is_not_corrected() -> None:
    codec = Codec(MODELS["with a margin"], effort=6)
    codes = np.random.default_rng(3).integers(0, 8, (300, 4), np.uint8)
    images = codec.decode(codes)
    ladder = ladder_of(codec)
    assert ladder is not None
    guarded = ladder.climb(images)
    same = (codec.decode(codec.encode(images)) == images).all(axis=(1, 2))
    assert same.sum() > 30
    assert (guarded.rungs[same] == Rung.CODE).all()


def test_a_lossless_file_keeps_the_promise_of_any_that_it_is_joined_with() -> None:
    default, exact = guarded(some(20), "bounded"), guarded(some(9), "bounded", lossless=True)
    for parts in ([default, exact], [exact, default]):
        out = io.BytesIO()
        digitzip.join(parts, out)
        joined = digitzip.open(out.getvalue(), model=MODELS["bounded"])
        assert joined.header.guard == Guard(True, None, 27_000, READER.id[:4])
    both = Guard(True, max_error=0)
    assert both.both(both) == both


def test_large_images_and_long_names_fit_a_chunk_together() -> None:
    model, images = make_model(side=64), make_images(2048, 1, 64)
    names = [f"{i:05d}{'x' * 500}" for i in range(2048)]
    out = io.BytesIO()
    with digitzip.create(out, model=model, effort=0, lossless=True) as writer:
        for start in range(0, 2048, 512):
            writer.append(images[start : start + 512], names[start : start + 512])
    with digitzip.open(out.getvalue(), model=model) as dz:
        np.testing.assert_array_equal(dz[:], images)


def test_a_bound_on_rmse_asks_for_finer_steps() -> None:
    codec = Codec(TOY, effort=0)
    assert Ladder(codec, room.Tests(max_rmse=65_535 // 100)).coarse == 5
    assert Ladder(codec, room.Tests(max_rmse=1)).coarse == 1
    assert Ladder(codec, room.Tests(max_rmse=1, max_error=0)).coarse == 0
