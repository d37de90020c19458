"""Archives: what is written comes back from any index, and no damage goes unseen."""

from __future__ import annotations

import gc
import io
import pickle
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import digitzip
from digitzip import Archive
from digitzip.archive import decoding, store
from digitzip.archive.indexing import select
from digitzip.archive.sink import ChunkSink
from digitzip.codec import Codec, EncodedBatch
from digitzip.errors import (
    ClosedError,
    DamagedError,
    DigitzipError,
    InputError,
    LimitError,
    ModelError,
    OutputError,
    UnsupportedError,
)
from digitzip.format import Chunk, Entry, Header, Layer, LayerType, Trailer
from digitzip.format import names as format_names
from digitzip.model import Model
from tests.conftest import TINY

Images = npt.NDArray[np.uint8]


@pytest.fixture
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


COUNT, CHUNK = 450, 100


@pytest.fixture(scope="module")
def stored(tiny: Model, images: Images) -> bytes:
    """An archive of 450 images in five chunks, named `0/0`, `1/1` …"""
    out, many = io.BytesIO(), np.concatenate([images] * 9)
    with digitzip.create(out, model=tiny, effort=0, chunk=CHUNK) as writer:
        for start in range(0, COUNT, 70):
            part = many[start : start + 70]
            writer.append(part, [f"{i % 10}/{i}" for i in range(start, start + len(part))])
    return out.getvalue()


@pytest.fixture
def path(stored: bytes, tmp_path: Path) -> Path:
    out = tmp_path / "some.dz"
    out.write_bytes(stored)
    return out


@pytest.fixture
def archive(path: Path, tiny: Model) -> Iterator[Archive]:
    with digitzip.open(path, model=tiny) as dz:
        yield dz


def test_what_is_appended_comes_back(archive: Archive, codec: Codec, images: Images) -> None:
    expected = codec.decode(codec.encode(images))
    assert len(archive) == COUNT
    assert archive.info.chunks == 5
    np.testing.assert_array_equal(archive[:50], expected)
    np.testing.assert_array_equal(np.concatenate(list(archive.batches(77)))[-50:], expected)


def test_indexing_is_that_of_a_sequence_of_images(archive: Archive) -> None:
    whole = np.concatenate(list(archive.batches()))
    indexes = [0, -1, 399, 400, 449]
    for i in indexes:
        np.testing.assert_array_equal(archive[i], whole[i])
        assert archive.names is not None
        assert archive.names[i] == f"{i % COUNT % 10}/{i % COUNT}"
    np.testing.assert_array_equal(archive[indexes], whole[indexes])
    np.testing.assert_array_equal(archive[np.array(indexes)], whole[indexes])
    np.testing.assert_array_equal(archive[390:410:3], whole[390:410:3])
    np.testing.assert_array_equal(archive[::-90], whole[::-90])
    np.testing.assert_array_equal(archive.codes[indexes], archive.codes[:][indexes])
    assert archive[3:3].shape == archive[[]].shape == (0, 28, 28)
    np.testing.assert_array_equal(next(iter(archive)), whole[0])
    mask = np.zeros(COUNT, bool)
    mask[7] = True
    np.testing.assert_array_equal(archive[mask], whole[7:8])


@pytest.fixture(scope="module")
def few(tiny: Model, images: Images) -> bytes:
    """Nine images in three chunks, with names."""
    parts = []
    for start in (0, 3, 6):
        out = io.BytesIO()
        with digitzip.create(out, model=tiny, effort=0) as writer:
            part = range(start, start + 3)
            writer.append(images[part], [f"{i}.png" for i in part])
        parts.append(out.getvalue())
    digitzip.join(parts, out := io.BytesIO())
    return out.getvalue()


_axis = st.one_of(
    st.integers(-9, 8),
    st.integers(-9, 8).map(np.int16),
    st.slices(9),
    st.just(...),
    st.lists(st.integers(-9, 8), min_size=4, max_size=4),
    st.lists(st.integers(-9, 8), min_size=4, max_size=4).map(lambda rows: np.reshape(rows, (2, 2))),
)


