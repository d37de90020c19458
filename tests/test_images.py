"""Files and folders <-> arrays: what is read, what is written, and what is refused."""

import gzip
import io
import os
import struct
import subprocess
import sys
import tempfile
import tracemalloc
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image

from digitzip.errors import InputError, OutputError
from digitzip.format.names import png_path
from digitzip.images import (
    Batch,
    Fit,
    ImageSource,
    fit_images,
    read_images,
    read_labels,
    write_images,
    write_labels,
)
from digitzip.images.frame import Frame
from digitzip.images.pictures import decode
from digitzip.images.taken_names import TakenNames

Pixels = NDArray[np.uint8]
FITS: tuple[Fit, ...] = ("none", "resize", "mnist")
posix_only = pytest.mark.skipif(sys.platform == "win32", reason="needs POSIX names or links")


def read(inputs: Any, *, height: int = 28, width: int = 28, **options: Any) -> ImageSource:
    return read_images(inputs, height=height, width=width, **options)


def some_images(count: int, seed: int = 0) -> Pixels:
    return np.random.default_rng(seed).integers(0, 256, (count, 28, 28), np.uint8)


def idx_bytes(pixels: Pixels) -> bytes:
    return b"\0\0\x08\x03" + struct.pack(">3I", *pixels.shape) + pixels.tobytes()


def npy_bytes(array: NDArray[np.generic]) -> bytes:
    out = io.BytesIO()
    np.save(out, array, allow_pickle=True)
    return out.getvalue()


def picture_bytes(image: Image.Image, format_: str = "PNG", **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format_, **options)
    return out.getvalue()


def save_pictures(root: Path, names: Iterable[str]) -> dict[str, Pixels]:
    """Save an image under every name, in the order given; return them by name."""
    pictures = {}
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        pictures[name] = some_images(1, seed)[0]
        Image.fromarray(pictures[name]).save(root / name, "PNG")
    return pictures


def read_all(source: ImageSource) -> tuple[Pixels, list[str] | None]:
    batches = list(source)
    assert all(len(pixels) == source.batch for pixels, _ in batches[:-1])
    assert all((names is not None) == source.named for _, names in batches)
    if not batches:
        return np.empty((0, 28, 28), np.uint8), [] if source.named else None
    names = [name for _, part in batches for name in part or []]
    return np.concatenate([pixels for pixels, _ in batches]), names if source.named else None


def save(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


# Reading arrays

ARRAY_FILES: dict[str, Callable[[Pixels], bytes]] = {
    "IDX": idx_bytes,
    "IDX behind gzip": lambda pixels: gzip.compress(idx_bytes(pixels)),
    "NPY": npy_bytes,
    "NPY behind gzip": lambda pixels: gzip.compress(npy_bytes(pixels)),
    "NPY in Fortran order": lambda pixels: npy_bytes(np.asfortranarray(pixels)),
}


@pytest.mark.parametrize("batch", [1, 3, 7, 8, 100])
@pytest.mark.parametrize("make", ARRAY_FILES.values(), ids=ARRAY_FILES.keys())
def test_an_array_file_is_known_by_its_content_and_read_in_batches(
    tmp_path: Path, make: Callable[[Pixels], bytes], batch: int
) -> None:
    wanted = some_images(7)
    source = read([save(tmp_path / "any.name", make(wanted))], batch=batch)
    assert (source.count, source.named) == (7, False)
    for _ in range(2):
        pixels, names = read_all(source)
        assert np.array_equal(pixels, wanted)
        assert names is None


@pytest.mark.parametrize("make", ARRAY_FILES.values(), ids=ARRAY_FILES.keys())
def test_an_empty_array_is_an_empty_collection(
    tmp_path: Path, make: Callable[[Pixels], bytes]
) -> None:
    source = read([save(tmp_path / "empty", make(some_images(0)))])
    assert (source.count, list(source)) == (0, [])


def test_a_single_image_may_be_an_array_of_two_dimensions(tmp_path: Path) -> None:
    wanted = some_images(1)
    for array in (wanted[0], np.asfortranarray(wanted[0])):
        source = read([save(tmp_path / "one.npy", npy_bytes(array))])
        assert np.array_equal(read_all(source)[0], wanted)


@pytest.mark.parametrize("compressed", [False, True])
def test_an_npz_file_gives_its_one_array_or_the_one_named(tmp_path: Path, compressed: bool) -> None:
    first, second = some_images(3, 1), some_images(4, 2)
    saver = np.savez_compressed if compressed else np.savez
    saver(tmp_path / "one.npz", digits=first)
    saver(tmp_path / "two.npz", train=first, test=second)
    assert np.array_equal(read_all(read([tmp_path / "one.npz"]))[0], first)
    assert np.array_equal(read_all(read([f"{tmp_path}/two.npz:test"]))[0], second)
    with pytest.raises(InputError, match=r"2 arrays \('train', 'test'\).*FILE\.npz:NAME"):
        read([tmp_path / "two.npz"])
    with pytest.raises(InputError, match="expected one named 'best'"):
        read([f"{tmp_path}/two.npz:best"])


def test_a_member_of_a_file_that_is_not_npz_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "not.npz", npy_bytes(some_images(1)))
    with pytest.raises(InputError, match="is not an NPZ, zip or tar file"):
        read([f"{tmp_path}/not.npz:digits"])


