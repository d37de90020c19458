"""Recovering: every whole chunk is saved, every lost digit told, and none is made up."""

from __future__ import annotations

import io
import json
import warnings
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import zstandard
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

import digitzip
from digitzip import Archive, Recovered
from digitzip.archive import index, scanning, sink
from digitzip.archive.sink import ChunkSink
from digitzip.cli import digitzip as command
from digitzip.errors import (
    DamagedError,
    DigitzipError,
    LimitError,
    ModelError,
    OutputError,
    UnsupportedError,
)
from digitzip.format import Entry, StoredPromise, Trailer, trailer
from digitzip.format import frames as frames_module
from digitzip.format.frames import MAX_BYTES, Walk, walk_frame
from digitzip.model import Model, read_model
from tests.archives import with_promise
from tests.conftest import TINY
from tests.test_conformance import MANIFEST
from tests.test_join import VALID, joined, pack

Images = npt.NDArray[np.uint8]

pytestmark = [
    pytest.mark.filterwarnings(f"ignore:{start}:digitzip.DigitzipWarning")
    for start in (
        "the model of the file is not found here",
        "the header of the file is damaged",
        "chunks outside the index of the file",
        "names used by more than one joined file",
        "headers of other models or qualities",
    )
]

INVALID = VALID.parent / "invalid"
NAMES = [f"n/{i}" for i in range(50)]
PARTS = [slice(start, start + 10) for start in range(0, 50, 10)]


@pytest.fixture(autouse=True)
def workdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def whole(tiny: Model, images: Images) -> bytes:
    """An archive of 50 images in five chunks."""
    return joined(*(pack(tiny, images[part]) for part in PARTS))


@pytest.fixture(scope="module")
def named(tiny: Model, images: Images) -> bytes:
    return joined(*(pack(tiny, images[part], NAMES[part]) for part in PARTS))


@pytest.fixture(scope="module")
def copied(tiny: Model, images: Images) -> bytes:
    """An archive of 70 images in three chunks, so large that its trailer copies the header."""
    names = [f"{i}.png" for i in range(20)]
    halves = (pack(tiny, images[part], NAMES[part]) for part in (slice(0, 25), slice(25, 50)))
    return joined(*halves, pack(tiny, images[:20], names))


def recover(data: bytes | bytearray, model: Model | Path | None = TINY) -> tuple[Recovered, bytes]:
    out = io.BytesIO()
    found = digitzip.recover(bytes(data), out, model=model)
    return found, out.getvalue()


def model_of(path: Path) -> Model:
    """Return the model that a conformance file needs."""
    return read_model(TINY.with_stem(MANIFEST[path.parent.name][path.stem]["model"]))


def frames_of(data: bytes) -> list[bytes]:
    """Return the header, the chunks, and the trailer of an archive."""
    with digitzip.open(data) as dz:
        offsets = [slot.offset for slot in dz._store.index.slots]
        offsets.append(offsets[-1] + dz._store.index.slots[-1].entry.length)
        return [data[a:b] for a, b in zip([0, *offsets], [*offsets, len(data)], strict=True)]


def check(
    whole: bytes, found: Recovered, saved: bytes, model: Model, *, numbered: bool = True
) -> Archive:
    """Check that what was saved is what was not lost of `whole`; return the saved archive.

    Where images are not `numbered`, each chunk must be one of `whole`, and no more is known.
    """
    dz, original = digitzip.open(saved, model=model), digitzip.open(whole, model=model)
    dz.test()
    kept = np.ones(found.known, bool)
    for lost in found.lost:
        assert len(lost) > 0
        kept[lost.start : lost.stop] = False
    assert len(dz) == found.images == kept.sum()
    if not numbered:
        assert not set(frames_of(saved)[1:-1]) - set(frames_of(whole)[1:-1])
        return dz
    assert found.known == len(original) or not found.end_known
    np.testing.assert_array_equal(dz.codes[:], original.codes[np.flatnonzero(kept)])
    if original.names is not None and len(dz) and not found.names_lost:
        assert dz.names is not None
        assert dz.names[:] == original.names[np.flatnonzero(kept)]
    return dz


