"""Files around images: packed streams, zip and tar files, tables; and files that are only named."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner
from numpy.typing import NDArray
from PIL import Image

import digitzip
from digitzip.cli import digitzip as command
from digitzip.errors import InputError
from digitzip.images import read_images, read_labels
from digitzip.images.folders import Sort
from tests.conftest import TINY

Pixels = NDArray[np.uint8]
DIGITS: Pixels = np.random.default_rng(5).integers(0, 256, (20, 28, 28), np.uint8)
LABELS = np.arange(20, dtype=np.uint8) % 10
IDX = struct.pack(">4s3I", b"\0\0\x08\x03", 20, 28, 28) + DIGITS.tobytes()
ROWS = DIGITS.reshape(20, 784)
HEADER = "label," + ",".join(f"pixel{number}" for number in range(784))
IDX_LABELS = struct.pack(">4sI", b"\0\0\x08\x01", 20) + LABELS.tobytes()


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def npy(array: NDArray[np.generic]) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def zipped(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, data in files.items():
            file.writestr(name, data)
    return out.getvalue()


def tarred(files: dict[str, bytes], mode: str = "w") -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode=mode) as file:  # type: ignore[call-overload]
        for name, data in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            file.addfile(info, io.BytesIO(data))
    return out.getvalue()


def png(image: Pixels) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def csv(
    rows: NDArray[np.generic] = ROWS, header: str = HEADER, labels: Pixels | None = LABELS
) -> bytes:
    values = rows if labels is None else np.concatenate([labels[:, None], rows], axis=1)
    lines = [header] * bool(header) + [",".join(map(str, row)) for row in values.tolist()]
    return ("\n".join(lines) + "\n").encode()


def read(path: str, batch: int = 7) -> tuple[Pixels, list[str]]:
    source = read_images(path, height=28, width=28, batch=batch)
    source.check()
    batches = list(source)
    assert sum(len(images) for images, _ in batches) == source.count
    images = np.concatenate([DIGITS[:0], *(images for images, _ in batches)])
    return images, [name for _, names in batches for name in names or []]


def save(name: str, data: bytes) -> str:
    Path(name).write_bytes(data)
    return name


# One array or table


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gzip": gzip.compress,
    "xz": lzma.compress,
    "bzip2": bz2.compress,
    "two streams of xz": lambda data: lzma.compress(data[:99]) + lzma.compress(data[99:]),
    "gzip in xz": lambda data: lzma.compress(gzip.compress(data)),
    "zip": lambda data: zipped({"digits/train": data}),
    "gzip in zip": lambda data: zipped({"gzip/train.gz": gzip.compress(data)}),
    "tar": lambda data: tarred({"./digits/train": data}),
    "tar.gz": lambda data: tarred({"train": data}, "w:gz"),
    "tar.xz": lambda data: tarred({"train": data}, "w:xz"),
    "tar with hidden files": lambda data: tarred({"._train": b"x", "train": data}),
    "zip of a Mac": lambda data: zipped({"train": data, "__MACOSX/._train": b"x"}),
}
CONTENT = {"IDX": IDX, "NPY": npy(DIGITS), "CSV": csv()}


@pytest.mark.parametrize("packing", PACKED)
@pytest.mark.parametrize("content", CONTENT)
def test_one_array_is_read_behind_any_packing(content: str, packing: str) -> None:
    path = save("any.name", PACKED[packing](CONTENT[content]))
    np.testing.assert_array_equal(read(path)[0], DIGITS)
    assert read_images(path).count == 20


def test_an_array_beside_labels_is_the_one_of_images() -> None:
    for name, data in (
        ("a.zip", zipped({"x-labels-idx1-ubyte": IDX_LABELS, "x-images-idx3-ubyte": IDX})),
        ("b.zip", zipped({"y.gz": gzip.compress(IDX_LABELS), "x.gz": gzip.compress(IDX)})),
        ("c.tar", tarred({"readme": b"none", "x": IDX})),
        ("d.npz", zipped({"x.npy": npy(DIGITS), "y.npy": npy(LABELS)})),
    ):
        np.testing.assert_array_equal(read(save(name, data))[0], DIGITS)


def test_one_of_several_members_is_named() -> None:
    save("both.zip", zipped({"train/a": IDX, "test/b.npy": npy(DIGITS[:3])}))
    save("both.tgz", tarred({"train/a": IDX, "test/b.npy": npy(DIGITS[:3])}, "w:gz"))
    for name, suffix in (("both.zip", "zip"), ("both.tgz", "tar")):
        with pytest.raises(InputError, match=rf"holds 2 files .*FILE\.{suffix}:NAME"):
            read(name)
        assert len(read(f"{name}:train/a")[0]) == 20
        assert len(read(f"{name}:test/b")[0]) == 3
        with pytest.raises(InputError, match="expected one named 'none'"):
            read(f"{name}:none")


# Image files


PNGS = {f"{n % 2}/{n}.png": png(DIGITS[n]) for n in range(12)}
CONTAINERS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "zip": zipped,
    "tar": tarred,
    "tar.gz": lambda files: tarred(files, "w:gz"),
    "tar.bz2": lambda files: tarred(files, "w:bz2"),
}


@pytest.mark.parametrize("kind", CONTAINERS)
def test_a_container_of_image_files_is_read_as_a_folder_of_them(kind: str) -> None:
    path = save(f"pngs.{kind}", CONTAINERS[kind](PNGS))
    natural = sorted(PNGS, key=lambda name: [int(number) for number in name[:-4].split("/")])
    orders: dict[Sort, list[str]] = {"name": sorted(PNGS), "natural": natural}
    for sort, wanted in orders.items():
        source = read_images(path, height=28, width=28, sort=sort)
        source.check()
        ((images, names),) = source
        assert names == wanted
        for name, image in zip(names, images, strict=True):
            np.testing.assert_array_equal(image, DIGITS[int(name[2:-4])])
    assert read_images(path).height == 28
    assert read(f"{path}:1/3.png")[1] == ["1/3.png"]
    assert read_images(path, prefix=True, named=True).count == 12


@pytest.mark.parametrize("kind", CONTAINERS)
def test_bad_files_of_a_container_are_named_and_left_out(kind: str) -> None:
    bad = {"0/cut.png": PNGS["0/0.png"][:60], "labels.csv": b"file,label\n", "x.npy": npy(DIGITS)}
    path = save("pngs", CONTAINERS[kind]({**bad, **PNGS}))
    with pytest.raises(InputError, match="3 of 15 images cannot be read") as refusal:
        read(path)
    places = [line.split("'")[1] for line in refusal.value.problems]
    assert places == ["pngs:0/cut.png", "pngs:labels.csv", "pngs:x.npy"]
    source = read_images(path, height=28, width=28, skip_bad=True)
    assert sum(len(images) for images, _ in source) == 12
    assert len(source.bad) == 3


@pytest.mark.parametrize("kind", CONTAINERS)
def test_unsafe_and_hostile_containers_are_refused(kind: str) -> None:
    path = save("pngs", CONTAINERS[kind]({"../a.png": PNGS["0/0.png"], **PNGS}))
    with pytest.raises(InputError, match=r"'\.\./a\.png' is no name for a file"):
        read(path)
    whole = CONTAINERS[kind](PNGS)
    with pytest.raises(InputError, match=r"cut off|cannot be"):
        read(save("pngs", whole[: len(whole) // 2]))
    with pytest.raises(InputError, match=r"holds no files|not an image|is compressed"):
        read(save("pngs", CONTAINERS[kind]({})))


def test_containers_that_hold_more_than_files_are_refused() -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as file:
        link = tarfile.TarInfo("a.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        file.addfile(link)
    with pytest.raises(InputError, match=r"'a\.png', which is no plain file"):
        read(save("a.tar", out.getvalue()))
    with pytest.raises(InputError, match="packed in a way that is not read; unzip unpacks it"):
        read(save("a.zip", zipped(PNGS, zipfile.ZIP_LZMA)))
    with pytest.raises(InputError, match="a zip file that was packed again; unpack it first"):
        read(save("a.zip.gz", gzip.compress(zipped(PNGS))))
    packed = IDX
    for _ in range(6):
        packed = gzip.compress(packed)
    with pytest.raises(InputError, match="packed too often; unpack it first"):
        read(save("a.gz", packed))
    huge = bytearray(tarred({"a.png": b"x"}))
    huge[156:157], huge[124:136] = b"x", b"77777777777\0"  # a header of 8 GiB
    checksum = sum(huge[:148]) + 8 * 32 + sum(huge[156:512])
    huge[148:156] = b"%06o\0 " % checksum
    with pytest.raises(InputError, match="a header of 8,589"):
        read(save("a.tar", bytes(huge)))


@pytest.mark.parametrize("packing", ["gzip", "xz", "bzip2"])
def test_a_packed_stream_that_is_damaged_is_refused(packing: str) -> None:
    whole = PACKED[packing](IDX)
    for data in (whole[:-9], whole[: len(whole) // 2], whole[:200] + b"xx" + whole[202:]):
        with pytest.raises(InputError, match=r"damaged or cut off|ends after|Invalid data"):
            read(save("a", data))
    with pytest.raises(InputError, match="has bytes after its 20 images"):
        read(save("a", PACKED[packing](IDX + b"\0")))


# Tables


def test_a_table_of_kaggle_gives_images_and_labels() -> None:
    save("train.csv", csv())
    np.testing.assert_array_equal(read("train.csv")[0], DIGITS)
    assert read_labels("train.csv").tolist() == LABELS.tolist()
    done = CliRunner().invoke(command, ["compress", "train.csv", "-o", "a.dz", "--model",
                                        str(TINY), "--guard", "off", "--effort", "0"])  # fmt: skip
    assert done.exit_code == 0, done.stderr
    with digitzip.open("a.dz", model=TINY) as dz:
        assert dz.labels is not None
        assert dz.labels[:].tolist() == LABELS.tolist()
    save("test.csv", csv(header=",".join(f"pixel{at}" for at in range(784)), labels=None))
    np.testing.assert_array_equal(read("test.csv")[0], DIGITS)
    with pytest.raises(InputError, match="has no column named label"):
        read_labels("test.csv")
    assert read_images(["train.csv", "train.csv"]).labels().tolist() == [*LABELS, *LABELS]  # type: ignore[union-attr]
    with pytest.warns(digitzip.DigitzipWarning, match="others none, so labels are left out"):
        assert read_images(["train.csv", "test.csv"]).labels() is None
    fresh = ["compress", "test.csv", "-o", "b.dz", "--model", str(TINY), "--guard", "off"]
    assert CliRunner().invoke(command, fresh).exit_code == 0
    done = CliRunner().invoke(command, ["append", "b.dz", "train.csv", "--model", str(TINY)])
    assert (done.exit_code, "so labels are left out" in done.stderr) == (0, True)


TABLES: dict[str, bytes] = {
    "pixels alone": csv(header="", labels=None),
    "label last": csv(
        np.concatenate([ROWS, LABELS[:, None]], axis=1),
        ",".join([*(f"p{at}" for at in range(1, 785)), "class"]), None,
    ),
    "columns sorted as text": csv(
        ROWS[:, sorted(range(784), key=str)],
        "label," + ",".join(f"pixel{at}" for at in sorted(range(784), key=str)),
    ),
    "rows and columns": csv(header="label," + ",".join(
        f"{y}x{x}" for y in range(1, 29) for x in range(1, 29)
    )),
    "floats": csv(ROWS.astype(float)),
    "semicolons and CRLF": csv().replace(b",", b";").replace(b"\n", b"\r\n"),
    "quotes and a mark": b"\xef\xbb\xbf" + csv().replace(b"label", b'"label"'),
    "ARFF": b"% MNIST\n@RELATION mnist_784\n\n"
    + b"".join(b"@ATTRIBUTE pixel%d real\n" % at for at in range(1, 785))
    + b"@attribute 'class' {0,1,2}\n@DATA\n"
    + csv(np.concatenate([ROWS, LABELS[:, None]], axis=1), "", None),
}  # fmt: skip


@pytest.mark.parametrize("name", TABLES)
def test_tables_are_read_by_their_header(name: str) -> None:
    np.testing.assert_array_equal(read(save("a", TABLES[name]))[0], DIGITS)
    if name != "pixels alone":
        assert read_labels("a").tolist() == LABELS.tolist()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (csv(header=""), r"785 columns and no header.*np\.loadtxt.*a\[:, 1:\]\.reshape\(-1, 28"),
        (csv()[:-40], "number of columns changed|rows of .* values; expected 785"),
        (csv().replace(b",7,", b",-7,"), "pixels such as -7; expected whole numbers of 0"),
        (csv().replace(b",7,", b",7.5,"), r"pixels such as 7\.5"),
        (csv().replace(b",7,", b",seven,"), "has no numbers in its rows 0 to"),
        (csv().replace(b",7,", b",,"), "has no numbers in its rows"),
        (csv().replace(b"label,", b"label,id,"), "785 columns besides 1 of labels"),
        (csv(header="label," + ",".join(f"p{n}" for n in range(49)),
             rows=ROWS[:, :49]), "49 columns besides 1 of labels; expected the"),
        (b"1," * 600_000 + b"1\n", "a line of more than 1,048,576 bytes"),
    ],
    ids=lambda value: value[:30] if isinstance(value, str) else None,
)  # fmt: skip
def test_other_tables_are_refused(data: bytes, said: str) -> None:
    with pytest.raises(InputError, match=said) as refusal:
        read(save("a.csv", data))
    assert "'a.csv'" in str(refusal.value)
    assert "\n" not in str(refusal.value)


def test_a_table_without_a_header_is_converted_as_the_error_says() -> None:
    save("FILE", csv(header=""))
    with pytest.raises(InputError) as refusal:
        read("FILE")
    line = str(refusal.value).partition(": ")[2].partition(" if ")[0]
    made: dict[str, Pixels] = {}
    exec(line.replace("FILE", "'FILE'"), {"np": np}, made)
    np.testing.assert_array_equal(made["images"], DIGITS)


# Files that are only named


def torch_file() -> bytes:
    return zipped({"archive/data.pkl": b"\x80\x02.", "archive/data/0": b"x" * 99})


NAMED: dict[str, tuple[bytes, str]] = {
    "Parquet": (b"PAR1" + bytes(90), r"a Parquet file; .*pandas\.read_parquet.*numpy\.save"),
    "Arrow": (b"ARROW1\0\0" + bytes(90), "an Arrow file; "),
    "MAT": (b"MATLAB 5.0 MAT-file" + bytes(120), r"a MAT file; images = scipy\.io\.loadmat"),
    "MAT 7.3": (b"MATLAB 7.3 MAT-file" + bytes(900), r"a MAT file of version 7.3; .*h5py"),
    "HDF5": (b"\x89HDF\r\n\x1a\n" + bytes(90), r"an HDF5 file; images = h5py\.File"),
    "pickle": (pickle.dumps({"a": 1}), "a pickle, which digitzip never loads; load it where"),
    "old pickle": (b"cos\nsystem\n(S'touch ran'\ntR.", "a pickle, which digitzip never loads"),
    "PyTorch": (torch_file(), "a file of PyTorch with a pickle, which digitzip never loads"),
    "HEIC": (b"\0\0\0\x18ftypheic" + bytes(90), "a HEIC image; convert it to PNG first: heif"),
    "PDF": (b"%PDF-1.7\n" + bytes(90), "a PDF file; make pictures of its pages: pdftoppm"),
    "dictzip": (
        b"\x1f\x8b\x08\x04" + bytes(6) + b"\x0c\0RA" + bytes(90),
        r"a dictzip file, which also has the suffix \.dz; gzip -dc unpacks it",
    ),
    "a digitzip archive": (b"\x5d\x2a\x4d\x18" + bytes(90), "a digitzip archive; digitzip cat"),
    "7z": (b"7z\xbc\xaf\x27\x1c" + bytes(90), "a 7z archive; unpack it first: 7z x"),
    "Zstandard": (b"\x28\xb5\x2f\xfd" + bytes(90), "compressed with Zstandard; unpack it first"),
    "JPEG XL": (b"\xff\x0a" + bytes(90), "a JPEG XL image; convert it"),
    "HTML": (b"<!DOCTYPE html>\n<html>", "markup such as HTML or SVG"),
    "a pointer of Git LFS": (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
    "a CSV file of names": (b"file,label\na.png,7\n", "is text with 2 columns a line; expected im"),
    "nothing": (b"", "is empty, 0 bytes long"),
}


@pytest.mark.parametrize("name", NAMED)
def test_a_file_that_is_not_read_is_named_with_the_next_step(name: str) -> None:
    data, said = NAMED[name]
    Path("in").mkdir()
    for path in ("a.any", "in/a.any"):
        save(path, data)
        with pytest.raises(InputError, match=said) as refusal:
            read(path)
        assert path in str(refusal.value)
        assert "\n" not in str(refusal.value)
    if name != "PyTorch":
        with pytest.raises(InputError, match=said):
            read("in")
    assert not Path("ran").exists()


@pytest.mark.parametrize("name", ["a.npy", "a.idx", "a.csv", "a.npz", "a.gz"])
def test_a_folder_says_that_it_does_not_take_arrays(name: str) -> None:
    Path("in").mkdir()
    content = {"a.npy": npy(DIGITS), "a.csv": csv(), "a.npz": zipped({"x.npy": npy(DIGITS)})}
    path = save(f"in/{name}", content.get(name, gzip.compress(IDX) if name == "a.gz" else IDX))
    with pytest.raises(InputError, match="a folder is read for its image files only; give"):
        read("in")
    np.testing.assert_array_equal(read(path)[0], DIGITS)