@given(st.one_of(_axis, st.tuples(_axis, _axis), st.tuples(_axis, _axis, _axis)))
def test_keys_mean_what_they_mean_to_numpy(few: bytes, key: Any) -> None:
    with digitzip.open(few, model=TINY) as dz:
        whole, codes = np.asarray(dz), dz.codes[:]
        assert dz.names is not None
        names = np.array(dz.names[:], object)
        pairs: list[tuple[Any, Any]] = [(dz, whole), (dz.codes, codes), (dz.names, names)]
        for mine, array in pairs:
            try:
                expected = array[key]
            except IndexError:
                with pytest.raises(IndexError):
                    mine[key]
                continue
            found = mine[key]
            assert np.shape(found) == np.shape(expected)
            np.testing.assert_array_equal(np.array(found, array.dtype), expected)


def test_an_archive_is_like_an_array(few: bytes, tiny: Model) -> None:
    with digitzip.open(few, model=tiny) as dz:
        whole = np.asarray(dz)
        assert (dz.shape, dz.ndim, dz.dtype) == (whole.shape, whole.ndim, whole.dtype)
        np.testing.assert_array_equal(np.array(dz, float), whole)
        with pytest.raises(ValueError, match="copy=False"):
            np.asarray(dz, copy=False)
        assert repr(dz) == "<digitzip.Archive: 9 images of 28 x 28 pixels>"
        picture = Image.open(io.BytesIO(dz._repr_png_() or b""))
        assert picture.width > 3 * 28


def test_long_names_are_spread_over_chunks_that_a_reader_takes(tiny: Model) -> None:
    out = io.BytesIO()
    names = [f"{i:05d}" + 4 * ("/" + "x" * 250) for i in range(12_000)]
    with digitzip.create(out, model=tiny, effort=0, chunk=16_384) as writer:
        writer.append(np.zeros((12_000, 28, 28), np.uint8), names)
    with digitzip.open(out.getvalue(), model=tiny) as dz:
        assert dz.info.chunks > 1
        assert dz.names is not None
        assert dz.names[:] == names


def test_the_smallest_representation_is_kept(codec: Codec, images: Images) -> None:
    for n in (1, 50):
        codes = codec.encode(images[:n])
        crc = zlib.crc32(codec.decode(codes).data)
        frames = [
            Chunk(n, crc, (Layer(LayerType.CODES, body),)).to_bytes()
            for body in codec.coder.representations(codes)
        ]
        smallest = min(frames, key=len)
        assert len(smallest) < max(map(len, frames))
        assert smallest in digitzip.compress(images[:n], model=codec.model, effort=0)


def test_indexes_out_of_range_or_of_another_kind_are_refused(archive: Archive) -> None:
    for i in (COUNT, -COUNT - 1, [0, COUNT]):
        with pytest.raises(IndexError):
            archive[i]
    for large in (2**64 - 1, 2**70, np.array([2**64 - 1], np.uint64)):
        with pytest.raises(IndexError):
            archive[large]
    mask = np.ones(7, bool)
    beyond: list[Any] = [mask, (0, 28), (0, 0, 0, 0), (0, slice(None), 99), (..., ...), (0, "a")]
    for key in [*beyond, [[0], [-COUNT - 1]]]:
        with pytest.raises(IndexError):
            archive[key]
    for n in (0, -1):
        with pytest.raises(InputError, match="expected 1 or more"):
            next(archive.batches(n))
    unusable: list[Any] = ["0", 1.5, [1.5], None, True, np.True_, [[0], [0, 1]], b"0", {}]
    for key in unusable:
        with pytest.raises(TypeError):
            archive[key]


def test_batches_take_a_range(archive: Archive) -> None:
    whole = np.concatenate(list(archive.batches()))
    for start, stop in ((0, None), (5, 9), (350, 425), (-3, None), (9, 5)):
        parts = list(archive.batches(100, start, stop))
        assert all(len(part) <= 100 for part in parts)
        together = np.concatenate([np.empty((0, 28, 28), np.uint8), *parts])
        np.testing.assert_array_equal(together, whole[start:stop])