def zip_bytes(member: str, data: bytes, method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as zipped:
        zipped.writestr(member, data)
    return out.getvalue()


HUGE = struct.pack(">3I", 0xFFFFFFFF, 28, 28)
LABELS = b"\0\0\x08\x01" + struct.pack(">I", 3) + b"123"
WHOLE = idx_bytes(some_images(2))
ARRAY = npy_bytes(some_images(2))
REFUSED: dict[str, tuple[bytes, str]] = {
    "an empty file": (b"", "is empty, 0 bytes long"),
    "text": (b"seven\n", "is text; expected images"),
    "bytes of no format": (bytes(range(1, 60)), "not an image that Pillow can read, nor an arr"),
    "IDX cut in its header": (WHOLE[:11], "ends inside its IDX header"),
    "IDX cut in its pixels": (WHOLE[:-1], "has 1,583 bytes; expected 1,584"),
    "IDX with bytes after it": (WHOLE + b"\0", "has 1,585 bytes; expected 1,584"),
    "IDX that claims too much": (WHOLE[:4] + HUGE, "expected 3,367,254,359,296"),
    "IDX of labels": (LABELS, "labels, not images"),
    "IDX of floats": (b"\0\0\x0d\x03" + WHOLE[4:], "type 0x0d"),
    "IDX of another size": (idx_bytes(np.zeros((2, 20, 20), np.uint8)), "20x20.*fit='resize'"),
    "IDX without pixels": (idx_bytes(np.zeros((2, 0, 0), np.uint8)), "0x0"),
    "gzip of text": (gzip.compress(b"seven"), "is compressed, and no array, table, tar file"),
    "gzip of IDX of labels": (gzip.compress(LABELS), "labels, not images"),
    "NPY of floats": (npy_bytes(np.zeros((2, 28, 28))), r"float64 \[2, 28, 28\]; expected uint8"),
    "NPY in colour": (npy_bytes(np.zeros((2, 28, 28, 3), np.uint8)), r"\[2, 28, 28, 3\]"),
    "NPY of columns": (
        npy_bytes(np.zeros((784, 2), np.uint8)),
        r"uint8 \[784, 2\].*images = images\.T\.reshape\(-1, 28, 28\)",
    ),
    "NPY of pickles": (npy_bytes(np.array([None])), "is an array object"),
    "NPY cut in its header": (ARRAY[:40], "no valid NPY header"),
    "NPY cut in its pixels": (ARRAY[:-1], "expected 1,696"),
    "NPY with bytes after it": (ARRAY + b"\0", "expected 1,696"),
    "NPY that claims too much": (ARRAY.replace(b"(2, 28, 28)", b"(9**9,28,28)"), "no valid NPY"),
    "NPY of version 9": (ARRAY[:6] + b"\x09" + ARRAY[7:], "version 9.0; expected 1.0 or 2.0"),
    "a zip file of text": (zip_bytes("a.txt", b"seven"), "is text; expected images"),
    "a zip file cut off": (zip_bytes("a.npy", ARRAY)[:-5], "damaged or cut off"),
    "NPZ in bzip2": (
        zip_bytes("a.npy", ARRAY, zipfile.ZIP_BZIP2),
        "packed in a way that is not read",
    ),
    "NPZ of pickles": (zip_bytes("a.npy", npy_bytes(np.array([None]))), "is an array object"),
    "NPZ that claims too much": (
        zip_bytes("a.npy", ARRAY.replace(b"(2, 28, 28), ", b"(9999,28,28),")),
        "has 1,696 bytes; expected 7,839,344",
    ),
    "NPZ in Fortran order": (
        zip_bytes("a.npy", npy_bytes(np.asfortranarray(some_images(2)))),
        "cannot be streamed",
    ),
}


@pytest.mark.parametrize(("data", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_a_file_is_refused_with_one_line_that_names_it_and_what_was_found(
    tmp_path: Path, data: bytes, message: str
) -> None:
    path = save(tmp_path / "input", data)
    with pytest.raises(InputError, match=message) as refusal:
        read_all(read([path]))
    assert str(path) in str(refusal.value)
    assert "\n" not in str(refusal.value)


BEHIND_GZIP: dict[str, tuple[bytes, str]] = {
    "cut off": (gzip.compress(WHOLE)[:-9], "damaged or cut off"),
    "a wrong checksum": (gzip.compress(WHOLE)[:-8] + bytes(8), "damaged or cut off"),
    "fewer images than claimed": (gzip.compress(WHOLE[:4] + HUGE), "0 of 4,294,967,295 images"),
    "more bytes than claimed": (gzip.compress(WHOLE + b"\0"), "has bytes after its 2 images"),
}


@pytest.mark.parametrize(("data", "message"), BEHIND_GZIP.values(), ids=BEHIND_GZIP.keys())
def test_what_gzip_hides_is_found_while_reading(tmp_path: Path, data: bytes, message: str) -> None:
    source = read([save(tmp_path / "input.gz", data)])
    with pytest.raises(InputError, match=message):
        read_all(source)


FILES = {
    "IDX": WHOLE,
    "IDX behind gzip": gzip.compress(WHOLE),
    "NPY": ARRAY,
    "NPZ": zip_bytes("a.npy", ARRAY),
    "PNG": picture_bytes(Image.fromarray(some_images(1)[0])),
    "JPEG": picture_bytes(Image.fromarray(some_images(1)[0]), "JPEG"),
    "TIFF": picture_bytes(Image.fromarray(some_images(1)[0]), "TIFF"),
    "GIF": picture_bytes(Image.fromarray(some_images(1)[0]), "GIF"),
    "BMP": picture_bytes(Image.fromarray(some_images(1)[0]), "BMP"),
}


# Reading pictures


def test_a_picture_that_is_right_already_keeps_every_pixel(tmp_path: Path) -> None:
    gray = Image.fromarray(some_images(1)[0])
    for mode in ("L", "RGB", "RGBA", "LA"):
        for format_ in ("PNG", "TIFF"):
            path = save(tmp_path / "7.any", picture_bytes(gray.convert(mode), format_))
            pixels, names = read_all(read([path]))
            assert np.array_equal(pixels[0], np.asarray(gray)), mode
            assert names == ["7.any"]
    save(path, picture_bytes(gray.quantize(256), "PNG"))
    assert np.array_equal(read_all(read([path]))[0][0], np.asarray(gray.quantize(256).convert("L")))
    save(path, picture_bytes(gray.convert("1"), "PNG"))
    assert set(np.unique(read_all(read([path]))[0])) == {0, 255}


L28 = Image.new("L", (28, 28))
FRAMES: dict[str, object] = {"save_all": True, "append_images": [Image.new("L", (28, 28), 9)]}
BAD_PICTURES: dict[str, tuple[bytes, str]] = {
    "another size": (picture_bytes(Image.new("L", (20, 30))), "30x20 pixels; expected 28x28"),
    "colour": (picture_bytes(Image.new("RGB", (28, 28), "red")), "in colour or transparent"),
    "a colour palette": (
        picture_bytes(Image.new("RGB", (28, 28), "red").quantize(4)),
        "in colour or transparent",
    ),
    "transparency": (picture_bytes(Image.new("LA", (28, 28))), "in colour or transparent"),
    "CMYK": (picture_bytes(Image.new("CMYK", (28, 28)), "TIFF"), "mode CMYK"),
    "16 bits": (
        picture_bytes(Image.fromarray(np.zeros((28, 28), np.uint16))),
        r"more than 8 bits per channel \(16, PNG\)",
    ),
    "floats": (picture_bytes(Image.new("F", (28, 28)), "TIFF"), "more than 8 bits per channel"),
    "several frames": (picture_bytes(L28, "GIF", **FRAMES), "several frames"),
    "several pages": (picture_bytes(L28, "TIFF", **FRAMES), "several frames"),
    "PostScript": (picture_bytes(L28, "EPS"), "is PostScript"),
    "a cut PNG": (FILES["PNG"][:-60], "damaged image"),
}


@pytest.mark.parametrize(("data", "message"), BAD_PICTURES.values(), ids=BAD_PICTURES.keys())
def test_a_picture_that_is_not_right_is_refused_by_name(
    tmp_path: Path, data: bytes, message: str
) -> None:
    (tmp_path / "sub").mkdir()
    save(tmp_path / "sub" / "odd", data)
    with pytest.raises(InputError, match=message) as refusal:
        read_all(read([tmp_path]))
    assert str(tmp_path / "sub" / "odd") in str(refusal.value)


def test_a_picture_too_large_is_refused_before_it_is_decoded(tmp_path: Path) -> None:
    header = struct.pack(">2I5B", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunk = b"IHDR" + header
    png = b"\x89PNG\r\n\x1a\n\0\0\0\r" + chunk + struct.pack(">I", zlib.crc32(chunk))
    png += FILES["PNG"][33:]
    for fit in FITS:
        with pytest.raises(InputError, match="has too many pixels"):
            read_all(read([save(tmp_path / "bomb", png)], fit=fit))


def test_ink_on_transparent_paper_stays_visible_whatever_its_colour(tmp_path: Path) -> None:
    for ink in ("black", "white"):
        picture = Image.new("RGBA", (100, 100), (0, 0, 0, 0))
        picture.paste(ink, (40, 20, 50, 80))
        path = save(tmp_path / "a", picture_bytes(picture))
        pixels, _ = read_all(read([path], fit="mnist"))
        assert pixels[0, 14, 14] > 200


def test_fit_mnist_refuses_blank_paper_by_name(tmp_path: Path) -> None:
    save(tmp_path / "blank.png", picture_bytes(Image.new("L", (300, 300), 240)))
    with pytest.raises(InputError, match=r"blank\.png' shows no ink"):
        read_all(read([tmp_path], fit="mnist"))


def test_arrays_of_any_size_are_fitted_too(tmp_path: Path) -> None:
    large = np.kron(some_images(3), np.ones((2, 2), np.uint8)).astype(np.uint8)
    path = save(tmp_path / "large.npy", npy_bytes(large))
    pixels, _ = read_all(read([path], fit="resize", batch=2))
    wanted = [Image.fromarray(each).resize((28, 28), Image.Resampling.LANCZOS) for each in large]
    assert np.array_equal(pixels, np.stack([np.asarray(each) for each in wanted]))


def test_an_unknown_fit_is_refused() -> None:
    with pytest.raises(InputError, match="unknown fit 'crop'; expected one of none, resize, mnist"):
        read([], fit="crop")


def test_without_a_size_every_image_must_be_like_the_first(tmp_path: Path) -> None:
    small, large = np.zeros((2, 9, 12), np.uint8), np.zeros((1, 90, 12), np.uint8)
    first = save(tmp_path / "a.npy", npy_bytes(small))
    other = save(tmp_path / "b.png", picture_bytes(Image.new("L", (20, 10))))
    source = read_images(first)
    assert (source.height, source.width, source.count) == (9, 12, 2)
    assert read_images([first, other], fit="resize").count == 3
    with pytest.raises(InputError, match=r"10x20 pixels; expected 9x12.*like the first"):
        list(read_images([first, other]))
    with pytest.raises(InputError, match=r"90x12 pixels; expected 8 to 64.*fit='resize'"):
        read_images([save(tmp_path / "c.npy", npy_bytes(large)), first])
    for none in ([], [tmp_path / "empty"]):
        (tmp_path / "empty").mkdir(exist_ok=True)
        with pytest.raises(InputError, match="found no images in"):
            read_images(none)
    with pytest.raises(InputError, match="height= and width= go together"):
        read_images(first, height=9)


@pytest.mark.parametrize("kind", FILES)
def test_a_file_object_is_read_like_a_file_of_its_name(kind: str, tmp_path: Path) -> None:
    path = save(tmp_path / "a.any", FILES[kind])
    with path.open("rb") as file:
        from_path, from_file = read_images(path, fit="resize"), read_images(file, fit="resize")
        for _ in range(2):
            found, wanted = read_all(from_file), read_all(from_path)
            assert np.array_equal(found[0], wanted[0])
            assert found[1] == wanted[1]
    with pytest.raises(InputError, match="'file object' is text; expected images"):
        read_all(read(io.BytesIO(b"seven")))


def test_arrays_are_fitted_without_a_file() -> None:
    wide = np.kron(some_images(3), np.ones((1, 2, 2), np.uint8))
    fitted = fit_images(wide, "resize", 28, 28)
    assert fitted.shape == (3, 28, 28)
    assert fit_images(wide[:0], "mnist", 28, 28).shape == (0, 28, 28)
    exact = some_images(2)
    assert fit_images(exact, "none", 28, 28) is exact
    with pytest.raises(InputError, match=r"56x56 pixels; expected 28x28.*fit='resize'"):
        fit_images(wide, "none", 28, 28)
    with pytest.raises(InputError, match=r"images\[1\]' shows no ink"):
        fit_images(np.stack([mnist_like(), np.zeros((28, 28), np.uint8)]), "mnist", 28, 28)
    with pytest.raises(InputError, match=r"float64 \[28\]; expected uint8"):
        fit_images(np.zeros(28), "resize", 28, 28)


def mnist_like() -> Pixels:
    image = np.zeros((28, 28), np.uint8)
    image[4:24, 13:16] = 255
    return image


# Labels

LABEL_FILES = ["y.npy", "y-idx1-ubyte", "y-idx1-ubyte.gz"]


@pytest.mark.parametrize("name", LABEL_FILES)
@pytest.mark.parametrize("labels", [[], [3, 0, 255]])
def test_labels_are_read_back_as_written(name: str, labels: list[int], tmp_path: Path) -> None:
    out = tmp_path / name
    write_labels(out, np.array(labels, np.uint8))
    found = read_labels(out, len(labels))
    assert found.dtype == np.uint8
    assert found.tolist() == labels
    with pytest.raises(OutputError, match="overwrite=True"):
        write_labels(out, found)
    write_labels(out, found, overwrite=True)
    assert read_labels([out, out]).tolist() == labels * 2
    with pytest.raises(InputError, match=f"found {len(labels)} labels; expected 4, one per image"):
        read_labels(out, 4)


def test_labels_of_any_integer_type_are_read(tmp_path: Path) -> None:
    for dtype in (np.int64, np.uint16, ">i4"):
        path = save(tmp_path / "y.npy", npy_bytes(np.array([7, 1], dtype)))
        assert read_labels(path).tolist() == [7, 1]


BAD_LABELS: dict[str, tuple[bytes, str]] = {
    "an IDX file of images": (WHOLE, "not of labels"),
    "IDX cut off": (LABELS[:-1], "has 2 bytes of labels; expected 3 for 3 labels"),
    "IDX with bytes after it": (LABELS + b"\0", "has more bytes; expected 3"),
    "IDX that claims too much": (LABELS[:4] + b"\xff" * 4, "expected 4,294,967,295"),
    "NPY of images": (ARRAY, r"uint8 \[2, 28, 28\]; expected integers \[n\]"),
    "NPY of floats": (npy_bytes(np.zeros(2)), "expected integers"),
    "NPY of great labels": (npy_bytes(np.array([3, 256])), r"labels 3 \.\.\. 256; expected 0"),
    "NPY of negative labels": (npy_bytes(np.array([-1, 3])), r"labels -1 \.\.\. 3"),
    "gzip cut off": (gzip.compress(LABELS)[:-9], "damaged or cut off"),
    "text": (b"seven", "holds no labels; expected an IDX, NPY or CSV file"),
    "nothing": (b"", "holds no labels"),
}


@pytest.mark.parametrize(("data", "message"), BAD_LABELS.values(), ids=BAD_LABELS.keys())
def test_other_files_of_labels_are_refused(data: bytes, message: str, tmp_path: Path) -> None:
    path = save(tmp_path / "y", data)
    with pytest.raises(InputError, match=message) as refusal:
        read_labels(path)
    assert str(path) in str(refusal.value)
    with pytest.raises(OutputError, match=r"labels to 'y\.txt'; expected NAME\.npy"):
        write_labels("y.txt", np.zeros(1, np.uint8))


def test_sub_folders_are_classes_in_the_order_of_the_images(tmp_path: Path) -> None:
    save_pictures(tmp_path, ["in/b/1.png", "in/a/2.png", "in/b/c/0.png", "more/c/9.png"])
    (tmp_path / "in" / "a0").mkdir()
    assert read_labels(tmp_path / "in").tolist() == [0, 2, 2]
    both = [tmp_path / "in", tmp_path / "more"]
    assert read_labels(both).tolist() == [0, 2, 2, 3]
    assert read_all(read(both))[1] == ["a/2.png", "b/1.png", "b/c/0.png", "c/9.png"]
    save_pictures(tmp_path, ["in/d.png"])
    with pytest.raises(InputError, match=r"d\.png' has no label: it lies in no sub-folder"):
        read_labels(tmp_path / "in")
    for number in range(257):
        (tmp_path / "many" / str(number)).mkdir(parents=True)
    with pytest.raises(InputError, match="257 sub-folders; expected at most 256 classes"):
        read_labels(tmp_path / "many")


# Reading folders


def test_a_folder_is_read_in_the_order_of_its_utf8_names(tmp_path: Path) -> None:
    names = ["z.png", "b/c/d.png", "a0.png", "a.b/1.png", "a/2.png", "a.png", "B.png", "é.png"]
    pictures = save_pictures(tmp_path, names)
    source = read([tmp_path], batch=3)
    assert (source.count, source.named) == (8, True)
    pixels, found = read_all(source)
    assert found == sorted(names, key=str.encode)
    assert all(
        np.array_equal(each, pictures[name]) for each, name in zip(pixels, found, strict=True)
    )


def test_hidden_files_and_the_litter_of_file_managers_are_skipped(tmp_path: Path) -> None:
    save_pictures(tmp_path, ["a.png", ".hidden/b.png", ".c.png"])
    for litter in (".DS_Store", "Thumbs.db", "desktop.ini"):
        save(tmp_path / litter, b"litter")
    source = read([tmp_path])
    assert (source.count, read_all(source)[1]) == (1, ["a.png"])


def test_a_folder_without_images_is_refused(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    save(tmp_path / "sub" / ".hidden.png", FILES["PNG"])
    for options in ({}, {"skip_bad": True}):
        with pytest.raises(InputError, match=r"found no images in .*begin with a dot are left out"):
            read([tmp_path], **options)


def test_an_array_within_a_folder_is_refused(tmp_path: Path) -> None:
    save(tmp_path / "a.npy", ARRAY)
    with pytest.raises(InputError, match=r"a\.npy' is a NPY file, and a folder is read for its im"):
        read_all(read([tmp_path]))


@pytest.mark.parametrize("names", [["foo.jpg", "foo.png"], ["x.png/a", "x.bmp"]])
def test_files_that_would_come_back_under_one_name_are_refused(
    tmp_path: Path, names: list[str]
) -> None:
    save_pictures(tmp_path, names)
    with pytest.raises(InputError, match="would decompress to the same file"):
        read_all(read([tmp_path]))


def test_one_name_in_two_inputs_is_refused(tmp_path: Path) -> None:
    save_pictures(tmp_path, ["one/a.png", "two/a.png"])
    with pytest.raises(InputError, match=r"would decompress to the same file, 'a\.png'") as refusal:
        read_all(read([tmp_path / "one", tmp_path / "two"]))
    assert repr(str(tmp_path / "one" / "a.png")) in str(refusal.value)
    assert repr(str(tmp_path / "two" / "a.png")) in str(refusal.value)


def test_a_collision_between_inputs_of_any_kind_names_their_paths(tmp_path: Path) -> None:
    save_pictures(tmp_path, ["in/z/00001.jpg", "in/b.png", "more/B.bmp"])
    array = save(tmp_path / "z.npy", ARRAY)
    first, second = tmp_path / "in" / "z" / "00001.jpg", tmp_path / "more" / "B.bmp"
    collisions = {
        (array, tmp_path / "in"): (array, first),
        (tmp_path / "in", array): (first, array),
        (tmp_path / "in", second): (tmp_path / "in" / "b.png", second),
    }
    for inputs, paths in collisions.items():
        with pytest.raises(InputError, match="would decompress to the same file") as refusal:
            read_all(read(inputs))
        assert str(refusal.value).startswith(f"{str(paths[0])!r} and {str(paths[1])!r} ")


@posix_only
def test_an_unsafe_name_is_refused_with_the_path_of_its_file(tmp_path: Path) -> None:
    save_pictures(tmp_path, ["sub/CON.png"])
    for path in (tmp_path, tmp_path / "sub", tmp_path / "sub" / "CON.png"):
        with pytest.raises(InputError, match="Windows reserves it") as refusal:
            read_all(read([path]))
        assert repr(str(tmp_path / "sub" / "CON.png")) in str(refusal.value)


@posix_only
@pytest.mark.parametrize("name", ["x" * 253, "é" * 126, "x" * 250 + ".dat"])
def test_a_name_that_would_come_back_too_long_is_refused(tmp_path: Path, name: str) -> None:
    save(tmp_path / name, FILES["PNG"])
    with pytest.raises(InputError, match=r"makes a file name of 25\d bytes, over 255"):
        read_all(read([tmp_path]))


@posix_only
@pytest.mark.parametrize("name", ["x" * 251, "x" * 250 + ".jpeg", "é" * 125 + "/" + "x" * 251])
def test_the_longest_names_come_back(tmp_path: Path, name: str) -> None:
    save_pictures(tmp_path / "in", [name])
    source = read([tmp_path / "in"])
    write_images(tmp_path / "out", source, count=1, height=28, width=28)
    assert read([tmp_path / "out"]).count == 1


def test_arrays_beside_pictures_get_numbered_names(tmp_path: Path) -> None:
    save_pictures(tmp_path, ["a.png"])
    path = save(tmp_path / "t10k-idx3-ubyte.gz", gzip.compress(WHOLE))
    np.savez(tmp_path / "more.npz", test=some_images(1))
    source = read([path, tmp_path / "a.png", f"{tmp_path}/more.npz:test"], batch=2)
    assert (source.count, source.named) == (4, True)
    names = [
        "t10k-idx3-ubyte/00000.png",
        "t10k-idx3-ubyte/00001.png",
        "a.png",
        "more/test/00000.png",
    ]
    assert read_all(source)[1] == names


@posix_only
def test_names_that_are_not_utf8_are_refused_in_plain_characters(tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.png"
    try:
        Path(os.fsdecode(path)).write_bytes(FILES["PNG"])
    except OSError:
        pytest.skip("this file system keeps no such names")
    with pytest.raises(InputError, match=r"\\udcff\.png' is not UTF-8"):
        read([tmp_path])


@posix_only
def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    save_pictures(tmp_path, ["in/a.png", "out/b.png"])
    (tmp_path / "in" / "link").symlink_to(tmp_path / "out", target_is_directory=True)
    assert read_all(read([tmp_path / "in"]))[1] == ["a.png", "link/b.png"]
    (tmp_path / "out" / "back").symlink_to(tmp_path / "in", target_is_directory=True)
    with pytest.raises(InputError, match="leads back to a folder that contains it"):
        read([tmp_path / "in"])


@posix_only
def test_a_pipe_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(InputError, match="neither a file nor a folder"):
            read([path])


@pytest.mark.parametrize("name", ["missing", "missing.npz:digits", "a\0b"])
def test_an_input_that_is_not_there_is_an_input_error(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"cannot read .*(missing|x00)"):
        read([tmp_path / name])


# Writing


def batches_of(pixels: Pixels, names: list[str] | None = None, size: int = 3) -> list[Batch]:
    starts = range(0, len(pixels), size)
    return [
        (pixels[at : at + size], None if names is None else names[at : at + size]) for at in starts
    ]


def write(out: Path, pixels: Pixels, *, names: list[str] | None = None, **flags: bool) -> None:
    _, height, width = pixels.shape
    write_images(
        out,
        batches_of(pixels),
        count=len(pixels),
        height=height,
        width=width,
        names=names,
        overwrite=flags.get("overwrite", False),
    )


OUTPUTS = ["digits.npy", "t10k-images-idx3-ubyte", "t10k-images-idx3-ubyte.gz", "digits"]


@pytest.mark.parametrize("name", OUTPUTS)
@settings(max_examples=15, deadline=None)
@given(
    pixels=arrays(np.uint8, st.tuples(st.integers(0, 9), st.integers(1, 9), st.integers(1, 9))),
    batch=st.integers(1, 10),
)
def test_what_is_written_is_read_back(name: str, pixels: Pixels, batch: int) -> None:
    _, height, width = pixels.shape
    with tempfile.TemporaryDirectory() as folder:
        write(Path(folder, name), pixels)
        if name == "digits" and not len(pixels):
            assert not list(Path(folder, name).iterdir())
            return
        source = read([Path(folder, name)], height=height, width=width, batch=batch)
        assert source.count == len(pixels)
        found = [part for part, _ in source]
    assert np.array_equal(np.concatenate([pixels[:0], *found]), pixels)


def test_each_output_is_what_its_name_says(tmp_path: Path) -> None:
    pixels = some_images(4)
    for name in OUTPUTS:
        write(tmp_path / name, pixels)
    assert np.array_equal(np.load(tmp_path / "digits.npy"), pixels)
    assert (tmp_path / "t10k-images-idx3-ubyte").read_bytes() == idx_bytes(pixels)
    packed = (tmp_path / "t10k-images-idx3-ubyte.gz").read_bytes()
    assert gzip.decompress(packed) == idx_bytes(pixels)
    assert packed[3:8] == bytes(5)  # neither a file name nor a time
    names = [f"0000{number}.png" for number in range(4)]
    assert sorted(path.name for path in (tmp_path / "digits").iterdir()) == names
    for image, each in zip(pixels, names, strict=True):
        with Image.open(tmp_path / "digits" / each) as picture:
            assert (picture.format, picture.mode) == ("PNG", "L")
            assert np.array_equal(np.asarray(picture), image)


def test_one_image_makes_one_png(tmp_path: Path) -> None:
    write_images(tmp_path / "seven.png", some_images(1))
    with Image.open(tmp_path / "seven.png") as picture:
        assert np.array_equal(np.asarray(picture), some_images(1)[0])
    with pytest.raises(OutputError, match="overwrite=True"):
        write_images(tmp_path / "seven.png", some_images(1))
    (tmp_path / "run-1.5").mkdir()
    write_images(tmp_path / "run-1.6", some_images(2))  # no suffix of a file


def test_a_file_object_gets_an_npy_file(tmp_path: Path) -> None:
    out = io.BytesIO()
    write_images(out, some_images(3))
    assert np.array_equal(np.load(io.BytesIO(out.getvalue())), some_images(3))
    with pytest.raises(InputError, match="need count=, height= and width="):
        write_images(out, [some_images(3)])
    with pytest.raises(InputError, match=r"uint8 \[28, 28\]; expected uint8"):
        write_images(out, some_images(3)[0])


OTHER_FILES = [
    "a.npz",
    "a.png",
    "foo.txt",
    "a.dz",
    "b-idx1-ubyte",
    "A.JPG",
    "a.idx",
    "t10k-images.idx3-ubyte",
    "a.npy.gz",
]
FILES_AS_FOLDERS = ["a.npy/", "a-idx3-ubyte/", "a-idx3-ubyte.gz/", "a.png/"]


@pytest.mark.parametrize("name", [*OTHER_FILES, *FILES_AS_FOLDERS, "x" * 300 + ".png"])
def test_a_folder_with_the_name_of_a_file_is_not_made(tmp_path: Path, name: str) -> None:
    out = f"{tmp_path}/{name}"
    with pytest.raises(OutputError, match=r"expected NAME\.npy, .* or a folder"):
        write_images(out, batches_of(some_images(2)), count=2, height=28, width=28)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.png", "a.npz", "a.npy/"])
def test_a_folder_that_has_the_name_of_a_file_already_is_filled(tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    out.mkdir()
    write_images(f"{tmp_path}/{name}", batches_of(some_images(2)), count=2, height=28, width=28)
    assert read([out]).count == 2


def test_a_folder_comes_back_with_its_names_and_sub_folders(tmp_path: Path) -> None:
    names = ["a.png", "b c/7.JPG", "b c/8", "ü/ß.tar.bmp"]
    save_pictures(tmp_path / "in", names)
    source = read([tmp_path / "in"], batch=2)
    pixels, found = read_all(source)
    write(tmp_path / "planned", pixels, names=found)
    write_images(tmp_path / "streamed", source, count=4, height=28, width=28)
    for out in ("planned", "streamed"):
        again, written = read_all(read([tmp_path / out]))
        assert written == ["a.png", "b c/7.png", "b c/8.png", "ü/ß.tar.png"]
        assert np.array_equal(again, pixels)


UNSAFE = {
    "a way out": "../a.png",
    "a way out in the middle": "a/../../b.png",
    "the folder itself": ".",
    "nothing": "",
    "an absolute path": "/etc/a.png",
    "a drive": "C:/a.png",
    "a stream": "a.png:b",
    "a backslash": "a\\b.png",
    "an empty part": "a//b.png",
    "a trailing slash": "a/",
    "a device": "sub/nul.png",
    "a device in capitals": "COM1/a.png",
    "a trailing dot": "a./b.png",
    "a trailing space": "a /b.png",
    "a line feed": "a\nb.png",
    "an escape": "a\x1b[31m.png",
    "a NUL": "a\0.png",
    "half a character": "a\udcff.png",
}


@pytest.mark.parametrize("name", UNSAFE.values(), ids=UNSAFE.keys())
def test_an_unsafe_name_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="is no name for a file") as refusal:
        write(tmp_path / "out", some_images(2), names=["good.png", name])
    assert list(tmp_path.iterdir()) == []
    assert repr(name) in str(refusal.value)
    assert str(refusal.value).isprintable()
    streamed = batches_of(some_images(2), ["good.png", name])
    with pytest.raises(InputError, match="is no name for a file"):
        write_images(tmp_path / "out", streamed, count=2, height=28, width=28)
    assert list(tmp_path.iterdir()) == []


COLLISIONS = {
    "equal": ("a.png", "a.png"),
    "equal but for case": ("sub/A.png", "Sub/a.png"),
    "equal but for the suffix": ("a.png", "a.jpeg"),
    "equal but for a missing suffix": ("a.png", "a"),
    "equal but for Unicode form": ("é.png", unicodedata.normalize("NFD", "é.png")),
    "a file and its folder": ("a", "a.png/b.png"),
    "a folder and its file": ("a.PNG/b/c.png", "a.png"),
}


@pytest.mark.parametrize("names", COLLISIONS.values(), ids=COLLISIONS.keys())
def test_names_that_some_machine_takes_for_one_are_refused(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    with pytest.raises(InputError, match="would decompress to the same file") as refusal:
        write(tmp_path / "out", some_images(2), names=list(names))
    assert all(repr(name) in str(refusal.value) for name in names)
    assert list(tmp_path.iterdir()) == []


@given(st.text(max_size=12), st.text(max_size=12))
def test_a_name_that_is_taken_leads_to_one_png_below_the_folder(first: str, second: str) -> None:
    names = TakenNames()
    for name in (first, second, f"{first}/{second}"):
        try:
            path = names.take(name)
        except InputError:
            continue
        assert path.endswith(".png")
        assert png_path(path) == path
        assert os.path.normpath(f"out/{path}") == os.path.join("out", *path.split("/"))  # noqa: PTH118
        with pytest.raises(InputError):
            names.take(name)


@pytest.mark.parametrize("name", ["digits.npy", "digits-idx3-ubyte", "digits"])
def test_nothing_is_overwritten_without_being_asked(tmp_path: Path, name: str) -> None:
    write(tmp_path / name, some_images(2))
    with pytest.raises(OutputError, match="overwrite=True"):
        write(tmp_path / name, some_images(2, 1))
    assert np.array_equal(read_all(read([tmp_path / name]))[0], some_images(2))
    write(tmp_path / name, some_images(2, 1), overwrite=True)
    assert np.array_equal(read_all(read([tmp_path / name]))[0], some_images(2, 1))


@pytest.mark.parametrize("name", OUTPUTS)
@pytest.mark.parametrize("count", [3, 5])
def test_a_stream_of_another_length_than_announced_leaves_nothing(
    tmp_path: Path, name: str, count: int
) -> None:
    with pytest.raises(InputError, match=f"expected {count}"):
        write_images(tmp_path / name, batches_of(some_images(4)), count=count, height=28, width=28)
    assert list(tmp_path.iterdir()) == []


def test_images_of_another_kind_than_announced_are_refused(tmp_path: Path) -> None:
    for pixels in (some_images(2)[:, :20], some_images(2).astype(np.int64), some_images(1)[0]):
        batches: list[Batch] = [(pixels, None)]  # type: ignore[list-item]
        with pytest.raises(InputError, match=r"expected uint8 \[n, 28, 28\]"):
            write_images(tmp_path / "out.npy", batches, count=2, height=28, width=28)
    with pytest.raises(InputError, match="1 names for 2 images"):
        write(tmp_path / "out", some_images(2), names=["a.png"])


def test_more_images_than_idx_can_count_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="at most 4,294,967,295"):
        write_images(tmp_path / "a-idx3-ubyte", [], count=1 << 32, height=28, width=28)


@posix_only
def test_a_disk_that_takes_no_more_pictures_is_an_output_error(tmp_path: Path) -> None:
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, before[1]))
    try:
        for name in OUTPUTS:
            with pytest.raises(OutputError, match="cannot write"):
                write(tmp_path / name, some_images(200))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert list(tmp_path.iterdir()) == []


# Cost


def run_python(program: str, *arguments: str) -> str:
    command = [sys.executable, "-c", program, *arguments]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_pillow_is_imported_only_for_pictures(tmp_path: Path) -> None:
    save(tmp_path / "a.npy", ARRAY)
    program = """
import sys
from digitzip.images import read_images, write_images
source = read_images([sys.argv[1]], height=28, width=28)
write_images(sys.argv[2], source, count=source.count, height=28, width=28)
print(*sorted(name for name in sys.modules if name in ("PIL", "torch", "scipy")))
"""
    assert run_python(program, str(tmp_path / "a.npy"), str(tmp_path / "b.npy")).strip() == ""


@posix_only
@pytest.mark.parametrize("kind", ["npy", "fortran", "gz"])
def test_a_large_array_streams_in_little_memory(tmp_path: Path, kind: str) -> None:
    count = 80_000  # 63 MB of pixels
    path = tmp_path / "large"
    if kind == "gz":
        with gzip.open(path, "wb", 1) as out:
            out.write(b"\0\0\x08\x03" + struct.pack(">3I", count, 28, 28))
            for _ in range(count // 1000):
                out.write(bytes(784_000))
    else:
        np.lib.format.open_memmap(
            path, "w+", np.uint8, (count, 28, 28), fortran_order=kind == "fortran"
        ).flush()
    tracemalloc.start()
    try:
        total = sum(len(pixels) for pixels, _ in read([path]))
        grown = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert total == count
    assert grown < 30 << 20


def test_decoding_takes_any_binary_file() -> None:
    frame = Frame(28, 28, "none")
    assert np.array_equal(decode(io.BytesIO(FILES["PNG"]), "a", frame), some_images(1)[0])