def test_a_whole_file_is_saved_byte_for_byte(whole: bytes, named: bytes, tiny: Model) -> None:
    for data in (whole, named, pack(tiny, np.empty((0, 28, 28), np.uint8))):
        found, saved = recover(data)
        assert saved == data
        assert found.whole
        assert (found.lost, found.gaps, found.end_known) == ((), (), True)
        assert (found.left_out, found.verified) == (0, True)


@pytest.mark.parametrize("path", sorted(VALID.glob("*.dz")), ids=lambda path: path.stem)
def test_every_valid_file_is_saved_whole(path: Path) -> None:
    data, model = path.read_bytes(), model_of(path)
    found, saved = recover(data, model)
    assert found.whole
    check(data, found, saved, model)


@pytest.mark.parametrize("path", sorted(INVALID.glob("*.dz")), ids=lambda path: path.stem)
def test_what_is_saved_of_an_invalid_file_is_valid(path: Path) -> None:
    model = model_of(path)
    try:
        found, saved = recover(path.read_bytes(), model)
    except DigitzipError:
        return
    with digitzip.open(saved, model=model) as dz:
        dz.test()
        assert len(dz) == found.images


def test_every_truncation_loses_what_is_cut_and_says_so(named: bytes, tiny: Model) -> None:
    frames = frames_of(named)
    ends = np.cumsum([len(frame) for frame in frames])
    for size in range(len(named)):
        whole_chunks = int((ends[1:6] <= size).sum())
        if whole_chunks == 0:
            with pytest.raises(DamagedError):
                recover(named[:size])
            continue
        found, saved = recover(named[:size])
        assert (found.images, found.lost, found.gaps) == (10 * whole_chunks, (), ())
        assert not found.end_known
        assert not found.whole
        check(named, found, saved, tiny)


def test_every_changed_byte_loses_one_chunk_at_most(named: bytes, tiny: Model) -> None:
    ends = np.cumsum([len(frame) for frame in frames_of(named)])
    for position in range(ends[0], len(named)):
        changed = bytearray(named)
        changed[position] ^= 0x41
        found, saved = recover(changed)
        number = int((ends <= position).sum()) - 1
        if number < 5:
            assert found.lost == (range(10 * number, 10 * number + 10),)
            assert found.end_known
        else:
            known = position >= len(named) - 4  # the back-pointer, which no digest covers
            assert (found.lost, found.end_known) == ((), known)
        check(named, found, saved, tiny)


def test_a_damaged_header_is_read_from_its_copy_in_the_trailer(copied: bytes, tiny: Model) -> None:
    for position in range(len(frames_of(copied)[0])):
        changed = bytearray(copied)
        changed[position] ^= 0x41
        found, saved = recover(changed, None if position % 2 else TINY)
        assert saved == copied
        assert (found.whole, found.header_restored) == (True, True)
    frames = frames_of(copied)
    begun = b"".join(frames[2:])  # the header and the first chunk are gone
    for data in (begun, bytes(300) + begun, begun[5:]):
        found, saved = recover(data)
        assert found.lost[0].start == 0
        assert found.header_restored
        check(copied, found, saved, tiny)