def test_one_append_or_many_write_the_same_file(tiny: Model, images: Images) -> None:
    together, apart = io.BytesIO(), io.BytesIO()
    with digitzip.create(together, model=tiny) as out:
        out.append(images)
    with digitzip.create(apart, model=tiny) as out:
        for image in images:
            out.append(image)
    assert together.getvalue() == apart.getvalue()
    assert together.getvalue() == digitzip.compress(images, model=tiny)


def test_what_needs_no_pixels_needs_no_model(path: Path, tiny: Model) -> None:
    with digitzip.open(path) as dz:
        assert (len(dz), dz.info.model, dz.info.model_id) == (COUNT, None, tiny.id.hex())
        assert dz.names is not None
        assert dz.names[7] == "7/7"
        with pytest.raises(ModelError, match="no model with id"):
            dz[0]
    with pytest.raises(ModelError, match="no model file"):
        digitzip.open(path, model="nowhere.safetensors")


def test_an_empty_archive_is_valid(tiny: Model) -> None:
    data = digitzip.compress(np.empty((0, 28, 28), np.uint8), model=tiny)
    with digitzip.open(data, model=tiny) as dz:
        dz.test()
        assert (len(dz), dz[:].shape, dz.info.bytes_per_image) == (0, (0, 28, 28), None)
    assert digitzip.decompress(data, model=tiny).shape == (0, 28, 28)


def test_max_images_bounds_what_is_decoded_at_once(archive: Archive, path: Path) -> None:
    with digitzip.open(path, model=TINY, max_images=100) as dz:
        assert dz[:100].shape == (100, 28, 28)
        with pytest.raises(LimitError, match="101 images at once, expected at most 100"):
            dz[:101]
    with pytest.raises(LimitError, match="450 images, expected at most 9"):
        digitzip.decompress(path.read_bytes(), model=TINY, max_images=9)


def test_named_and_unnamed_images_do_not_mix(tiny: Model, images: Images) -> None:
    with digitzip.create(io.BytesIO(), model=tiny) as out:
        out.append(images[:1], ["a"])
        with pytest.raises(InputError, match="give names to all, or to none"):
            out.append(images[:1])
        with pytest.raises(InputError, match="2 names for 1 images"):
            out.append(images[:1], ["a", "b"])


@pytest.mark.parametrize("name", ["", "/a", "a/", "a//b", "../a", "a/./b", "a\0", "x" * 1025])
def test_names_that_the_format_forbids_are_refused(name: str) -> None:
    with pytest.raises(InputError):
        format_names.check(name)


characters = st.characters(exclude_categories=["Cs"], exclude_characters="/\0")
part = st.text(characters, min_size=1, max_size=8).filter(lambda text: text not in (".", ".."))


@given(st.lists(st.lists(part, min_size=1, max_size=3).map("/".join), min_size=1, max_size=9))
def test_names_come_back(names: list[str]) -> None:
    assert format_names.unpack(format_names.pack(names), len(names)) == names


def test_counted_names_cost_64_bytes_at_most() -> None:
    for first, width in ((0, 5), (1, 0), (9_990, 5)):
        names = [f"scan_{i:0{width}d}.jpeg" for i in range(first, first + 10_000)]
        assert len(format_names.pack(names)) <= 64


@pytest.fixture(scope="module")
def small(tiny: Model, images: Images) -> bytes:
    return digitzip.compress(images[:3], model=tiny)


def test_every_truncation_is_refused(small: bytes, tiny: Model) -> None:
    for size in range(len(small)):
        with pytest.raises(DigitzipError):
            digitzip.decompress(small[:size], model=tiny)


def test_every_flipped_bit_is_refused(small: bytes, tiny: Model) -> None:
    for bit in range(len(small) * 8):
        flipped = bytearray(small)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises((DamagedError, LimitError, ModelError, UnsupportedError)):
            digitzip.decompress(bytes(flipped), model=tiny)


