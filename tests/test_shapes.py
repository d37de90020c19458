"""Shapes and types of arrays: what is taken, and the line of NumPy in the refusal of the rest."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import digitzip
from digitzip.images import Fit, fit_images, read_images
from digitzip.model import Model

Array = NDArray[Any]
DIGITS = np.random.default_rng(3).integers(0, 256, (20, 28, 28), np.uint8)
DIGITS[0, 0, 0] = 255
ROWS = DIGITS.reshape(20, 784)
LABELS = np.arange(20, dtype=np.uint8)[:, None] % 10
FITS: tuple[Fit, ...] = ("none", "resize", "mnist")

TAKEN: dict[str, Array] = {
    "images": DIGITS,
    "channels last": DIGITS[..., None],
    "channels first": DIGITS[:, None],
    "rows": ROWS,
    "one image": DIGITS[0],
    "no images": DIGITS[:0, None],
}


def saved(path: Path, array: Array) -> list[Path]:
    """Save an array in C order, in Fortran order, and in an NPZ file."""
    files = [path / "c.npy", path / "f.npy", path / "a.npz"]
    np.save(files[0], np.ascontiguousarray(array))
    np.save(files[1], np.asfortranarray(array))
    np.savez(files[2], array if array.flags.c_contiguous else array.copy())
    return files


def read(path: Path, fit: Fit = "none", batch: int = 7) -> Array:
    source = read_images(path, height=28, width=28, fit=fit, batch=batch)
    found = [images for images, _ in source]
    assert source.count == sum(map(len, found))
    return np.concatenate([DIGITS[:0], *found])


@pytest.mark.parametrize("name", TAKEN)
def test_a_shape_that_can_be_read_in_one_way_is_taken(
    name: str, tmp_path: Path, tiny: Model
) -> None:
    array = TAKEN[name]
    wanted = array.reshape(-1, 28, 28)
    for path in saved(tmp_path, array):
        np.testing.assert_array_equal(read(path), wanted)
    np.testing.assert_array_equal(fit_images(array, "none", 28, 28), wanted)
    data = digitzip.compress(array, model=tiny, guard=False, effort=0)
    assert data == digitzip.compress(wanted, model=tiny, guard=False, effort=0)
    assert digitzip.compare(array, data, model=tiny).images == len(wanted)


@pytest.mark.parametrize("name", ["images", "channels last", "channels first"])
def test_without_a_size_axes_of_one_are_dropped_too(name: str, tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", TAKEN[name])
    source = read_images(tmp_path / "a.npy")
    assert (source.count, source.height, source.width) == (20, 28, 28)
    np.save(tmp_path / "a.npy", ROWS)
    with pytest.raises(digitzip.InputError, match=r"images\.reshape\(-1, 28, 28\) if each row"):
        read_images(tmp_path / "a.npy")


PHOTO = np.full((120, 160, 3), 230, np.uint8)
PHOTO[20:100, 70:80] = 30
UNIT = DIGITS / 255
DEEP = DIGITS.astype(np.uint16) * 257
REFUSED: dict[str, tuple[Array, Array]] = {
    "labels first": (np.concatenate([LABELS, ROWS], 1), DIGITS),
    "labels last": (np.concatenate([ROWS, LABELS], 1), DIGITS),
    "columns": (ROWS.T, DIGITS),
    "one flat image": (ROWS[0], DIGITS[:1]),
    "height, width, n": (DIGITS.transpose(1, 2, 0), DIGITS),
    "a last axis of one": (DIGITS[0][..., None], DIGITS[:1]),
    "floats of 0 ... 1": (UNIT, DIGITS),
    "rows of floats": (UNIT.reshape(20, 784), DIGITS),
    "columns of floats": (UNIT.reshape(20, 784).T, DIGITS),
    "floats of 0 ... 255": (DIGITS.astype(np.float32), DIGITS),
    "floats of -1 ... 1": (UNIT * 2 - 1, DIGITS),
    "integers": (DIGITS.astype(np.int64), DIGITS),
    "rows of integers": (ROWS.astype(np.int32), DIGITS),
    "16 bits": (DEEP, DIGITS),
    "booleans": (DIGITS > 127, np.where(DIGITS > 127, np.uint8(255), np.uint8(0))),
    "colour last": (np.repeat(DIGITS[..., None], 3, axis=3), DIGITS),
    "colour and alpha": (np.stack([DIGITS] * 3 + [DIGITS * 0], axis=-1), DIGITS),
    "colour first": (np.repeat(DIGITS[:, None], 3, axis=1), DIGITS),
    "colour in floats": (np.repeat(UNIT[..., None], 3, axis=3), DIGITS),
}
LINE = re.compile(r"images = (.+?)(?= if |, or images = |$)")


def lines_of(refusal: pytest.ExceptionInfo[digitzip.InputError], array: Array) -> list[str]:
    said = str(refusal.value)
    assert "\n" not in said
    assert f"{array.dtype} {list(array.shape)}; expected uint8 [n, 28, 28]: images = " in said
    assert "fit" not in said
    return LINE.findall(said)


@pytest.mark.parametrize("fit", FITS)
@pytest.mark.parametrize("name", REFUSED)
def test_any_other_array_is_refused_with_the_line_that_mends_it(
    name: str, fit: Fit, tmp_path: Path
) -> None:
    array, wanted = REFUSED[name]
    with pytest.raises(digitzip.InputError) as refusal:
        fit_images(array, fit, 28, 28)
    lines = lines_of(refusal, array)
    for path in saved(tmp_path, array):
        with pytest.raises(digitzip.InputError, match=re.escape(str(path))) as refusal:
            read(path, fit)
        assert lines_of(refusal, array) == lines
    mended = [eval(line, {"np": np, "images": array}) for line in lines]
    assert any(same(fit_images(each, "resize", 28, 28), wanted) for each in mended)


def same(found: Array, wanted: Array) -> bool:
    """Tell whether pixels are equal, but for rounding of grays."""
    return found.dtype == np.uint8 and found.shape == wanted.shape and bool(
        (np.abs(found.astype(int) - wanted) <= 1).all()
    )  # fmt: skip


@pytest.mark.parametrize("fit", FITS)
def test_one_picture_in_an_array_is_not_taken_for_many(fit: Fit, tmp_path: Path) -> None:
    for name, array, count in (
        ("c", PHOTO, 1),
        ("t", PHOTO[:, :64, 0], 1),
        ("s", ROWS[:, :49], 20),
    ):
        path = tmp_path / f"{name}.npy"
        np.save(path, array)
        with pytest.raises(digitzip.InputError, match=r"expected uint8 \[n, 28, 28\]") as refusal:
            read(path, fit)
        line = lines_of(refusal, array)[-1 if name == "t" else 0]
        np.save(path, eval(line, {"np": np, "images": array}))
        assert len(read(path, "resize")) == count
    np.save(tmp_path / "g.npy", PHOTO[..., 0])  # no rows of images have 160 pixels
    assert len(read(tmp_path / "g.npy", "resize")) == 1


def test_other_sizes_whose_axes_may_be_mixed_up_are_told_apart_by_an_axis_of_one(
    tmp_path: Path,
) -> None:
    for shape in ((20, 20, 30), (5, 7, 90)):
        path = tmp_path / "a.npy"
        np.save(path, np.zeros(shape, np.uint8))
        with pytest.raises(digitzip.InputError) as refusal:
            read(path, "resize")
        assert LINE.findall(str(refusal.value)) == ["np.moveaxis(images, -1, 0)", "images[:, None]"]
        np.save(path, np.zeros(shape, np.uint8)[:, None])
        assert len(read(path, "resize")) == shape[0]


def test_arrays_of_no_numbers_have_no_line(tmp_path: Path) -> None:
    for array in (np.array([None]), np.zeros((2, 28, 28), complex), np.zeros((2, 28, 28), "U3")):
        with pytest.raises(digitzip.InputError, match=r"expected uint8 \[n, 28, 28\]$"):
            fit_images(array, "none", 28, 28)
