"""Joining archives, by `join` and by plain cat: never half, and never other images."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from click.testing import CliRunner, Result

import digitzip
from digitzip.archive.sink import ChunkSink
from digitzip.cli import digitzip as command
from digitzip.errors import DamagedError, DigitzipError, InputError, LimitError, OutputError
from digitzip.format import Header, StoredPromise
from digitzip.model import Model
from tests import second_reader
from tests.archives import chunk_sizes, with_promise
from tests.conftest import TINY

Images = npt.NDArray[np.uint8]

VALID = TINY.parent / "valid"


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pack(model: Model, images: Images, names: list[str] | None = None, quality: int = 2) -> bytes:
    out = io.BytesIO()
    with digitzip.create(out, model=model, effort=0, quality=quality, guard=False) as writer:
        writer.append(images, names)
    return out.getvalue()


def joined(*files: bytes | str | Path) -> bytes:
    out = io.BytesIO()
    digitzip.join(list(files), out)
    return out.getvalue()


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(command, arguments, input=stdin)


def test_images_stand_one_after_another_with_their_codes(tiny: Model, images: Images) -> None:
    parts = [images[:20], images[20:21], images[21:]]
    data = joined(*(pack(tiny, part) for part in parts))
    whole = pack(tiny, images)
    with digitzip.open(data, model=tiny) as dz, digitzip.open(whole, model=tiny) as expected:
        dz.test()
        assert dz.info.chunks == 3
        np.testing.assert_array_equal(dz.codes[:], expected.codes[:])
        np.testing.assert_array_equal(dz[:], expected[:])


def test_one_file_is_copied_byte_for_byte(tiny: Model, images: Images) -> None:
    for data in (pack(tiny, images), pack(tiny, images[:0])):
        assert joined(data) == data


def test_what_is_joined_twice_is_joined_once(tiny: Model, images: Images) -> None:
    a, b, c = (pack(tiny, images[i : i + 3]) for i in (0, 3, 6))
    assert joined(joined(a, b), c) == joined(a, joined(b, c)) == joined(a, b, c)


def test_an_empty_archive_adds_nothing(tiny: Model, images: Images) -> None:
    some, none = pack(tiny, images[:3], ["a", "b", "c"]), pack(tiny, images[:0])
    assert joined(none, some, none) == some
    assert joined(none, none) == none


def test_names_come_along(tiny: Model, images: Images) -> None:
    data = joined(pack(tiny, images[:2], ["a", "b"]), pack(tiny, images[:1], ["c"]))
    with digitzip.open(data, model=tiny) as dz:
        dz.test()
        assert dz.names is not None
        assert dz.names[:] == ["a", "b", "c"]


def test_chunks_are_copied_byte_for_byte(tiny: Model, images: Images) -> None:
    parts = [pack(tiny, images[:20]), pack(tiny, images[20:])]
    bodies = []
    for data in parts:
        with digitzip.open(data) as dz:
            bodies += [dz._store.chunk_bytes(number) for number in dz._store.numbers]
    assert b"".join(bodies) in joined(*parts)


def test_labels_come_along(tiny: Model, images: Images) -> None:
    parts = [
        digitzip.compress(images[:n], labels=range(n), model=tiny, effort=0) for n in (3, 1, 2)
    ]
    with digitzip.open(joined(*parts), model=tiny) as dz:
        dz.test()
        assert dz.labels is not None
        assert dz.labels[:].tolist() == [0, 1, 2, 0, 0, 1]
    without = digitzip.compress(images[:2], model=tiny, effort=0)
    with pytest.raises(InputError, match="archive 2: its images have no labels, those of archive"):
        joined(parts[0], without)


def test_metadata_of_all_files_come_along(tiny: Model, images: Images) -> None:
    texts = [{"source": "a", "by": "x"}, {"source": "b", "more": ""}, {"source": "a", "by": "y"}]
    parts = [digitzip.compress(images[:1], metadata=each, model=tiny, effort=0) for each in texts]
    both = {"by": "x\ny", "more": "", "source": "a\nb"}
    assert digitzip.open(joined(*parts)).info.metadata == both
    assert digitzip.open(joined(joined(*parts[:2]), parts[2])).info.metadata == both
    assert digitzip.open(joined(parts[0], parts[0])).info.metadata == texts[0]
    long = [{"source": letter * 40_000, "by": "x"} for letter in "ab"]
    parts = [digitzip.compress(images[:1], metadata=each, model=tiny, effort=0) for each in long]
    assert digitzip.open(joined(*parts)).info.metadata == {"by": "x"}


def test_layers_that_this_build_does_not_know_come_along(tiny: Model) -> None:
    files = [VALID / f"{name}.dz" for name in ("three-chunks", "unknown-ancillary-layer")]
    kinds = []
    for file in files:
        with digitzip.open(file) as dz:
            kinds += [dz._store._types(number) for number in dz._store.numbers]
    with digitzip.open(joined(*files), model=tiny) as dz:
        dz.test()
        assert [dz._store._types(number) for number in dz._store.numbers] == kinds


def test_a_file_that_was_appended_to_is_joined_without_its_old_trailer(tiny: Model) -> None:
    with digitzip.open(VALID / "appended.dz", model=tiny) as dz:
        codes = dz.codes[:]
    data = joined(VALID / "appended.dz")
    assert len(data) < (VALID / "appended.dz").stat().st_size
    with digitzip.open(data, model=tiny) as dz:
        dz.test()
        np.testing.assert_array_equal(dz.codes[:], codes)


def test_files_of_other_models_or_levels_are_refused(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(pack(tiny, images[:2]))
    Path("b.dz").write_bytes(pack(tiny, images[:2], quality=1))
    with pytest.raises(InputError, match=r"b\.dz: levels 5, expected 8 as in a\.dz"):
        digitzip.join(["a.dz", "b.dz"], "out.dz")
    other = Header(bytes(16), 28, 28, 3, 8)
    out = io.BytesIO()
    ChunkSink(out, other).close()
    with pytest.raises(
        InputError, match=rf"archive 2: model {'00' * 16}, expected {tiny.id.hex()}"
    ):
        joined(pack(tiny, images[:2]), out.getvalue())
    assert not Path("out.dz").exists()


def test_named_and_nameless_files_are_refused(tiny: Model, images: Images) -> None:
    named, nameless = pack(tiny, images[:1], ["a"]), pack(tiny, images[:1])
    with pytest.raises(InputError, match="archive 2: its images have no names, those of archive 1"):
        joined(named, nameless)
    with pytest.raises(InputError, match="archive 1: its images have no names, those of archive 2"):
        joined(nameless, named)


def test_a_name_of_two_files_is_refused(tiny: Model, images: Images) -> None:
    files = [pack(tiny, images[:2], names) for names in (["a", "b"], ["c", "d"], ["e", "a"])]
    joined(*files[:2])
    with pytest.raises(InputError, match="archive 3: the name 'a' is in archive 1 too"):
        joined(*files)
    with pytest.raises(InputError, match=r"the name 'A\.PNG' is in archive 1 too, or one that"):
        joined(files[0], pack(tiny, images[:1], ["A.PNG"]))


@pytest.mark.filterwarnings("ignore:.*promises nothing:digitzip.DigitzipWarning")
def test_the_promise_is_what_all_files_promise(tiny: Model, images: Images) -> None:
    data, classifier = pack(tiny, images[:2]), bytes(range(4))
    strict, loose = (
        StoredPromise(True, 9, 70, classifier),
        StoredPromise(True, 30, None, classifier),
    )
    for one, two, both in (
        (strict, strict, strict),
        (strict, loose, StoredPromise(True, 30, None, classifier)),
        (strict, StoredPromise(True, 9, 70, bytes(4)), StoredPromise(True, 9, 70)),
        (strict, StoredPromise(), StoredPromise()),
        (StoredPromise(), loose, StoredPromise()),
    ):
        with digitzip.open(joined(with_promise(data, one), with_promise(data, two))) as dz:
            assert dz._store.header.promise == both
            assert len(dz) == 4


def test_damage_anywhere_is_refused_with_the_name_of_the_file(tiny: Model, images: Images) -> None:
    good, bad = pack(tiny, images[:3]), bytearray(pack(tiny, images[3:5]))
    Path("good.dz").write_bytes(good)
    for position in range(len(bad)):
        bad[position] ^= 16
        Path("bad.dz").write_bytes(bad)
        with pytest.raises(DigitzipError, match=r"bad\.dz"):
            digitzip.join(["good.dz", "bad.dz"], "out.dz")
        bad[position] ^= 16
    assert sorted(path.name for path in Path.cwd().iterdir()) == ["bad.dz", "good.dz"]


def test_what_exists_is_overwritten_only_when_asked(tiny: Model, images: Images) -> None:
    data = pack(tiny, images[:3])
    Path("out.dz").write_bytes(b"kept")
    with pytest.raises(OutputError, match="exists"):
        digitzip.join([data], "out.dz")
    assert Path("out.dz").read_bytes() == b"kept"
    assert digitzip.join([data, data], "out.dz", overwrite=True) == 6
    with pytest.raises(InputError, match="no archive to join"):
        digitzip.join([], "out.dz", overwrite=True)


def test_more_chunks_than_a_file_can_hold_are_refused(
    tiny: Model, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digitzip.archive.sink.MAX_ENTRIES", 3)
    data = pack(tiny, images[:1])
    joined(data, data, data)
    with pytest.raises(LimitError, match="more than 3 chunks"):
        joined(data, data, data, data)


def test_a_reader_written_from_the_page_reads_what_was_joined(tiny: Model, images: Images) -> None:
    model = second_reader.Model(TINY.read_bytes())
    data = joined(*(pack(tiny, images[i : i + 4], [f"{i}/{j}" for j in "abcd"]) for i in (0, 4, 8)))
    content = second_reader.read(data, model)
    with digitzip.open(data, model=tiny) as dz:
        assert content.codes == dz.codes[:].tolist()
        assert content.pixels == dz[:].tobytes()
        assert dz.names is not None
        assert content.names == dz.names[:]


# Plain cat


@pytest.mark.parametrize("n", [2, 3])
def test_plain_cat_is_refused_and_told_apart(n: int, tiny: Model, images: Images) -> None:
    named = ["a", "b", "c"]
    kinds = (
        pack(tiny, images[:3]),
        pack(tiny, images[:3], quality=1),
        pack(tiny, images[:3], named),
        pack(tiny, images[:0]),
        with_promise(pack(tiny, images[:2]), StoredPromise(True, 9, 70, bytes(4))),
        (VALID / "appended.dz").read_bytes(),
    )
    for one in kinds:
        for other in kinds:
            data = one * (n - 1) + other
            with pytest.raises(DamagedError, match=r"digitzip\.join"):
                digitzip.open(data, model=tiny)
            with pytest.raises(DamagedError, match=r"digitzip\.join"):
                digitzip.decompress(data, model=tiny)


def test_plain_cat_of_a_cut_file_is_refused(tiny: Model, images: Images) -> None:
    data = pack(tiny, images[:3])
    for size in range(1, len(data)):
        for both in (data[:size] + data, data + data[:size], data[size:] + data):
            with pytest.raises(DigitzipError):
                digitzip.decompress(both, model=tiny)


# The command


def test_cat_joins_files_standard_input_and_output(tiny: Model, images: Images) -> None:
    a, b = pack(tiny, images[:3]), pack(tiny, images[3:5])
    Path("a.dz").write_bytes(a)
    Path("b.dz").write_bytes(b)
    done = run("cat", "a.dz", "b.dz", "-o", "out.dz")
    assert (done.exit_code, done.output) == (0, "")
    assert Path("out.dz").read_bytes() == joined(a, b)
    done = run("cat", "-", "a.dz", "-o", "-", stdin=b)
    assert (done.exit_code, done.stdout_bytes) == (0, joined(b, a))
    said = run("cat", "a.dz", "b.dz", "-o", "out.dz", "-f", "-v").stderr
    assert said.startswith("out.dz: 5 images of 2 files, ")


def test_cat_tells_errors_in_one_line_and_leaves_nothing(tiny: Model, images: Images) -> None:
    Path("a.dz").write_bytes(pack(tiny, images[:3]))
    Path("b.dz").write_bytes(pack(tiny, images[:3], quality=1))
    Path("two.dz").write_bytes(Path("a.dz").read_bytes() * 2)
    for code, *files in (
        (1, "a.dz", "b.dz"),
        (1, "a.dz", "missing.dz"),
        (3, "a.dz", "two.dz"),
        (2, "-", "-"),
        (2, "a.dz", ""),
    ):
        done = run("cat", *map(str, files), "-o", "out.dz")
        assert (done.exit_code, done.stdout) == (code, "")
        assert code == 2 or done.stderr.count("\n") == 1
        assert not Path("out.dz").exists()
    assert run("cat", "a.dz", "-o", "a.dz", "-f").exit_code == 2
    assert run("test", "two.dz").exit_code == 3
    assert "digitzip cat" in run("info", "two.dz").stderr


def test_a_joined_file_says_what_it_holds(tiny: Model, images: Images) -> None:
    sizes = []
    for n in (1, 2, 4):
        Path(f"{n}.dz").write_bytes(pack(tiny, images[:n]))
        sizes.append(n)
    run("cat", *(f"{n}.dz" for n in sizes), "-o", "out.dz")
    found = json.loads(run("info", "out.dz", "--json").stdout)
    assert (found["images"], found["chunks"], found["damaged"]) == (7, 3, False)
    with digitzip.open("out.dz") as dz:
        assert chunk_sizes(dz) == sizes