def test_huge_claims_are_refused_without_allocating(tiny: Model) -> None:
    header = Header(tiny.id, 28, 28, 3, 8).to_bytes()
    claims = Trailer(tuple(Entry(1 << 24, 16_384, 0) for _ in range(10_000))).to_bytes(header)
    with pytest.raises(DamagedError, match="accounts for 167772160042 bytes"):
        digitzip.decompress(header + claims, model=tiny)


def test_a_claim_of_many_images_is_checked_before_they_are_allocated(tiny: Model) -> None:
    header = Header(tiny.id, 28, 28, 3, 8).to_bytes()
    entries = tuple(Entry(1, 16_384, zlib.crc32(b"?")) for _ in range(600))
    data = header + b"?" * 600 + Trailer(entries).to_bytes(header)
    tracemalloc.start()
    with pytest.raises(DamagedError):
        digitzip.decompress(data, model=tiny)
    with pytest.raises(LimitError):
        select(slice(None), (10**12,), 100)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 30 << 20


def test_rebuilding_a_whole_file_reports_no_damage(stored: bytes, tiny: Model) -> None:
    with digitzip.open(stored, model=tiny, rebuild=True) as dz:
        assert not dz.info.damaged
        dz.test()


def test_a_lost_trailer_needs_rebuild_and_stays_reported(stored: bytes, tiny: Model) -> None:
    with digitzip.open(stored, model=tiny) as dz:
        whole, last = dz[:], dz._store.index.slots[-1].offset
    cut = stored[:-10]
    with pytest.raises(DamagedError, match="no trailer"):
        digitzip.open(cut, model=tiny)
    with digitzip.open(cut, model=tiny, rebuild=True) as dz:
        assert dz.info.damaged
        np.testing.assert_array_equal(dz[:], whole)
        with pytest.raises(DamagedError, match="no valid trailer"):
            dz.test()
    with digitzip.open(stored[: last + 9], model=tiny, rebuild=True) as dz:
        np.testing.assert_array_equal(dz[:], whole[: len(dz)])
        assert len(dz) == 4 * CHUNK


def crc_of(archive: Archive, i: int) -> int:
    return zlib.crc32(archive[i].data)


def test_archives_are_pickled_by_path_or_bytes(archive: Archive, path: Path, tiny: Model) -> None:
    with pickle.loads(pickle.dumps(archive)) as again:
        assert crc_of(again, -1) == crc_of(archive, -1)
    with path.open("rb") as file, pytest.raises(TypeError, match="can be pickled"):
        pickle.dumps(digitzip.open(file, model=tiny))


def test_a_closed_archive_answers_no_more(path: Path, tiny: Model) -> None:
    dz = digitzip.open(path, model=tiny)
    assert dz[0].shape == (28, 28)
    dz.close()
    uses: list[Callable[[], object]] = [
        lambda: dz[0],
        lambda: dz.codes[0],
        lambda: next(dz.batches()),
        lambda: np.asarray(dz),
        lambda: dz.info,
        dz.test,
    ]
    for use in uses:
        with pytest.raises(ClosedError, match="the archive is closed"):
            use()
    assert repr(dz) == "<digitzip.Archive, closed>"
    assert dz._repr_png_() is None


@pytest.mark.parametrize("file", [None, 7, ["a.dz"]])
def test_what_is_no_file_is_refused(file: object) -> None:
    with pytest.raises(TypeError, match="expected a path, bytes or a binary file, not"):
        digitzip.open(file)  # type: ignore[arg-type]


def test_chunks_are_read_on_demand(archive: Archive, stored: bytes, tiny: Model) -> None:
    data = bytearray(stored)
    data[archive._store.index.slots[-1].offset + 9] ^= 1
    with digitzip.open(bytes(data), model=tiny) as dz:
        assert dz[399].shape == (28, 28)
        with pytest.raises(DamagedError, match="images 400 to 449"):
            dz[400]


