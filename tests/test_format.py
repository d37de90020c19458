"""The bytes of headers, chunks and trailers: read back as written, refused when changed."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from digitzip.errors import DamagedError, DigitzipError, InputError, LimitError, UnsupportedError
from digitzip.format import (
    Chunk,
    Entry,
    Header,
    Layer,
    LayerType,
    StoredPromise,
    Trailer,
    metadata,
    names,
)
from digitzip.format.frames import frame_size
from digitzip.format.trailer import HEAD_SIZE, claimed_size
from digitzip.format.wire import VARINT_LIMIT, Cursor, varint

promises = st.one_of(
    st.just(StoredPromise()),
    st.builds(
        StoredPromise,
        on=st.just(True),
        max_error=st.none() | st.integers(0, 255),
        max_rmse=st.none() | st.integers(0, 65535),
        classifier=st.none() | st.binary(min_size=4, max_size=4),
    ),
)
text = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
keys = text.filter(bool) | st.just("digitzip")
headers = st.builds(
    Header,
    model_id=st.binary(min_size=16, max_size=16),
    height=st.integers(8, 64),
    width=st.integers(8, 64),
    dims=st.integers(1, 10),
    levels=st.integers(2, 255),
    promise=promises,
    metadata=st.dictionaries(keys, text, max_size=4),
)
entries = st.builds(
    Entry,
    length=st.integers(1, 1 << 24),
    images=st.integers(0, 16_384),
    crc=st.integers(0, 2**32 - 1),
)
HEADER = Header(bytes(range(16)), 28, 28, 10, 16)


@st.composite
def trailers(draw: st.DrawFn) -> Trailer:
    """Trailers whose flags and counts do not contradict their entries."""
    found = tuple(draw(st.lists(entries, max_size=20)))
    images = sum(entry.images for entry in found)
    named, labelled = (images > 0 and draw(st.booleans()) for _ in range(2))
    return Trailer(found, named, labelled, draw(st.integers(0, images)))


def chunk(*layers: Layer, images: int = 2) -> Chunk:
    return Chunk(images, 0x01020304, layers or (Layer(LayerType.CODES, (b"\0abcd",)),))


def frame(content: bytes, *, write_checksum: bool = True) -> bytes:
    return zstandard.ZstdCompressor(write_checksum=write_checksum).compress(content)


@given(st.integers(0, VARINT_LIMIT))
def test_varints_come_back(value: int) -> None:
    cursor = Cursor(varint(value), "test")
    assert cursor.varint() == value
    cursor.end()


@pytest.mark.parametrize("data", [b"\x80\x00", b"\xff" * 8, b"\xff" * 7 + b"\x7f", b"\x80"])
def test_varints_that_are_not_canonical_or_too_large_or_cut_are_refused(data: bytes) -> None:
    with pytest.raises(DamagedError):
        Cursor(data, "test").varint()


@given(headers, st.binary(max_size=20))
def test_headers_come_back_whatever_follows(header: Header, rest: bytes) -> None:
    assert Header.from_bytes(header.to_bytes() + rest) == header


def test_the_header_of_the_format_page_stands_byte_for_byte() -> None:
    assert HEADER.to_bytes()[:16] == bytes.fromhex("5d2a4d1822000000 89445a0d0a1a0a03")
    assert HEADER.to_bytes()[32:38] == bytes([28, 28, 10, 16, 0, 0])
    assert HEADER.size == 42


@given(headers)
def test_a_header_is_rebuilt_from_its_copy(header: Header) -> None:
    copy = header.copy_bytes()
    assert copy == header.to_bytes()[16:-4]
    assert Header.from_copy(copy).to_bytes() == header.to_bytes()


@given(st.binary(max_size=80))
def test_arbitrary_bytes_are_a_copy_of_a_header_or_a_digitzip_error(data: bytes) -> None:
    with suppress(DigitzipError):
        assert Header.from_copy(data).copy_bytes() == data


@given(headers, st.data())
def test_no_flipped_bit_of_a_header_goes_unseen(header: Header, data: st.DataObject) -> None:
    stored = bytearray(header.to_bytes())
    bit = data.draw(st.integers(0, len(stored) * 8 - 1))
    stored[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DigitzipError):
        Header.from_bytes(bytes(stored))


def test_another_version_is_refused_by_its_number() -> None:
    stored = bytearray(HEADER.to_bytes())
    stored[15] = 9
    with pytest.raises(UnsupportedError, match="version 9; this build reads 3: update digitzip"):
        Header.from_bytes(bytes(stored))
    stored[15] = 2
    with pytest.raises(UnsupportedError, match=r"version 2, .* the digitzip that wrote it"):
        Header.from_bytes(bytes(stored))


def test_a_text_mode_transfer_is_named() -> None:
    stored = HEADER.to_bytes().replace(b"\r\n", b"\n")
    with pytest.raises(DamagedError, match="text-mode"):
        Header.from_bytes(stored)


@pytest.mark.parametrize(
    ("given_", "match"),
    [
        ({"": "x"}, "1 to 255 bytes"),
        ({"ü" * 128: "x"}, "1 to 255 bytes"),
        ({"a": "x\0"}, "without NUL"),
        ({"\ud800": "x"}, "valid Unicode"),
        ({"a": 1}, "expected strings"),
        ({1: "a"}, "expected strings"),
        ([("a", "b")], "expected a dict"),
        ("a", "expected a dict"),
        ({"a": "x" * 65_536}, "expected at most 65536"),
    ],
)
def test_metadata_that_no_file_can_hold_is_refused(given_: object, match: str) -> None:
    with pytest.raises(InputError, match=match):
        metadata.check(given_)  # type: ignore[arg-type]


def test_metadata_of_65536_bytes_is_the_longest() -> None:
    longest = {"a": "x" * (65_536 - 1 - 2 - 3)}
    assert metadata.check(longest) == longest
    assert len(metadata.pack(longest)) == metadata.MAX_SIZE
    header = Header(bytes(16), 28, 28, 10, 16, metadata=longest)
    assert Header.from_bytes(header.to_bytes()) == header
    with pytest.raises(InputError, match="takes 65537 bytes"):
        metadata.check({"a": longest["a"] + "x"})
    too_long = Header(bytes(16), 28, 28, 10, 16, metadata={"a": longest["a"] + "x"})
    with pytest.raises(DamagedError):
        Header.from_bytes(too_long.to_bytes())


def test_the_key_of_the_writer_takes_no_bytes_and_sorts_by_its_name() -> None:
    stored = metadata.pack({"e": "", "digitzip": "1", "a": "", "é": ""})
    assert stored == b"\x04" + b"\x01a\0" + b"\0\x011" + b"\x01e\0" + b"\x02\xc3\xa9\0"


@pytest.mark.parametrize(
    "stored",
    [
        b"\1\x08digitzip\0",
        b"\2\1b\0\1a\0",
        b"\2\1a\0\1a\0",
        b"\2\0\0\1a\0",
        b"\1\1a\1\0",
        b"\1\1\0\0",
        b"\1\1\xff\0",
        b"\1\1a\1\xff",
        b"\1\1a\2x",
        b"\1",
        b"\x80\0",
        b"",
    ],
)
def test_metadata_that_no_writer_writes_is_refused(stored: bytes) -> None:
    with pytest.raises(DamagedError):
        metadata.unpack(Cursor(stored, "header"))


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_metadata_or_a_digitzip_error(data: bytes) -> None:
    with suppress(DigitzipError):
        cursor = Cursor(data, "header")
        found = metadata.unpack(cursor)
        assert metadata.pack(found) == data[: cursor.position]


@given(
    st.integers(1, 16_384),
    st.lists(st.binary(max_size=2000), min_size=1, max_size=4),
    st.none() | st.binary(max_size=50),
)
def test_chunks_come_back(images: int, pieces: list[bytes], body: bytes | None) -> None:
    layers = [Layer(LayerType.CODES, tuple(pieces))]
    if body is not None:
        layers.append(Layer(LayerType.NAMES, (body,)))
    back = Chunk.from_bytes(Chunk(images, 7, tuple(layers)).to_bytes())
    assert (back.images, back.pixel_crc) == (images, 7)
    assert [(layer.type, layer.body) for layer in back.layers] == [
        (layer.type, layer.body) for layer in layers
    ]


def test_a_chunk_ends_no_block_after_its_last_piece() -> None:
    for size in (10, 600, 5000):
        stored = chunk(Layer(LayerType.CODES, (bytes(size),))).to_bytes()
        assert stored[-7:-4] != b"\x01\0\0"  # an empty last block, before the checksum


def test_an_unknown_ancillary_layer_is_skipped_and_an_unknown_critical_one_refused() -> None:
    codes = Layer(LayerType.CODES, (b"\0abcd",))
    kept = Chunk.from_bytes(chunk(codes, Layer(0xF0, (b"?",))).to_bytes())
    assert kept.layer(LayerType.NAMES) is None
    with pytest.raises(UnsupportedError, match="unknown to this build"):
        Chunk.from_bytes(chunk(codes, Layer(0x7F, (b"?",))).to_bytes())
    with pytest.raises(UnsupportedError, match="layer 0x03, unknown to this build"):
        Chunk.from_bytes(chunk(codes, Layer(0x03, (b"?",))).to_bytes())


def test_layers_out_of_order_doubled_or_without_codes_are_refused() -> None:
    codes, names = Layer(LayerType.CODES, (b"\0",)), Layer(LayerType.NAMES, (b"\0",))
    for layers in ((names, codes), (codes, codes), (names,)):
        with pytest.raises(DamagedError):
            Chunk.from_bytes(chunk(*layers).to_bytes())


def test_frames_that_break_the_format_are_refused() -> None:
    content = varint(1) + bytes(4) + b"\x01\x01\x00"
    assert Chunk.from_bytes(frame(content)).images == 1
    unsized = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    refused = {
        "no checksum": frame(content, write_checksum=False),
        "no size": unsized.compress(content) + unsized.flush(),
        "two frames": frame(content) + frame(content),
        "trailing byte": frame(content) + b"\0",
        "cut": frame(content)[:-1],
        "empty": b"",
        "too large": frame(bytes((16 << 20) + 1)),
        "no images": frame(varint(0) + bytes(4) + b"\x01\x01\x00"),
        "too many images": frame(varint(16_385) + bytes(4) + b"\x01\x01\x00"),
        "layer longer than the chunk": frame(varint(1) + bytes(4) + b"\x01\x09\x00"),
    }
    for why, data in refused.items():
        with pytest.raises(DamagedError):
            pytest.fail(f"{why}: {Chunk.from_bytes(data)}")


def test_a_bomb_is_refused_without_being_unpacked() -> None:
    head = bytes.fromhex("28b52ffd") + bytes([0b1010_0100]) + (16 << 20).to_bytes(4, "little")
    block = ((128 << 10) << 3 | 1 << 1).to_bytes(3, "little") + b"\0"  # 128 KiB of zeros, not last
    tracemalloc.start()
    with pytest.raises(DamagedError):
        Chunk.from_bytes(head + block * 16_000 + bytes(4))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 40 << 20


def test_a_chunk_that_no_reader_would_take_is_not_written() -> None:
    with pytest.raises(LimitError, match="expected at most 16777216"):
        chunk(Layer(LayerType.CODES, (bytes(16 << 20),))).to_bytes()


@given(st.binary(max_size=200))
def test_frames_are_measured_without_being_unpacked(content: bytes) -> None:
    stored = frame(content)
    assert frame_size(stored + b"rest") == len(stored)
    for size in range(len(stored)):
        with pytest.raises(DamagedError):
            frame_size(stored[:size])


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_chunk_or_a_digitzip_error(content: bytes) -> None:
    for data in (content, frame(content)):
        with suppress(DigitzipError):
            Chunk.from_bytes(data)


@given(trailers(), headers, st.none() | st.booleans())
def test_trailers_come_back(trailer: Trailer, header: Header, copy: bool | None) -> None:
    stored = trailer.to_bytes(header.to_bytes(), copy=copy)
    assert Trailer.from_bytes(stored, header.to_bytes()) == trailer
    assert int.from_bytes(stored[-4:], "little") == len(stored) == claimed_size(stored)
    assert claimed_size(stored[:HEAD_SIZE]) == len(stored)
    copied = trailer.images > 64 if copy is None else copy
    assert Trailer.claims(stored) == (trailer, header if copied else None)


@given(trailers(), st.booleans(), st.data())
def test_no_flipped_bit_of_a_trailer_goes_unseen(
    trailer: Trailer, copy: bool, data: st.DataObject
) -> None:
    stored = bytearray(trailer.to_bytes(HEADER.to_bytes(), copy=copy))
    bit = data.draw(st.integers(0, (len(stored) - 4) * 8 - 1))  # the back-pointer: test_archive
    stored[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedError):
        Trailer.from_bytes(bytes(stored), HEADER.to_bytes())


def test_a_trailer_of_another_header_is_refused() -> None:
    stored = Trailer((Entry(5, 1, 2),)).to_bytes(HEADER.to_bytes())
    with pytest.raises(DamagedError, match="digest"):
        Trailer.from_bytes(stored, Header(bytes(16), 28, 28, 10, 16).to_bytes())


def test_the_smallest_trailer_has_23_bytes() -> None:
    assert len(Trailer(()).to_bytes(HEADER.to_bytes())) == 23


@given(st.binary(max_size=60))
def test_arbitrary_bytes_are_a_trailer_or_a_digitzip_error(data: bytes) -> None:
    for read in (claimed_size, Trailer.claims):
        with suppress(DigitzipError):
            read(b"\x5e\x2a\x4d\x18" + data)


@pytest.mark.parametrize(
    "name", ["a/1.png", "ü.png", "x" * 251 + ".jpg", "a b", "-o", "*", "a\u202eb"]
)
def test_names_that_every_platform_can_store_are_written(name: str) -> None:
    assert names.check(name) == name


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("", "part ''"),
        ("../a", "part '..'"),
        ("/a", "absolute"),
        ("a//b", "part ''"),
        ("a\n", "control characters"),
        ("\ud800", "not Unicode"),
        ("a\0", "control characters"),
        ("c:x", "colon"),
        ("a\\b", "backslash"),
        ("nul.png", "Windows reserves"),
        ("a./b", "ends in a dot"),
        ("a ", "ends in a dot or space"),
        ("x" * 252, "256 bytes, over 255"),
        ("/".join(["x" * 250] * 5), "1254 bytes, expected at most 1024"),
        (7, "expected a string"),
    ],
)
def test_names_that_some_platform_cannot_store_are_not_written(name: str, match: str) -> None:
    with pytest.raises(InputError, match=match):
        names.check(name)


def test_names_that_no_writer_writes_any_more_are_still_read() -> None:
    for name in ("a\n", "c:\\x", "CON", "x" * 1024, "z. "):
        assert names.unpack(names.pack([name]), 1) == [name]