def test_a_damaged_header_is_refused_where_nothing_proves_it(
    copied: bytes, named: bytes, workdir: Path
) -> None:
    changed = b"?" + copied[1:]
    with pytest.raises(DamagedError, match=r"not a \.dz file.*without its header, or a copy"):
        digitzip.recover(b"?" + named[1:], "out.dz")
    moved = bytearray(changed)
    moved[-40] ^= 1  # in the trailer, whose digest then proves nothing
    for data in (changed[:-5], bytes(moved), b"", b"???"):
        with pytest.raises(DamagedError):
            digitzip.recover(data, "out.dz", model=TINY)
    assert list(workdir.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "lost", "end_known"),
    [
        (lambda f: f.pop(3), (range(20, 30),), True),
        (lambda f: f.pop(1), (range(10),), True),
        (lambda f: f.pop(5), (range(40, 50),), True),
        (lambda f: f.insert(2, f.pop(4)), (), True),
        (lambda f: f.insert(2, f[4]), (), True),
        (lambda f: f.insert(2, b"\0" * 5000), (), True),
        (lambda f: f.append(b"\n"), (), False),
        (lambda f: f.insert(4, f[6]), (), True),
        (lambda f: (f.pop(6), f.pop(2)), (), False),
        (lambda f: f.reverse() or f.insert(0, f.pop()), (), False),
        (lambda f: [f.pop() for _ in "123"], (), False),
        (lambda f: f.insert(2, b"\x28\xb5\x2f\xfd" * 9), (), True),
    ],
)
def test_parts_that_are_missing_moved_or_added_are_seen(
    change: Callable[[list[bytes]], object],
    lost: tuple[range, ...],
    end_known: bool,
    named: bytes,
    tiny: Model,
) -> None:
    frames = frames_of(named)
    change(frames)
    found, saved = recover(b"".join(frames))
    assert (found.lost, found.gaps, found.end_known) == (lost, (), end_known)
    assert found.left_out == 0
    check(named, found, saved, tiny, numbered=found.known == 50)


@pytest.mark.parametrize(
    ("change", "gaps"),
    [
        (lambda f: f.__setitem__(2, bytes(len(f[2]))), (10,)),
        (lambda f: (f.__setitem__(1, b"?"), f.__setitem__(4, b"")), (0,)),
        (lambda f: (f.insert(2, b"?"), f.insert(5, b"?")), (10, 30)),
        (lambda f: f.insert(6, b"?"), ()),
    ],
)
def test_without_a_trailer_damage_between_chunks_is_a_gap(
    change: Callable[[list[bytes]], object], gaps: tuple[int, ...], named: bytes, tiny: Model
) -> None:
    frames = frames_of(named)[:-1]
    change(frames)
    found, saved = recover(b"".join(frames))
    assert (found.lost, found.gaps, found.end_known) == ((), gaps, False)
    assert not found.whole
    check(named, found, saved, tiny, numbered=False)


def test_of_equal_chunks_one_is_enough(tiny: Model) -> None:
    data = (VALID / "a-chunk-three-times.dz").read_bytes()
    frames = frames_of(data)
    found, saved = recover(frames[0] + bytes(99) + frames[2] + frames[4])
    assert found.whole
    assert saved == data


@given(st.data())
def test_whatever_happens_no_image_is_made_up(data: st.DataObject) -> None:
    model = read_model(TINY)
    images = np.random.default_rng(7).integers(0, 256, (50, 28, 28), dtype=np.uint8)
    original = joined(*(pack(model, images[part]) for part in PARTS))
    header = len(frames_of(original)[0])
    broken = bytearray(original)
    for _ in range(data.draw(st.integers(1, 4))):
        start = data.draw(st.integers(header, len(broken)))
        stop = data.draw(st.integers(start, len(broken)))
        part = data.draw(st.one_of(st.binary(max_size=9), st.just(bytes(broken[start:stop]))))
        match data.draw(st.sampled_from(["cut", "put", "replace", "end"])):
            case "cut":
                del broken[start:stop]
            case "put":
                broken[start:start] = part
            case "replace":
                broken[start:stop] = part
            case "end":
                del broken[start:]
    try:
        found, saved = recover(broken)
    except DamagedError:
        return
    check(original, found, saved, model, numbered=found.end_known)


def test_a_chunk_of_another_file_takes_no_place(named: bytes, tiny: Model, images: Images) -> None:
    other = frames_of(joined(*(pack(tiny, images[::-1][part]) for part in PARTS)))
    frames = frames_of(named)
    frames[2] = other[2]
    found, saved = recover(b"".join(frames))
    assert (found.lost, found.left_out) == ((range(10, 20),), 1)
    check(named, found, saved, tiny)


def test_chunks_that_do_not_decode_as_they_should_are_not_saved(tiny: Model) -> None:
    with pytest.raises(DamagedError, match="no image could be saved"):
        recover((INVALID / "pixel-crc.dz").read_bytes())
    found, _ = recover((INVALID / "pixel-crc.dz").read_bytes(), None)
    assert (found.verified, found.whole) == (False, True)