def test_a_failed_run_leaves_the_old_file(path: Path, tiny: Model, images: Images) -> None:
    before = path.read_bytes()
    with pytest.raises(OutputError, match="exists"), digitzip.create(path, model=tiny):
        pass
    with pytest.raises(ZeroDivisionError):  # noqa: PT012, SIM117 - the error must pass `create`
        with digitzip.create(path, model=tiny, overwrite=True) as out:
            out.append(images)
            raise ZeroDivisionError
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    with digitzip.create(path, model=tiny, overwrite=True) as out:
        out.append(images)
    assert len(digitzip.decompress(path.read_bytes(), model=tiny)) == len(images)


def test_a_writer_needs_no_with_block(workdir: Path, tiny: Model, images: Images) -> None:
    out = digitzip.create("a.dz", model=tiny, effort=0)
    out.append(images[:2])
    assert not Path("a.dz").exists()
    out.close()
    out.close()
    assert Path("a.dz").read_bytes() == digitzip.compress(images[:2], model=tiny, effort=0)
    more = digitzip.append("a.dz", model=tiny, effort=0)
    more.append(images[2:4])
    more.close()
    assert Path("a.dz").read_bytes() == digitzip.compress(images[:4], model=tiny, effort=0)
    assert [path.name for path in workdir.iterdir()] == ["a.dz"]
    for writer in (out, more):
        with pytest.raises(ClosedError, match="the writer is closed"):
            writer.append(images)


def test_a_dropped_writer_leaves_nothing(workdir: Path, tiny: Model, images: Images) -> None:
    Path("old.dz").write_bytes(old := digitzip.compress(images[:2], model=tiny))
    for writer in (digitzip.create("new.dz", model=tiny), digitzip.append("old.dz", model=tiny)):
        writer.append(images[:3])
        del writer
        gc.collect()
    assert [path.name for path in workdir.iterdir()] == ["old.dz"]
    assert Path("old.dz").read_bytes() == old


