"""The bytes of headers, chunks and trailers: read back as written, refused when changed."""

from __future__ import annotations

import tracemalloc
from contextlib import suppress

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from digitzip.errors import DamagedError, DigitzipError, LimitError, UnsupportedError
from digitzip.format import Chunk, Entry, Guard, Header, Layer, LayerType, Trailer
from digitzip.format.chunk import frame_size
from digitzip.format.wire import VARINT_LIMIT, Cursor, varint

guards = st.one_of(
    st.just(Guard()),
    st.builds(
        Guard,
        on=st.just(True),
        max_error=st.none() | st.integers(0, 255),
        max_rmse=st.none() | st.integers(0, 65535),
        reader=st.none() | st.binary(min_size=4, max_size=4),
    ),
)
headers = st.builds(
    Header,
    model_id=st.binary(min_size=16, max_size=16),
    height=st.integers(8, 64),
    width=st.integers(8, 64),
    dims=st.integers(1, 10),
    levels=st.integers(2, 255),
    guard=guards,
)
entries = st.builds(
    Entry,
    length=st.integers(1, 1 << 24),
    digits=st.integers(0, 16_384),
    crc=st.integers(0, 2**32 - 1),
)
HEADER = Header(bytes(range(16)), 28, 28, 10, 16)


def chunk(*layers: Layer, first: int = 0, digits: int = 2) -> Chunk:
    return Chunk(first, digits, 0x01020304, layers or (Layer(LayerType.CODES, (b"\0abcd",)),))


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
    assert HEADER.to_bytes()[:16] == bytes.fromhex("5d2a4d1821000000 89445a0d0a1a0a02")
    assert HEADER.to_bytes()[32:37] == bytes([28, 28, 10, 16, 0])
    assert HEADER.size == 41


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
    with pytest.raises(UnsupportedError, match="container version 9; this build reads 2"):
        Header.from_bytes(bytes(stored))


def test_a_text_mode_transfer_is_named() -> None:
    stored = HEADER.to_bytes().replace(b"\r\n", b"\n")
    with pytest.raises(DamagedError, match="text-mode"):
        Header.from_bytes(stored)


@given(
    st.integers(0, 2**40),
    st.integers(1, 16_384),
    st.lists(st.binary(max_size=2000), min_size=1, max_size=4),
    st.none() | st.binary(max_size=50),
)
def test_chunks_come_back(
    first: int, digits: int, pieces: list[bytes], names: bytes | None
) -> None:
    layers = [Layer(LayerType.CODES, tuple(pieces))]
    if names is not None:
        layers.append(Layer(LayerType.NAMES, (names,)))
    back = Chunk.from_bytes(Chunk(first, digits, 7, tuple(layers)).to_bytes())
    assert (back.first, back.digits, back.pixel_crc) == (first, digits, 7)
    assert [(layer.type, layer.body) for layer in back.layers] == [
        (layer.type, layer.body) for layer in layers
    ]


def test_an_unknown_ancillary_layer_is_skipped_and_an_unknown_critical_one_refused() -> None:
    codes = Layer(LayerType.CODES, (b"\0abcd",))
    kept = Chunk.from_bytes(chunk(codes, Layer(0xF0, (b"?",))).to_bytes())
    assert kept.layer(LayerType.NAMES) is None
    with pytest.raises(UnsupportedError, match="unknown to this build"):
        Chunk.from_bytes(chunk(codes, Layer(0x7F, (b"?",))).to_bytes())


def test_layers_out_of_order_doubled_or_without_codes_are_refused() -> None:
    codes, names = Layer(LayerType.CODES, (b"\0",)), Layer(LayerType.NAMES, (b"\0",))
    for layers in ((names, codes), (codes, codes), (names,)):
        with pytest.raises(DamagedError):
            Chunk.from_bytes(chunk(*layers).to_bytes())


def test_frames_that_break_the_format_are_refused() -> None:
    content = varint(0) + varint(1) + bytes(4) + b"\x01\x01\x00"
    assert Chunk.from_bytes(frame(content)).digits == 1
    unsized = zstandard.ZstdCompressor(write_checksum=True).compressobj()
    refused = {
        "no checksum": frame(content, write_checksum=False),
        "no size": unsized.compress(content) + unsized.flush(),
        "two frames": frame(content) + frame(content),
        "trailing byte": frame(content) + b"\0",
        "cut": frame(content)[:-1],
        "empty": b"",
        "too large": frame(bytes((16 << 20) + 1)),
        "no digits": frame(varint(0) + varint(0) + bytes(4) + b"\x01\x01\x00"),
        "too many digits": frame(varint(0) + varint(16_385) + bytes(4) + b"\x01\x01\x00"),
        "layer longer than the chunk": frame(varint(0) + varint(1) + bytes(4) + b"\x01\x09\x00"),
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


@given(st.lists(entries, max_size=20))
def test_trailers_come_back(entries: list[Entry]) -> None:
    trailer = Trailer(tuple(entries))
    stored = trailer.to_bytes(HEADER.to_bytes())
    assert Trailer.from_bytes(stored, HEADER.to_bytes()) == trailer
    assert int.from_bytes(stored[-4:], "little") == len(stored)


@given(st.lists(entries, max_size=3), st.data())
def test_no_flipped_bit_of_a_trailer_goes_unseen(entries: list[Entry], data: st.DataObject) -> None:
    stored = bytearray(Trailer(tuple(entries)).to_bytes(HEADER.to_bytes()))
    bit = data.draw(st.integers(0, (len(stored) - 4) * 8 - 1))  # the back-pointer: test_archive
    stored[bit // 8] ^= 1 << bit % 8
    with pytest.raises(DamagedError):
        Trailer.from_bytes(bytes(stored), HEADER.to_bytes())


def test_a_trailer_of_another_header_is_refused() -> None:
    stored = Trailer((Entry(5, 1, 2),)).to_bytes(HEADER.to_bytes())
    other = Header(bytes(16), 28, 28, 10, 16).to_bytes()
    with pytest.raises(DamagedError, match="digest"):
        Trailer.from_bytes(stored, other)