def test_without_the_model_stored_bytes_are_checked(named: bytes, tiny: Model) -> None:
    changed = bytearray(named)
    changed[len(frames_of(named)[0]) + 20] ^= 1
    found, saved = recover(changed, None)
    assert (found.lost, found.verified) == ((range(10),), False)
    check(named, found, saved, tiny)
    with pytest.raises(ModelError, match="the file needs model"):
        digitzip.recover(named, io.BytesIO(), model="mnist-10")


def test_layers_of_a_newer_build_are_not_dropped(workdir: Path) -> None:
    with pytest.raises(UnsupportedError, match="update digitzip"):
        digitzip.recover((INVALID / "critical-layer-unknown.dz").read_bytes(), "out.dz", model=TINY)
    assert list(workdir.iterdir()) == []
    for name in ("labels", "unknown-ancillary-layer"):
        data = (VALID / f"{name}.dz").read_bytes()
        assert recover(data)[1] == data


@pytest.mark.parametrize("which", ["first", "second"])
def test_images_matter_more_than_names(which: str, tiny: Model) -> None:
    found, saved = recover((INVALID / f"names-in-the-{which}-chunk-only.dz").read_bytes())
    assert (found.names_lost, found.lost, found.whole) == (True, (), False)
    with digitzip.open(saved, model=tiny) as dz:
        dz.test()
        assert (dz.names, len(dz)) == (None, found.images)


def test_what_plain_cat_joined_is_saved_as_one(named: bytes, whole: bytes, tiny: Model) -> None:
    found, saved = recover(whole + whole)
    assert found.whole
    assert saved == joined(whole, whole)
    frames = frames_of(whole)
    found, saved = recover(b"".join([*frames[:2], *frames[3:], *frames[:4], *frames[5:]]))
    assert found.lost == (range(10, 20), range(80, 90))
    assert found.end_known
    assert len(digitzip.open(saved)) == 80
    found, _ = recover(whole[:-9] + whole)
    assert (found.images, found.end_known) == (100, False)
    guarded = with_promise(whole, StoredPromise(True, 200))
    found, saved = recover(guarded + whole)
    assert digitzip.open(saved)._store.header.promise == StoredPromise()


def test_names_that_joined_archives_share_are_told(
    named: bytes, whole: bytes, tiny: Model, images: Images
) -> None:
    other = pack(tiny, images[:4], ["n/3", "new", "n/5", "more"])
    for data, shared in ((named, 0), (named + other, 2), (other + named + other, 6)):
        found, saved = recover(data)
        assert (found.names_shared, found.whole, found.names_lost) == (shared, True, False)
        Path("in.dz").write_bytes(data)
        done = run("in.dz", "-o", "out.dz", "-f")
        assert done.exit_code == 0
        assert (f"names used by more than one joined file: {shared};" in done.stderr) == (
            shared > 0
        )
    dz = digitzip.open(saved)
    assert dz.names is not None
    assert dz.names[:4] == dz.names[-4:] == ["n/3", "new", "n/5", "more"]
    found, _ = recover(whole + other)
    assert (found.names_lost, found.names_shared) == (True, 0)


def test_the_library_warns_of_what_is_not_verified_rebuilt_or_left_out(
    named: bytes, copied: bytes, tiny: Model, images: Images
) -> None:
    other = pack(tiny, images[:0], quality=1)
    for data, model, told in (
        (named, None, "decoded pixels were not verified"),
        (b"?" + copied[1:], tiny, "the new one is the copy in its trailer"),
        (named + named, tiny, "names used by more than one joined file: 50; extract these"),
        (named + other, tiny, "without images were left out: 1"),
    ):
        with pytest.warns(digitzip.DigitzipWarning, match=told):
            digitzip.recover(data, io.BytesIO(), model=model)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        digitzip.recover(named, io.BytesIO(), model=tiny)


