"""Some images of an archive: found by number and by name, written with the same codes."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result
from PIL import Image

import digitzip
from digitzip import Archive
from digitzip.cli import digitzip as command
from digitzip.errors import DamagedError, InputError, LimitError, OutputError, UnsupportedError
from digitzip.format import StoredPromise
from digitzip.model import Model
from tests.archives import with_promise
from tests.conftest import TINY
from tests.test_join import VALID, joined, pack

Images = npt.NDArray[np.uint8]

NAMES = ["a/1.png", "a/2.png", "b/1.png", "7", "b[1].png", "*", "é", "b1.png", "c", "d"]


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def named(tiny: Model, images: Images) -> Archive:
    """Ten images in two chunks, with names; also as `named.dz`."""
    parts = (slice(0, 4), slice(4, 10))
    data = joined(*(pack(tiny, images[:10][part], NAMES[part]) for part in parts))
    Path("named.dz").write_bytes(data)
    return digitzip.open(data, model=tiny)


@pytest.fixture
def nameless(tiny: Model, images: Images) -> Archive:
    data = pack(tiny, images[:10])
    Path("in.dz").write_bytes(data)
    return digitzip.open(data, model=tiny)


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(command, [*arguments, "--model", str(TINY)], input=stdin)


@pytest.mark.parametrize(
    ("words", "indexes"),
    [
        (["0"], [0]),
        (["9", "0"], [9, 0]),
        (["-1", "-10"], [9, 0]),
        (["2:4", "3:5", "2"], [2, 3, 4]),
        (["-2:"], [8, 9]),
        ([":2", "8:10"], [0, 1, 8, 9]),
        (["-10:10"], list(range(10))),
        ([":"], list(range(10))),
        (["a/2.png", "0", "é"], [1, 0, 6]),
        (["a/*"], [0, 1]),
        (["*.png"], [0, 1, 2, 4, 7]),
        (["?/1.png"], [0, 2]),
        (["7"], [7]),
        (["[7]"], [3]),
        (["b[1].png"], [4]),
        (["*"], [5]),
        ([], []),
    ],
)
def test_words_mean_images(words: list[str], indexes: list[int], named: Archive) -> None:
    found = named.find(*words)
    assert found.tolist() == indexes
    assert found.dtype == np.intp


@pytest.mark.parametrize(
    "word", ["10", "-11", "10:", "5:5", "8:2", "8:99", "-11:3", ":11", "9999999999999999",
             "99999999999999999999", "x", "x*", "A/1.png", "", "a/1.pn", "1:2:3", "1.5",
             "--froce", "٣"],
)  # fmt: skip
def test_a_word_that_means_no_image_is_named(word: str, named: Archive) -> None:
    with pytest.raises(InputError) as caught:
        named.find("0", word)
    assert word in str(caught.value)


def test_an_image_without_a_name_is_not_found_by_one(nameless: Archive) -> None:
    with pytest.raises(InputError, match="no image 'a': the images of the archive have no names"):
        nameless.find("a")
    with pytest.raises(InputError, match="no image 0: the archive has 0 images"):
        digitzip.open(joined(VALID / "empty.dz")).find("0")


@pytest.mark.filterwarnings("ignore:names used by more than one")
def test_all_images_of_a_name_are_found(tiny: Model, images: Images) -> None:
    parts = pack(tiny, images[:2], ["a", "b"]) + pack(tiny, images[2:3], ["a"])
    out = io.BytesIO()
    digitzip.recover(parts, out, model=tiny)
    dz = digitzip.open(out.getvalue(), model=tiny)
    assert dz.find("a").tolist() == [0, 2]


def test_more_images_than_allowed_are_not_even_listed(named: Archive, tiny: Model) -> None:
    few = digitzip.open(Path("named.dz").read_bytes(), model=tiny, max_images=3)
    assert few.find("0:3").tolist() == [0, 1, 2]
    for words in ([":"], ["0:3", "5"], ["*.png"]):
        with pytest.raises(LimitError, match="more than 3 images"):
            few.find(*words)


def test_each_chunk_is_located_with_the_positions_of_its_images(tiny: Model) -> None:
    one = np.zeros((1, 28, 28), np.uint8)
    dz = digitzip.open(joined(*[pack(tiny, one)] * 30, *[pack(tiny, one[[0, 0, 0]])] * 30))
    indexes = np.random.default_rng(1).integers(0, len(dz), 500)
    chunks = dz._store.index.find(indexes)
    located = {number: positions.tolist() for number, positions, _ in dz._store.groups(indexes)}
    assert list(located) == sorted(set(chunks.tolist()))
    for number, positions in located.items():
        assert positions == np.flatnonzero(chunks == number).tolist()
    assert list(dz._store.groups(indexes[:0])) == []


def test_extracted_images_keep_codes_pixels_names_and_promise(
    named: Archive, nameless: Archive, tiny: Model
) -> None:
    indexes = [9, 0, 4, 3]
    for dz in (named, nameless):
        out = io.BytesIO()
        assert digitzip.extract(dz, indexes, out) == 4
        with digitzip.open(out.getvalue(), model=tiny) as again:
            again.test()
            np.testing.assert_array_equal(again.codes[:], dz.codes[indexes])
            np.testing.assert_array_equal(again[:], dz[indexes])
            if dz.names is None:
                assert again.names is None
            else:
                assert again.names is not None
                assert again.names[:] == dz.names[indexes]
    guard = StoredPromise(True, 200, 60_000)
    dz, out = (
        digitzip.open(with_promise(Path("in.dz").read_bytes(), guard), model=tiny),
        io.BytesIO(),
    )
    digitzip.extract(dz, slice(2, 5), out)
    assert digitzip.open(out.getvalue())._store.header.promise == guard


def test_the_whole_is_extracted_as_it_would_be_written(nameless: Archive) -> None:
    digitzip.extract(nameless, slice(None), "again.dz")
    assert Path("again.dz").read_bytes() == Path("in.dz").read_bytes()
    with pytest.raises(OutputError, match="exists"):
        digitzip.extract(nameless, [0], "again.dz")
    with pytest.raises(IndexError):
        digitzip.extract(nameless, [10], "more.dz")
    assert digitzip.extract(nameless, [], "none.dz") == 0
    assert len(digitzip.open(Path("none.dz").read_bytes())) == 0


def test_many_images_fill_chunks(tiny: Model, images: Images) -> None:
    dz = digitzip.open(pack(tiny, np.concatenate([images] * 164)), model=tiny)
    out = io.BytesIO()
    digitzip.extract(dz, np.arange(8_199, -1, -1), out)
    with digitzip.open(out.getvalue(), model=tiny) as again:
        again.test()
        assert again.info.chunks == 3
        np.testing.assert_array_equal(again.codes[:], dz.codes[::-1])


def test_new_checksums_never_cover_what_the_old_ones_denied(tiny: Model) -> None:
    data = (VALID.parent / "invalid" / "pixel-crc.dz").read_bytes()
    with pytest.raises(DamagedError, match="do not decode"):
        digitzip.extract(digitzip.open(data, model=tiny), [0], "out.dz")
    assert not Path("out.dz").exists()


def test_images_with_a_layer_of_a_later_version_are_not_extracted(tiny: Model) -> None:
    with digitzip.open(VALID / "unknown-ancillary-layer.dz", model=tiny) as dz:
        with pytest.raises(UnsupportedError, match="extract them as images"):
            digitzip.extract(dz, [0], "out.dz")
        assert dz[[0]].shape == (1, 28, 28)


def test_labels_and_metadata_come_along(tiny: Model, images: Images) -> None:
    texts = {"source": "x"}
    data = digitzip.compress(images[:9], labels=range(9), metadata=texts, model=tiny, effort=0)
    out = io.BytesIO()
    digitzip.extract(digitzip.open(data, model=tiny), [7, 2, 2], out)
    with digitzip.open(out.getvalue(), model=tiny) as dz:
        dz.test()
        assert dz.labels is not None
        assert (dz.labels[:].tolist(), dz.labels[1]) == ([7, 2, 2], 2)
        assert dz.info.metadata == texts


# The command


def test_pictures_have_their_names_or_their_numbers(named: Archive, nameless: Archive) -> None:
    assert run("extract", "named.dz", "a/*", "-3", "-o", "out").exit_code == 0
    files = sorted(path.relative_to("out").as_posix() for path in Path("out").rglob("*.png"))
    assert files == ["a/1.png", "a/2.png", "b1.png"]
    np.testing.assert_array_equal(np.array(Image.open("out/a/2.png")), named[1])
    for words, expected in (
        (["0", "1"], ["00000.png", "00001.png"]),
        (["1", "0"], ["00000.png", "00001.png"]),
        (["-2:", "3"], ["00003.png", "00008.png", "00009.png"]),
    ):
        assert run("extract", "in.dz", *words, "-o", "numbers", "-f").exit_code == 0
        found = {int(path.stem): np.array(Image.open(path)) for path in Path("numbers").iterdir()}
        assert sorted(path.name for path in Path("numbers").iterdir()) == expected
        for digit, image in found.items():
            np.testing.assert_array_equal(image, nameless[digit])
            Path(f"numbers/{digit:05d}.png").unlink()


@pytest.mark.parametrize("out", ["out.npy", "-", "out.dz"])
def test_other_outputs_have_the_images_in_the_order_given(
    out: str, nameless: Archive, tiny: Model
) -> None:
    done = run("extract", "in.dz", "-1", "4:6", "0", "4", "-o", out)
    assert (done.exit_code, done.stderr) == (0, "")
    if out == "out.dz":
        with digitzip.open(out, model=tiny) as dz:
            found = dz[:]
    else:
        found = np.load(io.BytesIO(done.stdout_bytes) if out == "-" else out)
    np.testing.assert_array_equal(found, nameless[[9, 4, 5, 0]])


@pytest.mark.parametrize("out", ["out", "out.npy", "out-idx3-ubyte", "-", "out.dz"])
def test_no_pixels_come_from_a_chunk_that_is_not_verified(out: str, workdir: Path) -> None:
    Path("in.dz").write_bytes((VALID.parent / "invalid" / "pixel-crc.dz").read_bytes())
    done = run("extract", "in.dz", "0", "-o", out)
    assert (done.exit_code, done.stdout) == (3, "")
    assert "do not decode" in done.stderr
    assert [path.name for path in workdir.iterdir()] == ["in.dz"]


@pytest.mark.parametrize(
    ("arguments", "indexes"),
    [
        (["7", "-3", "0", "-o", "out.npy"], [7, 7, 0]),
        (["-o", "out.npy", "-2:", "-10", "-5:-4"], [8, 9, 0, 5]),
        (["-qfo", "out.npy", "-1", "--jobs", "1", "1"], [9, 1]),
        (["-oout.npy", "--max-images=3", "--", "-1", "1"], [9, 1]),
        (["-fqo", "-1", "2"], [2]),
        (["-o", "out.npy", "3", "--", "-f*.png", "-x", "--force"], [3, 1, 0, 2]),
    ],
)
def test_words_from_the_end_are_no_options_and_options_no_words(
    arguments: list[str], indexes: list[int], tiny: Model, images: Images
) -> None:
    names = ["-x", "-f1.png", "--force", *"abcdefg"]
    Path("in.dz").write_bytes(pack(tiny, images[:10], names))
    done = CliRunner().invoke(command, ["extract", "--model", str(TINY), "in.dz", *arguments])
    assert (done.exit_code, done.output) == (0, "")
    expected = list(dict.fromkeys(indexes))
    if "out.npy" in "".join(arguments):
        with digitzip.open("in.dz", model=tiny) as dz:
            np.testing.assert_array_equal(np.load("out.npy"), dz[expected])
    else:
        assert [path.name for path in Path("-1").iterdir()] == ["--force.png"]


def test_an_option_without_its_value_is_told(nameless: Archive) -> None:
    done = CliRunner().invoke(command, ["extract", "in.dz", "-3", "0", "-o"])
    assert done.exit_code == 2
    assert "option '-o' requires an argument" in done.stderr


def test_extract_reads_standard_input_and_sums_up(nameless: Archive) -> None:
    data = Path("in.dz").read_bytes()
    done = run("extract", "-", "3", "-o", "out.npy", "-v", stdin=data)
    assert done.exit_code == 0
    assert done.stderr.startswith("-: 1 of 10 images, ")


def test_errors_of_extract_name_the_word_and_leave_nothing(
    named: Archive, nameless: Archive, workdir: Path
) -> None:
    before = sorted(workdir.iterdir())
    for out in ("out", "out.npy", "out.dz", "-"):
        for code, file, word in (
            (1, "in.dz", "10"),
            (1, "in.dz", "a"),
            (1, "named.dz", "no/*"),
            (2, "named.dz", "--froce"),
            (2, "named.dz", "-f*.png"),
            (2, "in.dz", "-x3"),
            (1, "missing.dz", "missing.dz"),
        ):
            done = run("extract", file, "0", word, "-o", out)
            assert (done.exit_code, done.stdout) == (code, "")
            if code == 2:
                assert "no such option" in done.stderr
            else:
                assert done.stderr.count("\n") == 1
                assert word in done.stderr
        few = run("extract", "in.dz", ":", "-o", out, "--max-images", "2")
        assert (few.exit_code, few.stderr.count("\n")) == (3, 1)
    assert run("extract", "in.dz", "-o", "out").exit_code == 2
    assert run("extract", "in.dz", "0", "-o", "in.dz", "-f").exit_code == 2
    assert sorted(workdir.iterdir()) == before