def test_a_writer_that_cannot_be_closed_leaves_nothing(
    workdir: Path, tiny: Model, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = digitzip.create("a.dz", model=tiny, effort=0)
    out.append(images)
    monkeypatch.setattr(ChunkSink, "close", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        out.close()
    with pytest.raises(ClosedError):
        out.append(images)
    assert list(workdir.iterdir()) == []


def test_wrong_types_get_one_line(workdir: Path, tiny: Model, images: Images) -> None:
    data, path = digitzip.compress(images, model=tiny), Path("a.dz")
    path.write_bytes(data)
    wrong: list[Callable[[], Any]] = [
        lambda: digitzip.decompress("a.dz"),  # type: ignore[arg-type]
        lambda: digitzip.decompress(path),  # type: ignore[arg-type]
        lambda: digitzip.decompress(None),  # type: ignore[arg-type]
        lambda: digitzip.create(5, model=tiny),  # type: ignore[arg-type]
        lambda: digitzip.create(io.StringIO(), model=tiny),  # type: ignore[arg-type]
        lambda: digitzip.open(io.StringIO("a")),  # type: ignore[arg-type]
        lambda: digitzip.join("a.dz", "b.dz"),
        lambda: digitzip.compare([images], path, model=tiny),  # type: ignore[list-item]
        lambda: digitzip.compare(7, path, model=tiny),  # type: ignore[arg-type]
        lambda: digitzip.compare("a", path, model=tiny),  # type: ignore[arg-type]
        lambda: digitzip.extract(path, "0", "b.dz", model=tiny),  # type: ignore[arg-type]
        lambda: digitzip.extract(7, [0], "b.dz", model=tiny),  # type: ignore[arg-type]
    ]
    for use in wrong:
        with pytest.raises(TypeError, match=r"\A.*\Z"):
            use()
    assert [path.name for path in workdir.iterdir()] == ["a.dz"]


def test_any_bytes_like_object_is_decompressed(tiny: Model, images: Images) -> None:
    data = digitzip.compress(images, model=tiny)
    expected = digitzip.decompress(data, model=tiny)
    for same in (bytearray(data), memoryview(data), np.frombuffer(data, np.uint8)):
        np.testing.assert_array_equal(digitzip.decompress(same, model=tiny), expected)  # type: ignore[arg-type]


def test_compare_and_extract_take_paths(workdir: Path, tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(digitzip.compress(images, model=tiny))
    with digitzip.open("a.dz", model=tiny) as dz:
        expected = digitzip.compare(images, dz)
        with pytest.raises(InputError, match="model= is for a file"):
            digitzip.compare(images, dz, model=tiny)
    assert digitzip.compare(images, "a.dz", model=tiny).rmse == expected.rmse
    assert digitzip.extract("a.dz", slice(3), "b.dz", model=tiny) == 3
    assert digitzip.extract(Path("b.dz"), [-1], "c.dz", model=tiny) == 1


def test_images_of_another_size_are_fitted(workdir: Path, tiny: Model) -> None:
    large = np.zeros((2, 60, 50), np.uint8)
    large[:, 20:40, 20:25] = 255
    with pytest.raises(InputError, match="60x50 pixels; expected 28x28"):
        digitzip.compress(large, model=tiny)
    with pytest.raises(InputError, match="fit is 'small'"):
        digitzip.compress(large, model=tiny, fit="small")  # type: ignore[arg-type]
    data = digitzip.compress(large, model=tiny, lossless=True, fit="mnist")
    fitted = digitzip.decompress(data, model=tiny)
    assert fitted.shape == (2, 28, 28)
    assert fitted.max() == 255
    Path("a.dz").write_bytes(data)
    with digitzip.append("a.dz", model=tiny, fit="mnist") as out:
        out.append(large[0])
    with digitzip.open("a.dz", model=tiny) as dz:
        np.testing.assert_array_equal(dz[2], fitted[0])


def test_labels_and_metadata_come_back(tiny: Model, images: Images) -> None:
    names = [f"{i}.png" for i in range(20)]
    data = digitzip.compress(
        images[:20], model=tiny, names=names, labels=np.arange(20), metadata={"a": "b"}, chunk=6
    )
    with digitzip.open(data, model=tiny) as dz:
        dz.test()
        assert (dz.info.chunks, dz.info.metadata) == (4, {"a": "b"})
        assert dz.labels is not None
        assert dz.names is not None
        assert dz.labels[[7, -1]].tolist() == [7, 19]
        assert dz.labels[::5].dtype == np.uint8
        assert dz.labels[3] == 3
        assert dz.names[:] == names
    for wrong in ([1.5] * 20, [256] * 20, [-1] * 20, ["1"] * 20, [[1]] * 20, 7, [True] * 20):
        with pytest.raises(InputError, match="labels"):
            digitzip.compress(images[:20], model=tiny, labels=wrong)
    for chunk in (0, 16_385, True, 1.0):
        with pytest.raises(InputError, match="chunk is"):
            digitzip.compress(images, model=tiny, chunk=chunk)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="names are a sequence"):
        digitzip.compress(images[:2], model=tiny, names="ab")


def test_only_corrected_images_decode_corrections(
    images: Images, codec: Codec, tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    originals = codec.decode(codec.encode(images))
    originals[7] = images[7]
    unpacked: list[object] = []
    unpack = decoding.unpack_corrected

    def counted(*given: Any) -> Any:
        unpacked.append(given)
        return unpack(*given)

    monkeypatch.setattr(store, "unpack_corrected", counted)
    batch = EncodedBatch.plain(codes := codec.encode(originals), codec.decode(codes))
    (coded,) = np.nonzero((batch.pixels == originals).all(axis=(1, 2)))
    assert 0 < len(coded) < len(originals)
    with digitzip.open(digitzip.compress(originals, model=tiny, lossless=True), model=tiny) as dz:
        np.testing.assert_array_equal(dz[coded], originals[coded])
        assert not unpacked
        np.testing.assert_array_equal(dz[7], originals[7])
        assert len(unpacked) == 1