def test_archives_of_two_kinds_are_told_apart(whole: bytes, tiny: Model, images: Images) -> None:
    other = pack(tiny, images[:3], quality=1)
    with pytest.raises(DamagedError, match=f"another model or quality begins at byte {len(whole)}"):
        recover(whole + other)


def test_a_stray_header_of_another_kind_costs_nothing(
    named: bytes, tiny: Model, images: Images
) -> None:
    header, chunk, trailer = frames_of(pack(tiny, images[:3], quality=1))
    for row in (1, 3, 6):
        frames = frames_of(named)
        frames.insert(row, header)
        found, saved = recover(b"".join(frames))
        assert (found.whole, found.foreign_headers) == (True, 1)
        assert saved == named
        if row < 6:
            with pytest.raises(DamagedError, match="another model or quality begins"):
                recover(b"".join(frames), None)  # whose images those are is not known
        for stranger in (header + chunk, header + trailer):
            with pytest.raises(DamagedError, match="another model or quality begins"):
                recover(b"".join([*frames[:row], stranger, *frames[row + 1 :]]))
    found, _ = recover(named + pack(tiny, images[:0], quality=1), None)
    assert (found.images, found.foreign_headers) == (50, 1)


def test_a_whole_header_before_a_damaged_file_is_refused_with_the_byte_to_cut_at(
    named: bytes, tiny: Model, images: Images
) -> None:
    stray, damaged = frames_of(pack(tiny, images[:3], quality=1))[0], named[:-9]
    words = f"another model or quality begins at byte {len(stray)}: cut the file there"
    with pytest.raises(DamagedError, match=words):
        recover(stray + damaged)
    assert recover((stray + damaged)[len(stray) :])[0].images == 50


def test_no_more_images_are_saved_than_allowed(whole: bytes, workdir: Path) -> None:
    assert digitzip.recover(whole, io.BytesIO(), model=TINY, max_images=50).whole
    with pytest.raises(LimitError, match="more than 49 images"):
        digitzip.recover(whole, "out.dz", model=TINY, max_images=49)
    frames = frames_of(whole)
    with pytest.raises(LimitError, match="more than 50 images"):  # decoded and then left out
        digitzip.recover(b"".join([*frames[:2], frames[1], *frames[2:]]), "out.dz", max_images=50)
    assert list(workdir.iterdir()) == []
    Path("in.dz").write_bytes(whole)
    done = run("in.dz", "-o", "out.dz", "--max-images", "49")
    assert (done.exit_code, done.stderr.count("\n")) == (3, 1)
    assert run("in.dz", "-o", "out.dz", "--max-images", "50").exit_code == 0


def chained_frames(size: int) -> bytes:
    """Return heads of frames, each in a block of the one before it, so that all reach the end."""
    return (b"\x48\0\0\x28\xb5\x2f\xfd\xa4" + (1 << 20).to_bytes(4, "little")) * (size // 12)


def nested_trailers(size: int) -> bytes:
    """Return heads of trailers, each of which claims all the bytes behind it."""
    heads = []
    for left in range(size, 40, -11):
        count = (left - 25) // 8
        fields = bytes([0, 0, count & 127 | 128, count >> 7 & 127 | 128, count >> 14])
        heads.append(b"\x5e\x2a\x4d\x18" + (left - 8).to_bytes(4, "little") + fields)
    return b"".join(heads).ljust(size, b"\0")


def swollen_frames(size: int) -> bytes:
    """Return frames of 16 MiB of zeros each, in a few bytes, with a wrong checksum."""
    head = b"\x28\xb5\x2f\xfd\xa4" + MAX_BYTES.to_bytes(4, "little")
    blocks = [(128 << 13 | 2 | (i == 127)).to_bytes(4, "little") for i in range(128)]
    return (head + b"".join(blocks) + b"?" * 4) * (size // 525)


@pytest.mark.parametrize("hostile", [chained_frames, nested_trailers, swollen_frames])
def test_false_frames_cost_no_more_than_in_proportion_to_the_file(
    hostile: Callable[[int], bytes], whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    spent = 0

    def walk(data: memoryview) -> Walk:
        nonlocal spent
        walk = walk_frame(data)
        spent += walk.work
        return walk

    def read(data: bytes, header: bytes) -> Trailer:
        nonlocal spent
        spent += len(data)
        return trailer_from_bytes(data, header)

    trailer_from_bytes = Trailer.from_bytes
    monkeypatch.setattr(scanning, "walk_frame", walk)
    monkeypatch.setattr(Trailer, "from_bytes", read)
    data = frames_of(whole)[0] + hostile(1 << 18)
    with pytest.raises(LimitError, match="slow to scan"):
        recover(data)
    assert spent <= scanning.WORK + scanning.WORK_PER_BYTE * len(data) + 2 * MAX_BYTES
    found, _ = recover(whole[:-4] + hostile(3000))  # a little of it does no harm
    assert found.images == 50


def test_an_append_in_place_that_did_not_end_keeps_the_old_file(
    whole: bytes, tiny: Model, images: Images
) -> None:
    frames = frames_of(joined(whole, *(pack(tiny, images[part]) for part in PARTS)))
    longer = whole + b"".join(frames[6:11])
    for size in range(len(whole) + 1, len(longer) + 1, 3):
        with pytest.raises(DamagedError):
            digitzip.open(longer[:size])
        found, saved = recover(longer[:size])
        assert (found.lost, found.end_known) == ((), False)
        assert found.images >= 50
        check(joined(whole, whole), found, saved, tiny)
    old = entry_of(frames_of(whole)[6], 0)
    entries = (*map(entry_of, frames[1:6]), old, *map(entry_of, frames[6:11]))
    trailer = Trailer(entries).to_bytes(frames[0])
    digitzip.open(longer + trailer, model=tiny).test()
    found, saved = recover(longer + trailer)
    assert found.whole
    check(joined(whole, whole), found, saved, tiny)


def entry_of(frame: bytes, images: int = 10) -> Entry:
    return Entry(len(frame), images, zlib.crc32(frame))


@pytest.fixture
def limit(monkeypatch: pytest.MonkeyPatch) -> int:
    """A limit on the bytes of a chunk that is quickly reached."""
    limit = 1 << 18
    for module in (frames_module, trailer, index, scanning, sink):
        monkeypatch.setattr(module, "MAX_BYTES", limit)
    return limit


def test_chunks_are_found_behind_any_length_of_rubbish(
    limit: int, whole: bytes, tiny: Model
) -> None:
    frames = frames_of(whole)
    for length in (limit - 2, 2 * limit + 1):
        frames[3] = bytes(length)
        found, saved = recover(b"".join(frames))
        assert found.lost == (range(20, 30),)
        check(whole, found, saved, tiny)


@pytest.mark.parametrize("blocks", [-200, 10])
def test_what_is_saved_is_never_a_chunk_that_readers_refuse(
    blocks: int, limit: int, whole: bytes, tiny: Model
) -> None:
    frames, padding = frames_of(whole), limit // 3 + blocks
    head = zstandard.frame_header_size(frames[2])
    frames[2] = frames[2][:head] + bytes(3 * padding) + frames[2][head:]  # blocks without content
    found, saved = recover(b"".join(frames[:-1]))
    assert found.gaps == (() if len(frames[2]) <= limit else (10,))
    dz = digitzip.open(saved, model=tiny)
    dz.test()
    assert len(dz) == (40 if found.gaps else 50)
    with pytest.raises(LimitError, match=f"chunk of {limit + 1} bytes"):
        ChunkSink(io.BytesIO(), digitzip.open(whole)._store.header).add(bytes(limit + 1), 1)


def test_the_promise_is_kept(whole: bytes) -> None:
    guard = StoredPromise(True, 200, 60_000, bytes(4))
    _, saved = recover(with_promise(whole, guard)[:-3])
    assert digitzip.open(saved)._store.header.promise == guard


def test_what_exists_is_overwritten_only_when_asked(whole: bytes) -> None:
    Path("in.dz").write_bytes(whole[:-1])
    Path("out.dz").write_bytes(b"kept")
    with pytest.raises(OutputError, match="exists"):
        digitzip.recover("in.dz", "out.dz", model=TINY)
    Path("bad.dz").write_bytes(whole[:60])
    with pytest.raises(DamagedError, match="no image could be saved"):
        digitzip.recover("bad.dz", "out.dz", model=TINY, overwrite=True)
    assert Path("out.dz").read_bytes() == b"kept"
    digitzip.recover("in.dz", "out.dz", model=TINY, overwrite=True)
    assert Path("out.dz").read_bytes() == whole


# The command


def run(*arguments: str, stdin: bytes = b"") -> Result:
    return CliRunner().invoke(command, ["recover", *arguments, "--model", str(TINY)], input=stdin)


def test_the_command_tells_what_is_lost_and_exits_with_3(named: bytes, tiny: Model) -> None:
    frames = frames_of(named)
    Path("in.dz").write_bytes(b"".join([*frames[:2], b"?" * 99, *frames[4:6]]))
    done = run("in.dz", "-o", "out.dz", "-q")
    assert (done.exit_code, done.stdout) == (3, "")
    assert done.stderr.splitlines() == [
        "digitzip: error: in.dz: an unknown number of images before image 10 is lost",
        "digitzip: error: in.dz: more images may be lost from 30 on",
    ]
    with digitzip.open("out.dz", model=tiny) as dz:
        dz.test()
        assert dz.names is not None
        assert dz.names[:] == NAMES[:10] + NAMES[30:]
    done = run("in.dz", "-o", "out.dz", "-f", "--json")
    assert done.exit_code == 3
    assert json.loads(done.stdout) == {
        "images": 30,
        "lost": [],
        "gaps": [10],
        "end_known": False,
        "names_lost": False,
        "labels_lost": False,
        "names_shared": 0,
        "left_out": 0,
        "verified": True,
        "header_restored": False,
        "foreign_headers": 0,
        "whole": False,
    }


def test_the_command_exits_with_0_when_nothing_is_lost(whole: bytes, copied: bytes) -> None:
    Path("in.dz").write_bytes(whole)
    done = run("in.dz", "-o", "out.dz")
    assert (done.exit_code, done.output) == (0, "")
    assert Path("out.dz").read_bytes() == whole
    done = run("-", "-o", "-", stdin=whole)
    assert (done.exit_code, done.stdout_bytes) == (0, whole)
    assert run("in.dz", "-o", "out.dz", "-f", "-v").stderr.startswith("out.dz: 50 images saved, ")
    plain = CliRunner().invoke(command, ["recover", "in.dz", "-o", "more.dz"])
    assert plain.exit_code == 0
    assert plain.stderr.startswith("digitzip: warning: the model of the file is not found here")
    Path("in.dz").write_bytes(b"?" + copied[1:])
    assert "the header of the file is damaged" in run("in.dz", "-o", "out.dz", "-f").stderr
    assert run("in.dz", "-o", "out.dz", "-f", "-q").output == ""


def test_an_image_of_its_own_is_told_alone(tiny: Model, images: Images) -> None:
    frames = frames_of(joined(pack(tiny, images[:1]), pack(tiny, images[7:8])))
    Path("in.dz").write_bytes(frames[0] + frames[2] + frames[3])
    assert run("in.dz", "-o", "out.dz").stderr == "digitzip: error: in.dz: image 0 is lost\n"


def test_the_command_leaves_nothing_where_nothing_is_saved(whole: bytes, workdir: Path) -> None:
    Path("in.dz").write_bytes(whole[:60])
    Path("no.dz").write_bytes(b"no archive at all")
    before = sorted(workdir.iterdir())
    for code, file in ((3, "in.dz"), (3, "no.dz"), (1, "missing.dz")):
        for out in ("out.dz", "-"):
            done = run(file, "-o", out)
            assert (done.exit_code, done.stdout) == (code, "")
            assert done.stderr.startswith(f"digitzip: error: {file}: ")
            assert done.stderr.count("\n") == 1
    assert run("in.dz", "-o", "in.dz", "-f").exit_code == 2
    assert run("in.dz", "-o", "-", "--json").exit_code == 2
    assert sorted(workdir.iterdir()) == before
